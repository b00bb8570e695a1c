//! The transaction coordinators of this broker: one for each partition of `__transaction_state` it leads.
//!
//! What a machine wants told to other partitions, tasks of their own tell them, until they have been.
//!
//! # Layout
//! - [`coordinators`]: what handlers ask them
//! - `kind`: their machine, its records in the topic, and the tasks that have markers written
//! - [`markers`]: writes markers into partitions, those of groups through their coordinators
mod coordinators;
mod kind;
mod markers;

pub use coordinators::{TransactionCoordinators, TransactionParts};
pub use markers::MarkerWriter;
