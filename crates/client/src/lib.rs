//! Producer, consumer and admin client for any Kafka cluster.
//!
//! # Layout
//! This crate is the one place for users, and doubts its parts together (`tests/simulation`). They are crates of
//! their own:
//! - [`admin`], [`cluster`], [`config`], [`connection`] (`ottla-cluster`): the way to a cluster, operations on it
//! - [`producer`] (`ottla-producer`): records on their way out
//! - [`consumer`] (`ottla-consumer`): records on their way in

pub use ottla_cluster::{
    ApiError, ClientConfig, Cluster, Error, PerItem, Target, TopicPartition, admin, cluster,
    config, connection,
};
pub use ottla_consumer as consumer;
pub use ottla_producer as producer;
