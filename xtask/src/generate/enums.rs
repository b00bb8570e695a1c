//! The files that enumerate messages: API keys, bodies, and the records of internal topics.

use super::definitions::Definition;
use super::render::NOTICE;
use super::structs::Schema;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The modules whose whole content is re-exported.
pub const MODULES: [&str; 4] = ["api_key", "bodies", "coordinator_records", "metadata_records"];

/// The coordinators whose records have keys and values: artifact, prefix, internal topic.
const COORDINATORS: [(&str, &str, &str); 3] = [
    ("kafka-group-coordinator", "Group", "__consumer_offsets"),
    ("kafka-transaction-coordinator", "Transaction", "__transaction_state"),
    ("kafka-share-coordinator", "Share", "__share_group_state"),
];

/// The enumerating files by name.
pub fn files(schemas: &[Schema<'_>]) -> Result<BTreeMap<String, String>> {
    let definitions: Vec<&Definition> = schemas.iter().map(|schema| schema.definition).collect();
    let contents = [
        api_key(&definitions)?,
        bodies(&definitions)?,
        coordinator_records(&definitions)?,
        metadata_records(&definitions)?,
    ];
    let names = MODULES.iter().map(|module| format!("{module}.rs"));
    Ok(names.zip(contents).collect())
}

fn of_kind<'a>(
    definitions: &[&'a Definition],
    artifact: &str,
    kind: &str,
) -> Vec<(i16, &'a Definition)> {
    let mut found: Vec<(i16, &Definition)> = definitions
        .iter()
        .filter(|definition| definition.kind == kind && definition.artifact == artifact)
        .filter_map(|definition| Some((definition.api_key?, *definition)))
        .collect();
    found.sort_by_key(|(key, _)| *key);
    found
}

fn api_key(definitions: &[&Definition]) -> Result<String> {
    let requests = of_kind(definitions, "kafka-clients", "request");
    let responses = of_kind(definitions, "kafka-clients", "response");
    let (mut variants, mut from, mut facts, mut all) = Default::default();
    for ((key, request), (response_key, response)) in requests.iter().zip(&responses) {
        let name = request.name.strip_suffix("Request").context("name of a request")?;
        anyhow::ensure!(key == response_key, "{name} has no response");
        let versions = request.valid()?;
        let listeners: Vec<String> = request
            .listeners
            .iter()
            .map(|listener| format!("ListenerScope::{}", capital(listener)))
            .collect();
        let text: &mut String = &mut variants;
        writeln!(text, "/// Key {key}.\n{name} = {key},")?;
        let text: &mut String = &mut from;
        writeln!(text, "{key} => ApiKey::{name},")?;
        let text: &mut String = &mut all;
        writeln!(text, "ApiKey::{name},")?;
        let text: &mut String = &mut facts;
        writeln!(
            text,
            "ApiKey::{name} => &ApiFacts {{ name: {name:?}, first_version: {}, last_version: {},
             latest_version_unstable: {}, request_flexible_from: {}, response_flexible_from: {},
             listeners: &[{}] }},",
            versions.first,
            versions.last,
            request.latest_version_unstable,
            flexible_from(request)?,
            flexible_from(response)?,
            listeners.join(", "),
        )?;
    }
    Ok(format!(
        "{NOTICE}//! The requests of the protocol by number.

        use crate::api::{{ApiFacts, ListenerScope}};

        /// Which request it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {{ {variants} }}

        impl ApiKey {{
            /// Every key, ascending.
            pub const ALL: &'static [ApiKey] = &[{all}];

            pub(crate) const fn from_number(number: i16) -> Option<ApiKey> {{
                Some(match number {{ {from} _ => return None }})
            }}

            pub(crate) const fn facts(self) -> &'static ApiFacts {{
                match self {{ {facts} }}
            }}
        }}\n"
    ))
}

