//! Records in.
//!
//! The first stage of a produce request: *accepted*. When [`Partition::append`] returns, the order
//! of the records is fixed; whether they are *durable* is a matter of the high watermark and, with
//! `ottla.durability=fsync` or `flush.messages`, of the disk ([`Partition::is_durable`]).

use std::sync::Arc;

use bytes::Bytes;
use ottla_log::{
    AppendError, AppendOrigin, Appended, Committed, Durability, LeaderAppend, Log, RecordError,
    Refusal, Verification, VerificationGuard, Verifying,
};
use ottla_wire::ErrorCode;

use super::Partition;
use super::hosted::State;
use crate::waiters::ENOUGH;

/// How to append.
#[derive(Clone, Copy, Debug)]
pub struct Append {
    pub origin: AppendOrigin,
    /// −1 needs `min.insync.replicas`.
    pub required_acks: i16,
    pub now_ms: i64,
    /// Of the coordinator that writes a marker; 0 otherwise.
    pub transaction_version: i16,
    /// Whether the first batch of a transaction must show that its coordinator knows of it.
    pub verification: Verification,
}

/// Why records were not appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendFailure {
    pub code: ErrorCode,
    pub message: String,
    /// Whether the producer is told the message: Kafka does so for few failures.
    pub is_told: bool,
    pub record_errors: Vec<RecordError>,
    /// −1 when unknown.
    pub log_start_offset: i64,
}

impl AppendFailure {
    /// A failure that says no more than its code.
    #[must_use]
    pub fn of(code: ErrorCode) -> Self {
        let message = code.message().to_owned();
        Self { code, message, is_told: false, record_errors: Vec::new(), log_start_offset: -1 }
    }

    fn refused(refusal: Refusal, log: &Log) -> Self {
        let Refusal { code, message, record_errors } = refusal;
        let is_told = !record_errors.is_empty();
        Self { code, message, is_told, record_errors, log_start_offset: log.log_start_offset() }
    }
}

impl Partition {
    /// Appends records as the leader.
    ///
    /// # Errors
    /// Whatever the records or the partition's state give a producer to read.
    pub fn append(
        self: &Arc<Self>,
        records: Bytes,
        append: Append,
    ) -> Result<Appended, AppendFailure> {
        let broker_id = self.identity.broker_id;
        let validated = self.policy.load().validate(records, append.origin, append.now_ms);
        let mut state = self.state.lock();
        // Leadership and replicas are judged before the records are.
        state.leader_log(broker_id).map_err(AppendFailure::of)?;
        let enough_replicas = state.isr_len() >= state.min_isr();
        if append.required_acks == -1 && !enough_replicas {
            return Err(AppendFailure::of(ErrorCode::NotEnoughReplicas));
        }
        let options = LeaderAppend {
            leader_epoch: state.leadership.leader_epoch(),
            now_ms: append.now_ms,
            transaction_version: append.transaction_version,
            verification: append.verification,
        };
        let log = state.leader_log(broker_id).map_err(AppendFailure::of)?;
        let batches = validated.map_err(|refusal| AppendFailure::refused(refusal, log))?;
        let appended = match log.append_as_leader(batches, options) {
            Ok(appended) => appended,
            Err(AppendError::Refused(refusal)) => return Err(AppendFailure::refused(refusal, log)),
            Err(AppendError::Fault(error)) => {
                drop(state);
                self.failed(&error);
                return Err(AppendFailure::of(ErrorCode::KafkaStorageError));
            }
        };
        let has_room = log.has_room();
        let flush_is_due = state.flush_is_due();
        let progress = state.advance(broker_id);
        drop(state);
        self.counters.appended(&appended);
        if flush_is_due {
            self.request_flush();
        }
        if has_room {
            self.request_trim();
        }
        match progress {
            Ok(progress) => self.tell_waiters(progress, appended.bytes),
            Err(error) => {
                self.failed(&error);
                return Err(AppendFailure::of(ErrorCode::KafkaStorageError));
            }
        }
        Ok(appended)
    }

    /// Whether a batch would be appended now; appends nothing.
    ///
    /// # Errors
    /// What [`Partition::append`] would refuse it with.
    pub fn would_append(&self, records: Bytes, append: Append) -> Result<(), AppendFailure> {
        let validated = self.policy.load().validate(records, append.origin, append.now_ms);
        let mut state = self.state.lock();
        let options = LeaderAppend {
            leader_epoch: state.leadership.leader_epoch(),
            now_ms: append.now_ms,
            transaction_version: append.transaction_version,
            verification: append.verification,
        };
        let log = state.leader_log(self.identity.broker_id).map_err(AppendFailure::of)?;
        let batches = validated.map_err(|refusal| AppendFailure::refused(refusal, log))?;
        match log.would_append(&batches, options) {
            Ok(()) => Ok(()),
            Err(AppendError::Refused(refusal)) => Err(AppendFailure::refused(refusal, log)),
            Err(AppendError::Fault(_)) => Err(AppendFailure::of(ErrorCode::KafkaStorageError)),
        }
    }

