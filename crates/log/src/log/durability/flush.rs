//! Waiting for the disk.
//!
//! What has to be synced is collected under the log's lock and synced without it. Everything before
//! the recovery point is on disk; the segment that holds it is scanned after a crash, so of that one
//! only the records need to be synced, and not its indexes.
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ottla_world::{Disk, File, OpenMode};

use crate::error::{Error, Result};
use crate::log::Log;
use crate::segment::{FileName, LazyFile};

/// What is written but may not be on disk, besides records.
#[derive(Clone, Debug, Default)]
pub(in crate::log) struct Unsynced {
    /// Names in the log's directory.
    pub(in crate::log) names: bool,
    /// Names of files that were given up, which may come back: an orderly end wants them gone.
    pub(in crate::log) names_given_up: bool,
    /// The name of the log's directory.
    pub(in crate::log) directory: bool,
    /// Small files that may be gone by the time they are synced.
    pub(in crate::log) paths: Vec<PathBuf>,
    /// The first offset of the transactions whose markers are written.
    pub(in crate::log) ended_from: Option<i64>,
    /// What the last flush has taken over, while nobody knows whether it succeeds.
    pub(in crate::log) under_way: Option<Box<Unsynced>>,
    /// Flushes that were begun.
    pub(in crate::log) flushes: u64,
}

impl Unsynced {
    /// What a flush that begins has to sync, including what one under way may not live to sync.
    fn begin(&mut self) -> Unsynced {
        let mut taken = Unsynced {
            names: std::mem::take(&mut self.names),
            directory: std::mem::take(&mut self.directory),
            paths: std::mem::take(&mut self.paths),
            ended_from: self.ended_from.take(),
            ..Unsynced::default()
        };
        if let Some(before) = self.under_way.take() {
            taken.names |= before.names;
            taken.directory |= before.directory;
            taken.paths.extend(before.paths);
            taken.ended_from = first_of([taken.ended_from, before.ended_from]);
        }
        self.under_way = Some(Box::new(taken.clone()));
        self.flushes += 1;
        taken
    }

    /// The flush of this number has succeeded.
    fn end(&mut self, number: u64) {
        if number == self.flushes {
            self.under_way = None;
        }
    }
}

fn first_of<const N: usize>(offsets: [Option<i64>; N]) -> Option<i64> {
    offsets.into_iter().flatten().min()
}

/// Files to sync. Made under the log's lock, run without it, handed back with [`Log::finish_flush`].
#[derive(Debug)]
#[must_use = "a flush that is not run keeps nothing"]
pub struct PendingFlush {
    disk: Arc<dyn Disk>,
    files: Vec<(Arc<dyn File>, FileName)>,
    unsynced: Unsynced,
    directory: PathBuf,
    flushed: FlushedTo,
    #[expect(dead_code, reason = "held until the outcome is known")]
    under_way: Option<Arc<()>>,
}

/// Proof that everything before an offset is on disk.
#[derive(Clone, Copy, Debug)]
pub struct FlushedTo {
    /// The offset.
    pub offset: i64,
    truncations: u64,
    /// Which flush of the log it was.
    number: u64,
}

impl PendingFlush {
    /// Waits for the disk. On an error hand the result back all the same: the log goes offline.
    pub fn run(self) -> Result<FlushedTo> {
        let outcome = self.sync();
        if outcome.is_err() {
            super::doubt::raise(self.disk.as_ref(), &self.directory);
        }
        outcome.map(|()| self.flushed)
    }

    fn sync(&self) -> Result<()> {
        for (file, name) in &self.files {
            file.sync_data().map_err(name.fault("sync"))?;
        }
        for path in &self.unsynced.paths {
            let file = self.disk.open(path, OpenMode::Write);
            Self::unless_gone(path, file.and_then(|file| file.sync_all()))?;
        }
        if self.unsynced.names {
            Self::unless_gone(&self.directory, self.disk.sync_dir(&self.directory))?;
        }
        if self.unsynced.directory
            && let Some(parent) = self.directory.parent()
        {
            Self::unless_gone(parent, self.disk.sync_dir(parent))?;
        }
        Ok(())
    }

    /// Small files and directories may have been removed or renamed by now, which is fine.
    fn unless_gone(path: &Path, synced: io::Result<()>) -> Result<()> {
        match synced {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            synced => synced.map_err(Error::io("sync", path)),
        }
    }
}

impl Log {
    /// Everything before this offset is on disk. It is never beyond the last record: the segment before it
    /// is the one that a start has to look at.
    pub fn recovery_point(&self) -> i64 {
        self.recovery_point.min(self.records_end)
    }

    /// True when `flush.messages` or `flush.ms` asks for a flush now, or a segment was closed since
    /// the last one.
    pub fn flush_is_due(&self, now_ms: i64) -> bool {
        let unflushed = self.log_end - self.recovery_point;
        unflushed > 0
            && (unflushed >= self.config.flush_messages
                || now_ms.saturating_sub(self.last_flush_ms) >= self.config.flush_ms
                || self.has_closed_unflushed())
    }

