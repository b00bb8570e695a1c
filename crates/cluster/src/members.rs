//! The bytes that members of a consumer group exchange through the coordinator. Pure.
//!
//! Each blob starts with a 16-bit version; a newer version than ours is read as the newest we know, because
//! Kafka only ever adds fields at the end.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use ottla_wire::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use ottla_wire::messages::{
    consumer_protocol_assignment as assignment_message,
    consumer_protocol_subscription as subscription_message,
};
use ottla_wire::{Message, Reader};

use crate::topic_partition::{TopicPartition, by_topic};

/// What a member tells the leader of its group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// Topics it wants.
    pub topics: Vec<String>,
    /// The assignor's own.
    pub user_data: Option<Bytes>,
    /// Partitions it has now.
    pub owned: Vec<TopicPartition>,
    /// The generation in which it got them, where it had one.
    pub generation: Option<i32>,
    /// `client.rack`.
    pub rack_id: Option<String>,
}

/// Reads a subscription; `None` if the bytes are none.
pub fn subscription(bytes: &Bytes) -> Option<Subscription> {
    let message: ConsumerProtocolSubscription = versioned(bytes)?;
    let mut owned = Vec::new();
    for topic in message.owned_partitions {
        let name: Arc<str> = topic.topic.into();
        let partitions = topic.partitions.into_iter();
        owned.extend(partitions.map(|partition| TopicPartition::new(Arc::clone(&name), partition)));
    }
    Some(Subscription {
        topics: message.topics,
        user_data: message.user_data,
        owned,
        generation: Some(message.generation_id).filter(|generation| *generation >= 0),
        rack_id: message.rack_id,
    })
}

/// Writes a subscription.
pub fn encode_subscription(subscription: &Subscription) -> Bytes {
    let owned = by_topic(subscription.owned.iter().map(|key| (key.clone(), ())), |p, ()| p);
    let message = ConsumerProtocolSubscription {
        topics: subscription.topics.clone(),
        user_data: subscription.user_data.clone(),
        owned_partitions: owned
            .into_iter()
            .map(|(topic, partitions)| subscription_message::TopicPartition { topic, partitions })
            .collect(),
        generation_id: subscription.generation.unwrap_or(-1),
        rack_id: subscription.rack_id.clone(),
    };
    encode(&message)
}

/// Reads an assignment; `None` if the bytes are none. No bytes at all are an empty assignment.
pub fn assignment(bytes: &Bytes) -> Option<Vec<TopicPartition>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let message: ConsumerProtocolAssignment = versioned(bytes)?;
    let mut partitions = Vec::new();
    for topic in message.assigned_partitions {
        let name: Arc<str> = topic.topic.into();
        let indexes = topic.partitions.into_iter();
        partitions.extend(indexes.map(|index| TopicPartition::new(Arc::clone(&name), index)));
    }
    partitions.sort();
    Some(partitions)
}

/// Writes an assignment.
pub fn encode_assignment(partitions: &[TopicPartition]) -> Bytes {
    let topics = by_topic(partitions.iter().map(|key| (key.clone(), ())), |p, ()| p);
    let message = ConsumerProtocolAssignment {
        assigned_partitions: topics
            .into_iter()
            .map(|(topic, partitions)| assignment_message::TopicPartition { topic, partitions })
            .collect(),
        user_data: None,
    };
    encode(&message)
}

fn versioned<M: Message>(bytes: &Bytes) -> Option<M> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16().ok()?;
    if version < *M::VERSIONS.start() {
        return None;
    }
    M::decode(&mut reader, version.min(*M::VERSIONS.end())).ok()
}

fn encode<M: Message>(message: &M) -> Bytes {
    let version = *M::VERSIONS.end();
    let body = message.encode_to_bytes(version).expect("topic names are shorter than 250 bytes");
    let mut bytes = BytesMut::with_capacity(2 + body.len());
    bytes.put_i16(version);
    bytes.put(body);
    bytes.freeze()
}
