//! One file of records and its indexes.
