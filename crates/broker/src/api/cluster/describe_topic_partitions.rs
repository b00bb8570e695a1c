//! DescribeTopicPartitions: topics by name, a page of partitions at a time (KIP-966).
//!
//! Without names: all topics, in name order. The cursor names the first partition of the next page.

use ottla_metadata::{MetadataImage, PartitionImage, TopicImage};
use ottla_wire::ErrorCode;
use ottla_wire::messages::describe_topic_partitions_request::TopicRequest;
use ottla_wire::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use ottla_wire::messages::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};

use super::metadata::{listener, offline};
use crate::api::access::TOPIC_OPERATIONS;
use crate::broker::Broker;
use crate::internal_topics::is_internal;
use crate::request::Caller;

pub(crate) fn describe_topic_partitions(
    broker: &Broker,
    caller: &Caller,
    request: &DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let start = request.cursor.as_ref();
    if let Some(cursor) = start {
        let asked = request.topics.is_empty()
            || request.topics.iter().any(|topic| topic.name == cursor.topic_name);
        if cursor.partition_index < 0 || !asked {
            return invalid(request);
        }
    }
    let image = broker.image();
    let mut names: Vec<String> = if request.topics.is_empty() {
        image.topics.iter().map(|topic| topic.name.to_string()).collect()
    } else {
        request.topics.iter().map(|topic| topic.name.clone()).collect()
    };
    names.sort_unstable();
    names.dedup();
    if let Some(cursor) = start {
        names.retain(|name| *name >= cursor.topic_name);
    }
    let most = broker.settings().request_partitions_max;
    let limit = usize::try_from(request.response_partition_limit.min(most)).unwrap_or(0).max(1);
    let mut page = Page { left: limit, response: DescribeTopicPartitionsResponse::default() };
    for name in names {
        let first = match start {
            Some(cursor) if cursor.topic_name == name => cursor.partition_index,
            _ => 0,
        };
        if !page.add(&image, caller, &name, first) {
            break;
        }
    }
    page.response
}

/// A cursor that points nowhere spoils every topic.
fn invalid(request: &DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    let topic = |topic: &TopicRequest| DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::InvalidRequest.code(),
        name: Some(topic.name.clone()),
        ..DescribeTopicPartitionsResponseTopic::default()
    };
    let topics = request.topics.iter().map(topic).collect();
    DescribeTopicPartitionsResponse { topics, ..Default::default() }
}

struct Page {
    /// Partitions that still fit.
    left: usize,
    response: DescribeTopicPartitionsResponse,
}

impl Page {
    /// Adds a topic from partition `first` on; `false` when the page is full.
    fn add(&mut self, image: &MetadataImage, caller: &Caller, name: &str, first: i32) -> bool {
        let Some(topic) = image.topics.by_name(name) else {
            self.response.topics.push(unknown(name));
            return true;
        };
        let partitions: Vec<_> = topic
            .partitions
            .range(first..)
            .take(self.left)
            .map(|(index, partition)| describe(image, caller, *index, partition))
            .collect();
        self.left -= partitions.len();
        let next = partitions.last().map_or(first, |last| last.partition_index + 1);
        self.response.topics.push(found(topic, partitions));
        if self.left == 0 {
            self.response.next_cursor = following(image, topic, next);
            return false;
        }
        true
    }
}

/// Where the next page begins: in this topic, or nowhere when it was the last partition of all.
fn following(image: &MetadataImage, topic: &TopicImage, next: i32) -> Option<Cursor> {
    if topic.partitions.contains_key(&next) {
        let topic_name = topic.name.to_string();
        return Some(Cursor { topic_name, partition_index: next, ..Cursor::default() });
    }
    let after = image.topics.from_name(&topic.name).nth(1)?;
    Some(Cursor { topic_name: after.name.to_string(), partition_index: 0, ..Cursor::default() })
}

fn unknown(name: &str) -> DescribeTopicPartitionsResponseTopic {
    let code = if ottla_metadata::topic_name::check(name).is_err() {
        ErrorCode::InvalidTopicException
    } else {
        ErrorCode::UnknownTopicOrPartition
    };
    DescribeTopicPartitionsResponseTopic {
        error_code: code.code(),
        name: Some(name.to_owned()),
        is_internal: is_internal(name),
        topic_authorized_operations: TOPIC_OPERATIONS,
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}

fn found(
    topic: &TopicImage,
    partitions: Vec<DescribeTopicPartitionsResponsePartition>,
) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        name: Some(topic.name.to_string()),
        topic_id: topic.id,
        is_internal: is_internal(&topic.name),
        partitions,
        topic_authorized_operations: TOPIC_OPERATIONS,
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}

fn describe(
    image: &MetadataImage,
    caller: &Caller,
    index: i32,
    partition: &PartitionImage,
) -> DescribeTopicPartitionsResponsePartition {
    let leader = image.broker(partition.leader).filter(|broker| broker.is_active());
    let listed = leader.is_some_and(|leader| listener(leader, caller).is_some());
    let code = match leader {
        None => ErrorCode::LeaderNotAvailable,
        Some(_) if listed => ErrorCode::None,
        Some(_) => ErrorCode::ListenerNotFound,
    };
    DescribeTopicPartitionsResponsePartition {
        error_code: code.code(),
        partition_index: index,
        leader_id: if listed { partition.leader } else { -1 },
        leader_epoch: partition.leader_epoch,
        replica_nodes: partition.replicas.clone(),
        isr_nodes: partition.isr.clone(),
        eligible_leader_replicas: Some(partition.elr.clone()),
        last_known_elr: Some(partition.last_known_elr.clone()),
        offline_replicas: offline(image, partition),
        ..DescribeTopicPartitionsResponsePartition::default()
    }
}
