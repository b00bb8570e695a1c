//! New segments.
use std::sync::Arc;

use super::Log;
use crate::error::{Error, Result};
use crate::names::FileKind;
use crate::segment::{AppendedBatch, Segment};

impl Log {
    /// Closes the active segment and starts a new one, if it holds anything.
    pub fn roll(&mut self, now_ms: i64) -> Result<()> {
        self.change(|log| {
            if log.active().bytes() == 0 {
                return Ok(());
            }
            log.roll_at(log.next_base(), now_ms)
        })
    }

    /// Where the next segment begins: where the records end. A gap may separate that from the end of
    /// the log, and recovery has to tell a gap from a segment that has lost its end.
    pub(super) fn next_base(&self) -> i64 {
        self.records_end.min(self.log_end)
    }

    /// Rolls when the batches that come next do not fit, or the active segment has waited long enough.
    pub(super) fn roll_for(
        &mut self,
        batches: &[AppendedBatch],
        base_offset: i64,
        now_ms: i64,
    ) -> Result<()> {
        let config = Arc::clone(&self.config);
        let bytes = batches.iter().map(|batch| batch.bytes).sum();
        let last_offset = batches.last().map_or(base_offset, |batch| batch.last_offset);
        let timestamp = batches.iter().map(|batch| batch.max_timestamp).max().unwrap_or(-1);
        let active = self.active_mut();
        if active.is_full_for(bytes, last_offset, &config)?
            || active.is_due(now_ms, timestamp, &config)?
        {
            let next_base = self.next_base();
            let can_hold_gap = last_offset - next_base <= i64::from(i32::MAX);
            self.roll_at(if can_hold_gap { next_base } else { base_offset }, now_ms)?;
        }
        Ok(())
    }

    /// The next segment starts at `base_offset`.
    pub(super) fn roll_at(&mut self, base_offset: i64, now_ms: i64) -> Result<()> {
        self.active_mut().seal()?;
        let replaced = self.segments.get(&base_offset).is_some_and(|segment| segment.bytes() > 0);
        if replaced || base_offset < self.active().base_offset() {
            let detail = format!("a segment at {base_offset} would overlap others");
            return Err(Error::corrupt(&self.directory, detail));
        }
        // Where a gap follows the records, it may be beyond them; what was closed just now is to be synced.
        self.recovery_point = self.recovery_point.min(base_offset);
        // The snapshot lies at the new segment's base, so that its recovery can start from there.
        self.producers.set_end_offset(base_offset);
        if let Some(snapshot) = self.producers.take_snapshot()? {
            self.unsynced.paths.push(snapshot);
        }
        self.add_segment(base_offset, now_ms)
    }

    /// Whether zeros lie behind the records of the active segment, because it is written fast.
    pub fn has_room(&self) -> bool {
        self.active().has_room()
    }

    /// Cuts those zeros off, unless the log is still being written. False when there are none any
    /// more.
    pub fn trim_room(&mut self, now_ms: i64) -> Result<bool> {
        self.change(|log| log.active_mut().trim_room(now_ms))
    }

    /// Makes an empty segment the active one.
    pub(super) fn add_segment(&mut self, base_offset: i64, now_ms: i64) -> Result<()> {
        let mut segment = Segment::create(&self.home, base_offset, &self.config, now_ms)?;
        segment.set_jitter(jitter_ms(&self.config, &self.name, base_offset, now_ms));
        self.unsynced.names = true;
        self.recent.clear();
        self.segments.insert(base_offset, segment);
        tracing::debug!(
            partition = %self.name,
            file = %FileKind::Records.path(&self.directory, base_offset).display(),
            "new segment"
        );
        Ok(())
    }
}

/// Part of `segment.jitter.ms`, differing between partitions and segments so that not all roll at once.
fn jitter_ms(config: &crate::config::LogConfig, name: &str, base_offset: i64, now_ms: i64) -> i64 {
    let most = config.segment_jitter_ms.min(config.roll_ms());
    if most <= 0 {
        return 0;
    }
    let seed =
        name.bytes().fold(base_offset as u64 ^ (now_ms as u64).rotate_left(32), |mixed, byte| {
            (mixed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    (seed % most.unsigned_abs()) as i64
}
