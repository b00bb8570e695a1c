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
pub use rewrite::{Cleaned, CleanerStats, Compaction};
pub(crate) use swap::{complete_swap, discard, rename_all};

/// Memory that one run may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CleanerMemory {
    /// `log.cleaner.dedupe.buffer.size` of one thread.
    pub dedupe_bytes: usize,
    /// `log.cleaner.io.buffer.load.factor`.
    pub load_factor: f64,
    /// `log.cleaner.io.buffer.size` of one thread. A batch that is larger is read all the same.
    pub io_bytes: usize,
}

impl Default for CleanerMemory {
    fn default() -> CleanerMemory {
        CleanerMemory { dedupe_bytes: 128 << 20, load_factor: 0.9, io_bytes: 512 << 10 }
    }
}

/// Told of the bytes that a run reads and writes, before it goes on: the place to hold it back.
pub trait Pace {
    /// So many bytes more. False: the run is to stop.
    fn spend(&self, bytes: u64) -> bool;
}

/// As fast as the disk is.
#[derive(Clone, Copy, Debug)]
pub struct FullSpeed;

impl Pace for FullSpeed {
    fn spend(&self, _bytes: u64) -> bool {
        true
    }
}

/// How much of a log is not compacted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CompactionNeed {
    /// Bytes of closed segments that are not compacted.
    pub dirty_bytes: u64,
    /// Bytes of closed segments.
    pub total_bytes: u64,
    /// How long compaction is overdue by `max.compaction.lag.ms`; 0 when it is not.
    pub delay_ms: i64,
    /// `min.cleanable.dirty.ratio`.
    pub(crate) ratio_min: f64,
}

impl CompactionNeed {
    /// Bytes that are not compacted, as part of all that could be: the more, the more urgent.
    pub fn ratio(&self) -> f64 {
        if self.total_bytes == 0 { 0.0 } else { self.dirty_bytes as f64 / self.total_bytes as f64 }
    }

    /// Whether it is time to compact.
    pub fn is_enough(&self) -> bool {
        self.delay_ms > 0 || self.ratio() > self.ratio_min
    }
}
