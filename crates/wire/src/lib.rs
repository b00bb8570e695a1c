//! Pure. What Ottla speaks: the Kafka protocol's messages, records, ids and error codes.
//!
//! # Layout
//! - `messages`: every request, response, header and internal record, generated
//! - `codec`: how bytes become messages and messages become bytes
//! - `api`: which requests there are, in which versions, on which listeners
//! - `header`, `frame`: what stands around a message on a connection
//! - `records`: record batches, read and built without copies
//! - `group_explanation`: what is told of groups beyond the protocol
//! - `error_code`, `murmur2`, `uuid`: error codes, the hash behind keys, ids

pub mod api;
pub mod codec;
pub mod error_code;
pub mod frame;
pub mod group_explanation;
pub mod header;
pub mod messages;
pub mod murmur2;
pub mod records;
pub mod uuid;

pub use api::ApiKey;
pub use codec::{Chunk, DecodeError, EncodeError, Message, Reader, Records, Writer};
pub use error_code::ErrorCode;
pub use group_explanation::GroupExplanation;
pub use uuid::Uuid;
