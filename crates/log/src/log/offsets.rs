//! High watermark, last stable offset, log start, leader epochs, and offsets by time.
use ottla_journal::Event;
use ottla_wire::ErrorCode;

use super::Log;
use crate::append::Refusal;
use crate::epochs::EpochEnd;
use crate::error::{AppendError, Result};
use crate::segment::TimestampedRecord;

/// The four offsets of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// First offset a consumer may read.
    pub log_start: i64,
    /// First offset that is not committed.
    pub high_watermark: i64,
    /// First offset that an open transaction holds back, at most the high watermark.
    pub last_stable: i64,
    /// Offset that the next record will get.
    pub log_end: i64,
}

/// A record found by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampOffset {
    /// Its timestamp.
    pub timestamp: i64,
    /// Its offset.
    pub offset: i64,
    /// The leader epoch it was written in, or -1.
    pub leader_epoch: i32,
}

impl From<TimestampedRecord> for TimestampOffset {
    fn from(found: TimestampedRecord) -> TimestampOffset {
        let TimestampedRecord { timestamp, offset, leader_epoch } = found;
        TimestampOffset { timestamp, offset, leader_epoch }
    }
}

impl Log {
    /// The four offsets.
    pub fn offsets(&self) -> Offsets {
        Offsets {
            log_start: self.log_start,
            high_watermark: self.high_watermark,
            last_stable: self.last_stable_offset(),
            log_end: self.log_end,
        }
    }

    /// First offset a consumer may read.
    pub fn log_start_offset(&self) -> i64 {
        self.log_start
    }

    /// Offset that the next record will get.
    pub fn log_end_offset(&self) -> i64 {
        self.log_end
    }

    /// First offset that is not committed.
    pub fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// First offset that an open transaction holds back, at most the high watermark.
    pub fn last_stable_offset(&self) -> i64 {
        match self.producers.first_unstable_offset() {
            Some(unstable) => unstable.max(self.log_start).min(self.high_watermark),
            None => self.high_watermark,
        }
    }

    /// Sets the high watermark, kept within [log start, log end]; returns what it is now. A log that
    /// is offline commits nothing more.
    pub fn update_high_watermark(&mut self, offset: i64) -> Result<i64> {
        self.require_online()?;
        self.high_watermark = offset.clamp(self.log_start, self.log_end);
        self.producers.release_before(self.high_watermark);
        Ok(self.high_watermark)
    }

    /// Raises the log start offset (DeleteRecords). False when it was there already.
    ///
    /// # Errors
    /// Refused with `OFFSET_OUT_OF_RANGE` above the high watermark.
    pub fn increment_log_start_offset(
        &mut self,
        offset: i64,
    ) -> std::result::Result<bool, AppendError> {
        if offset > self.high_watermark {
            let message = format!(
                "Cannot increment the log start offset to {offset} of partition {} since it is larger than the \
                 high watermark {}",
                self.name, self.high_watermark
            );
            return Err(Refusal::new(ErrorCode::OffsetOutOfRange, message).into());
        }
        if offset <= self.log_start {
            return Ok(false);
        }
        self.change(|log| log.move_log_start(offset))?;
        tracing::info!(partition = %self.name, offset, "log start offset raised");
        Ok(true)
    }

    pub(super) fn move_log_start(&mut self, offset: i64) -> Result<()> {
        self.log_start = self.log_start.max(offset);
        self.high_watermark = self.high_watermark.max(self.log_start);
        self.epochs.truncate_from_start(self.log_start)?;
        self.producers.log_start_moved(self.log_start);
        self.tell_journal(Event::StartMoved(self.log_start));
        Ok(())
    }

    /// True when the log starts in the middle of its first segment, as DeleteRecords leaves it: only
    /// then has the start offset to be checkpointed.
    pub fn log_start_is_within_segment(&self) -> bool {
        self.segments.keys().next().is_some_and(|first| self.log_start > *first)
    }

    /// The first record with `timestamp` or a later one.
    pub fn offset_for_timestamp(&self, timestamp: i64) -> Result<Option<TimestampOffset>> {
        for segment in self.segments.values() {
            if segment.age_timestamp()? < timestamp {
                continue;
            }
            let found = segment.find_timestamp(timestamp, self.log_start)?;
            if found.is_some() {
                return Ok(found.map(TimestampOffset::from));
            }
        }
        Ok(None)
    }

    /// The record with the largest timestamp (the first, among equals).
    pub fn max_timestamp_offset(&self) -> Result<Option<TimestampOffset>> {
        let mut latest = None;
        for segment in self.segments.values() {
            let timestamp = segment.largest()?.timestamp;
            if latest.is_none_or(|(known, _)| timestamp > known) {
                latest = Some((timestamp, segment));
            }
        }
        let Some((_, segment)) = latest else { return Ok(None) };
        Ok(segment.find_largest_timestamp()?.map(TimestampOffset::from))
    }

    /// Where a leader epoch ends; `None` when the log knows no such epoch.
    pub fn end_offset_for_epoch(&self, leader_epoch: i32) -> Option<EpochEnd> {
        self.epochs.end_of(leader_epoch, self.log_end)
    }

    /// The leader epoch that wrote `offset`.
    pub fn epoch_for_offset(&self, offset: i64) -> Option<i32> {
        self.epochs.epoch_of(offset)
    }

    /// The newest leader epoch in the log.
    pub fn latest_epoch(&self) -> Option<i32> {
        self.epochs.latest().map(|latest| latest.leader_epoch)
    }

    /// The leader epoch that the log start offset is in, if the log knows it.
    pub fn earliest_epoch(&self) -> Option<i32> {
        let earliest = self.epochs.earliest()?;
        (earliest.start_offset <= self.log_start).then_some(earliest.leader_epoch)
    }

    /// Notes that `leader_epoch` starts at the log end (becoming leader).
    pub fn assign_epoch_start(&mut self, leader_epoch: i32) -> Result<()> {
        self.require_online()?;
        self.epochs.announce(leader_epoch, self.log_end);
        Ok(())
    }

    pub(super) fn assign_epoch(&mut self, leader_epoch: i32, start_offset: i64) -> Result<()> {
        self.epochs.assign(leader_epoch, start_offset)
    }
}
