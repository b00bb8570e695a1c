//! Pure. What every schema of the protocol can do.
use std::fmt::Debug;
use std::ops::RangeInclusive;

use bytes::Bytes;

use super::{DecodeError, EncodeError, Reader, Tree, Writer};

/// A schema of the Kafka protocol: a request, a response, a header or an internal record.
///
/// The struct is the newest shape and holds every field of every version; `version` selects
/// which of them are on the wire.
pub trait Message: Clone + Debug + Default + PartialEq + Send + Sync + 'static {
    /// Kafka's name of the schema.
    const NAME: &'static str;
    /// The versions that can be read and written.
    const VERSIONS: RangeInclusive<i16>;
    /// The first version with compact lengths and tagged fields.
    const FLEXIBLE_FROM: Option<i16>;

    /// Reads one message and leaves the reader after it.
    fn decode(reader: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError>;

    /// Writes the message. A field that `version` can't carry must be ignorable or hold its
    /// default.
    fn encode(&self, writer: &mut Writer, version: i16) -> Result<(), EncodeError>;

    /// The fields that `version` carries, by Kafka's names.
    fn tree(&self, version: i16) -> Tree;

    /// The exact number of bytes that [`Message::encode`] writes.
    fn encoded_len(&self, version: i16) -> Result<usize, EncodeError> {
        let mut writer = Writer::counting();
        self.encode(&mut writer, version)?;
        Ok(writer.len())
    }

    /// The message as one piece of memory; record slots can't be written this way.
    fn encode_to_bytes(&self, version: i16) -> Result<Bytes, EncodeError> {
        let mut writer = Writer::contiguous(self.encoded_len(version)?);
        self.encode(&mut writer, version)?;
        Ok(writer.into_bytes())
    }

    /// Reads a message that fills `bytes` to the last one.
    fn decode_exact(bytes: &Bytes, version: i16) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let message = Self::decode(&mut reader, version)?;
        match reader.remaining() {
            0 => Ok(message),
            remaining => Err(DecodeError::TrailingBytes { offset: reader.offset(), remaining }),
        }
    }

    /// Whether `version` has compact lengths and tagged fields.
    fn is_flexible(version: i16) -> bool {
        Self::FLEXIBLE_FROM.is_some_and(|first| version >= first)
    }
}

pub(crate) fn check_decode<M: Message>(version: i16) -> Result<(), DecodeError> {
    match M::VERSIONS.contains(&version) {
        true => Ok(()),
        false => Err(DecodeError::UnsupportedVersion { message: M::NAME, version }),
    }
}

pub(crate) fn check_encode<M: Message>(version: i16) -> Result<(), EncodeError> {
    match M::VERSIONS.contains(&version) {
        true => Ok(()),
        false => Err(EncodeError::UnsupportedVersion { message: M::NAME, version }),
    }
}
