//! What a client knows of the cluster. Pure.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use ottla_wire::messages::MetadataResponse;
use ottla_wire::messages::metadata_response::{MetadataResponsePartition, MetadataResponseTopic};
use ottla_wire::{ErrorCode, Uuid};

use crate::error::ApiError;
use crate::topic_partition::TopicPartition;

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

    /// Why some of these topics can't be had, whatever one waits for: those that may not be seen first.
    pub fn refusal<'a>(&self, topics: impl Iterator<Item = &'a str> + Clone) -> Option<ApiError> {
        let first = [ErrorCode::TopicAuthorizationFailed, ErrorCode::InvalidTopicException];
        let codes = topics.clone().filter_map(|topic| self.refused.get(topic).copied());
        let lasting = codes.filter(|code| !code.is_retriable());
        let code = lasting.min_by_key(|code| {
            first.iter().position(|known| known == code).unwrap_or(first.len())
        })?;
        let names: Vec<&str> =
            topics.filter(|topic| self.refused.get(*topic) == Some(&code)).collect();
        Some(refusal(code, &names))
    }

    /// The broker that leads the partition.
    pub fn leader(&self, partition: &TopicPartition) -> Result<Node, ApiError> {
        if let Some(code) = self.refused.get(&partition.topic) {
            return Err(refusal(*code, &[&partition.topic]));
        }
        let known = self.partition(&partition.topic, partition.partition);
        let known = known.ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let leader = known.leader.and_then(|id| self.nodes.get(&id));
        leader.cloned().ok_or_else(|| ErrorCode::LeaderNotAvailable.into())
    }

    /// Takes over what a broker answered.
    pub(super) fn apply(&mut self, response: MetadataResponse, scope: Scope) {
        self.cluster_id = response.cluster_id.or(self.cluster_id.take());
        self.controller_id = Some(response.controller_id).filter(|id| *id >= 0);
        let node = |broker: ottla_wire::messages::metadata_response::MetadataResponseBroker| Node {
            id: broker.node_id,
            host: broker.host,
            port: broker.port,
            rack: broker.rack,
        };
        self.nodes = response.brokers.into_iter().map(node).map(|node| (node.id, node)).collect();
        let before = match scope {
            Scope::Everything => {
                self.refused.clear();
                std::mem::take(&mut self.topics)
            }
            Scope::Part => HashMap::new(),
        };
        for topic in response.topics {
            self.apply_topic(topic, &before);
        }
    }

    fn apply_topic(
        &mut self,
        topic: MetadataResponseTopic,
        before: &HashMap<Arc<str>, TopicMetadata>,
    ) {
        let Some(name) = topic.name.as_deref().map(Arc::<str>::from) else { return };
        let code = ErrorCode::from_code(topic.error_code);
        if code.is_error() && topic.partitions.is_empty() {
            self.topics.remove(&name);
            self.refused.insert(name, code);
            return;
        }
        self.refused.remove(&name);
        let old = self.topics.get(&name).or_else(|| before.get(&name));
        // A topic that was deleted and created again starts its epochs anew.
        let old = old.filter(|old| old.topic_id == topic.topic_id);
        let mut partitions: Vec<PartitionMetadata> = topic
            .partitions
            .into_iter()
            .map(|new| newest(PartitionMetadata::from(new), old))
            .collect();
        partitions.sort_by_key(|partition| partition.partition);
        let topic_id = topic.topic_id;
        let is_internal = topic.is_internal;
        let topic = TopicMetadata { name: Arc::clone(&name), topic_id, is_internal, partitions };
        self.topics.insert(name, topic);
    }
}

/// In the words of Kafka's clients.
fn refusal(code: ErrorCode, topics: &[&str]) -> ApiError {
    let names = topics.join(", ");
    let message = match code {
        ErrorCode::TopicAuthorizationFailed => {
            Some(format!("Not authorized to access topics: [{names}]"))
        }
        ErrorCode::InvalidTopicException => Some(format!("Invalid topics: [{names}]")),
        _ => None,
    };
    ApiError { code, message }
}

/// How much of the cluster an answer covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// All topics: what is missing is gone.
    Everything,
    /// Some topics: the others stay as they were.
    Part,
}

impl From<MetadataResponsePartition> for PartitionMetadata {
    fn from(partition: MetadataResponsePartition) -> Self {
        let code = ErrorCode::from_code(partition.error_code);
        Self {
            partition: partition.partition_index,
            error: Some(code).filter(|code| code.is_error()),
            leader: Some(partition.leader_id).filter(|id| *id >= 0),
            leader_epoch: partition.leader_epoch,
            replicas: partition.replica_nodes,
            in_sync: partition.isr_nodes,
            offline: partition.offline_replicas,
        }
    }
}

