//! Pure. Decides groups and their offsets.
//!
//! One [`GroupCoordinator`] per partition of `__consumer_offsets`; it never sees the log, the network or a clock.
//!
//! # Layout
//! - [`coordinator`]: the machine: requests in, decisions out, records applied
//! - [`request`]: what it is asked and what it answers
//! - [`record`]: the records of `__consumer_offsets` and their bytes
//! - [`config`]: Kafka's configuration keys that concern groups
//! - `group`: what is asked of every group; `classic`, `consumer`: the two protocols
//! - `assignor`: who is to own which partition
//! - [`re2`]: the regular expressions of subscriptions
//! - `offsets`: committed offsets: commit, fetch, delete, expire
mod assignor;
mod classic;
pub mod config;
mod consumer;
pub mod coordinator;
mod group;
mod offsets;
pub mod re2;
pub mod record;
pub mod request;

pub use assignor::Assignor;
pub use config::{Config, ConsumerConfig, Migration};
pub use coordinator::{CommittedOffset, GroupCoordinator, Touch};
pub use group::{GroupFilter, Metadata, State, TopicChanges, Work};
pub use ottla_transaction as transaction;
pub use record::{ConsumerRecord, Record, RecordError};
pub use request::{Body, Caller, DeletedTopic, EndedTransaction, Request, Response};

/// The partition of `__consumer_offsets` that holds `group_id`, out of `partitions`; with a transactional id, that of
/// `__transaction_state`.
///
/// The absolute value of Java's `String.hashCode`, modulo the number of partitions, as every client computes it.
///
/// # Panics
/// When `partitions` is not positive: the topic always has at least one.
#[must_use]
pub fn partition_for(group_id: &str, partitions: i32) -> i32 {
    assert!(partitions > 0, "the topic has at least one partition");
    let hash = group_id
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // The one hash without an absolute value counts as zero, in Java as here.
    hash.checked_abs().unwrap_or(0) % partitions
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod trial;

#[cfg(test)]
mod tests {
    use super::partition_for;

    /// Expected values were printed by `Utils.abs("…".hashCode()) % n` of Apache Kafka 4.3.1.
    #[test]
    fn groups_land_where_java_puts_them() {
        for (group_id, partitions, expected) in [
            ("", 50, 0),
            ("a", 50, 47),
            ("my-group", 50, 12),
            ("console-consumer-12345", 50, 6),
            ("größe", 50, 7),
            ("🦀", 50, 2),
            ("polygenelubricants", 50, 0),
            ("my-group", 1, 0),
        ] {
            assert_eq!(partition_for(group_id, partitions), expected, "{group_id}");
        }
    }
}
