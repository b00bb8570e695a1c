//! What a client knows of the cluster. Pure.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use ottla_wire::{ErrorCode, Uuid};

/// A broker as clients reach it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// `node.id`.
    pub id: i32,
    /// Advertised host; empty when the broker is not alive.
    pub host: String,
    /// Advertised port; -1 when the broker is not alive.
    pub port: i32,
    /// `broker.rack`.
    pub rack: Option<String>,
}

impl Node {
    /// A broker that metadata names but does not describe.
    pub fn unreachable(id: i32) -> Self {
        Self { id, host: String::new(), port: -1, rack: None }
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// As Kafka's tools print it: `127.0.0.1:9092 (id: 1 rack: null)`.
impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rack = self.rack.as_deref().unwrap_or("null");
        write!(formatter, "{}:{} (id: {} rack: {rack})", self.host, self.port, self.id)
    }
}

/// One partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// Partition index.
    pub partition: i32,
    /// The broker's verdict; a partition without a leader has `LeaderNotAvailable`.
    pub error: Option<ErrorCode>,
    /// The leader, if there is one.
    pub leader: Option<i32>,
    /// The leader's epoch, -1 if unknown.
    pub leader_epoch: i32,
    /// All replicas, in order of preference.
    pub replicas: Vec<i32>,
    /// Replicas in sync.
    pub in_sync: Vec<i32>,
    /// Replicas that are offline.
    pub offline: Vec<i32>,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMetadata {
    /// Its name.
    pub name: Arc<str>,
    /// Its id; zero where the broker is too old to tell.
    pub topic_id: Uuid,
    /// Whether it is internal.
    pub is_internal: bool,
    /// Its partitions, by index.
    pub partitions: Vec<PartitionMetadata>,
}

/// The cluster at one moment.
#[derive(Clone, Debug, Default)]
pub struct MetadataImage {
    /// The cluster's id, once known.
    pub cluster_id: Option<String>,
    /// The broker that stands for the controller.
    pub controller_id: Option<i32>,
    /// Brokers by id.
    pub nodes: BTreeMap<i32, Node>,
    /// Topics that are known to exist.
    pub topics: HashMap<Arc<str>, TopicMetadata>,
    /// Topics the cluster refused to describe.
    pub refused: HashMap<Arc<str>, ErrorCode>,
}

impl MetadataImage {
    /// The topic, if it is known to exist.
    pub fn topic(&self, name: &str) -> Option<&TopicMetadata> {
        self.topics.get(name)
    }

    /// The partition, if it is known to exist.
    pub fn partition(&self, topic: &str, partition: i32) -> Option<&PartitionMetadata> {
        let partitions = &self.topics.get(topic)?.partitions;
        let position = partitions.binary_search_by_key(&partition, |known| known.partition).ok()?;
        partitions.get(position)
    }

    /// The node, or one that can't be reached if the cluster names it without telling where it is.
    pub fn node(&self, id: i32) -> Node {
        self.nodes.get(&id).cloned().unwrap_or_else(|| Node::unreachable(id))
    }
}