    /// True when a segment was closed since the last flush, or a transaction that a closed segment holds was
    /// ended: that should reach the disk soon.
    pub fn has_closed_unflushed(&self) -> bool {
        let active = self.active().base_offset();
        self.recovery_point < active
            || (self.config.cleanup_policy.compact
                && self.first_unsynced_end().is_some_and(|first| first < active))
    }

    /// The first offset of the transactions whose end a crash may take back.
    pub(in crate::log) fn first_unsynced_end(&self) -> Option<i64> {
        let under_way = self.unsynced.under_way.as_ref().and_then(|before| before.ended_from);
        first_of([self.producers.ended_from(), self.unsynced.ended_from, under_way])
    }

    /// Collects what has to be synced to keep everything before the log end; `None` when nothing has.
    pub fn prepare_flush(&mut self) -> Result<Option<PendingFlush>> {
        if self.recovery_point >= self.log_end && !self.unsynced.names {
            self.require_online()?;
            self.tell_flushed();
            return Ok(None);
        }
        self.change(|log| log.collect(false, |_| true)).map(Some)
    }

    /// Records, indexes and names.
    pub(in crate::log) fn sync_everything(&mut self) -> Result<FlushedTo> {
        self.unsynced.names = true;
        let flushed = self.collect(true, |_| true)?.run()?;
        self.unsynced.end(flushed.number);
        Ok(flushed)
    }

    /// As above, but for what this process has not touched and knows to be on disk.
    fn sync_touched(&mut self) -> Result<FlushedTo> {
        self.unsynced.names |= std::mem::take(&mut self.unsynced.names_given_up);
        let is_flushed = self.recovery_point >= self.log_end && !self.doubt.is_raised();
        let flushed = self.collect(true, |file| !is_flushed || file.is_written())?.run()?;
        self.unsynced.end(flushed.number);
        Ok(flushed)
    }

    /// What has to be synced; of the files those that are needed, indexes too if everything is asked for.
    fn collect(
        &mut self,
        everything: bool,
        is_needed: impl Fn(&LazyFile) -> bool,
    ) -> Result<PendingFlush> {
        let active = self.active().base_offset();
        // A segment that was on disk to its end has been sealed since: its size and its indexes are not.
        let from = self.floor_base(self.recovery_point().saturating_sub(1));
        let mut files = Vec::new();
        for (base_offset, segment) in self.segments.range_mut(from..) {
            let of_segment = segment.files_to_sync(everything || *base_offset != active)?;
            for file in of_segment.into_iter().filter(|file| is_needed(file)) {
                files.push((file.handle()?, file.name().clone()));
            }
        }
        if self.epochs.take_unsynced() {
            self.unsynced.paths.push(self.epochs.path().to_owned());
        }
        self.unsynced.names |= !self.unsynced.paths.is_empty();
        self.unsynced.ended_from =
            first_of([self.unsynced.ended_from, self.producers.take_ended()]);
        let unsynced = self.unsynced.begin();
        let has_work = !files.is_empty() || unsynced.names || unsynced.directory;
        Ok(PendingFlush {
            disk: Arc::clone(&self.disk),
            files,
            unsynced,
            directory: self.directory.clone(),
            flushed: FlushedTo {
                offset: self.log_end,
                truncations: self.truncations,
                number: self.unsynced.flushes,
            },
            under_way: has_work.then(|| self.doubt.raise_for_sync()),
        })
    }

    /// Takes the outcome of [`PendingFlush::run`]: advances the recovery point, or goes offline.
    pub fn finish_flush(&mut self, outcome: Result<FlushedTo>, now_ms: i64) -> Result<()> {
        self.change(|log| {
            let flushed = outcome?;
            log.unsynced.end(flushed.number);
            // What was flushed may have been cut off and written anew since.
            if flushed.truncations == log.truncations {
                log.flushed_to(flushed.offset)?;
                log.last_flush_ms = now_ms;
                return Ok(());
            }
            let recovery_point = log.recovery_point();
            log.doubt.settle(recovery_point)
        })
    }

    /// Prepare, run and finish in one: for shutdown and tests.
    pub fn flush(&mut self, now_ms: i64) -> Result<()> {
        match self.prepare_flush()? {
            Some(pending) => self.finish_flush(pending.run(), now_ms),
            None => Ok(()),
        }
    }

    /// Flushes, trims and closes: nothing may be appended after. Returns the recovery point.
    pub fn close(&mut self, now_ms: i64) -> Result<i64> {
        self.change(|log| {
            log.active_mut().seal()?;
            log.producers.set_end_offset(log.log_end);
            if let Some(snapshot) = log.producers.take_snapshot()? {
                log.unsynced.paths.push(snapshot);
            }
            let flushed = log.sync_touched()?;
            log.flushed_to(flushed.offset)?;
            log.closed_to_journal();
            log.last_flush_ms = now_ms;
            log.remove_all_retired()?;
            log.segments.values().for_each(crate::segment::Segment::release);
            Ok(flushed.offset)
        })
    }
}
