//! The consumer's own protocol inside the classic one: what members write into their metadata, and what they read out of
//! their assignment.
//!
//! The bytes come from clients: what can't be read is `UNKNOWN_SERVER_ERROR`, as Kafka has it.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_wire::codec::{Message, Reader, encode_numbered, split_number};
use ottla_wire::messages::consumer_protocol_assignment::TopicPartition;
use ottla_wire::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, JoinGroupRequest,
};
use ottla_wire::{ErrorCode, Uuid};

use crate::consumer::state::{Assignment, Member};
use crate::group::Metadata;

/// The protocol type of Kafka's consumers.
pub(in crate::consumer) const PROTOCOL_TYPE: &str = "consumer";

/// The subscription in a join. All of a member's protocols carry the same one: the first counts.
pub(in crate::consumer) fn subscription_of(
    request: &JoinGroupRequest,
) -> Result<ConsumerProtocolSubscription, ErrorCode> {
    let first = request.protocols.first().ok_or(ErrorCode::UnknownServerError)?;
    read(&first.metadata)
}

/// Reads what a client wrote in a version that may be newer than any known one: its beginning is the same.
pub(in crate::consumer) fn read<M: Message>(bytes: &Bytes) -> Result<M, ErrorCode> {
    let (version, body) = split_number(bytes).map_err(|_| ErrorCode::UnknownServerError)?;
    let version = version.min(*M::VERSIONS.end());
    M::decode(&mut Reader::new(&body), version).map_err(|_| ErrorCode::UnknownServerError)
}

/// What a classic member is told that it owns.
pub(in crate::consumer) fn assignment_of(
    member: &Member,
    metadata: &Metadata,
) -> Result<Bytes, ErrorCode> {
    let classic = member.classic.as_ref().and_then(|classic| classic.supported_protocols.first());
    let protocol = classic.ok_or(ErrorCode::UnknownServerError)?;
    let topics = member.assigned.iter();
    write(
        topics.map(|(topic, partitions)| (*topic, partitions.keys())),
        &protocol.metadata,
        metadata,
    )
}

/// An assignment in the version in which the member has written its `subscription`.
pub(in crate::consumer) fn write<'a, Partitions: Iterator<Item = &'a i32>>(
    topics: impl Iterator<Item = (Uuid, Partitions)>,
    subscription: &Bytes,
    metadata: &Metadata,
) -> Result<Bytes, ErrorCode> {
    let topics = topics.filter_map(|(topic, partitions)| {
        Some(TopicPartition {
            topic: metadata.name_of(topic)?.to_owned(),
            partitions: partitions.copied().collect(),
        })
    });
    let assignment =
        ConsumerProtocolAssignment { assigned_partitions: topics.collect(), user_data: None };
    let (version, _) = split_number(subscription).map_err(|_| ErrorCode::UnknownServerError)?;
    let version = version.clamp(0, *ConsumerProtocolAssignment::VERSIONS.end());
    encode_numbered(version, version, &assignment).map_err(|_| ErrorCode::UnknownServerError)
}

/// The partitions of an assignment by id; topics that are gone are left out.
pub(in crate::consumer) fn partitions_of(
    assignment: &ConsumerProtocolAssignment,
    metadata: &Metadata,
) -> Assignment {
    let topics = assignment.assigned_partitions.iter().filter(|topic| !topic.partitions.is_empty());
    let topics: BTreeMap<Uuid, _> = topics
        .filter_map(|topic| {
            Some((metadata.id_of(&topic.topic)?, topic.partitions.iter().copied().collect()))
        })
        .collect();
    topics
}
