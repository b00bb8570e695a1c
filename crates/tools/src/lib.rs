//! Tools that look after a cluster, its topics, groups and transactions, and that look into files.
//!
//! One file or folder a verb; each has a `run` that takes its arguments. They reach a cluster through the client
//! alone, so they work with any Kafka cluster.
//!
//! # Layout
//! - [`topics`], [`configs`], [`get_offsets`], [`delete_records`]: what a cluster holds
//! - [`cluster`], [`features`], [`log_dirs`], [`broker_api_versions`]: its brokers
//! - [`consumer_groups`], [`groups`], [`transactions`]: who reads and writes
//! - [`dump_log`]: files of a log directory
//! - `topic_filter`: which topics are meant
pub mod broker_api_versions;
pub mod cluster;
pub mod configs;
pub mod consumer_groups;
pub mod delete_records;
pub mod dump_log;
pub mod features;
pub mod get_offsets;
pub mod groups;
pub mod log_dirs;
mod topic_filter;
pub mod topics;
pub mod transactions;
