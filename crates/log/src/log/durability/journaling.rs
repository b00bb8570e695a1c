//! What a log has to do with the journal of its directory.
//!
//! With `durability=fsync` every append is handed to the journal too. An append counts as durable once
//! the journal has it, if all before it is on disk as well: what the log wrote before it began to hand
//! in, and the names of its files. So a run of appends is anchored by an ordinary flush.
use std::sync::Arc;

use ottla_journal::{Append, Committed, Event, Journal, LogKey};

use crate::config::Durability;
use crate::error::{Error, Result};
use crate::log::Log;

/// A log's place in a journal.
#[derive(Debug)]
pub(in crate::log) struct Journaling {
    journal: Arc<Journal>,
    /// The log's name there, once the journal may hold entries of it.
    key: Option<LogKey>,
    /// Where the appends begin that were handed in without a gap.
    run: Option<Run>,
    /// Everything from the run's start to here is in the journal, on disk.
    committed: i64,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    start: i64,
    /// Everything before the start is on disk.
    is_anchored: bool,
}

impl Log {
    /// Hands what is appended from now on to `journal`, where the settings ask for it. Without a topic
    /// id, which the journal goes by, the log is flushed instead.
    pub fn attach_journal(&mut self, journal: Arc<Journal>) {
        let committed = self.recovery_point;
        self.journaling = Some(Journaling { journal, key: None, run: None, committed });
    }

    /// How the journal names the log, once its topic's id is known.
    pub fn journal_key(&self) -> Option<LogKey> {
        let partition = self.partition.partition;
        self.topic_id.map(|topic_id| LogKey { topic_id, partition })
    }

    /// Everything before this offset is as safe as the settings ask: in the log, or on disk.
    pub fn durable_end(&self) -> i64 {
        if self.config.durability == Durability::Os {
            return self.log_end;
        }
        let committed = self.journaling.as_ref().and_then(|journaling| {
            let anchored = journaling.run.filter(|run| run.is_anchored);
            anchored.map(|_| journaling.committed)
        });
        self.recovery_point.max(committed.unwrap_or(0)).min(self.log_end)
    }

    /// True when what was appended becomes durable by a flush alone: the journal does not have it, or
    /// not what comes before it.
    pub fn waits_for_flush(&self) -> bool {
        if self.config.durability == Durability::Os || self.recovery_point >= self.log_end {
            return false;
        }
        let run = self.journaling.as_ref().and_then(|journaling| journaling.run);
        !run.is_some_and(|run| run.is_anchored)
    }

    /// True when the journal has more to write than it should: whoever wrote to this log without
    /// wanting an answer waits until his records are durable.
    pub fn is_behind(&self) -> bool {
        let journaling = self.journaling.as_ref();
        journaling.is_some_and(|each| each.run.is_some() && each.journal.is_behind())
    }

    /// Takes note of a commit of the journal.
    pub fn journaled(&mut self, committed: Committed) {
        if committed.truncations == self.truncations
            && let Some(journaling) = &mut self.journaling
        {
            journaling.committed = journaling.committed.max(committed.end_offset);
        }
    }

    /// The journal takes back what it was handed: the log's records are safe once they are flushed.
    pub fn not_journaled(&mut self) {
        if let Some(journaling) = &mut self.journaling {
            journaling.run = None;
        }
    }

    /// True when the log relies on its directory's journal.
    pub fn is_journaled(&self) -> bool {
        self.config.durability == Durability::Fsync && self.journaling.is_some()
    }

    /// Hands what was just written to the journal.
    pub(in crate::log) fn journal(
        &mut self,
        (base_offset, last_offset): (i64, i64),
        leader_epoch: i32,
        records: [&[u8]; 2],
    ) -> Result<()> {
        let key = self.journal_key();
        // A cut between two batches leaves nothing up to its offset: a start finds the end of the first one.
        let (end, follows, truncations) = (self.log_end, self.next_base(), self.truncations);
        let Some(journaling) = &mut self.journaling else { return Ok(()) };
        let Some(key) = key.filter(|_| self.config.durability == Durability::Fsync) else {
            journaling.run = None;
            return Ok(());
        };
        let append =
            Append { follows, base_offset, last_offset, leader_epoch, truncations, records };
        if !journaling.journal.append(key, &append)? {
            journaling.run = None;
            return Ok(());
        }
        journaling.key = Some(key);
        if journaling.run.is_none() {
            let is_anchored = self.is_settled && self.recovery_point >= end;
            journaling.run = Some(Run { start: end, is_anchored });
            journaling.committed = end;
            if !self.is_settled {
                self.unsynced.names = true;
                self.unsynced.directory = true;
            }
        }
        Ok(())
    }

    /// Everything before `offset` is on disk, names included.
    pub(in crate::log) fn flushed_to(&mut self, offset: i64) -> Result<()> {
        self.recovery_point = self.recovery_point.max(offset);
        self.is_settled = true;
        let recovery_point = self.recovery_point();
        self.doubt.settle(recovery_point)?;
        self.doubt.told(recovery_point);
        let Some(journaling) = &mut self.journaling else { return Ok(()) };
        if let Some(run) = &mut journaling.run {
            run.is_anchored |= run.start <= self.recovery_point;
        }
        self.tell_flushed();
        Ok(())
    }

    /// The log is closed, and all of it is on disk: whatever the journal has of it, written or about to
    /// be, is not needed.
    pub(in crate::log) fn closed_to_journal(&self) {
        if let Some(journaling) = &self.journaling
            && let Some(key) = journaling.key
        {
            journaling.journal.release(key);
        }
    }

    /// Lets the journal use its files again, as far as this log goes.
    pub(in crate::log) fn tell_flushed(&self) {
        if let Some(journaling) = &self.journaling
            && let Some(key) = journaling.key
        {
            journaling.journal.flushed(key, self.recovery_point);
        }
    }

    /// Tells the journal what happened besides an append.
    pub(in crate::log) fn tell_journal(&mut self, event: Event) {
        let Some(journaling) = &mut self.journaling else { return };
        let Some(key) = journaling.key else { return };
        journaling.journal.event(key, event);
        match event {
            Event::Truncated(offset) => {
                journaling.committed = journaling.committed.min(offset);
                if journaling.run.is_some_and(|run| run.start > offset) {
                    journaling.run = None;
                }
            }
            // The files are others now: an ordinary flush comes first.
            Event::StartedOver(_) | Event::Forgotten => {
                journaling.run = None;
                self.is_settled = false;
            }
            Event::StartMoved(_) => {}
        }
    }

    /// The journal forgets the log, which its directory gives up.
    pub(crate) fn leave_journal(&mut self) {
        self.tell_journal(Event::Forgotten);
        self.journaling = None;
    }

    /// The log has failed and goes offline. The journal keeps what was acknowledged until the next
    /// start: either a last flush does so too, or the journal can't be used any more.
    pub(in crate::log) fn leave_to_journal(&mut self, error: &Error) {
        let Some(journaling) = &self.journaling else { return };
        let Some(key) = journaling.key else { return };
        let journal = Arc::clone(&journaling.journal);
        // A failed sync is never tried again: the kernel may have dropped what it could not write.
        let kept = match error.blames_disk() || error.is_failed_sync() {
            true => None,
            false => self.sync_everything().ok(),
        };
        match kept {
            Some(_) => journal.release(key),
            None => journal.fail(),
        }
    }
}
