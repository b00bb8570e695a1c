//! A number, then a message: how the records of internal topics are written.
//!
//! Before a key the number is its type or version, before a value it is the value's version.

use bytes::{BufMut, Bytes, BytesMut};

use super::{DecodeError, EncodeError, Message};

/// Why bytes are not a number and a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberedError {
    /// Not even a number fits.
    #[error("{length} bytes hold no number")]
    TooShort {
        /// How many bytes there are.
        length: usize,
    },
    /// The number is known and the rest is not the message that it announces.
    #[error("the message after number {number} is malformed")]
    Message {
        /// The number.
        number: i16,
        /// What is wrong.
        source: DecodeError,
    },
}

/// The number that `bytes` begin with, and what follows it.
///
/// # Errors
/// [`NumberedError::TooShort`].
pub fn split_number(bytes: &Bytes) -> Result<(i16, Bytes), NumberedError> {
    match bytes.split_first_chunk::<2>() {
        Some((number, _)) => Ok((i16::from_be_bytes(*number), bytes.slice(2..))),
        None => Err(NumberedError::TooShort { length: bytes.len() }),
    }
}

/// Reads a message whose number is its version.
///
/// # Errors
/// [`NumberedError`].
pub fn decode_numbered<M: Message>(bytes: &Bytes) -> Result<M, NumberedError> {
    let (number, body) = split_number(bytes)?;
    M::decode_exact(&body, number).map_err(|source| NumberedError::Message { number, source })
}

/// Writes `number`, then the message as its `version` has it.
///
/// # Errors
/// When the version can't carry the message.
pub fn encode_numbered<M: Message>(
    number: i16,
    version: i16,
    message: &M,
) -> Result<Bytes, EncodeError> {
    let body = message.encode_to_bytes(version)?;
    let mut bytes = BytesMut::with_capacity(2 + body.len());
    bytes.put_i16(number);
    bytes.put_slice(&body);
    Ok(bytes.freeze())
}
