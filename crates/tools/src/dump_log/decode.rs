//! Keys and values of records as text: plain ones, and those of Kafka's internal topics as JSON.

use bytes::Bytes;
use ottla_terminal::message_json::json;
use ottla_wire::codec::Tree;
use ottla_wire::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, GroupRecordKey, GroupRecordValue,
    MetadataRecord, ShareRecordKey, ShareRecordValue, TransactionRecordKey, TransactionRecordValue,
};
use ottla_wire::records::Record;
use ottla_wire::{DecodeError, Message, Reader};

use super::remote;

/// How keys and values are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decoder {
    /// With a decoder for keys and one for values.
    Plain { key: PlainDecoder, value: PlainDecoder },
    /// As records of `__consumer_offsets`.
    Offsets,
    /// As records of `__transaction_state`.
    TransactionLog,
    /// As records of `__cluster_metadata`.
    ClusterMetadata,
    /// As records of `__remote_log_metadata`.
    RemoteLogMetadata,
    /// As records of `__share_group_state`.
    ShareGroupState,
}

/// Kafka's decoder classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlainDecoder {
    Text,
    Integer,
    Long,
    Bytes,
}

/// A key and a value, where there are any.
type Decoded = (Option<String>, Option<String>);

impl PlainDecoder {
    /// The decoder of a Java class name.
    pub(super) fn of_class(class: &str) -> Option<Self> {
        Some(match class.strip_prefix("org.apache.kafka.tools.api.")? {
            "StringDecoder" => Self::Text,
            "IntegerDecoder" => Self::Integer,
            "LongDecoder" => Self::Long,
            "DefaultDecoder" => Self::Bytes,
            _ => return None,
        })
    }

    /// # Errors
    /// Too few bytes for a number; more than enough are no error.
    fn text(self, bytes: &Bytes) -> anyhow::Result<String> {
        let short = || anyhow::anyhow!("{} bytes are too few for {self:?}Decoder", bytes.len());
        Ok(match self {
            Self::Text => String::from_utf8_lossy(bytes).into_owned(),
            Self::Integer => {
                i32::from_be_bytes(*bytes.first_chunk().ok_or_else(short)?).to_string()
            }
            Self::Long => i64::from_be_bytes(*bytes.first_chunk().ok_or_else(short)?).to_string(),
            Self::Bytes => format!("{:?}", &bytes[..]),
        })
    }
}

impl Decoder {
    /// Key and value of `record`.
    ///
    /// # Errors
    /// A record of a coordinator without a key, in Kafka's words.
    pub(super) fn decode(self, record: &Record) -> anyhow::Result<Decoded> {
        let value = record.value.as_ref();
        if let Self::Plain { key: key_decoder, value: value_decoder } = self {
            let key = record.key.as_ref().map(|key| key_decoder.text(key)).transpose()?;
            return Ok((key, value.map(|value| value_decoder.text(value)).transpose()?));
        }
        if matches!(self, Self::ClusterMetadata | Self::RemoteLogMetadata) {
            let bytes = value.cloned().unwrap_or_default();
            let (text, offset) = match self {
                Self::ClusterMetadata => (metadata(&bytes), format!("{}", record.offset)),
                _ => (remote::describe(&bytes), format!("offset {}", record.offset)),
            };
            let text = text.unwrap_or_else(|error| {
                format!("Error at {offset}, skipping. {}", unreadable_metadata(&bytes, &error))
            });
            return Ok((None, Some(text)));
        }
        let Some(key) = &record.key else {
            anyhow::bail!(
                "Failed to decode message at offset {} using the specified decoder (message had a missing key)",
                record.offset
            );
        };
        let decoded = match self {
            Self::Offsets => group_record(key, value),
            Self::TransactionLog => transaction_record(key, value),
            _ => share_record(key, value),
        };
        Ok(decoded.unwrap_or_else(|error| (Some(unreadable(record.offset, key, error)), None)))
    }
}

/// What Kafka says of a metadata record that it can't read.
fn unreadable_metadata(bytes: &Bytes, error: &DecodeError) -> String {
    match error {
        DecodeError::UnknownType { family, id: 0 } if family.contains("frame") => {
            "Could not deserialize metadata record with frame version 0. Note that upgrades from the preview release \
             of KRaft in 2.8 to newer versions are not supported."
                .to_owned()
        }
        DecodeError::UnknownType { family, id } if family.contains("frame") => format!(
            "Could not deserialize metadata record due to unknown frame version {id}(only frame version 1 is supported)"
        ),
        DecodeError::UnknownType { id, .. } => format!(
            "org.apache.kafka.common.errors.UnsupportedVersionException: Unknown metadata id {id}"
        ),
        DecodeError::Truncated { offset: 0, .. } => "Error while reading frame version".to_owned(),
        error => {
            let mut reader = Reader::new(bytes);
            match reader.unsigned_varint().and_then(|_| reader.unsigned_varint()) {
                Ok(record_type) => format!("Failed to deserialize record with type {record_type}"),
                Err(_) => error.to_string(),
            }
        }
    }
}