fn flexible_from(definition: &Definition) -> Result<String> {
    let flexible = definition.flexible()?;
    Ok(match flexible.is_empty() {
        true => "None".to_owned(),
        false => format!("Some({})", flexible.first),
    })
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

fn bodies(definitions: &[&Definition]) -> Result<String> {
    let mut text = format!(
        "{NOTICE}//! Requests and responses of any API.

        use crate::api::ApiKey;
        use crate::codec::{{DecodeError, EncodeError, Message, Reader, Tree, Writer}};\n"
    );
    for (kind, suffix) in [("request", "Request"), ("response", "Response")] {
        let (mut variants, mut decode, mut key, mut encode, mut tree, mut from) =
            <(String, String, String, String, String, String)>::default();
        for (_, definition) in of_kind(definitions, "kafka-clients", kind) {
            let message = &definition.name;
            let name = message.strip_suffix(suffix).context("name of a body")?;
            writeln!(variants, "/// `{message}`.\n{name}(Box<super::{message}>),")?;
            writeln!(
                decode,
                "ApiKey::{name} => Self::{name}(Box::new(super::{message}::decode(reader, version)?)),"
            )?;
            writeln!(key, "Self::{name}(_) => ApiKey::{name},")?;
            writeln!(encode, "Self::{name}(message) => message.encode(writer, version),")?;
            writeln!(tree, "Self::{name}(message) => message.tree(version),")?;
            writeln!(
                from,
                "impl From<super::{message}> for {suffix}Body {{ \
                 fn from(message: super::{message}) -> Self {{ Self::{name}(Box::new(message)) }} }}\n"
            )?;
        }
        writeln!(
            text,
            "/// The body of a {kind}.
            #[derive(Clone, Debug, PartialEq)]
            pub enum {suffix}Body {{ {variants} }}

            impl {suffix}Body {{
                /// Reads the body that `api` has in `version`.
                pub fn decode(api: ApiKey, reader: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {{
                    Ok(match api {{ {decode} }})
                }}

                /// Writes the body.
                pub fn encode(&self, writer: &mut Writer, version: i16) -> Result<(), EncodeError> {{
                    match self {{ {encode} }}
                }}

                /// The fields that `version` carries, by Kafka's names.
                pub fn tree(&self, version: i16) -> Tree {{
                    match self {{ {tree} }}
                }}

                /// Which API it belongs to.
                pub fn api_key(&self) -> ApiKey {{
                    match self {{ {key} }}
                }}
            }}

            {from}"
        )?;
    }
    Ok(text)
}

fn coordinator_records(definitions: &[&Definition]) -> Result<String> {
    let mut text = format!(
        "{NOTICE}//! Records that coordinators keep in their internal topics.
        //!
        //! A key is its record type as 16 bits, then the body in version 0. A value is its version
        //! as 16 bits, then the body.

        use crate::codec::{{DecodeError, EncodeError, Message, Reader, Tree, Writer}};
        use bytes::Bytes;\n"
    );
    for (artifact, prefix, topic) in COORDINATORS {
        let keys = of_kind(definitions, artifact, "coordinator-key");
        let values = of_kind(definitions, artifact, "coordinator-value");
        coordinator_keys(&mut text, prefix, topic, &keys)?;
        coordinator_values(&mut text, prefix, topic, &values)?;
    }
    Ok(text)
}

/// The parts of an enumeration of records that differ by record.
#[derive(Default)]
struct Arms {
    variants: String,
    decode: String,
    record_type: String,
    encode: String,
    tree: String,
    names: String,
    latest: String,
    from: String,
}

fn arms(enumeration: &str, suffix: &str, records: &[(i16, &Definition)]) -> Result<Arms> {
    let mut arms = Arms::default();
    for (key, definition) in records {
        let message = &definition.name;
        let name = message.strip_suffix(suffix).with_context(|| message.clone())?;
        writeln!(arms.variants, "/// Type {key}.\n{name}(super::{message}),")?;
        writeln!(
            arms.decode,
            "{key} => Self::{name}(super::{message}::decode(&mut reader, version)?),"
        )?;
        writeln!(arms.record_type, "Self::{name}(_) => {key},")?;
        writeln!(arms.encode, "Self::{name}(message) => message.encode(&mut writer, version)?,")?;
        writeln!(arms.tree, "Self::{name}(message) => message.tree(version),")?;
        writeln!(arms.names, "Self::{name}(_) => super::{message}::NAME,")?;
        writeln!(arms.latest, "Self::{name}(_) => *super::{message}::VERSIONS.end(),")?;
        writeln!(
            arms.from,
            "impl From<super::{message}> for {enumeration} {{ \
             fn from(message: super::{message}) -> Self {{ Self::{name}(message) }} }}\n"
        )?;
    }
    Ok(arms)
}

fn coordinator_keys(
    text: &mut String,
    prefix: &str,
    topic: &str,
    keys: &[(i16, &Definition)],
) -> Result<()> {
    let enumeration = format!("{prefix}RecordKey");
    let arms = arms(&enumeration, "Key", keys)?;
    writeln!(
        text,
        "/// The key of a record in `{topic}`.
        #[derive(Clone, Debug, PartialEq)]
        pub enum {enumeration} {{ {} }}

        impl {enumeration} {{
            /// Reads a key: its type, then its body.
            pub fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {{
                let mut reader = Reader::new(bytes);
                let version = 0;
                Ok(match reader.i16()? {{
                    {}
                    other => return Err(DecodeError::UnknownType {{ family: \"record type of {topic}\", id: i64::from(other) }}),
                }})
            }}

            /// Writes the key: its type, then its body.
            pub fn encode(&self) -> Result<Bytes, EncodeError> {{
                let mut writer = Writer::contiguous(64);
                writer.i16(self.record_type());
                let version = 0;
                match self {{ {} }}
                Ok(writer.into_bytes())
            }}

            /// The number of the record type, which key and value share.
            pub const fn record_type(&self) -> i16 {{
                match self {{ {} }}
            }}

            /// Kafka's name of the schema.
            pub const fn name(&self) -> &'static str {{
                match self {{ {} }}
            }}

            /// The fields, by Kafka's names.
            pub fn tree(&self) -> Tree {{
                let version = 0;
                match self {{ {} }}
            }}
        }}

        {}",
        arms.variants, arms.decode, arms.encode, arms.record_type, arms.names, arms.tree, arms.from
    )?;
    Ok(())
}

fn coordinator_values(
    text: &mut String,
    prefix: &str,
    topic: &str,
    values: &[(i16, &Definition)],
) -> Result<()> {
    let enumeration = format!("{prefix}RecordValue");
    let arms = arms(&enumeration, "Value", values)?;
    writeln!(
        text,
        "/// The value of a record in `{topic}`.
        #[derive(Clone, Debug, PartialEq)]
        pub enum {enumeration} {{ {} }}

        impl {enumeration} {{
            /// Reads the value that belongs to a key of `record_type`, and the version it was
            /// written in.
            pub fn decode(record_type: i16, bytes: &Bytes) -> Result<(Self, i16), DecodeError> {{
                let mut reader = Reader::new(bytes);
                let version = reader.i16()?;
                let value = match record_type {{
                    {}
                    other => return Err(DecodeError::UnknownType {{ family: \"record type of {topic}\", id: i64::from(other) }}),
                }};
                Ok((value, version))
            }}

            /// Writes the value: its version, then its body.
            pub fn encode(&self, version: i16) -> Result<Bytes, EncodeError> {{
                let mut writer = Writer::contiguous(128);
                writer.i16(version);
                match self {{ {} }}
                Ok(writer.into_bytes())
            }}

            /// The number of the record type, which key and value share.
            pub const fn record_type(&self) -> i16 {{
                match self {{ {} }}
            }}

            /// Kafka's name of the schema.
            pub const fn name(&self) -> &'static str {{
                match self {{ {} }}
            }}

            /// The newest version of the schema.
            pub const fn latest_version(&self) -> i16 {{
                match self {{ {} }}
            }}

            /// The fields that `version` carries, by Kafka's names.
            pub fn tree(&self, version: i16) -> Tree {{
                match self {{ {} }}
            }}
        }}

        {}",
        arms.variants,
        arms.decode,
        arms.encode,
        arms.record_type,
        arms.names,
        arms.latest,
        arms.tree,
        arms.from
    )?;
    Ok(())
}

fn metadata_records(definitions: &[&Definition]) -> Result<String> {
    let mut text = format!(
        "{NOTICE}//! Records of `__cluster_metadata` and of the tiered storage's metadata topic.
        //!
        //! A record is the version of this framing, its API key and its version as variable-length
        //! integers, then the body.

        use crate::codec::{{DecodeError, EncodeError, Message, Reader, Tree, Writer}};
        use bytes::Bytes;

        /// The only version of the framing.
        const FRAME_VERSION: u32 = 1;\n"
    );
    let cluster = of_kind(definitions, "kafka-metadata", "metadata");
    let remote = of_kind(definitions, "kafka-storage", "metadata");
    metadata_enum(&mut text, ["MetadataRecord", "__cluster_metadata"], &cluster)?;
    metadata_enum(&mut text, ["RemoteLogMetadataRecord", "__remote_log_metadata"], &remote)?;
    Ok(text)
}

fn metadata_enum(
    text: &mut String,
    [enumeration, topic]: [&str; 2],
    records: &[(i16, &Definition)],
) -> Result<()> {
    let suffix = if enumeration == "MetadataRecord" { "Record" } else { "" };
    let arms = arms(enumeration, suffix, records)?;
    writeln!(
        text,
        "/// A record of `{topic}`.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::large_enum_variant)]
        pub enum {enumeration} {{ {} }}

        impl {enumeration} {{
            /// Reads a record and the version it was written in.
            pub fn decode(bytes: &Bytes) -> Result<(Self, i16), DecodeError> {{
                let mut reader = Reader::new(bytes);
                let frame = reader.unsigned_varint()?;
                if frame != FRAME_VERSION {{
                    return Err(DecodeError::UnknownType {{ family: \"metadata frame version\", id: i64::from(frame) }});
                }}
                let key = reader.unsigned_varint()?;
                let version = reader.unsigned_varint()?;
                // No schema has a version that does not fit, so the largest one is refused as it is.
                let version = i16::try_from(version).unwrap_or(i16::MAX);
                let record = match key {{
                    {}
                    other => return Err(DecodeError::UnknownType {{ family: \"record type of {topic}\", id: i64::from(other) }}),
                }};
                match reader.remaining() {{
                    0 => Ok((record, version)),
                    remaining => Err(DecodeError::TrailingBytes {{ offset: reader.offset(), remaining }}),
                }}
            }}",
        arms.variants, arms.decode
    )?;
    metadata_enum_methods(text, &arms)
}

/// What a record can be asked, and how it is made of its schemas: the rest of the block that [`metadata_enum`] began.
fn metadata_enum_methods(text: &mut String, arms: &Arms) -> Result<()> {
    writeln!(
        text,
        "
            /// Writes the record with its framing.
            pub fn encode(&self, version: i16) -> Result<Bytes, EncodeError> {{
                let mut writer = Writer::contiguous(128);
                writer.unsigned_varint(FRAME_VERSION);
                writer.unsigned_varint(self.record_type() as u32);
                writer.unsigned_varint(version as u32);
                match self {{ {} }}
                Ok(writer.into_bytes())
            }}

            /// The number of the record type.
            pub const fn record_type(&self) -> i16 {{
                match self {{ {} }}
            }}

            /// Kafka's name of the schema.
            pub const fn name(&self) -> &'static str {{
                match self {{ {} }}
            }}

            /// The newest version of the schema.
            pub const fn latest_version(&self) -> i16 {{
                match self {{ {} }}
            }}

            /// The fields that `version` carries, by Kafka's names.
            pub fn tree(&self, version: i16) -> Tree {{
                match self {{ {} }}
            }}
        }}

        {}",
        arms.encode, arms.record_type, arms.names, arms.latest, arms.tree, arms.from
    )?;
    Ok(())
}
