//! One partition's records.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use ottla_world::{Disk, File};

use crate::append::{AppendOrigin, AppendPolicy, ValidatedBatches};
use crate::config::LogConfig;
use crate::epochs::EpochEnd;
use crate::error::{AppendError, ReadError, Result};
use crate::names::TopicPartition;
use crate::producers::ActiveProducer;

/// How to open a log.
#[derive(Clone, Debug)]
pub struct OpenLog {
    /// The partition's directory, `<topic>-<partition>` (created when absent).
    pub directory: PathBuf,
    /// Settings.
    pub config: Arc<LogConfig>,
    /// Everything before this offset is known to be on disk.
    pub recovery_point: i64,
    /// First offset as last checkpointed (DeleteRecords), or 0.
    pub log_start_offset: i64,
    /// The log was closed in order: nothing needs to be checked.
    pub clean: bool,
    /// Kafka timestamp.
    pub now_ms: i64,
}

/// The four offsets of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// First offset a consumer may read.
    pub log_start: i64,
    /// First offset that is not committed.
    pub high_watermark: i64,
    /// First offset that an open transaction holds back, at most the high watermark.
    pub last_stable: i64,
    /// Offset that the next record will get.
    pub log_end: i64,
}

/// How to append as leader.
#[derive(Clone, Copy, Debug)]
pub struct LeaderAppend {
    /// Goes into every batch.
    pub leader_epoch: i32,
    /// Kafka timestamp.
    pub now_ms: i64,
    /// `transaction.version` of the coordinator that writes a marker (0, 1 or 2); 0 for anything else.
    pub transaction_version: i16,
}

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record. For a duplicate: the one it got when it was first appended.
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// The broker's time when `message.timestamp.type` is `LogAppendTime`, else -1.
    pub log_append_time_ms: i64,
    /// First offset of the log.
    pub log_start_offset: i64,
    /// Records.
    pub record_count: i64,
    /// Bytes written; 0 for a duplicate.
    pub bytes: u64,
    /// The producer had sent this batch before; nothing was written.
    pub duplicate: bool,
}

/// How far a read may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Everything (followers).
    LogEnd,
    /// To the high watermark (`read_uncommitted`).
    HighWatermark,
    /// To the last stable offset (`read_committed`), with the aborted transactions.
    TransactionCommitted,
}

/// What to read.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// First offset wanted; the slice starts with the batch that holds it.
    pub start_offset: i64,
    /// At most so many bytes; the last batch may be cut.
    pub max_bytes: usize,
    /// At least one whole batch, however large.
    pub min_one_batch: bool,
    /// How far.
    pub isolation: Isolation,
}

/// What a read found: at most one segment's worth.
#[derive(Debug)]
pub struct LogRead {
    /// Where the records are; `len` 0 when there are none yet.
    pub slice: FileSlice,
    /// Offsets at the time of the read.
    pub offsets: Offsets,
    /// Aborted transactions in the range, for [`Isolation::TransactionCommitted`] only.
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
}

/// A transaction that a reader must skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Producer id.
    pub producer_id: i64,
    /// First offset of the transaction.
    pub first_offset: i64,
}

/// A range of a file. Holding it keeps the file open, even when its segment is deleted.
#[derive(Clone, Debug)]
pub struct FileSlice {
    file: Option<Arc<dyn File>>,
    position: u64,
    len: usize,
    path: Arc<Path>,
}

impl FileSlice {
    /// The file, for `sendfile`; `None` when the slice is empty.
    pub fn file(&self) -> Option<&Arc<dyn File>> {
        self.file.as_ref()
    }

    /// Where the slice starts in the file.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads the bytes. Fewer than [`FileSlice::len`] only when the log was truncated meanwhile.
    pub fn read(&self) -> Result<Bytes> {
        let _ = &self.path;
        unimplemented!()
    }
}

/// A record found by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampOffset {
    /// Its timestamp, or -1 for a special one.
    pub timestamp: i64,
    /// Its offset.
    pub offset: i64,
    /// The leader epoch it was written in, or -1.
    pub leader_epoch: i32,
}

