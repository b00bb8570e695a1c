//! Error codes of the Kafka protocol.
/// A Kafka error code.
pub enum ErrorCode {}
