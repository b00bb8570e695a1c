//! Logs that move to another log directory (KIP-113).
//!
//! # Layout
//! - `begin`: what is asked for and what is under way
//! - [`copier`]: the threads that fill copies
//! - `twins`: two logs of one partition, which a crash at the end of a move leaves
mod begin;
mod copier;
mod twins;

#[cfg(test)]
mod tests;

pub(in crate::partitions) use begin::Moves;
pub use copier::Copiers;
pub(in crate::partitions) use twins::settle as settle_twins;
