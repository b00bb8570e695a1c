//! A record into bytes.
//!
//! # Layout
//! - `classes`: the formatters by the names of Kafka's classes
//! - `plain`: the default: chosen parts with separators between them
//! - `deserializer`: bytes into text, by Kafka's deserializer classes
//! - `internal_topics`: records of coordinators as JSON

mod classes;
mod deserializer;
mod internal_topics;
mod plain;

pub(super) use classes::{DEFAULT_FORMATTER, Formatter, Unwritable};
