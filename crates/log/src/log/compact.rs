//! What compaction needs of a log, and its result put in place.
use std::sync::Arc;

use super::Log;
use crate::cleaner::{Cleaned, Compaction, CompactionNeed, Source, discard, rename_all};
use crate::error::Result;
use crate::names::SWAP_SUFFIX;
use crate::segment::{AbortedRange, Segment};

impl Log {
    /// How much there is to compact, if there is anything. `cleaned_to` is where the last run ended, if
    /// there was one.
    pub fn compaction_need(
        &self,
        cleaned_to: Option<i64>,
        now_ms: i64,
    ) -> Result<Option<CompactionNeed>> {
        if !self.config.cleanup_policy.compact || self.offline || self.segments.len() < 2 {
            return Ok(None);
        }
        let bound = self.first_uncleanable(now_ms)?;
        let first_dirty = self.first_dirty(cleaned_to, bound);
        let mut need = CompactionNeed {
            dirty_bytes: 0,
            total_bytes: 0,
            delay_ms: self.compaction_delay_ms(first_dirty, now_ms)?,
            ratio_min: self.config.min_cleanable_dirty_ratio,
        };
        for (segment, next_base) in self.whole_segments(bound) {
            need.total_bytes += segment.bytes();
            if next_base > first_dirty {
                need.dirty_bytes += segment.bytes();
            }
        }
        Ok((need.dirty_bytes > 0).then_some(need))
    }

    /// What there is to compact, if it is enough: more than `min.cleanable.dirty.ratio`, or older than
    /// `max.compaction.lag.ms`. `cleaned_to` is where the last run ended, if there was one.
    pub fn plan_compaction(
        &self,
        cleaned_to: Option<i64>,
        now_ms: i64,
    ) -> Result<Option<Compaction>> {
        let need = self.compaction_need(cleaned_to, now_ms)?;
        if !need.is_some_and(|need| need.is_enough()) {
            return Ok(None);
        }
        let bound = self.first_uncleanable(now_ms)?;
        // Also those whose marker lies behind: it is in the index of the segment that holds the marker.
        let mut aborted = Vec::new();
        for segment in self.segments.values() {
            aborted.extend(segment.aborted()?);
        }
        aborted.retain(|range: &AbortedRange| range.first_offset < bound);
        Ok(Some(Compaction {
            disk: Arc::clone(&self.disk),
            directory: self.directory.clone(),
            descriptors: Arc::clone(&self.home.descriptors),
            config: Arc::clone(&self.config),
            sources: self.sources(bound)?,
            first_dirty: self.first_dirty(cleaned_to, bound),
            aborted,
            last_batches: self.producers.last_batches(self.recovery_point),
            truncations: self.truncations,
        }))
    }

    fn first_dirty(&self, cleaned_to: Option<i64>, bound: i64) -> i64 {
        match cleaned_to {
            Some(offset) if offset <= bound => offset.max(self.log_start),
            // The log was cut since, or the checkpoint is another log's.
            Some(_) | None => self.log_start,
        }
    }

    /// Segments from here on are left alone: the active one, what is not stable or not yet on disk,
    /// what is younger than `min.compaction.lag.ms`. A transaction counts as open as long as its marker is
    /// not on disk: a crash may take that, and nothing of the transaction then. The same goes for a marker above
    /// the high watermark, which a cut may take; where those are not known, the cleaner waits until the high
    /// watermark has come past them, as it does soon after a start.
    fn first_uncleanable(&self, now_ms: i64) -> Result<i64> {
        if !self.producers.knows_ends_from(self.high_watermark) {
            return Ok(0);
        }
        let ended = self.first_unsynced_end().unwrap_or(i64::MAX);
        let stable = self.last_stable_offset().min(self.recovery_point).min(ended);
        let mut bound = self.active().base_offset().min(stable);
        let lag_ms = self.config.min_compaction_lag_ms;
        if lag_ms > 0 {
            for (base_offset, segment) in self.segments.range(..bound) {
                if segment.age_timestamp()? > now_ms.saturating_sub(lag_ms) {
                    bound = *base_offset;
                    break;
                }
            }
        }
        Ok(bound)
    }

    /// Closed segments before `bound`, each with the offset at which the next one begins.
    fn whole_segments(&self, bound: i64) -> impl Iterator<Item = (&Segment, i64)> {
        let bases = self.segments.keys().skip(1).copied();
        self.segments.values().zip(bases).take_while(move |(_, next_base)| *next_base <= bound)
    }

    fn sources(&self, bound: i64) -> Result<Vec<Source>> {
        let source = |(segment, next_base): (&Segment, i64)| {
            Ok(Source {
                base_offset: segment.base_offset(),
                next_base,
                records: segment.records().duplicate(),
                bytes: segment.bytes(),
                index_bytes: segment.index_bytes()?,
            })
        };
        self.whole_segments(bound).map(source).collect()
    }

    /// How long ago the oldest dirty record that is no longer being appended to had to be compacted.
    fn compaction_delay_ms(&self, first_dirty: i64, now_ms: i64) -> Result<i64> {
        let lag_ms = self.config.max_compaction_lag_ms;
        if lag_ms == i64::MAX {
            return Ok(0);
        }
        let from = self.floor_base(first_dirty);
        let active = self.active().base_offset();
        let mut oldest = i64::MAX;
        for (_, segment) in self.segments.range(from..active.max(from)) {
            oldest = oldest.min(segment.first_timestamp()?);
        }
        Ok(now_ms.saturating_sub(lag_ms).saturating_sub(oldest).max(0))
    }

    /// Puts compacted segments in place. False when the log was cut since: the files are removed by
    /// the next start, and the run was in vain.
    pub fn install_compaction(&mut self, cleaned: Cleaned, now_ms: i64) -> Result<bool> {
        self.change(|log| {
            let present =
                |group: &Vec<i64>| group.iter().all(|base| log.segments.contains_key(base));
            if cleaned.truncations != log.truncations || !cleaned.groups.iter().all(present) {
                for group in &cleaned.groups {
                    discard(log.disk.as_ref(), &log.directory, group[0], SWAP_SUFFIX)?;
                }
                return Ok(false);
            }
            for group in &cleaned.groups {
                log.replace(group, now_ms)?;
            }
            log.recent.clear();
            Ok(true)
        })
    }

    fn replace(&mut self, group: &[i64], now_ms: i64) -> Result<()> {
        let first = group[0];
        for base_offset in group {
            self.retire_compacted(*base_offset, *base_offset != first, now_ms)?;
        }
        rename_all(self.disk.as_ref(), &self.directory, first, [SWAP_SUFFIX, ""])?;
        let segment = Segment::open(&self.home, first, &self.config, now_ms)?;
        self.segments.insert(first, segment);
        Ok(())
    }
}
