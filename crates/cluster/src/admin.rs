//! What an operator asks of a cluster, typed.
//!
//! Every operation answers per item, in the order of the question, and retries what Kafka's own admin client
//! retries (moved controllers, coordinators and leaders) until `default.api.timeout.ms` has passed.
//!
//! # Layout
//! - `topics`, `describe_topics`: the life of a topic, and how it lies in the cluster
//! - `configs`: configuration of topics, brokers, groups
//! - `offsets`: offsets by time, deleting records
//! - `groups`, `group_offsets`: consumer groups and what they committed
//! - `log_dirs`, `producers`: what single brokers hold
//! - `placement`, `quorum`: where replicas lie and who leads; who controls
//! - `transactions`: transactional ids, and transactions that hang
//! - `cluster`, `features`: nodes, supported versions, feature levels
//! - `routing`: asking the controller, a coordinator, each leader

mod cluster;
mod configs;
mod describe_topics;
mod features;
mod group_description;
mod group_offsets;
mod groups;
mod log_dirs;
mod offsets;
mod placement;
mod producers;
mod quorum;
mod routing;
mod topics;
mod transactions;

pub use cluster::{
    ApiVersionRange, BrokerApiVersions, ClusterDescription, ClusterNode, DescribeClusterOptions,
};
pub use configs::{
    AlterConfigOp, ConfigAlteration, ConfigEntry, ConfigResource, ConfigResourceKind, ConfigSource,
    ConfigSynonym, ConfigValueKind, DescribeConfigsOptions,
};
pub use describe_topics::{PartitionDescription, TopicDescription};
pub use features::{FeatureMetadata, FeatureRange, FeatureUpdate, FeatureUpgrade};
pub use group_description::{GroupDescription, GroupMember, MemberPartitions};
pub use group_offsets::{CommittedOffset, OffsetAndMetadata, fetch_offsets, fetched_offsets};
pub use groups::{GroupListing, GroupsFilter, MemberToRemove};
pub use log_dirs::{LogDirDescription, ReplicaLog, ReplicaMove};
pub use offsets::{IsolationLevel, OffsetSpec, ResolvedOffset};
pub use placement::{ElectionKind, PartitionReassignment};
pub use producers::ActiveProducer;
pub use quorum::{QuorumEndpoint, QuorumInfo, QuorumReplica};
pub use topics::{
    CreateTopicsOptions, CreatedConfig, CreatedTopic, NewPartitions, NewTopic, TopicListing,
    TopicRef,
};
pub use transactions::{
    TransactionDescription, TransactionListing, TransactionToAbort, TransactionsFilter,
};

use crate::cluster::Cluster;

/// Kafka's Admin: operations on a [`Cluster`]. Cheap to clone; closing is dropping the cluster.
#[derive(Clone, Debug)]
pub struct Admin {
    cluster: Cluster,
}

impl Admin {
    /// Operations over `cluster`.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }

    /// What carries the operations.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }
}
