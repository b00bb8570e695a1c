//! The records of `__transaction_state` and their bytes.
//!
//! A key begins with its version, and so does a value. A record without a value removes the transactional id. Keys of
//! versions that this one doesn't know are kept as they are and change nothing.

use bytes::Bytes;
use ottla_wire::codec::{
    EncodeError, NumberedError, decode_numbered, encode_numbered, split_number,
};
use ottla_wire::messages::{TransactionLogKey, TransactionLogValue};

use super::State;

const KEY_VERSION: i16 = 0;
/// What is written at `transaction.version` 0: no tagged fields.
const VALUE_VERSION_WITHOUT_TAGS: i16 = 0;
/// What is written from `transaction.version` 1 on.
const VALUE_VERSION: i16 = 1;

/// A fact in the log of a transaction coordinator.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// What a transactional id is at, or that it is gone.
    Transaction {
        key: TransactionLogKey,
        value: Option<TransactionLogValue>,
        /// The version in which the value is written.
        value_version: i16,
    },
    /// Something that a newer version has written.
    Unknown { key: Bytes, value: Option<Bytes> },
}

/// A record that can't be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    #[error("the key is malformed")]
    Key(#[source] NumberedError),
    #[error("the value is malformed")]
    Value(#[source] NumberedError),
    #[error("no transaction is in state {status}")]
    TransactionStatus { status: i8 },
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// When the key's version is known and the rest is malformed.
    pub fn decode(key: Bytes, value: Option<Bytes>) -> Result<Self, RecordError> {
        let (key_version, _) = split_number(&key).map_err(RecordError::Key)?;
        if key_version != KEY_VERSION {
            let copy = |bytes: Bytes| Bytes::copy_from_slice(&bytes);
            return Ok(Self::Unknown { key: copy(key), value: value.map(copy) });
        }
        let value_version = value.as_ref().map(split_number).transpose();
        let value_version = value_version.map_err(RecordError::Value)?.map(|(version, _)| version);
        let value = value.as_ref().map(decode_numbered::<TransactionLogValue>).transpose();
        let value = value.map_err(RecordError::Value)?;
        let status = value.as_ref().map(|value| value.transaction_status);
        if let Some(status) = status
            && !State::from_id(status).is_some_and(State::is_recorded)
        {
            return Err(RecordError::TransactionStatus { status });
        }
        Ok(Self::Transaction {
            key: decode_numbered(&key).map_err(RecordError::Key)?,
            value,
            value_version: value_version.unwrap_or(VALUE_VERSION),
        })
    }

    /// Key and value as Kafka 4.3 writes them.
    ///
    /// # Errors
    /// When a string or list is too long for its schema.
    pub fn encode(&self) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        match self {
            Self::Transaction { key, value, value_version } => {
                let value = value
                    .as_ref()
                    .map(|value| encode_numbered(*value_version, *value_version, value));
                Ok((encode_numbered(KEY_VERSION, KEY_VERSION, key)?, value.transpose()?))
            }
            Self::Unknown { key, value } => Ok((key.clone(), value.clone())),
        }
    }

    pub(super) fn transaction(
        transactional_id: &str,
        mut value: TransactionLogValue,
        transaction_version: i16,
    ) -> Self {
        let value_version =
            if transaction_version >= 1 { VALUE_VERSION } else { VALUE_VERSION_WITHOUT_TAGS };
        if value_version == VALUE_VERSION_WITHOUT_TAGS {
            value.previous_producer_id = -1;
            value.next_producer_id = -1;
            value.next_producer_epoch = -1;
            value.client_transaction_version = 0;
        }
        Self::Transaction { key: key(transactional_id), value: Some(value), value_version }
    }

    pub(super) fn tombstone(transactional_id: &str) -> Self {
        Self::Transaction { key: key(transactional_id), value: None, value_version: VALUE_VERSION }
    }
}

fn key(transactional_id: &str) -> TransactionLogKey {
    TransactionLogKey { transactional_id: transactional_id.to_owned() }
}
