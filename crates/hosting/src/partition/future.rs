//! The copy of a log that grows in another directory (KIP-113), until it takes the log's place.
//!
//! Copied by offset, as a follower does: what was cut off the log is cut off the copy, and where the log
//! starts later the copy does too. Its lock is taken before the log's.

use std::sync::Arc;

use ottla_log::{
    AppendError, Error, Isolation, Log, LogDirectory, LogRead, ReadError, ReadOptions,
};

use super::Partition;
use crate::partitions::Seat;

/// The copy and its place.
#[derive(Debug)]
pub(super) struct Future {
    log: Log,
    seat: Seat,
}

/// How large a copy is and how much it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FutureUsage {
    pub directory: usize,
    pub bytes: u64,
    pub offset_lag: i64,
}

/// What one step of copying did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copied {
    Bytes(u64),
    /// The copy has all that the log has.
    CaughtUp,
    /// There is no copy any more, or no log.
    Over,
}

/// Why a copy does not grow. What the disk has to do with it is reported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyFailure {
    #[error("the log can't be read")]
    Read(#[source] Error),
    #[error("the copy can't be written")]
    Write(#[source] Error),
    #[error("the copy refuses what the log holds: {0}")]
    Refused(String),
}

/// What the swap left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promoted {
    /// The copy is the log now.
    Done,
    /// The log has grown: copy on.
    Behind,
    /// There is no copy any more, or no log.
    Over,
}

impl Partition {
    /// Begins to move: an empty copy, or what an earlier process left of one.
    pub(crate) fn begin_future(&self, log: Log, seat: Seat) {
        *self.future.lock() = Some(Future { log, seat });
    }

    /// Where the copy is.
    pub(crate) fn future_directory(&self) -> Option<usize> {
        self.future.lock().as_ref().map(|future| future.seat.directory())
    }

    /// How far the copy is.
    #[must_use]
    pub fn future_usage(&self) -> Option<FutureUsage> {
        let future = self.future.lock();
        let future = future.as_ref()?;
        let log_end = self.state.lock().log.as_ref().map(Log::log_end_offset);
        Some(FutureUsage {
            directory: future.seat.directory(),
            bytes: future.log.size(),
            offset_lag: log_end.map_or(-1, |log_end| log_end - future.log.log_end_offset()),
        })
    }

    /// Gives the copy up, if it is in a directory for which `is_meant` holds.
    pub(crate) fn take_future(&self, is_meant: impl Fn(usize) -> bool) -> Option<(Log, usize)> {
        let mut future = self.future.lock();
        if !is_meant(future.as_ref()?.seat.directory()) {
            return None;
        }
        let Future { log, seat } = future.take()?;
        Some((log, seat.directory()))
    }

    /// Copies at most about so many bytes.
    pub(crate) fn copy_some(&self, bytes: usize, now_ms: i64) -> Result<Copied, CopyFailure> {
        let mut future = self.future.lock();
        let Some(future) = future.as_mut() else { return Ok(Copied::Over) };
        let read = {
            let mut state = self.state.lock();
            let Ok(log) = state.log_mut() else { return Ok(Copied::Over) };
            future.follow(log, now_ms)?;
            future.read(log, bytes).map_err(|error| self.unreadable(error))?
        };
        match read {
            Some(read) => {
                let records = read.slice.read().map_err(|error| self.unreadable(error))?;
                future.append(records, read.offsets.high_watermark, now_ms)
            }
            None => Ok(Copied::CaughtUp),
        }
    }

    /// Writes to disk what the copy holds, so that little is left to be written while the log waits.
    pub(crate) fn flush_future(&self, now_ms: i64) -> Result<(), CopyFailure> {
        let prepared = match self.future.lock().as_mut() {
            Some(future) => future.tried(Log::prepare_flush)?,
            None => None,
        };
        let Some(pending) = prepared else { return Ok(()) };
        let outcome = pending.run();
        match self.future.lock().as_mut() {
            Some(future) => future.tried(|log| log.finish_flush(outcome, now_ms)),
            None => Ok(()),
        }
    }