/// Files to sync. Made under the log's lock, run without it, handed back with [`Log::finish_flush`].
#[derive(Debug)]
#[must_use = "a flush that is not run keeps nothing"]
pub struct PendingFlush {
    _private: (),
}

impl PendingFlush {
    /// Waits for the disk. On an error hand the result back all the same: the log goes offline.
    pub fn run(self) -> Result<FlushedTo> {
        unimplemented!()
    }
}

/// Proof that everything before an offset is on disk.
#[derive(Clone, Copy, Debug)]
pub struct FlushedTo {
    /// The offset.
    pub offset: i64,
}

/// One partition's records. One owner; see the crate's page.
#[derive(Debug)]
pub struct Log {
    _private: (),
}

#[expect(unused_variables, clippy::unimplemented, reason = "signatures first")]
impl Log {
    /// Opens or creates the log, recovering it unless it was closed in order.
    pub fn open(disk: Arc<dyn Disk>, options: OpenLog) -> Result<Log> {
        unimplemented!()
    }

    /// Which partition this is.
    pub fn partition(&self) -> &TopicPartition {
        unimplemented!()
    }

    /// The log's directory.
    pub fn directory(&self) -> &Path {
        unimplemented!()
    }

    /// The topic id from `partition.metadata`.
    pub fn topic_id(&self) -> Option<[u8; 16]> {
        unimplemented!()
    }

    /// Writes `partition.metadata`; fails when another id is there.
    pub fn assign_topic_id(&mut self, topic_id: [u8; 16]) -> Result<()> {
        unimplemented!()
    }

    /// Current settings.
    pub fn config(&self) -> &Arc<LogConfig> {
        unimplemented!()
    }

    /// Replaces the settings.
    pub fn update_config(&mut self, config: Arc<LogConfig>) {
        unimplemented!()
    }

    /// What [`AppendPolicy::validate`] needs; take it under the lock, validate without.
    pub fn append_policy(&self) -> AppendPolicy {
        unimplemented!()
    }

    /// Appends checked records, giving them offsets.
    pub fn append_as_leader(
        &mut self,
        batches: ValidatedBatches,
        options: LeaderAppend,
    ) -> std::result::Result<Appended, AppendError> {
        unimplemented!()
    }

    /// Checks and appends: for coordinators and tests, where the lock does not matter.
    pub fn append(
        &mut self,
        records: Bytes,
        origin: AppendOrigin,
        options: LeaderAppend,
    ) -> std::result::Result<Appended, AppendError> {
        unimplemented!()
    }

    /// Appends records as a leader sent them, offsets included. A torn last batch is left out.
    pub fn append_as_follower(
        &mut self,
        records: Bytes,
    ) -> std::result::Result<Appended, AppendError> {
        unimplemented!()
    }

    /// Finds records; what it returns is read without the lock.
    pub fn read(&self, options: ReadOptions) -> std::result::Result<LogRead, ReadError> {
        unimplemented!()
    }

    /// The four offsets.
    pub fn offsets(&self) -> Offsets {
        unimplemented!()
    }

    /// First offset a consumer may read.
    pub fn log_start_offset(&self) -> i64 {
        unimplemented!()
    }

    /// Offset that the next record will get.
    pub fn log_end_offset(&self) -> i64 {
        unimplemented!()
    }

    /// First offset that is not committed.
    pub fn high_watermark(&self) -> i64 {
        unimplemented!()
    }

    /// First offset that an open transaction holds back, at most the high watermark.
    pub fn last_stable_offset(&self) -> i64 {
        unimplemented!()
    }

    /// Sets the high watermark, kept within [log start, log end]; returns what it is now.
    pub fn update_high_watermark(&mut self, offset: i64) -> Result<i64> {
        unimplemented!()
    }

