//! The keys of a broker.
//!
//! # Layout
//! - [`network`], [`log`], [`groups`], [`consumer_groups`], [`transactions`], [`server`]: the tables, by subject
//! - `keys`: what is known of a key, and the look-ups in all tables
//! - [`absent`]: keys of Apache Kafka that nothing here reads
pub mod absent;
mod consumer_groups;
mod groups;
mod keys;
mod log;
mod network;
mod server;
mod transactions;

pub use keys::{BrokerKey, Effect, all, dynamic, find, synonyms};

use keys::{AT_ONCE, TASKS, key};
pub(super) use keys::{PROTOCOLS, conflicts};