/// A broker that lags behind may tell of an older leader than is known already (KIP-320).
fn newest(new: PartitionMetadata, old: Option<&TopicMetadata>) -> PartitionMetadata {
    let old = old
        .and_then(|topic| topic.partitions.iter().find(|known| known.partition == new.partition));
    match old {
        Some(old) if new.leader_epoch >= 0 && old.leader_epoch > new.leader_epoch => old.clone(),
        _ => new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(topics: &[(&str, i16, &[(i32, i32, i32)])]) -> MetadataResponse {
        let topics = topics.iter().map(|(name, error_code, partitions)| MetadataResponseTopic {
            name: Some((*name).to_owned()),
            error_code: *error_code,
            partitions: partitions
                .iter()
                .map(|(partition_index, leader_id, leader_epoch)| MetadataResponsePartition {
                    partition_index: *partition_index,
                    leader_id: *leader_id,
                    leader_epoch: *leader_epoch,
                    ..MetadataResponsePartition::default()
                })
                .collect(),
            ..MetadataResponseTopic::default()
        });
        MetadataResponse { topics: topics.collect(), ..MetadataResponse::default() }
    }

    fn leader(image: &MetadataImage, topic: &str, partition: i32) -> Option<(Option<i32>, i32)> {
        image.partition(topic, partition).map(|known| (known.leader, known.leader_epoch))
    }

    #[test]
    fn older_epochs_are_not_believed_and_errors_replace_topics() {
        let mut image = MetadataImage::default();
        image.apply(
            answer(&[("a", 0, &[(1, 2, 7), (0, 1, 5)]), ("b", 0, &[(0, 1, 1)])]),
            Scope::Part,
        );
        assert_eq!(leader(&image, "a", 0), Some((Some(1), 5)));
        image.apply(answer(&[("a", 0, &[(0, 3, 4), (1, -1, 8)])]), Scope::Part);
        assert_eq!(leader(&image, "a", 0), Some((Some(1), 5)));
        assert_eq!(leader(&image, "a", 1), Some((None, 8)));
        assert_eq!(leader(&image, "b", 0), Some((Some(1), 1)));
        image.apply(answer(&[("a", 3, &[])]), Scope::Part);
        assert_eq!(leader(&image, "a", 0), None);
        assert_eq!(image.refused.get("a"), Some(&ErrorCode::UnknownTopicOrPartition));
        image.apply(answer(&[("c", 0, &[(0, 1, 1)])]), Scope::Everything);
        assert_eq!(leader(&image, "b", 0), None);
        assert!(image.refused.is_empty());
    }

    #[test]
    fn topics_that_can_not_be_had_are_named() {
        let mut image = MetadataImage::default();
        let invalid = ErrorCode::InvalidTopicException.code();
        let secret = ErrorCode::TopicAuthorizationFailed.code();
        let later = ErrorCode::LeaderNotAvailable.code();
        let told = [("a b", invalid), ("c d", invalid), ("e", secret), ("f", later)];
        let topics: Vec<(&str, i16, &[(i32, i32, i32)])> =
            told.map(|(name, code)| (name, code, &[] as &[_])).to_vec();
        image.apply(answer(&topics), Scope::Part);
        let cases: [(&[&str], Option<&str>); 5] = [
            (&["a b"], Some("Invalid topics: [a b]")),
            (&["a b", "c d", "f", "g"], Some("Invalid topics: [a b, c d]")),
            (&["a b", "e"], Some("Not authorized to access topics: [e]")),
            (&["f"], None),
            (&["g"], None),
        ];
        for (names, expected) in cases {
            let refusal = image.refusal(names.iter().copied());
            assert_eq!(refusal.map(|found| found.to_string()).as_deref(), expected, "{names:?}");
        }
        let leader = image.leader(&TopicPartition::new("a b", 0));
        assert_eq!(
            leader.map_err(|refusal| refusal.to_string()),
            Err("Invalid topics: [a b]".into())
        );
    }

    #[test]
    fn nodes_print_as_kafka_prints_them() {
        let node = Node { id: 3, host: "h".to_owned(), port: 9092, rack: Some("r".to_owned()) };
        assert_eq!(node.to_string(), "h:9092 (id: 3 rack: r)");
    }
}
