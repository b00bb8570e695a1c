//! What doubts all the rest: from a seed, a workload on a disk that fails, and checkers of what is left.
//!
//! A seed decides settings, workload, faults and crashes, so a finding repeats bit for bit. Nobody
//! depends on this crate.
//!
//! # Layout
//! - [`scenario`]: what a seed decides beforehand
//! - [`simulation`]: lives of a node between crashes; `node`: its start and its end; `workload`: what
//!   happens between
//! - [`history`]: what was sent to a partition, and what of it must be kept
//! - `batches`: batches built and read; `check`: what a log holds against its history
//! - [`seeds`]: many of them, side by side
mod batches;
mod check;
pub mod history;
mod node;
pub mod scenario;
pub mod seeds;
pub mod simulation;
mod workload;

pub use seeds::{Finding, Tally, run_seed};