    /// Puts the copy in the log's place, if it lacks no more than `bytes_max` bytes. The log that was and
    /// its directory go to `retire`, before anybody can begin to move the log again.
    pub(crate) fn promote_future(
        &self,
        directory: &LogDirectory,
        retire: impl FnOnce(Log, usize),
        bytes_max: usize,
        now_ms: i64,
    ) -> Result<Promoted, CopyFailure> {
        let mut place = self.future.lock();
        let Some(future) = place.as_mut() else { return Ok(Promoted::Over) };
        let mut state = self.state.lock();
        let leader_epoch = state.leadership.leader_epoch();
        let settings = Arc::clone(&state.settings);
        let Ok(log) = state.log_mut() else { return Ok(Promoted::Over) };
        future.follow(log, now_ms)?;
        if let Some(read) = future.read(log, bytes_max).map_err(|error| self.unreadable(error))? {
            let records = read.slice.read().map_err(|error| self.unreadable(error))?;
            future.append(records, read.offsets.high_watermark, now_ms)?;
            if future.log.log_end_offset() < log.log_end_offset() {
                return Ok(Promoted::Behind);
            }
        }
        let high_watermark = log.high_watermark();
        future.tried(|log| log.update_high_watermark(high_watermark))?;
        let Some(Future { log: copy, seat }) = place.take() else { return Ok(Promoted::Over) };
        let failed = |error: Error| {
            seat.report(&error);
            CopyFailure::Write(error)
        };
        let mut promoted = directory.promote(copy, now_ms).map_err(failed)?;
        promoted.update_config(Arc::clone(&settings.log));
        if leader_epoch >= 0 {
            promoted.assign_epoch_start(leader_epoch).map_err(failed)?;
        }
        self.policy.store(Arc::new(promoted.append_policy()));
        let old = state.log.replace(promoted);
        let old_seat = self.seat.swap(Arc::new(seat));
        old_seat.give_up();
        drop(state);
        self.waiters.changed();
        if let Some(old) = old {
            retire(old, old_seat.directory());
        }
        Ok(Promoted::Done)
    }

    fn unreadable(&self, error: Error) -> CopyFailure {
        self.report(&error);
        CopyFailure::Read(error)
    }
}

impl Future {
    /// Does something with the copy, and reports what goes wrong.
    fn tried<T>(
        &mut self,
        work: impl FnOnce(&mut Log) -> ottla_log::Result<T>,
    ) -> Result<T, CopyFailure> {
        work(&mut self.log).map_err(|error| {
            self.seat.report(&error);
            CopyFailure::Write(error)
        })
    }

    /// Cuts off what the log does not have any more, at either end.
    fn follow(&mut self, log: &Log, now_ms: i64) -> Result<(), CopyFailure> {
        let (log_start, log_end) = (log.log_start_offset(), log.log_end_offset());
        let end = self.log.log_end_offset();
        if end < log_start {
            return self.tried(|copy| copy.truncate_fully_and_start_at(log_start, now_ms));
        }
        let known = self.log.latest_epoch().and_then(|epoch| log.end_offset_for_epoch(epoch));
        let common = known.map_or(log_end, |known| known.end_offset).min(log_end);
        if end > common {
            self.tried(|copy| copy.truncate_to(common, now_ms).map(drop))?;
        }
        if log_start > self.log.log_start_offset() {
            self.tried(|copy| {
                copy.update_high_watermark(log_start)?;
                match copy.increment_log_start_offset(log_start) {
                    Err(AppendError::Fault(error)) => Err(error),
                    Ok(_) | Err(AppendError::Refused(_)) => Ok(()),
                }
            })?;
        }
        Ok(())
    }

    /// Where the next records are; `None` when there are no more.
    fn read(&self, log: &Log, max_bytes: usize) -> Result<Option<LogRead>, Error> {
        let options = ReadOptions {
            start_offset: self.log.log_end_offset(),
            max_bytes,
            min_one_batch: true,
            isolation: Isolation::LogEnd,
        };
        match log.read(options) {
            Ok(read) if read.slice.is_empty() => Ok(None),
            Ok(read) => Ok(Some(read)),
            // Both ends were compared a moment ago, under the same lock.
            Err(ReadError::OutOfRange { .. }) => Ok(None),
            Err(ReadError::Fault(error)) => Err(error),
        }
    }

    fn append(
        &mut self,
        records: bytes::Bytes,
        high_watermark: i64,
        now_ms: i64,
    ) -> Result<Copied, CopyFailure> {
        // The records bring their epochs: none is too new.
        match self.log.append_as_follower(records, i32::MAX, now_ms) {
            Ok(appended) => {
                self.tried(|copy| copy.update_high_watermark(high_watermark))?;
                Ok(Copied::Bytes(appended.bytes))
            }
            Err(AppendError::Fault(error)) => self.tried(|_| Err(error)),
            Err(AppendError::Refused(refusal)) => Err(CopyFailure::Refused(refusal.message)),
        }
    }
}
