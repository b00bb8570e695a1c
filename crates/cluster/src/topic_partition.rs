//! The name of one partition.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A topic and a partition index; cheap to clone, shown as Kafka shows it: `topic-0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Topic name.
    pub topic: Arc<str>,
    /// Partition index.
    pub partition: i32,
}

impl TopicPartition {
    /// Names partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.topic, self.partition)
    }
}

/// Groups what is said of partitions by topic, as the protocol's requests want it.
pub fn by_topic<Q, T>(
    items: impl IntoIterator<Item = (TopicPartition, Q)>,
    mut entry: impl FnMut(i32, Q) -> T,
) -> Vec<(String, Vec<T>)> {
    let mut topics: BTreeMap<Arc<str>, Vec<T>> = BTreeMap::new();
    for (key, item) in items {
        topics.entry(key.topic).or_default().push(entry(key.partition, item));
    }
    topics.into_iter().map(|(topic, entries)| (topic.to_string(), entries)).collect()
}
