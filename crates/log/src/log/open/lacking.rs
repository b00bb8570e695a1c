//! What the journal has of a log and its segments may lack, at a start after a crash.
use ottla_journal::{LogPlan, PlannedAppend, Replay};
use ottla_wire::records::{BatchView, BatchViews};

use crate::append::AppendOrigin;
use crate::error::{Error, Result};
use crate::log::Log;

impl Log {
    /// Appends what the journal has and the segments lack, and flushes. Doing it again changes nothing.
    /// Everything before `synced_to` was on disk when the last process wrote that down, and only from there
    /// on a crash can have made holes; the cleaner's lie before it. Returns how many batches were lacking.
    pub(crate) fn replay(&mut self, replay: &Replay, synced_to: i64, now_ms: i64) -> Result<usize> {
        let Some(plan) = self.journal_key().and_then(|key| replay.log(key)) else { return Ok(0) };
        let mut restored = 0;
        self.restore_start(plan, now_ms)?;
        let log_start = self.log_start;
        for append in &plan.appends {
            // Its segment was deleted. What else the start hides is wanted: it may be a transaction's end.
            if append.last_offset < self.first_base() {
                continue;
            }
            let range = (append.base_offset, append.last_offset);
            if range.1 >= self.log_end.min(synced_to)
                && !self.has_batches(range, append.leader_epoch)?
            {
                restored += self.restore(append, replay, synced_to, now_ms)?;
            }
        }
        // The first batch that was restored may begin before it.
        if self.log_start < log_start.min(self.log_end) {
            self.change(|log| log.move_log_start(log_start.min(log.log_end)))?;
        }
        if restored > 0 {
            let (batches, log_end) = (restored, self.log_end);
            tracing::info!(partition = %self.name, batches, log_end, "records restored from the journal");
        }
        // The journal is about to be emptied.
        let flushed = self.change(Log::sync_everything)?;
        self.flushed_to(flushed.offset)?;
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
    fn restore(
        &mut self,
        append: &PlannedAppend,
        replay: &Replay,
        synced_to: i64,
        now_ms: i64,
    ) -> Result<usize> {
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
            if batch.base_offset >= append.cut_at || !self.lacks(&batch, synced_to, now_ms)? {
                continue;
            }
            let policy = self.append_policy();
            let records = records.slice(range);
            let batches = policy
                .validate(records, AppendOrigin::Replication, now_ms)
                .map_err(|refusal| Error::corrupt(&self.directory, refusal.message))?;
            self.append_restored(&batches)?;
            restored += 1;
        }
        Ok(restored)
    }

    /// Whether a batch of the journal is missing. An offset and a leader epoch together name one batch. Where
    /// the log has another one, or none, a segment has lost its end and the next one was kept: that goes, for
    /// all of it is in the journal, too.
    fn lacks(&mut self, batch: &BatchView<'_>, synced_to: i64, now_ms: i64) -> Result<bool> {
        let (offset, epoch) = (batch.base_offset, batch.partition_leader_epoch);
        if batch.last_offset() < self.first_base() {
            return Ok(false);
        }
        if offset >= self.log_end {
            return Ok(self.epochs.latest().is_none_or(|latest| latest.leader_epoch <= epoch));
        }
        if offset < synced_to || self.has_batches((offset, batch.last_offset()), epoch)? {
            return Ok(false);
        }
        tracing::warn!(partition = %self.name, offset, "a crash has left a hole; what follows is restored as well");
        self.truncate_to(offset, now_ms)?;
        Ok(true)
    }

    fn first_base(&self) -> i64 {
        self.segments.first_key_value().map_or(self.log_start, |(base_offset, _)| *base_offset)
    }

    /// Whether batches of this range are there, next to each other, the last one of this leader epoch.
    fn has_batches(&self, range: (i64, i64), leader_epoch: i32) -> Result<bool> {
        let base_offset = self.floor_base(range.0);
        let is_one_segment = base_offset == self.floor_base(range.1);
        Ok(is_one_segment && self.segments[&base_offset].holds_batches(range, leader_epoch)?)
    }
}
