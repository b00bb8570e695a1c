//! Tries machines, from a seed. Only tests name this crate.
//!
//! A [`Trial`] is a machine on a log in memory: it dies at an append, loses its leadership with what is not committed,
//! and comes back from the bytes of what is left. What clients do to it is the business of whoever tries it.
//!
//! # Layout
//! - [`trial`]: the machine, its log, its clock and the answers
//! - [`dice`]: what a seed decides on the way
//! - [`seeds`]: which seeds a test runs, and how a failure says which one it was
pub mod dice;
pub mod seeds;
pub mod trial;

pub use dice::Dice;
pub use seeds::{Seed, seeds};
pub use trial::{Crash, RecordOf, Subject, Trial};
