//! Offsets that groups have committed.
//!
//! # Layout
//! - `committed`: the state, made by records alone
//! - `rate`: how fast they move
//! - `pending`: what transactions have committed that have not ended
//! - `commit`, `transactional`: OffsetCommit and TxnOffsetCommit
//! - `fetch`, `delete`: OffsetFetch and OffsetDelete
//! - `expire`: what nobody needs any longer
mod commit;
mod committed;
mod delete;
mod expire;
mod fetch;
mod pending;
mod rate;
mod transactional;

pub(crate) use committed::{Committed, Offsets};

#[cfg(test)]
mod tests;
