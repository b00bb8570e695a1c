//! Compaction: of the records with equal keys, only the last is kept.
//!
//! [`crate::Log::plan_compaction`] says what there is to do, [`Compaction::run`] does it beside the
//! log without its lock (closed segments never change), [`crate::Log::install_compaction`] puts the
//! result in place.
//!
//! # Layout
//! - `offset_map`: the last offset of each key; `transactions`: what aborts make void
//! - `filter`: which records of a batch stay; `rewrite`: segments into fewer and smaller ones
//! - `swap`: how a result takes the place of what it was made from, across a crash
mod filter;
mod offset_map;
mod rewrite;
mod swap;
mod transactions;

#[cfg(test)]
mod tests;

pub(crate) use rewrite::Source;
pub use rewrite::{Cleaned, Compaction};
pub(crate) use swap::{complete_swap, rename_all};

/// Memory that one run may take.
#[derive(Clone, Copy, Debug)]
pub struct CleanerMemory {
    /// `log.cleaner.dedupe.buffer.size` of one thread.
    pub dedupe_bytes: usize,
    /// `log.cleaner.io.buffer.load.factor`.
    pub load_factor: f64,
}

impl Default for CleanerMemory {
    fn default() -> CleanerMemory {
        CleanerMemory { dedupe_bytes: 128 << 20, load_factor: 0.9 }
    }
}
