//! How topics lie in the cluster: DescribeTopicPartitions page by page, or Metadata from brokers without it.

use ottla_wire::Uuid;

use super::{Admin, TopicRef};
use crate::cluster::Node;
use crate::error::{Error, PerItem};

/// A topic and its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Its id.
    pub topic_id: Uuid,
    /// Whether it is internal.
    pub is_internal: bool,
    /// Its partitions, by index.
    pub partitions: Vec<PartitionDescription>,
    /// Operations the caller may do, as Kafka's bit field; `None` when not asked for.
    pub authorized_operations: Option<i32>,
}

/// One partition and its replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionDescription {
    /// Partition index.
    pub partition: i32,
    /// The leader, if there is one.
    pub leader: Option<Node>,
    /// The leader's epoch, -1 if unknown.
    pub leader_epoch: i32,
    /// All replicas, in order of preference.
    pub replicas: Vec<Node>,
    /// Replicas in sync.
    pub in_sync: Vec<Node>,
    /// Replicas on offline brokers or directories.
    pub offline: Vec<Node>,
    /// Eligible leader replicas (KIP-966); `None` where the broker does not tell.
    pub eligible_leaders: Option<Vec<Node>>,
    /// The last known ones (KIP-966).
    pub last_known_eligible_leaders: Option<Vec<Node>>,
}

impl Admin {
    /// Describes topics; `page_size` is `--partition-size-limit-per-response` (Kafka's default: 2000).
    pub async fn describe_topics(
        &self,
        topics: &[TopicRef],
        page_size: i32,
    ) -> Result<PerItem<TopicRef, TopicDescription>, Error> {
        todo!("{topics:?} {page_size}")
    }
}
