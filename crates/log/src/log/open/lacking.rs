//! What the journal has of a log and its segments may lack, at a start after a crash.
use ottla_wire::records::{BatchView, BatchViews};

use crate::append::AppendOrigin;
use crate::error::{AppendError, Error, Result};
use crate::journal::{LogPlan, PlannedAppend, Replay};
use crate::log::Log;

impl Log {
    /// Appends what the journal has and the segments lack, and flushes. Doing it again changes nothing.
    /// Returns how many batches were lacking.
    pub fn replay(&mut self, replay: &Replay, now_ms: i64) -> Result<usize> {
        let Some(plan) = self.journal_key().and_then(|key| replay.log(key)) else { return Ok(0) };
        let mut restored = 0;
        self.restore_start(plan, now_ms)?;
        for append in &plan.appends {
            // All of it is there, or before the start.
            if append.last_offset < self.log_start {
                continue;
            }
            let is_there = append.last_offset < self.log_end
                && self.epochs.epoch_of(append.last_offset) >= Some(append.leader_epoch);
            if !is_there {
                restored += self.restore(append, replay, now_ms)?;
            }
        }
        if restored > 0 {
            let (batches, log_end) = (restored, self.log_end);
            tracing::info!(partition = %self.name, batches, log_end, "records restored from the journal");
        }
        // The journal is about to be emptied.
        let flushed = self.change(Log::sync_everything)?;
        self.flushed_to(flushed.offset);
        Ok(restored)
    }

    fn restore_start(&mut self, plan: &LogPlan, now_ms: i64) -> Result<()> {
        let Some(offset) = plan.log_start.filter(|offset| *offset > self.log_start) else {
            return Ok(());
        };
        self.change(|log| {
            if offset > log.log_end {
                log.start_over_at(offset, now_ms)
            } else {
                log.move_log_start(offset)
            }
        })
    }

    /// Appends the batches that are not there.
    fn restore(&mut self, append: &PlannedAppend, replay: &Replay, now_ms: i64) -> Result<usize> {
        if append.follows > self.log_end {
            // What comes between was never on disk, so nothing after it was acknowledged.
            let PlannedAppend { follows, base_offset, .. } = *append;
            tracing::warn!(partition = %self.name, follows, base_offset, log_end = self.log_end, "a gap before journaled records; not restored");
            return Ok(0);
        }
        let records = replay.records(append.records)?;
        let mut restored = 0;
        let mut position = 0;
        for batch in BatchViews::new(&records) {
            let batch =
                batch.map_err(|error| Error::corrupt(&self.directory, error.to_string()))?;
            let range = position..position + batch.size();
            position = range.end;
            if batch.base_offset >= append.cut_at || !self.lacks(&batch, now_ms)? {
                continue;
            }
            let policy = self.append_policy();
            let records = records.slice(range);
            let validated = policy.validate(records, AppendOrigin::Replication, now_ms);
            let appended = validated.map_err(AppendError::from);
            let appended = appended.and_then(|batches| self.append_given(batches, i32::MAX));
            match appended {
                Ok(_) => restored += 1,
                Err(AppendError::Fault(error)) => return Err(error),
                Err(AppendError::Refused(refusal)) => {
                    return Err(Error::corrupt(&self.directory, refusal.message));
                }
            }
        }
        Ok(restored)
    }

    /// Whether a batch of the journal is missing. An offset and a leader epoch together name one batch:
    /// where the log has an older epoch, its end was cut off and written anew before the crash.
    fn lacks(&mut self, batch: &BatchView<'_>, now_ms: i64) -> Result<bool> {
        if batch.last_offset() < self.log_start {
            return Ok(false);
        }
        let epoch = batch.partition_leader_epoch;
        if batch.base_offset >= self.log_end {
            return Ok(self.epochs.latest().is_none_or(|latest| latest.leader_epoch <= epoch));
        }
        let is_older = self.epochs.epoch_of(batch.base_offset).is_some_and(|known| known < epoch);
        if is_older {
            let offset = batch.base_offset;
            tracing::warn!(partition = %self.name, offset, "an end that was cut off before the crash is cut off again");
            self.truncate_to(offset, now_ms)?;
        }
        Ok(is_older)
    }
}
