//! The end cut off: a follower that goes back to what its leader has.
use std::sync::Arc;

use ottla_journal::Event;

use super::Log;
use crate::cleaner::discard;
use crate::epochs::EPOCHS_FILE;
use crate::error::{Error, Result};
use crate::names::{FileKind, SWAP_SUFFIX};
use crate::segment::{Home, Segment};

impl Log {
    /// Drops everything from `offset` on. False when there was nothing to drop.
    pub fn truncate_to(&mut self, offset: i64, now_ms: i64) -> Result<bool> {
        let offset = offset.max(0);
        if offset < self.high_watermark {
            let high_watermark = self.high_watermark;
            tracing::warn!(partition = %self.name, offset, high_watermark, "truncating below the high watermark");
        }
        self.change(|log| {
            if offset >= log.log_end {
                log.epochs.truncate_from_end(offset)?;
                return Ok(false);
            }
            let first = log.segments.first_key_value().map(|(base_offset, _)| *base_offset);
            if first.is_some_and(|first| first > offset) {
                log.start_over_at(offset, now_ms)?;
            } else {
                log.cut_at(offset, now_ms)?;
            }
            log.keep_cut()?;
            Ok(true)
        })
    }

    fn cut_at(&mut self, offset: i64, now_ms: i64) -> Result<()> {
        let keeps = self.floor_base(offset);
        let later: Vec<i64> =
            self.segments.range(keeps + 1..).map(|(base_offset, _)| *base_offset).collect();
        let is_whole = later.is_empty();
        self.doubt.raise_for_cut(self.recovery_point().min(offset))?;
        for base_offset in later.into_iter().rev() {
            self.remove_segment_now(base_offset)?;
        }
        if !is_whole {
            // They must not outlast a crash that the cut, which comes now, survives.
            let path = &self.directory;
            self.disk.sync_dir(path).map_err(Error::io("sync", path))?;
        }
        let config = Arc::clone(&self.config);
        let active = self.active_mut();
        active.truncate_to(offset, now_ms)?;
        active.unseal(&config)?;
        self.records_end = self.active().next_offset()?;
        self.epochs.truncate_from_end(offset)?;
        self.ends_at(offset);
        self.log_start = self.log_start.min(offset);
        self.tell_journal(Event::Truncated(offset));
        self.reload_producers(now_ms)
    }

    /// Waits for the disk: else the next crash could bring back what was cut off, in place of what is
    /// written now, or among it.
    fn keep_cut(&mut self) -> Result<()> {
        let flushed = self.sync_everything()?;
        self.flushed_to(flushed.offset)
    }

    /// The log ends earlier now.
    fn ends_at(&mut self, offset: i64) {
        self.log_end = offset;
        self.recovery_point = self.recovery_point.min(offset);
        self.producers.set_synced_to(self.recovery_point);
        self.high_watermark = self.high_watermark.min(offset);
        self.truncations += 1;
        self.recent.clear();
    }

    /// Drops everything and goes on at `offset`.
    pub fn truncate_fully_and_start_at(&mut self, offset: i64, now_ms: i64) -> Result<()> {
        self.change(|log| {
            log.start_over_at(offset, now_ms)?;
            log.keep_cut()
        })
    }

    pub(super) fn start_over_at(&mut self, offset: i64, now_ms: i64) -> Result<()> {
        let outcome = self.replace_all(offset, now_ms);
        if self.segments.is_empty() {
            // It goes offline, and those who ask it all the same find a log.
            let segment = Segment::without_files(&self.home, offset, &self.config, now_ms);
            self.segments.insert(offset, segment);
        }
        outcome
    }

    /// All or nothing: whoever is interrupted leaves word, and the next start finishes it.
    fn replace_all(&mut self, offset: i64, now_ms: i64) -> Result<()> {
        // Whoever asks from now on is told that offset.
        self.doubt.told(offset);
        self.doubt.raise_for_start_over(offset)?;
        let all: Vec<i64> = self.segments.keys().copied().collect();
        for base_offset in all.into_iter().rev() {
            // Else the next start would put in place what a run of the cleaner has made of it.
            discard(self.disk.as_ref(), &self.directory, base_offset, SWAP_SUFFIX)?;
            self.remove_segment_now(base_offset)?;
        }
        self.add_segment(offset, now_ms)?;
        self.epochs.clear()?;
        self.producers.start_over_at(offset)?;
        self.ends_at(offset);
        self.records_end = offset;
        // Nothing before the new start is left that a crash could lose.
        self.recovery_point = offset;
        self.log_start = offset;
        self.high_watermark = offset;
        self.tell_journal(Event::StartedOver(offset));
        // Nothing may be appended that the next start would take for what is to be emptied.
        self.sync_everything()?;
        self.doubt.has_started_over()
    }
}

/// Empties the directory of a log that was starting over when its process ended: `names` are in it.
pub(super) fn finish_start_over(home: &Home, names: &[String]) -> Result<()> {
    let Home { disk, directory, .. } = home;
    for name in names {
        let whole = name.strip_suffix(SWAP_SUFFIX).unwrap_or(name);
        if FileKind::parse(whole).is_none() && name != EPOCHS_FILE {
            continue;
        }
        let path = directory.join(name);
        disk.remove_file(&path).map_err(Error::io("remove", &path))?;
    }
    Ok(())
}
