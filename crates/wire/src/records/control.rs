//! Pure. Control records: markers among the records that consumers do not see.
//!
//! A control record's key is a version and a type. The values have schemas of their own, except the end of a
//! transaction, which is small enough to be read here.
use bytes::{BufMut, Bytes, BytesMut};

use super::{BatchBuilder, BatchOptions, BuildError};

/// Version of the key that Kafka writes.
const KEY_VERSION: i16 = 0;
/// Version of the end-of-transaction value that Kafka writes.
const END_TRANSACTION_VERSION: i16 = 0;

/// What a control record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum ControlType {
    /// A transaction was aborted.
    Abort = 0,
    /// A transaction was committed.
    Commit = 1,
    /// A KRaft leader began its term (`LeaderChangeMessage`).
    LeaderChange = 2,
    /// A snapshot begins (`SnapshotHeaderRecord`).
    SnapshotHeader = 3,
    /// A snapshot ends (`SnapshotFooterRecord`).
    SnapshotFooter = 4,
    /// The version of the KRaft protocol (`KRaftVersionRecord`).
    KRaftVersion = 5,
    /// The voters of the quorum (`VotersRecord`).
    KRaftVoters = 6,
}

impl ControlType {
    /// The value for a type from a key; `None` for types of later versions, which readers pass over.
    pub const fn from_id(id: i16) -> Option<Self> {
        Some(match id {
            0 => ControlType::Abort,
            1 => ControlType::Commit,
            2 => ControlType::LeaderChange,
            3 => ControlType::SnapshotHeader,
            4 => ControlType::SnapshotFooter,
            5 => ControlType::KRaftVersion,
            6 => ControlType::KRaftVoters,
            _ => return None,
        })
    }

    /// The type in the key.
    pub const fn id(self) -> i16 {
        self as i16
    }

    /// The key of a control record of this type.
    pub fn key(self) -> [u8; 4] {
        let [version_high, version_low] = KEY_VERSION.to_be_bytes();
        let [id_high, id_low] = self.id().to_be_bytes();
        [version_high, version_low, id_high, id_low]
    }

    /// Reads the key of a control record. `Ok(None)` for a type this version does not know.
    ///
    /// # Errors
    /// The key's length or version when it is no key of a control record.
    pub fn from_key(key: Option<&[u8]>) -> Result<Option<Self>, ControlError> {
        let key = key.unwrap_or_default();
        let Some(&[version_high, version_low, id_high, id_low]) = key.first_chunk() else {
            return Err(ControlError::ShortKey { length: key.len() });
        };
        let version = i16::from_be_bytes([version_high, version_low]);
        if version < KEY_VERSION {
            return Err(ControlError::Version { version });
        }
        Ok(Self::from_id(i16::from_be_bytes([id_high, id_low])))
    }
}

/// Why bytes are no control record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The key has no room for version and type.
    #[error("a control record key must have at least 4 bytes, found {length}")]
    ShortKey {
        /// Bytes found.
        length: usize,
    },
    /// The value has no room for its fields.
    #[error("an end transaction marker must have at least 6 bytes, found {length}")]
    ShortValue {
        /// Bytes found.
        length: usize,
    },
    /// A negative version.
    #[error("invalid version {version} of a control record, the data may be corrupt")]
    Version {
        /// The version found.
        version: i16,
    },
    /// A marker whose key says it is none.
    #[error("a control record of another type than COMMIT or ABORT is no end transaction marker")]
    NotAMarker,
}

/// The end of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTransactionMarker {
    /// Whether the transaction was committed; aborted otherwise.
    pub is_commit: bool,
    /// Epoch of the transaction coordinator that wrote the marker.
    pub coordinator_epoch: i32,
}

impl EndTransactionMarker {
    /// The type in the key.
    pub const fn control_type(&self) -> ControlType {
        if self.is_commit { ControlType::Commit } else { ControlType::Abort }
    }

    /// The value of the control record.
    pub fn value(&self) -> Bytes {
        let mut value = BytesMut::with_capacity(6);
        value.put_i16(END_TRANSACTION_VERSION);
        value.put_i32(self.coordinator_epoch);
        value.freeze()
    }

    /// Reads key and value of a control record.
    ///
    /// # Errors
    /// See [`ControlError`]. Versions above the known one are read as the known one, as Kafka does.
    pub fn read(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Self, ControlError> {
        let is_commit = match ControlType::from_key(key)? {
            Some(ControlType::Commit) => true,
            Some(ControlType::Abort) => false,
            _ => return Err(ControlError::NotAMarker),
        };
        let value = value.unwrap_or_default();
        let Some(&[version_high, version_low, e0, e1, e2, e3]) = value.first_chunk() else {
            return Err(ControlError::ShortValue { length: value.len() });
        };
        let version = i16::from_be_bytes([version_high, version_low]);
        if version < END_TRANSACTION_VERSION {
            return Err(ControlError::Version { version });
        }
        Ok(EndTransactionMarker {
            is_commit,
            coordinator_epoch: i32::from_be_bytes([e0, e1, e2, e3]),
        })
    }

    /// A batch with this marker alone, as the coordinator's `WriteTxnMarkers` has it written.
    ///
    /// # Errors
    /// `Timestamp` for a timestamp below -1.
    pub fn batch(
        &self,
        producer_id: i64,
        producer_epoch: i16,
        timestamp: i64,
    ) -> Result<BytesMut, BuildError> {
        control_batch(
            BatchOptions {
                producer_id,
                producer_epoch,
                is_transactional: true,
                ..BatchOptions::default()
            },
            timestamp,
            &[(self.control_type(), &self.value())],
        )
    }
}

/// A control batch with these records; `options` say everything but that it is one.
///
/// # Errors
/// As [`BatchBuilder::append`].
pub fn control_batch(
    options: BatchOptions,
    timestamp: i64,
    records: &[(ControlType, &[u8])],
) -> Result<BytesMut, BuildError> {
    let mut builder = BatchBuilder::new(BatchOptions { is_control: true, ..options });
    for (kind, value) in records {
        builder.append(timestamp, Some(&kind.key()), Some(value), &[])?;
    }
    builder.build()
}
