//! The records of groups of the consumer protocol (KIP-848), by the type of their key.

use bytes::Bytes;
use ottla_wire::codec::{EncodeError, Message, encode_numbered};
use ottla_wire::messages::{
    ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataKey,
    ConsumerGroupMetadataValue, ConsumerGroupPartitionMetadataKey,
    ConsumerGroupPartitionMetadataValue, ConsumerGroupRegularExpressionKey,
    ConsumerGroupRegularExpressionValue, ConsumerGroupTargetAssignmentMemberKey,
    ConsumerGroupTargetAssignmentMemberValue, ConsumerGroupTargetAssignmentMetadataKey,
    ConsumerGroupTargetAssignmentMetadataValue,
};

use super::{KEY_VERSION, RecordError, decode_key, decode_value};

const GROUP: i16 = 3;
const PARTITION_METADATA: i16 = 4;
const MEMBER: i16 = 5;
const TARGET_METADATA: i16 = 6;
const TARGET_MEMBER: i16 = 7;
const CURRENT_MEMBER: i16 = 8;
const REGULAR_EXPRESSION: i16 = 16;
/// The only version of every value.
const VALUE_VERSION: i16 = 0;

/// A key and what it stands for; nothing any more without a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<Key, Value> {
    pub key: Key,
    pub value: Option<Value>,
}

/// A fact about a group of the consumer protocol.
#[derive(Clone, Debug, PartialEq)]
pub enum ConsumerRecord {
    /// The group's epoch and the hash of what it subscribes to.
    Group(Entry<ConsumerGroupMetadataKey, ConsumerGroupMetadataValue>),
    /// What the hash has replaced: groups of Kafka before 4.1 have it.
    PartitionMetadata(
        Entry<ConsumerGroupPartitionMetadataKey, ConsumerGroupPartitionMetadataValue>,
    ),
    /// Who a member is and what it subscribes to.
    Member(Entry<ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue>),
    /// The epoch of the target assignment.
    TargetMetadata(
        Entry<ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue>,
    ),
    /// What a member is to own.
    TargetMember(
        Entry<ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue>,
    ),
    /// What a member owns.
    CurrentMember(
        Entry<ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue>,
    ),
    /// The topics that a regular expression matches.
    RegularExpression(
        Entry<ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue>,
    ),
}

impl<Key: Message, Value: Message> Entry<Key, Value> {
    fn decode(key_type: i16, key: &Bytes, value: Option<&Bytes>) -> Result<Self, RecordError> {
        Ok(Self { key: decode_key(key_type, key)?, value: decode_value(key_type, value)? })
    }

    fn encode(&self, key_type: i16) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        let encode = |value| encode_numbered(VALUE_VERSION, VALUE_VERSION, value);
        let value = self.value.as_ref().map(encode).transpose()?;
        Ok((encode_numbered(key_type, KEY_VERSION, &self.key)?, value))
    }
}

impl ConsumerRecord {
    /// Reads what follows the type of a key; none when the type is of another kind of group.
    pub(super) fn decode(
        key_type: i16,
        key: &Bytes,
        value: Option<&Bytes>,
    ) -> Result<Option<Self>, RecordError> {
        Ok(Some(match key_type {
            GROUP => Self::Group(Entry::decode(key_type, key, value)?),
            PARTITION_METADATA => Self::PartitionMetadata(Entry::decode(key_type, key, value)?),
            MEMBER => Self::Member(Entry::decode(key_type, key, value)?),
            TARGET_METADATA => Self::TargetMetadata(Entry::decode(key_type, key, value)?),
            TARGET_MEMBER => Self::TargetMember(Entry::decode(key_type, key, value)?),
            CURRENT_MEMBER => Self::CurrentMember(Entry::decode(key_type, key, value)?),
            REGULAR_EXPRESSION => Self::RegularExpression(Entry::decode(key_type, key, value)?),
            _ => return Ok(None),
        }))
    }

    pub(super) fn encode(&self) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        match self {
            Self::Group(entry) => entry.encode(GROUP),
            Self::PartitionMetadata(entry) => entry.encode(PARTITION_METADATA),
            Self::Member(entry) => entry.encode(MEMBER),
            Self::TargetMetadata(entry) => entry.encode(TARGET_METADATA),
            Self::TargetMember(entry) => entry.encode(TARGET_MEMBER),
            Self::CurrentMember(entry) => entry.encode(CURRENT_MEMBER),
            Self::RegularExpression(entry) => entry.encode(REGULAR_EXPRESSION),
        }
    }

    /// The group that the record is about.
    #[must_use]
    pub fn group_id(&self) -> &str {
        match self {
            Self::Group(entry) => &entry.key.group_id,
            Self::PartitionMetadata(entry) => &entry.key.group_id,
            Self::Member(entry) => &entry.key.group_id,
            Self::TargetMetadata(entry) => &entry.key.group_id,
            Self::TargetMember(entry) => &entry.key.group_id,
            Self::CurrentMember(entry) => &entry.key.group_id,
            Self::RegularExpression(entry) => &entry.key.group_id,
        }
    }

    /// Whether the record removes what its key names.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        match self {
            Self::Group(entry) => entry.value.is_none(),
            Self::PartitionMetadata(entry) => entry.value.is_none(),
            Self::Member(entry) => entry.value.is_none(),
            Self::TargetMetadata(entry) => entry.value.is_none(),
            Self::TargetMember(entry) => entry.value.is_none(),
            Self::CurrentMember(entry) => entry.value.is_none(),
            Self::RegularExpression(entry) => entry.value.is_none(),
        }
    }
}