/// What Kafka's tool says of a record that its decoder can't read.
fn unreadable(offset: i64, key: &Bytes, error: DecodeError) -> String {
    let version = key.first_chunk().map_or(-1, |bytes| i16::from_be_bytes(*bytes));
    match error {
        DecodeError::UnknownType { id, .. } => {
            format!("Unknown record type {id} at offset {offset}, skipping.")
        }
        DecodeError::Truncated { .. } => format!(
            "Error at offset {offset}, skipping. Could not read record with version {version} from key's buffer due \
             to: null."
        ),
        error => format!("Error at offset {offset}, skipping. {error}"),
    }
}

/// A record of `__cluster_metadata`.
fn metadata(bytes: &Bytes) -> Result<String, DecodeError> {
    let (record, version) = MetadataRecord::decode(bytes)?;
    Ok(json(&Tree::Struct(vec![
        ("type", Tree::Text(record_type_name(record.name()))),
        ("version", Tree::from(version)),
        ("data", record.tree(version)),
    ])))
}

/// `FeatureLevelRecord` as Kafka's enum has it: `FEATURE_LEVEL_RECORD`.
fn record_type_name(name: &str) -> String {
    let mut constant = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_ascii_uppercase() && !constant.is_empty() {
            constant.push('_');
        }
        constant.push(character.to_ascii_uppercase());
    }
    constant
}

fn group_record(key: &Bytes, value: Option<&Bytes>) -> Result<Decoded, DecodeError> {
    let key = GroupRecordKey::decode(key)?;
    let record_type = key.record_type();
    let value = value.map(|value| GroupRecordValue::decode(record_type, value)).transpose()?;
    let value = value.map(|(value, version)| {
        let mut tree = value.tree(version);
        if matches!(value, GroupRecordValue::GroupMetadata(_)) {
            open_protocol(&mut tree);
        }
        (tree, version)
    });
    Ok(coordinator_record(record_type, key.tree(), value))
}

fn transaction_record(key: &Bytes, value: Option<&Bytes>) -> Result<Decoded, DecodeError> {
    let key = TransactionRecordKey::decode(key)?;
    let record_type = key.record_type();
    let value =
        value.map(|value| TransactionRecordValue::decode(record_type, value)).transpose()?;
    let value = value.map(|(value, version)| (value.tree(version), version));
    Ok(coordinator_record(record_type, key.tree(), value))
}

fn share_record(key: &Bytes, value: Option<&Bytes>) -> Result<Decoded, DecodeError> {
    let key = ShareRecordKey::decode(key)?;
    let record_type = key.record_type();
    let value = value.map(|value| ShareRecordValue::decode(record_type, value)).transpose()?;
    let value = value.map(|(value, version)| (value.tree(version), version));
    Ok(coordinator_record(record_type, key.tree(), value))
}

fn coordinator_record(record_type: i16, key: Tree, value: Option<(Tree, i16)>) -> Decoded {
    let key = Tree::Struct(vec![("type", Tree::Text(record_type.to_string())), ("data", key)]);
    let value = value.map_or_else(
        || "<DELETE>".to_owned(),
        |(tree, version)| {
            let version = Tree::Text(version.to_string());
            json(&Tree::Struct(vec![("version", version), ("data", tree)]))
        },
    );
    (Some(json(&key)), Some(value))
}

/// Shows what the members of a consumer group tell each other, instead of its bytes.
fn open_protocol(group: &mut Tree) {
    let Tree::Struct(fields) = group else { return };
    let is_consumer = fields.iter().any(|(name, value)| {
        *name == "protocolType" && matches!(value, Tree::Text(text) if text == "consumer")
    });
    if !is_consumer {
        return;
    }
    for (name, value) in fields {
        let (true, Tree::List(members)) = (*name == "members", value) else { continue };
        for member in members {
            let Tree::Struct(member) = member else { continue };
            for (name, value) in member {
                let Tree::Bytes(bytes) = value else { continue };
                let opened = match *name {
                    "subscription" => opened::<ConsumerProtocolSubscription>(bytes),
                    "assignment" => opened::<ConsumerProtocolAssignment>(bytes),
                    _ => None,
                };
                if let Some(opened) = opened {
                    *value = opened;
                }
            }
        }
    }
}

/// A message behind its version; bytes that are none stay bytes.
fn opened<M: Message>(bytes: &Bytes) -> Option<Tree> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16().ok()?;
    let message = M::decode(&mut reader, version).ok()?;
    Some(message.tree(version))
}
