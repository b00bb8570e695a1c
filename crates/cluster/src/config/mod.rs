//! Kafka's client properties, read into plain structs.
//!
//! Keys, defaults, ranges and messages are Kafka's. A key that nothing reads is reported, never swallowed.

mod client;
mod properties;

pub use client::{AddressLookup, ClientConfig, MetadataRecovery};
pub use properties::{ConfigError, Configured, Properties, Warning, invalid};
