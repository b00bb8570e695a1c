//! What idempotent and transactional producers wrote last.
//!
//! Remembers the last five batches of every producer, so that a batch that is sent again is known
//! (and answered with the offset it got) and one out of order is refused; and the open transactions,
//! which hold the last stable offset back.
//!
//! # Layout
//! - `state`: what is known; `entry`: one producer; `check`: whether its next batch may be appended
//! - `snapshot`: the `.snapshot` files; `snapshots`: those of a log
//! - [`verification`]: what lets a transaction begin here
mod check;
mod entry;
mod snapshot;
mod snapshots;
mod state;
#[cfg(test)]
mod tests;
pub mod verification;

pub(crate) use check::{Check, ProducerAppend};
pub(crate) use entry::RememberedBatch;
pub use state::ActiveProducer;
pub(crate) use state::{LastBatch, Marker, Producers};
pub use verification::{Verification, VerificationGuard};