    /// A guard for a producer that may be about to begin a transaction; `None` when it has begun.
    ///
    /// # Errors
    /// Leadership errors, `KAFKA_STORAGE_ERROR`.
    pub fn verify(
        &self,
        wanted: Verifying,
        now_ms: i64,
    ) -> Result<Option<VerificationGuard>, ErrorCode> {
        let mut state = self.state.lock();
        Ok(state.leader_log(self.identity.broker_id)?.verify(wanted, now_ms))
    }

    /// Whether everything below `offset` is as safe as `required_acks` asks: written to every in-sync
    /// replica for −1, and on disk where `ottla.durability` or `flush.messages` says so.
    ///
    /// # Errors
    /// `NOT_ENOUGH_REPLICAS_AFTER_APPEND`, or leadership was lost, the partition deleted, its disk
    /// failed.
    pub fn is_durable(&self, offset: i64, required_acks: i16) -> Result<bool, ErrorCode> {
        let mut state = self.state.lock();
        let log = state.leader_log(self.identity.broker_id)?;
        let is_committed = required_acks != -1 || log.high_watermark() >= offset;
        let flush_messages = log.config().flush_messages;
        let is_flushed = match log.config().durability {
            Durability::Fsync => log.durable_end() >= offset,
            Durability::Os => {
                flush_messages == i64::MAX || offset - log.recovery_point() < flush_messages
            }
        };
        if required_acks == -1 && is_committed && state.isr_len() < state.min_isr() {
            return Err(ErrorCode::NotEnoughReplicasAfterAppend);
        }
        Ok(is_committed && is_flushed)
    }

    /// Whether an answer promises that the disk has what it tells of.
    #[must_use]
    pub fn promises_disk(&self) -> bool {
        self.with_log(|log| log.config().durability == Durability::Fsync) == Some(true)
    }

    /// Whether so much waits for the disk that nobody should add to it without waiting.
    pub fn is_behind(&self) -> bool {
        self.with_log(|log| log.is_behind()) == Some(true)
    }

    /// The journal has what was appended on disk.
    pub(crate) fn journaled(&self, committed: Committed) {
        let _ = self.with_log(|log| log.journaled(committed));
        self.durable_end_moved(committed.bytes);
    }

    /// More of the log is durable than before, `bytes` more at most.
    pub(super) fn durable_end_moved(&self, bytes: u64) {
        let progress = self.state.lock().advance(self.identity.broker_id);
        match progress {
            Ok(progress) => self.tell_waiters(progress, bytes),
            Err(error) => self.failed(&error),
        }
    }

    /// Wakes whoever waited for what has changed; `bytes` of records came in or became durable.
    fn tell_waiters(&self, progress: Progress, bytes: u64) {
        let Progress { high_watermark, durable_end, stable_moved } = progress;
        if high_watermark.is_some() {
            let bytes = i64::try_from(bytes).unwrap_or(ENOUGH);
            // A transaction that ends makes all that it held back readable at once.
            self.waiters.readable(if stable_moved { ENOUGH } else { bytes });
        }
        if let Some(end) = high_watermark.max(durable_end) {
            self.waiters.committed(end);
        }
    }
}

/// How far a partition has come.
struct Progress {
    /// The high watermark, if it moved.
    high_watermark: Option<i64>,
    /// Everything before is on disk, where an acknowledgement waits for that.
    durable_end: Option<i64>,
    /// Transactions hold back less than before.
    stable_moved: bool,
}

impl State {
    /// Raises the high watermark as far as it goes.
    fn advance(&mut self, broker_id: i32) -> Result<Progress, ottla_log::Error> {
        let stable_before = self.stable_gap();
        let high_watermark = self.advance_high_watermark(broker_id)?;
        let relying = |log: &&Log| log.config().durability == Durability::Fsync;
        Ok(Progress {
            high_watermark,
            durable_end: self.log.as_ref().filter(relying).map(Log::durable_end),
            stable_moved: stable_before > 0 && self.stable_gap() < stable_before,
        })
    }

    fn flush_is_due(&self) -> bool {
        let flush_messages = self.settings.log.flush_messages;
        self.log.as_ref().is_some_and(|log| {
            // A closed segment goes to disk soon, so that a crash leaves little to recover.
            log.has_closed_unflushed()
                || log.waits_for_flush()
                || (flush_messages < i64::MAX
                    && log.log_end_offset() - log.recovery_point() >= flush_messages)
        })
    }

    /// How many offsets open transactions hold back.
    fn stable_gap(&self) -> i64 {
        self.log.as_ref().map_or(0, |log| log.high_watermark() - log.last_stable_offset())
    }
}