    /// Raises the log start offset (DeleteRecords). False when it was there already.
    /// `OFFSET_OUT_OF_RANGE` above the high watermark is the caller's to answer: it fails here as `Refused`.
    pub fn increment_log_start_offset(
        &mut self,
        offset: i64,
    ) -> std::result::Result<bool, AppendError> {
        unimplemented!()
    }

    /// The first record with `timestamp` or a later one.
    pub fn offset_for_timestamp(&self, timestamp: i64) -> Result<Option<TimestampOffset>> {
        unimplemented!()
    }

    /// The record with the largest timestamp (the first, among equals).
    pub fn max_timestamp_offset(&self) -> Result<Option<TimestampOffset>> {
        unimplemented!()
    }

    /// Where a leader epoch ends; `None` when the log knows no such epoch.
    pub fn end_offset_for_epoch(&self, leader_epoch: i32) -> Option<EpochEnd> {
        unimplemented!()
    }

    /// The leader epoch that wrote `offset`.
    pub fn epoch_for_offset(&self, offset: i64) -> Option<i32> {
        unimplemented!()
    }

    /// The newest leader epoch in the log.
    pub fn latest_epoch(&self) -> Option<i32> {
        unimplemented!()
    }

    /// Notes that `leader_epoch` starts at the log end (becoming leader).
    pub fn assign_epoch_start(&mut self, leader_epoch: i32) -> Result<()> {
        unimplemented!()
    }

    /// Drops everything from `offset` on. False when there was nothing to drop.
    pub fn truncate_to(&mut self, offset: i64) -> Result<bool> {
        unimplemented!()
    }

    /// Drops everything and goes on at `offset`.
    pub fn truncate_fully_and_start_at(&mut self, offset: i64) -> Result<()> {
        unimplemented!()
    }

    /// Closes the active segment and starts a new one, if it holds anything.
    pub fn roll(&mut self, now_ms: i64) -> Result<()> {
        unimplemented!()
    }

    /// Retention: drops segments that are too old, too many bytes, or before the log start offset.
    /// Their files are renamed now and removed by [`Log::remove_deleted_files`]. Returns how many.
    pub fn delete_old_segments(&mut self, now_ms: i64) -> Result<usize> {
        unimplemented!()
    }

    /// Removes files that were deleted `file.delete.delay.ms` ago.
    pub fn remove_deleted_files(&mut self, now_ms: i64) -> Result<()> {
        unimplemented!()
    }

    /// Everything before this offset is on disk.
    pub fn recovery_point(&self) -> i64 {
        unimplemented!()
    }

    /// True when `flush.messages` or `flush.ms` asks for a flush now.
    pub fn flush_is_due(&self, now_ms: i64) -> bool {
        unimplemented!()
    }

    /// Collects what has to be synced to keep everything before the log end; `None` when nothing has.
    pub fn prepare_flush(&mut self) -> Result<Option<PendingFlush>> {
        unimplemented!()
    }

    /// Takes the outcome of [`PendingFlush::run`]: advances the recovery point, or goes offline.
    pub fn finish_flush(&mut self, outcome: Result<FlushedTo>, now_ms: i64) -> Result<()> {
        unimplemented!()
    }

    /// Prepare, run and finish in one: for shutdown and tests.
    pub fn flush(&mut self, now_ms: i64) -> Result<()> {
        unimplemented!()
    }

    /// Flushes, trims and closes; returns the recovery point.
    pub fn close(&mut self, now_ms: i64) -> Result<i64> {
        unimplemented!()
    }

    /// Bytes of records.
    pub fn size(&self) -> u64 {
        unimplemented!()
    }

    /// Number of segments.
    pub fn segment_count(&self) -> usize {
        unimplemented!()
    }

    /// Producers that the log remembers, by id.
    pub fn active_producers(&self) -> Vec<ActiveProducer> {
        unimplemented!()
    }

    /// Forgets producers silent for `producer.id.expiration.ms`.
    pub fn expire_producers(&mut self, now_ms: i64) {
        unimplemented!()
    }

    /// True once a write or flush failed.
    pub fn is_offline(&self) -> bool {
        unimplemented!()
    }
}
