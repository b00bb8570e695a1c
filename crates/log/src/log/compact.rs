//! What compaction needs of a log, and its result put in place.
use std::sync::Arc;

use super::Log;
use crate::cleaner::{Cleaned, Compaction, Source, rename_all};
use crate::error::Result;
use crate::names::SWAP_SUFFIX;
use crate::segment::Segment;

impl Log {
    /// What there is to compact, if it is enough: more than `min.cleanable.dirty.ratio`, or older than
    /// `max.compaction.lag.ms`. `cleaned_to` is where the last run ended, if there was one.
    pub fn plan_compaction(
        &self,
        cleaned_to: Option<i64>,
        now_ms: i64,
    ) -> Result<Option<Compaction>> {
        if !self.config.cleanup_policy.compact || self.offline {
            return Ok(None);
        }
        let bound = self.first_uncleanable(now_ms)?;
        let first_dirty = match cleaned_to {
            Some(offset) if offset <= bound => offset.max(self.log_start),
            // The log was cut since, or the checkpoint is another log's.
            Some(_) | None => self.log_start,
        };
        let sources = self.sources(bound);
        let Some(last) = sources.last() else { return Ok(None) };
        if last.next_base <= first_dirty {
            return Ok(None);
        }
        let overdue = self.is_overdue(first_dirty, bound, now_ms)?;
        let mut aborted = Vec::new();
        for segment in self.segments.range(..bound).map(|(_, segment)| segment) {
            aborted.extend(segment.aborted()?);
        }
        let compaction = Compaction {
            disk: Arc::clone(&self.disk),
            directory: self.directory.clone(),
            config: Arc::clone(&self.config),
            sources,
            first_dirty,
            aborted,
            last_batches: self.producers.last_batches(),
            truncations: self.truncations,
        };
        let enough = overdue || compaction.dirty_ratio() > self.config.min_cleanable_dirty_ratio;
        Ok(enough.then_some(compaction))
    }

    /// Segments from here on are left alone: the active one, what is not stable or not yet on disk,
    /// what is younger than `min.compaction.lag.ms`.
    fn first_uncleanable(&self, now_ms: i64) -> Result<i64> {
        let stable = self.last_stable_offset().min(self.recovery_point);
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

    /// Whole segments before `bound`.
    fn sources(&self, bound: i64) -> Vec<Source> {
        let bases = self.segments.keys().skip(1).copied();
        let whole =
            self.segments.values().zip(bases).take_while(|(_, next_base)| *next_base <= bound);
        let source = |(segment, next_base): (&Segment, i64)| Source {
            base_offset: segment.base_offset(),
            next_base,
            records: segment.records().duplicate(),
            bytes: segment.bytes(),
            index_bytes: segment.index_bytes(),
        };
        whole.map(source).collect()
    }

    fn is_overdue(&self, first_dirty: i64, bound: i64, now_ms: i64) -> Result<bool> {
        let lag_ms = self.config.max_compaction_lag_ms;
        let from = self.floor_base(first_dirty);
        if lag_ms == i64::MAX || from >= bound {
            return Ok(false);
        }
        let segment = &self.segments[&from];
        Ok(now_ms.saturating_sub(segment.age_timestamp()?) > lag_ms)
    }

    /// Puts compacted segments in place. False when the log was cut since: the files are removed by
    /// the next start, and the run was in vain.
    pub fn install_compaction(&mut self, cleaned: Cleaned, now_ms: i64) -> Result<bool> {
        self.change(|log| {
            let present =
                |group: &Vec<i64>| group.iter().all(|base| log.segments.contains_key(base));
            if cleaned.truncations != log.truncations || !cleaned.groups.iter().all(present) {
                for group in &cleaned.groups {
                    log.discard_swap(group[0])?;
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
        let segment = Segment::open(&self.place(first), &self.config, now_ms)?;
        self.segments.insert(first, segment);
        Ok(())
    }

    fn discard_swap(&self, base_offset: i64) -> Result<()> {
        for kind in crate::names::FileKind::SEGMENT {
            let path = kind.path(&self.directory, base_offset);
            self.remove_file(&crate::names::with_suffix(&path, SWAP_SUFFIX))?;
        }
        Ok(())
    }
}
