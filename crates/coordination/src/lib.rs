//! Runs coordinators: machines over the partitions of an internal topic, one task for each partition this broker leads.
//!
//! A task owns its partition's machine; handlers send it requests over a bounded queue and wait. When leadership
//! goes, the task answers everybody who waits and ends. What [`groups`] and [`transactions`] have of their own is
//! their [`Kind`].
//!
//! # Layout
//! - [`kind`]: what sets one kind of coordinator apart from another
//! - [`shards`]: the tasks at work, by partition: begun and ended by leader epoch, asked
//! - [`queue`]: what a task is told, and how
//! - `driver`: a task's life: load, serve, load again after a failure
//! - `loader`: replays a partition into a machine, a bounded piece at a time
//! - `serving`: a loaded machine at work: decide, append, wait for the commit, answer
//! - `writes`, `batches`: decided records gather, and become batches of the partition
//! - `commits`: the one place where a commit is awaited
//! - [`terms`]: what the configuration says of the topic's log
//! - [`metrics`]: what coordinators count
mod batches;
mod commits;
mod driver;
mod groups;
mod kind;
mod loader;
pub mod metrics;
mod queue;
mod serving;
mod shards;
mod terms;
mod transactions;
mod writes;

#[cfg(test)]
mod tests;

pub use groups::{GroupCoordinators, Look, SeenOffset, lag_behind};
pub(crate) use kind::{Envelope, Kind};
pub(crate) use shards::{Parts, Shard, Shards};
pub use terms::{Linger, LogTerms};
pub use transactions::{MarkerWriter, TransactionCoordinators, TransactionParts};

/// Where groups and their offsets are kept.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";
/// Where transactions are kept.
pub const TRANSACTIONS_TOPIC: &str = "__transaction_state";
