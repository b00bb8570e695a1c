//! What is true of the cluster: the metadata image, its deltas and the table of configuration keys.
pub mod config;
