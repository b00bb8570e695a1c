//! Decides consumer groups and their offsets.
