//! Compaction: of the records with equal keys, only the last is kept.
//!
//! [`crate::Log::plan_compaction`] says what there is to do, [`Compaction::run`] does it beside the
//! log without its lock (closed segments never change), [`crate::Log::install_compaction`] puts the
//! result in place.
//!
//! # Layout
//! - `need`: whether it is time; `limits`: what a run may take
//! - `offset_map`: the last offset of each key; `transactions`: what aborts make void
//! - `filter`: which records of a batch stay; `rewrite`: segments into fewer and smaller ones
//! - `swap`: how a result takes the place of what it was made from, across a crash

mod filter;
mod limits;
mod need;
mod offset_map;
mod rewrite;
mod swap;
mod transactions;

#[cfg(test)]
mod tests;

pub use limits::{CleanerMemory, FullSpeed, Pace};
pub use need::CompactionNeed;
pub(crate) use rewrite::Source;
pub use rewrite::{Cleaned, CleanerStats, Compaction};
pub(crate) use swap::{complete_swap, discard, rename_all};
