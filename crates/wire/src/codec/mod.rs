//! Pure. How bytes become messages and messages become bytes, whatever the message.
//!
//! The generated code in `messages` is only calls into this module.
//!
//! # Layout
//! - `message`: what every schema can do
//! - `reader`: checked reads from a received buffer, byte fields as slices of it
//! - `writer`: chunks that never copy large byte fields
//! - `error`: what can go wrong, with the facts
//! - `numbered`: a number, then a message, as internal topics have it
//! - `records_field`: record data inside a message
//! - `tagged`: tagged fields, known and unknown
//! - `tree`: a message as names and values, for tools

mod error;
mod message;
mod numbered;
mod reader;
mod records_field;
mod tagged;
mod tree;
mod writer;

pub use error::{DecodeError, EncodeError};
pub use message::Message;
pub(crate) use message::{check_decode, check_encode};
pub use numbered::{NumberedError, decode_numbered, encode_numbered, split_number};
pub use reader::Reader;
pub use records_field::Records;
pub use tagged::{KnownTaggedField, RawTaggedField};
pub use tree::Tree;
pub use writer::{Chunk, Frame, Writer};

#[cfg(test)]
mod tests;
