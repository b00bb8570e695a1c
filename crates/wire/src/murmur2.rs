//! The hash that Kafka clients place keys with.
