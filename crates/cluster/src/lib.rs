//! A Kafka cluster from outside: the way to it, and what an operator asks of it.
//!
//! # Layout
//! - `config`: Kafka's property names, read into plain structs
//! - `connection`: one TCP connection, pipelined
//! - `cluster`: bootstrap, metadata, routing, retries
//! - `admin`: typed operations on the cluster
//! - `members`: what members of a group tell each other, for consumers and for those who describe groups

pub mod admin;
pub mod cluster;
pub mod config;
pub mod connection;
mod error;
pub mod members;
mod topic_partition;

pub use cluster::{Cluster, Target};
pub use config::ClientConfig;
pub use error::{ApiError, Error, PerItem};
pub use topic_partition::{TopicPartition, by_topic};
