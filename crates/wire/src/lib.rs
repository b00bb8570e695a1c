//! Pure. What Ottla speaks: the Kafka protocol's messages, records, ids and error codes.
pub mod error_code;
pub mod murmur2;
pub mod records;

pub use error_code::ErrorCode;
