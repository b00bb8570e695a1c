//! How far a recovery is, and how it is ended before its time.
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Watches the recovery of logs, one after the other.
#[derive(Debug, Default)]
pub struct RecoveryWatch {
    remaining_segments: AtomicUsize,
    is_stopped: AtomicBool,
}

impl RecoveryWatch {
    /// Segments of the log at hand that are still to be scanned.
    pub fn remaining_segments(&self) -> usize {
        self.remaining_segments.load(Ordering::Relaxed)
    }

    /// Ends the recovery before its next segment; the next start does it all.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// Whether it was told to stop.
    pub fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    pub(super) fn set_remaining(&self, segments: usize) {
        self.remaining_segments.store(segments, Ordering::Relaxed);
    }

    pub(super) fn one_is_done(&self) {
        let less = |remaining: usize| Some(remaining.saturating_sub(1));
        // It always changes: the closure never says no.
        let _ = self.remaining_segments.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}
