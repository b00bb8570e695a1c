//! Compaction: of the records with equal keys, only the last is kept.
