//! The transaction coordinators of this broker: one task for each partition of `__transaction_state` it leads.
//!
//! A task owns its partition's machine; handlers send it requests over a bounded queue and wait. What the machine
//! wants told to other partitions, tasks of their own tell them, until they have been.
//!
//! # Layout
//! - [`coordinators`]: the tasks at work, by partition
//! - `driver`: the task: decide, append, wait for the commit, answer, have markers written
//! - `loader`, `records`: a partition's batches into a machine, a decision's records into a batch
//! - [`markers`]: writes markers into partitions, those of groups through their coordinators
//! - [`verification`]: asks the coordinator before a transaction begins in a partition
pub mod coordinators;
mod driver;
mod loader;
pub mod markers;
mod records;
pub(crate) mod verification;

#[cfg(test)]
mod tests;

pub use coordinators::{TransactionCoordinators, TransactionParts};
pub use markers::MarkerWriter;
