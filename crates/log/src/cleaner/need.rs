//! Whether a log asks to be compacted.

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
