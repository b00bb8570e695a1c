//! The records of `__consumer_offsets` and their bytes.
//!
//! A key begins with its type, a value with its version. A record without a value removes what its key names. Types
//! that this version doesn't know are kept as they are and change nothing: a newer broker may have written them.

use bytes::{BufMut, Bytes, BytesMut};
use ottla_wire::codec::{DecodeError, EncodeError, Message};
use ottla_wire::messages::{
    GroupMetadataKey, GroupMetadataValue, OffsetCommitKey, OffsetCommitValue,
};
use ottla_wire::records::EndTransactionMarker;

use crate::request::EndedTransaction;
use crate::transaction::ProducerEpoch;

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
    /// Something of another kind of group.
    Unknown { key: Bytes, value: Option<Bytes> },
}

/// A record that can't be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    #[error("a key of {length} bytes has no type")]
    KeyTooShort { length: usize },
    #[error("a value of {length} bytes has no version")]
    ValueTooShort { length: usize },
    #[error("key of type {key_type} is malformed")]
    Key { key_type: i16, source: DecodeError },
    #[error("value of version {version} for a key of type {key_type} is malformed")]
    Value { key_type: i16, version: i16, source: DecodeError },
    #[error("no transaction is in state {status}")]
    TransactionStatus { status: i8 },
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// When the type is known and the rest is malformed.
    pub fn decode(key: Bytes, value: Option<Bytes>) -> Result<Self, RecordError> {
        let Some((key_type, key_body)) = split_number(&key) else {
            return Err(RecordError::KeyTooShort { length: key.len() });
        };
        match key_type {
            LEGACY_OFFSET_COMMIT | OFFSET_COMMIT => Ok(Self::OffsetCommit {
                key: decode_key(key_type, &key_body)?,
                value: decode_value(key_type, value.as_ref())?,
            }),
            GROUP_METADATA => Ok(Self::GroupMetadata {
                key: decode_key(key_type, &key_body)?,
                value: decode_value(key_type, value.as_ref())?,
            }),
            _ => Ok(Self::Unknown {
                key: Bytes::copy_from_slice(&key),
                value: value.map(|value| Bytes::copy_from_slice(&value)),
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
                    -1 => encode(OFFSET_VERSION, OFFSET_VERSION, value),
                    _ => encode(OFFSET_VERSION_WITH_EXPIRY, OFFSET_VERSION_WITH_EXPIRY, value),
                });
                Ok((encode(OFFSET_COMMIT, KEY_VERSION, key)?, value.transpose()?))
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
                let value = value.as_ref().map(|value| encode(GROUP_VERSION, GROUP_VERSION, value));
                Ok((encode(GROUP_METADATA, KEY_VERSION, key)?, value.transpose()?))
            }
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

pub(crate) fn split_number(bytes: &Bytes) -> Option<(i16, Bytes)> {
    let (number, _) = bytes.split_first_chunk::<2>()?;
    Some((i16::from_be_bytes(*number), bytes.slice(2..)))
}

pub(crate) fn decode_key<M: Message>(key_type: i16, body: &Bytes) -> Result<M, RecordError> {
    M::decode_exact(body, KEY_VERSION).map_err(|source| RecordError::Key { key_type, source })
}

pub(crate) fn decode_value<M: Message>(
    key_type: i16,
    value: Option<&Bytes>,
) -> Result<Option<M>, RecordError> {
    let Some(value) = value else { return Ok(None) };
    let Some((version, body)) = split_number(value) else {
        return Err(RecordError::ValueTooShort { length: value.len() });
    };
    let decoded = M::decode_exact(&body, version);
    decoded.map(Some).map_err(|source| RecordError::Value { key_type, version, source })
}

pub(crate) fn encode<M: Message>(
    prefix: i16,
    version: i16,
    message: &M,
) -> Result<Bytes, EncodeError> {
    let body = message.encode_to_bytes(version)?;
    let mut bytes = BytesMut::with_capacity(2 + body.len());
    bytes.put_i16(prefix);
    bytes.put_slice(&body);
    Ok(bytes.freeze())
}

#[cfg(test)]
mod tests;
