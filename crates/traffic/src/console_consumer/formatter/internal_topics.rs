//! Records of coordinators as JSON, by the formatters that Kafka has for its internal topics. Pure.

use bytes::Bytes;
use ottla_client::consumer::ConsumerRecord;
use ottla_terminal::message_json;
use ottla_wire::DecodeError;
use ottla_wire::codec::Tree;
use ottla_wire::messages::{
    GroupRecordKey, GroupRecordValue, ShareRecordKey, ShareRecordValue, TransactionRecordKey,
    TransactionRecordValue,
};

use super::Unwritable;

/// Which records are shown; others are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::console_consumer) enum InternalTopic {
    /// `__consumer_offsets`: committed offsets.
    Offsets,
    /// `__consumer_offsets`: groups.
    GroupMetadata,
    /// `__transaction_state`.
    TransactionLog,
    /// `__share_group_state`.
    ShareGroupState,
}

/// Type, key, and the value with its version.
type Decoded = (i16, Tree, Option<(Tree, i16)>);

impl InternalTopic {
    pub(super) fn of_class(name: &str) -> Option<Self> {
        Some(match name {
            "OffsetsMessageFormatter" => Self::Offsets,
            "GroupMetadataMessageFormatter" => Self::GroupMetadata,
            "TransactionLogMessageFormatter" => Self::TransactionLog,
            "ShareGroupStateMessageFormatter" => Self::ShareGroupState,
            _ => return None,
        })
    }

    /// Appends the record without any separator, as Kafka's formatters do.
    pub(super) fn write(
        self,
        record: &ConsumerRecord,
        out: &mut Vec<u8>,
    ) -> Result<(), Unwritable> {
        let Some(key) = &record.key else { return Ok(()) };
        let (record_type, key, value) = match self.decode(key, record.value.as_ref()) {
            Ok(decoded) => decoded,
            // Written by a later version.
            Err(DecodeError::UnknownType { .. }) => return Ok(()),
            Err(error) => {
                let text = format!(
                    "java.lang.RuntimeException: Could not read record at offset {} due to: {error}",
                    record.offset
                );
                return Err(Unwritable(text));
            }
        };
        if !self.shows(record_type) {
            return Ok(());
        }
        let key = Tree::Struct(vec![("type", Tree::from(record_type)), ("data", key)]);
        let value = value.map_or(Tree::Null, |(tree, version)| {
            Tree::Struct(vec![("version", Tree::from(version)), ("data", tree)])
        });
        let text = message_json::json(&Tree::Struct(vec![("key", key), ("value", value)]));
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    const fn shows(self, record_type: i16) -> bool {
        match self {
            Self::Offsets => matches!(record_type, 0 | 1),
            Self::GroupMetadata => record_type == 2,
            Self::TransactionLog | Self::ShareGroupState => true,
        }
    }

    fn decode(self, key: &Bytes, value: Option<&Bytes>) -> Result<Decoded, DecodeError> {
        match self {
            Self::Offsets | Self::GroupMetadata => {
                let key = GroupRecordKey::decode(key)?;
                let id = key.record_type();
                let value = value.map(|value| GroupRecordValue::decode(id, value)).transpose()?;
                Ok((id, key.tree(), value.map(|(value, version)| (value.tree(version), version))))
            }
            Self::TransactionLog => {
                let key = TransactionRecordKey::decode(key)?;
                let id = key.record_type();
                let value =
                    value.map(|value| TransactionRecordValue::decode(id, value)).transpose()?;
                Ok((id, key.tree(), value.map(|(value, version)| (value.tree(version), version))))
            }
            Self::ShareGroupState => {
                let key = ShareRecordKey::decode(key)?;
                let id = key.record_type();
                let value = value.map(|value| ShareRecordValue::decode(id, value)).transpose()?;
                Ok((id, key.tree(), value.map(|(value, version)| (value.tree(version), version))))
            }
        }
    }
}
