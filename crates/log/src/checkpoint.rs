//! Kafka's small text files: a version, a count, one entry a line.
