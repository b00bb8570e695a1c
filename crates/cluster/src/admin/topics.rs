//! CreateTopics, DeleteTopics, CreatePartitions, and the list of topics.

use std::collections::BTreeMap;

use ottla_wire::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use ottla_wire::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use ottla_wire::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use ottla_wire::messages::delete_topics_request::DeleteTopicState;
use ottla_wire::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteTopicsRequest, DeleteTopicsResponse,
};
use ottla_wire::{Message, Uuid};

use super::Admin;
use super::configs::ConfigSource;
use super::routing::in_order_of;
use crate::error::{ApiError, Error, PerItem};

/// From here on a topic can be created without saying how many partitions or replicas (KIP-464).
const DEFAULT_COUNTS_FROM: i16 = 4;

/// From here on topics can be deleted by id (KIP-516).
const TOPIC_IDS_FROM: i16 = 6;

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
        let request = CreateTopicsRequest {
            topics: topics.iter().map(creatable).collect(),
            timeout_ms: self.request_timeout_ms(),
            validate_only: options.validate_only,
            ..CreateTopicsRequest::default()
        };
        let needs = if topics.iter().any(NewTopic::leaves_counts_to_the_broker) {
            DEFAULT_COUNTS_FROM
        } else {
            *<CreateTopicsRequest as Message>::VERSIONS.start()
        };
        let response = self
            .ask_controller(needs, &request, |response: &CreateTopicsResponse| {
                response.topics.iter().map(|topic| topic.error_code).collect()
            })
            .await?;
        let results = response.topics.into_iter().map(|topic| {
            let outcome = ApiError::check(topic.error_code, topic.error_message.clone());
            (topic.name.clone(), outcome.map(|()| created(topic)))
        });
        let names = topics.iter().map(|topic| topic.name.clone());
        Ok(in_order_of(names, results.collect()))
    }

    /// Deletes topics.
    pub async fn delete_topics(&self, topics: &[TopicRef]) -> Result<PerItem<TopicRef, ()>, Error> {
        let by_id = topics.iter().any(|topic| matches!(topic, TopicRef::Id(_)));
        let codes = |response: &DeleteTopicsResponse| {
            response.responses.iter().map(|topic| topic.error_code).collect()
        };
        let build = |version| deletion(version, topics, self.request_timeout_ms());
        let least = if by_id { TOPIC_IDS_FROM } else { 0 };
        let response = self.ask_controller_versioned(least, &build, codes).await?;
        let results = response.responses.into_iter().map(|answer| {
            let outcome = ApiError::check(answer.error_code, answer.error_message);
            let by_name = answer.name.map(TopicRef::Name);
            let asked_by_name = by_name.filter(|name| topics.contains(name));
            (asked_by_name.unwrap_or(TopicRef::Id(answer.topic_id)), outcome)
        });
        let results = results.collect();
        Ok(in_order_of(topics.iter().cloned(), results))
    }

    /// Adds partitions to topics.
    pub async fn create_partitions(
        &self,
        additions: &[NewPartitions],
        validate_only: bool,
    ) -> Result<PerItem<String, ()>, Error> {
        let request = CreatePartitionsRequest {
            topics: additions.iter().map(addition).collect(),
            timeout_ms: self.request_timeout_ms(),
            validate_only,
            ..CreatePartitionsRequest::default()
        };
        let response = self
            .ask_controller(0, &request, |response: &CreatePartitionsResponse| {
                response.results.iter().map(|topic| topic.error_code).collect()
            })
            .await?;
        let results = response
            .results
            .into_iter()
            .map(|topic| (topic.name, ApiError::check(topic.error_code, topic.error_message)));
        let names = additions.iter().map(|addition| addition.topic.clone());
        Ok(in_order_of(names, results.collect()))
    }

    /// All topics that may be seen, by name; internal ones when asked for.
    pub async fn list_topics(&self, include_internal: bool) -> Result<Vec<TopicListing>, Error> {
        let image = self.cluster().metadata_of_all().await?;
        let mut listings: Vec<TopicListing> = image
            .topics
            .values()
            .filter(|topic| include_internal || !topic.is_internal)
            .map(|topic| TopicListing {
                name: topic.name.to_string(),
                topic_id: topic.topic_id,
                is_internal: topic.is_internal,
            })
            .collect();
        listings.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(listings)
    }
}

impl NewTopic {
    fn leaves_counts_to_the_broker(&self) -> bool {
        self.assignments.is_empty()
            && (self.partitions.is_none() || self.replication_factor.is_none())
    }
}

fn creatable(topic: &NewTopic) -> CreatableTopic {
    CreatableTopic {
        name: topic.name.clone(),
        num_partitions: topic.partitions.unwrap_or(-1),
        replication_factor: topic.replication_factor.unwrap_or(-1),
        assignments: topic
            .assignments
            .iter()
            .map(|(partition_index, broker_ids)| CreatableReplicaAssignment {
                partition_index: *partition_index,
                broker_ids: broker_ids.clone(),
                ..CreatableReplicaAssignment::default()
            })
            .collect(),
        configs: topic
            .configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig {
                name: name.clone(),
                value: Some(value.clone()),
                ..CreatableTopicConfig::default()
            })
            .collect(),
        ..CreatableTopic::default()
    }
}

fn created(topic: CreatableTopicResult) -> CreatedTopic {
    let config = |config: CreatableTopicConfigs| CreatedConfig {
        name: config.name,
        value: config.value,
        source: ConfigSource::from_id(config.config_source),
        is_read_only: config.read_only,
        is_sensitive: config.is_sensitive,
    };
    CreatedTopic {
        topic_id: topic.topic_id,
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        configs: topic.configs.unwrap_or_default().into_iter().map(config).collect(),
    }
}

fn deletion(version: i16, topics: &[TopicRef], timeout_ms: i32) -> DeleteTopicsRequest {
    let mut request = DeleteTopicsRequest { timeout_ms, ..DeleteTopicsRequest::default() };
    for topic in topics {
        match topic {
            TopicRef::Name(name) if version < TOPIC_IDS_FROM => {
                request.topic_names.push(name.clone());
            }
            TopicRef::Name(name) => request
                .topics
                .push(DeleteTopicState { name: Some(name.clone()), ..DeleteTopicState::default() }),
            TopicRef::Id(topic_id) => request
                .topics
                .push(DeleteTopicState { topic_id: *topic_id, ..DeleteTopicState::default() }),
        }
    }
    request
}

fn addition(addition: &NewPartitions) -> CreatePartitionsTopic {
    let assignment = |broker_ids: &Vec<i32>| CreatePartitionsAssignment {
        broker_ids: broker_ids.clone(),
        ..CreatePartitionsAssignment::default()
    };
    CreatePartitionsTopic {
        name: addition.topic.clone(),
        count: addition.total,
        assignments: addition
            .assignments
            .as_ref()
            .map(|assignments| assignments.iter().map(assignment).collect()),
        ..CreatePartitionsTopic::default()
    }
}
