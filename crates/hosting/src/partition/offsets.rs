//! Look-ups by time and epoch, and DeleteRecords.

use ottla_log::{ActiveProducer, AppendError, EpochEnd, Isolation, TimestampOffset};
use ottla_wire::ErrorCode;

use super::Partition;

/// Special timestamps of ListOffsets.
pub mod timestamp {
    /// The end of what can be read.
    pub const LATEST: i64 = -1;
    /// The start of the log.
    pub const EARLIEST: i64 = -2;
    /// The record with the largest timestamp (KIP-734).
    pub const MAX: i64 = -3;
    /// The start of what is on local disk (KIP-405).
    pub const EARLIEST_LOCAL: i64 = -4;
    /// The end of what is in remote storage (KIP-1005).
    pub const LATEST_TIERED: i64 = -5;
    /// The start of what has yet to go to remote storage (KIP-1023).
    pub const EARLIEST_PENDING_UPLOAD: i64 = -6;
}

/// An offset that was asked for.
#[derive(Clone, Copy, Debug)]
pub struct OffsetQuery {
    /// A timestamp, or one of [`timestamp`].
    pub timestamp: i64,
    pub current_leader_epoch: Option<i32>,
    /// How far a client sees; `None` for followers and debuggers.
    pub isolation: Option<Isolation>,
    pub only_from_leader: bool,
}

/// What DeleteRecords did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletion {
    pub requested: i64,
    pub low_watermark: i64,
}

impl Partition {
    /// Finds an offset by time. `None` when no record is late enough.
    ///
    /// # Errors
    /// Epoch and leadership errors, `OFFSET_NOT_AVAILABLE` while a new leader does not know yet what
    /// is committed, `KAFKA_STORAGE_ERROR`.
    pub fn offset_for(&self, query: &OffsetQuery) -> Result<Option<TimestampOffset>, ErrorCode> {
        let state = self.state.lock();
        let broker_id = self.identity.broker_id;
        let log =
            state.readable_log(query.current_leader_epoch, query.only_from_leader, broker_id)?;
        let offsets = log.offsets();
        let readable_end = match query.isolation {
            Some(Isolation::TransactionCommitted) => offsets.last_stable,
            Some(Isolation::HighWatermark) => offsets.high_watermark,
            Some(Isolation::LogEnd) | None => offsets.log_end,
        };
        let is_lagging =
            query.isolation.is_some() && state.leadership.is_lagging(offsets.high_watermark);
        let at =
            |offset, leader_epoch| Some(TimestampOffset { timestamp: -1, offset, leader_epoch });
        let found = match query.timestamp {
            timestamp::LATEST if is_lagging => return Err(ErrorCode::OffsetNotAvailable),
            timestamp::LATEST => return Ok(at(readable_end, state.leadership.leader_epoch())),
            // Without remote storage the local log is the whole log, and nothing waits to be copied.
            timestamp::EARLIEST => {
                return Ok(at(offsets.log_start, log.earliest_epoch().unwrap_or(-1)));
            }
            timestamp::EARLIEST_LOCAL => {
                let epoch = log.epoch_for_offset(offsets.log_start).unwrap_or(-1);
                return Ok(at(offsets.log_start, epoch));
            }
            timestamp::LATEST_TIERED | timestamp::EARLIEST_PENDING_UPLOAD => Ok(at(-1, -1)),
            timestamp::MAX => log.max_timestamp_offset(),
            timestamp => log.offset_for_timestamp(timestamp),
        };
        let found = found.map_err(|error| {
            tracing::error!(%error, "an offset could not be looked up");
            self.report(&error);
            ErrorCode::KafkaStorageError
        })?;
        match found {
            Some(found) if found.offset >= readable_end && is_lagging => {
                Err(ErrorCode::OffsetNotAvailable)
            }
            Some(found) if found.offset >= readable_end => Ok(None),
            None if is_lagging => Err(ErrorCode::OffsetNotAvailable),
            found => Ok(found),
        }
    }

    /// Where a leader epoch ends; `None` when the log knows no such epoch.
    ///
    /// # Errors
    /// Epoch and leadership errors, `KAFKA_STORAGE_ERROR`.
    pub fn epoch_end(
        &self,
        current_leader_epoch: Option<i32>,
        leader_epoch: i32,
    ) -> Result<Option<EpochEnd>, ErrorCode> {
        let state = self.state.lock();
        let log = state.readable_log(current_leader_epoch, true, self.identity.broker_id)?;
        Ok(log.end_offset_for_epoch(leader_epoch))
    }

    /// Raises the log start offset; −1 means the high watermark.
    ///
    /// # Errors
    /// `POLICY_VIOLATION` where records are compacted and not deleted, `OFFSET_OUT_OF_RANGE`, leadership errors,
    /// `KAFKA_STORAGE_ERROR`.
    pub fn delete_records(&self, offset: i64) -> Result<Deletion, ErrorCode> {
        let mut state = self.state.lock();
        // KIP-1161: a policy that does neither keeps nobody from deleting by hand.
        let policy = state.settings.log.cleanup_policy;
        let log = state.leader_log(self.identity.broker_id)?;
        if policy.compact && !policy.delete {
            return Err(ErrorCode::PolicyViolation);
        }
        let requested = if offset == -1 { log.high_watermark() } else { offset };
        if requested < 0 || requested > log.high_watermark() {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        match log.increment_log_start_offset(requested) {
            Ok(_) => {}
            Err(AppendError::Refused(refusal)) => return Err(refusal.code),
            Err(AppendError::Fault(error)) => {
                drop(state);
                self.failed(&error);
                return Err(ErrorCode::KafkaStorageError);
            }
        }
        let low_watermark = state.low_watermark();
        drop(state);
        self.waiters.deleted(low_watermark);
        Ok(Deletion { requested, low_watermark })
    }

    /// The smallest log start offset among the replicas.
    ///
    /// # Errors
    /// Leadership errors, `KAFKA_STORAGE_ERROR`.
    pub fn low_watermark(&self) -> Result<i64, ErrorCode> {
        let mut state = self.state.lock();
        state.leader_log(self.identity.broker_id)?;
        Ok(state.low_watermark())
    }

    /// The producers that the log remembers.
    ///
    /// # Errors
    /// `NOT_LEADER_OR_FOLLOWER` when deleted, `KAFKA_STORAGE_ERROR`.
    pub fn active_producers(&self) -> Result<Vec<ActiveProducer>, ErrorCode> {
        Ok(self.state.lock().log()?.active_producers())
    }
}
