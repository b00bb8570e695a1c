//! Producer, consumer and admin client for any Kafka cluster.
//!
//! # Layout
//! - `config`: Kafka's property names, read into plain structs
//! - `connection`: one TCP connection, pipelined
//! - `cluster`: bootstrap, metadata, routing, retries
//! - `admin`: typed operations on the cluster
//! - `producer`: batches on their way out
//! - `consumer`: records on their way in

pub mod admin;
pub mod cluster;
pub mod config;
pub mod connection;
pub mod consumer;
mod error;
pub mod producer;
mod topic_partition;

pub use cluster::{Cluster, Target};
pub use config::ClientConfig;
pub use error::{ApiError, Error, PerItem};
pub use topic_partition::TopicPartition;
