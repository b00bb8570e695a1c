//! Tools that look after a cluster, its topics, groups and transactions, and that look into files.
//!
//! One file or folder a verb; each has a `run` that takes its arguments. They reach a cluster through the client
//! alone, so they work with any Kafka cluster.
//!
//! # Layout
//! - [`topics`], [`configs`], [`get_offsets`], [`delete_records`]: what a cluster holds
//! - `brokers`: [`cluster`], [`features`], [`broker_api_versions`], [`metadata_quorum`]
//! - `replicas`: [`log_dirs`], [`reassign_partitions`], [`leader_election`]: where they lie, who leads
//! - [`consumer_groups`], [`groups`], [`transactions`]: who reads and writes
//! - [`dump_log`]: files of a log directory
//! - `topic_filter`, `json`, `table`: which topics are meant, files of JSON, tables
mod brokers;
pub mod configs;
pub mod consumer_groups;
pub mod delete_records;
pub mod dump_log;
pub mod get_offsets;
pub mod groups;
mod json;
mod replicas;
mod table;
mod topic_filter;
pub mod topics;
pub mod transactions;

pub use brokers::{broker_api_versions, cluster, features, metadata_quorum};
pub use replicas::{leader_election, log_dirs, reassign_partitions};
