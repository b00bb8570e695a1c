//! The records of `__consumer_offsets` and their bytes.
//!
//! A key begins with its type, a value with its version. A record without a value removes what its key names. Types
//! that this version doesn't know are kept as they are and change nothing: a newer broker may have written them.

mod consumer;

use bytes::Bytes;
use ottla_wire::codec::{
    EncodeError, Message, NumberedError, decode_numbered, encode_numbered, split_number,
};
use ottla_wire::messages::{
    GroupMetadataKey, GroupMetadataValue, OffsetCommitKey, OffsetCommitValue,
};
use ottla_wire::records::EndTransactionMarker;

use crate::request::EndedTransaction;
use crate::transaction::ProducerEpoch;
pub use consumer::{ConsumerRecord, Entry};

/// Key type of commits from before Kafka 0.9; their keys and values read like today's.
const LEGACY_OFFSET_COMMIT: i16 = 0;
const OFFSET_COMMIT: i16 = 1;
const GROUP_METADATA: i16 = 2;
/// Keys have a type instead of a version: their schemas stay as they are.
const KEY_VERSION: i16 = 0;
/// The only version of an offset's value that can carry its own end.
const OFFSET_VERSION_WITH_EXPIRY: i16 = 1;
/// What Kafka 4.3 writes.
const OFFSET_VERSION: i16 = 4;
const GROUP_VERSION: i16 = 3;

/// A fact in the log of a group coordinator.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A group has committed an offset, or has it no longer.
    OffsetCommit { key: OffsetCommitKey, value: Option<OffsetCommitValue> },
    /// A group has this generation and these members, or is gone.
    GroupMetadata { key: GroupMetadataKey, value: Option<GroupMetadataValue> },
    /// An offset of a transaction that has not ended.
    TransactionalOffset {
        producer: ProducerEpoch,
        key: OffsetCommitKey,
        value: Option<OffsetCommitValue>,
    },
    /// A control record: a transaction has ended.
    EndTransaction(EndedTransaction),
    /// Something about a group of the consumer protocol.
    Consumer(ConsumerRecord),
    /// Something of another kind of group.
    Unknown { key: Bytes, value: Option<Bytes> },
}

/// A record that can't be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    #[error("the key is malformed")]
    Key(#[source] NumberedError),
    #[error("the value for a key of type {key_type} is malformed")]
    Value { key_type: i16, source: NumberedError },
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// When the type is known and the rest is malformed.
    pub fn decode(key: Bytes, value: Option<Bytes>) -> Result<Self, RecordError> {
        let (key_type, key_body) = split_number(&key).map_err(RecordError::Key)?;
        match key_type {
            LEGACY_OFFSET_COMMIT | OFFSET_COMMIT => Ok(Self::OffsetCommit {
                key: decode_key(key_type, &key_body)?,
                value: decode_value(key_type, value.as_ref())?,
            }),
            GROUP_METADATA => Ok(Self::GroupMetadata {
                key: decode_key(key_type, &key_body)?,
                value: decode_value(key_type, value.as_ref())?,
            }),
            _ => Ok(match ConsumerRecord::decode(key_type, &key_body, value.as_ref())? {
                Some(record) => Self::Consumer(record),
                None => Self::Unknown {
                    key: Bytes::copy_from_slice(&key),
                    value: value.map(|value| Bytes::copy_from_slice(&value)),
                },
            }),
        }
    }

    /// Key and value as Kafka 4.3 writes them.
    ///
    /// # Errors
    /// When a string or list is too long for its schema.
    pub fn encode(&self) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        match self {
            Self::OffsetCommit { key, value } => {
                let value = value.as_ref().map(|value| match value.expire_timestamp {
                    -1 => encode_numbered(OFFSET_VERSION, OFFSET_VERSION, value),
                    _ => encode_numbered(
                        OFFSET_VERSION_WITH_EXPIRY,
                        OFFSET_VERSION_WITH_EXPIRY,
                        value,
                    ),
                });
                Ok((encode_numbered(OFFSET_COMMIT, KEY_VERSION, key)?, value.transpose()?))
            }
            Self::TransactionalOffset { key, value, .. } => {
                Self::OffsetCommit { key: key.clone(), value: value.clone() }.encode()
            }
            Self::EndTransaction(ended) => {
                let marker = ended.marker();
                let key = Bytes::copy_from_slice(&marker.control_type().key());
                Ok((key, Some(marker.value())))
            }
            Self::GroupMetadata { key, value } => {
                let value = value
                    .as_ref()
                    .map(|value| encode_numbered(GROUP_VERSION, GROUP_VERSION, value));
                Ok((encode_numbered(GROUP_METADATA, KEY_VERSION, key)?, value.transpose()?))
            }
            Self::Consumer(record) => record.encode(),
            Self::Unknown { key, value } => Ok((key.clone(), value.clone())),
        }
    }

    /// The record as one of a transactional batch: an offset counts only when the transaction is committed.
    #[must_use]
    pub fn in_transaction(self, producer: ProducerEpoch) -> Self {
        match self {
            Self::OffsetCommit { key, value } => Self::TransactionalOffset { producer, key, value },
            other => other,
        }
    }

    /// Whether the record only removes something.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        match self {
            Self::OffsetCommit { value, .. } => value.is_none(),
            Self::GroupMetadata { value, .. } => value.is_none(),
            Self::Consumer(record) => record.is_tombstone(),
            Self::Unknown { value, .. } => value.is_none(),
            Self::TransactionalOffset { .. } | Self::EndTransaction(_) => false,
        }
    }

    pub(crate) fn offset(
        group_id: &str,
        topic: &str,
        partition: i32,
        value: OffsetCommitValue,
    ) -> Self {
        Self::OffsetCommit { key: offset_key(group_id, topic, partition), value: Some(value) }
    }

    pub(crate) fn offset_tombstone(group_id: &str, topic: &str, partition: i32) -> Self {
        Self::OffsetCommit { key: offset_key(group_id, topic, partition), value: None }
    }

    pub(crate) fn group(group_id: &str, value: GroupMetadataValue) -> Self {
        Self::GroupMetadata { key: group_key(group_id), value: Some(value) }
    }

    pub(crate) fn group_tombstone(group_id: &str) -> Self {
        Self::GroupMetadata { key: group_key(group_id), value: None }
    }
}

impl EndedTransaction {
    /// The control record that says so.
    #[must_use]
    pub fn marker(&self) -> EndTransactionMarker {
        let Self { is_commit, coordinator_epoch, .. } = *self;
        EndTransactionMarker { is_commit, coordinator_epoch }
    }
}

fn offset_key(group_id: &str, topic: &str, partition: i32) -> OffsetCommitKey {
    OffsetCommitKey { group: group_id.to_owned(), topic: topic.to_owned(), partition }
}

fn group_key(group_id: &str) -> GroupMetadataKey {
    GroupMetadataKey { group: group_id.to_owned() }
}

fn decode_key<M: Message>(key_type: i16, body: &Bytes) -> Result<M, RecordError> {
    M::decode_exact(body, KEY_VERSION)
        .map_err(|source| RecordError::Key(NumberedError::Message { number: key_type, source }))
}

fn decode_value<M: Message>(
    key_type: i16,
    value: Option<&Bytes>,
) -> Result<Option<M>, RecordError> {
    let decoded = value.map(decode_numbered).transpose();
    decoded.map_err(|source| RecordError::Value { key_type, source })
}

#[cfg(test)]
mod tests;
