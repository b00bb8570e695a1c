//! CreateTopics, DeleteTopics, CreatePartitions, and the list of topics.

use std::collections::BTreeMap;

use ottla_wire::Uuid;

use super::Admin;
use super::configs::ConfigSource;
use crate::error::{Error, PerItem};

/// A topic to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; `None` leaves it to the broker's `num.partitions`.
    pub partitions: Option<i32>,
    /// How many replicas; `None` leaves it to the broker's `default.replication.factor`.
    pub replication_factor: Option<i16>,
    /// Replicas by partition index; when given, the two counts above must be `None`.
    pub assignments: BTreeMap<i32, Vec<i32>>,
    /// Topic configs that differ from the broker's.
    pub configs: BTreeMap<String, String>,
}

/// How to create topics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CreateTopicsOptions {
    /// Only check whether it would succeed.
    pub validate_only: bool,
}

/// A topic that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its id.
    pub topic_id: Uuid,
    /// -1 where the broker may not tell.
    pub partitions: i32,
    /// -1 where the broker may not tell.
    pub replication_factor: i16,
    /// Its configs, where the broker may tell.
    pub configs: Vec<CreatedConfig>,
}

/// A config of a topic that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedConfig {
    /// Key.
    pub name: String,
    /// Value, unless sensitive.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: ConfigSource,
    /// Whether it can't be changed.
    pub is_read_only: bool,
    /// Whether its value is hidden.
    pub is_sensitive: bool,
}

/// A topic by name or by id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TopicRef {
    /// By name.
    Name(String),
    /// By id.
    Id(Uuid),
}

/// More partitions for a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPartitions {
    /// The topic.
    pub topic: String,
    /// How many it shall have in all.
    pub total: i32,
    /// Replicas of each new partition; `None` leaves it to the controller.
    pub assignments: Option<Vec<Vec<i32>>>,
}

/// A topic's name, id, and whether Kafka itself keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicListing {
    /// Its name.
    pub name: String,
    /// Its id.
    pub topic_id: Uuid,
    /// Whether it is internal (`__consumer_offsets`, …).
    pub is_internal: bool,
}

impl Admin {
    /// Creates topics.
    pub async fn create_topics(
        &self,
        topics: &[NewTopic],
        options: CreateTopicsOptions,
    ) -> Result<PerItem<String, CreatedTopic>, Error> {
        todo!("{topics:?} {options:?}")
    }

    /// Deletes topics.
    pub async fn delete_topics(&self, topics: &[TopicRef]) -> Result<PerItem<TopicRef, ()>, Error> {
        todo!("{topics:?}")
    }

    /// Adds partitions to topics.
    pub async fn create_partitions(
        &self,
        additions: &[NewPartitions],
        validate_only: bool,
    ) -> Result<PerItem<String, ()>, Error> {
        todo!("{additions:?} {validate_only}")
    }

    /// All topics that may be seen, by name; internal ones when asked for.
    pub async fn list_topics(&self, include_internal: bool) -> Result<Vec<TopicListing>, Error> {
        todo!("{include_internal}")
    }
}
