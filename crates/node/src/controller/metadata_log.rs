//! `__cluster_metadata-0`: the metadata log on disk, with Kafka's record schemas and batches.
//!
//! One batch a decision, so that a decision is in the log whole or not at all. Every append is
//! synced before it counts. A new leader epoch begins with a LeaderChange control record. What a
//! snapshot holds need not be in the log any more.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use ottla_log::{
    AppendError, AppendOrigin, Isolation, LeaderAppend, Log, LogConfig, OpenLog, ReadOptions,
    Verification,
};
use ottla_metadata::config::ServerConfig;
use ottla_metadata::{MetadataImage, Provenance, Replayer};
use ottla_wire::codec::Message;
use ottla_wire::messages::leader_change_message::Voter;
use ottla_wire::messages::{LeaderChangeMessage, MetadataRecord};
use ottla_wire::records::{BatchBuilder, BatchOptions, Batches, ControlType, control_batch};
use ottla_world::Disk;

use super::quorum_state::QuorumState;
use super::snapshot::{QuorumRecords, Snapshot, SnapshotId};
use super::snapshots::{SnapshotPolicy, Snapshots};
use crate::error::StartError;

/// The log's directory in `metadata.log.dir`.
pub const DIRECTORY: &str = "__cluster_metadata-0";

/// Bytes read at a time while loading.
const READ_BYTES: usize = 1024 * 1024;

/// The most that one batch may hold when it is decompressed.
pub(super) const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The largest batch of metadata records, as Kafka has it.
const APPEND_BYTES_MAX: i32 = 8 * 1024 * 1024;

/// A metadata log that can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    #[error("cannot read the metadata log at offset {offset}: {detail}")]
    Read { offset: i64, detail: String },
    #[error("cannot write the metadata log: {0}")]
    Write(String),
    /// The disk under the log is broken, or the log is not what it was: writing it again won't help.
    #[error("the directory of the metadata log failed: {0}")]
    Broken(String),
}

impl LogError {
    /// A write that failed: for now, or for good.
    fn of(error: &ottla_log::Error) -> Self {
        let mut told = error.to_string();
        let mut next = std::error::Error::source(error);
        while let Some(source) = next {
            told.push_str(": ");
            told.push_str(&source.to_string());
            next = source.source();
        }
        if error.blames_disk() { Self::Broken(told) } else { Self::Write(told) }
    }
}

/// The log, its snapshots, and the epoch it is led in.
#[derive(Debug)]
pub struct MetadataLog {
    log: Log,
    snapshots: Snapshots,
    epoch: i32,
}

/// The image that a log begins with.
#[derive(Debug)]
pub struct Beginning {
    /// Of a snapshot, or empty.
    pub image: MetadataImage,
    /// Where the records begin that the image does not hold.
    pub next_offset: i64,
}

impl MetadataLog {
    /// Opens the log, recovering what a crash cut off, and begins a new epoch for `node_id`. Tells with
    /// what to begin before [`MetadataLog::replay`].
    ///
    /// # Errors
    /// The directory can't be used, or the log is damaged.
    pub fn open(
        disk: &Arc<dyn Disk>,
        directory: &Path,
        config: &ServerConfig,
        (node_id, now_ms): (i32, i64),
    ) -> Result<(Self, Beginning), StartError> {
        let directory = directory.join(DIRECTORY);
        let failed = |error: &dyn std::error::Error| {
            StartError::caused("cannot open the metadata log", error)
                .hint(format!("look at {} and the disk it is on", directory.display()))
        };
        let segment_bytes = config.whole("metadata.log.segment.bytes");
        let log_config = LogConfig {
            segment_bytes: i32::try_from(segment_bytes).unwrap_or(i32::MAX),
            segment_ms: config.whole("metadata.log.segment.ms"),
            retention_ms: -1,
            retention_bytes: -1,
            max_message_bytes: APPEND_BYTES_MAX,
            ..LogConfig::default()
        };
        let options = OpenLog::new(directory.clone(), Arc::new(log_config), now_ms);
        let mut log = Log::open(Arc::clone(disk), options).map_err(|error| failed(&error))?;
        let policy = SnapshotPolicy::of(config);
        let (snapshots, newest) = Snapshots::load(disk, directory.clone(), policy, now_ms)
            .map_err(|error| failed(&error))?;
        let beginning = begin(&mut log, newest, now_ms).map_err(|error| failed(&error))?;
        let end = log.log_end_offset();
        log.update_high_watermark(end).map_err(|error| failed(&error))?;
        let state = QuorumState::read(disk.as_ref(), &directory).map_err(|error| failed(&error))?;
        let last = log.latest_epoch().unwrap_or(0).max(state.leader_epoch);
        let mut metadata_log = Self { log, snapshots, epoch: last + 1 };
        QuorumState { leader_id: node_id, leader_epoch: last + 1 }
            .write(disk.as_ref(), &directory, metadata_log.snapshots.quorum().kraft_version())
            .map_err(|error| failed(&error))?;
        metadata_log.lead(node_id, now_ms).map_err(|error| failed(&error))?;
        Ok((metadata_log, beginning))
    }

    /// What the log says of the quorum.
    pub(super) fn quorum(&self) -> &QuorumRecords {
        self.snapshots.quorum()
    }

    /// The epoch in which this node leads.
    #[must_use]
    pub fn epoch(&self) -> i32 {
        self.epoch
    }

    /// Where the next record will go.
    #[must_use]
    pub fn end(&self) -> i64 {
        self.log.log_end_offset()
    }

    /// Where the log begins.
    #[cfg(test)]
    pub(super) fn start(&self) -> i64 {
        self.log.log_start_offset()
    }

    /// Waits for the snapshot that is being written.
    #[cfg(test)]
    pub(super) fn finish_snapshot(&mut self) {
        self.snapshots.finish();
    }

    /// Bytes of the log.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.log.size()
    }

    /// Appends a decision's records as one batch and returns the log's end.
    ///
    /// # Errors
    /// The batch can't be built or written.
    pub fn append(
        &mut self,
        records: &[MetadataRecord],
        version_of: impl Fn(&MetadataRecord) -> i16,
        now_ms: i64,
    ) -> Result<i64, LogError> {
        let options = BatchOptions {
            base_offset: self.end(),
            partition_leader_epoch: self.epoch,
            ..BatchOptions::default()
        };
        let failed = |error: &dyn std::fmt::Display| LogError::Write(error.to_string());
        let mut builder = BatchBuilder::new(options);
        for record in records.iter() {
            let value = record.encode(version_of(record)).map_err(|error| failed(&error))?;
            builder.append(now_ms, None, Some(&value), &[]).map_err(|error| failed(&error))?;
        }
        let batch = builder.build().map_err(|error| failed(&error))?;
        self.write(batch.freeze(), now_ms)
    }

    /// Makes everything that was appended durable.
    ///
    /// # Errors
    /// The disk refuses; the log must not be used any more.
    pub fn commit(&mut self, now_ms: i64) -> Result<(), LogError> {
        self.log.flush(now_ms).map_err(|error| LogError::of(&error))?;
        let end = self.log.log_end_offset();
        self.log.update_high_watermark(end).map_err(|error| LogError::of(&error))?;
        Ok(())
    }

    /// Has a snapshot written when `bytes` more in the log, or the time, make it due.
    pub fn committed(&mut self, bytes: u64, image: &MetadataImage, now_ms: i64) {
        self.snapshots.committed(bytes, image, now_ms);
    }

    /// Drops snapshots that are not to be kept, and the log before those that are.
    ///
    /// # Errors
    /// The disk refuses; the log must not be used any more.
    pub fn clean(&mut self, now_ms: i64) -> Result<(), LogError> {
        self.snapshots.collect();
        if !self.snapshots.is_time_to_clean(now_ms) {
            return Ok(());
        }
        let failed = |error: &dyn std::fmt::Display| LogError::Write(error.to_string());
        while let Some(oldest) = self.snapshots.drop_oldest(self.log.size(), now_ms) {
            self.log.increment_log_start_offset(oldest.offset).map_err(|error| failed(&error))?;
            self.log.delete_old_segments(now_ms).map_err(|error| LogError::of(&error))?;
        }
        self.log.remove_deleted_files(now_ms).map_err(|error| LogError::of(&error))
    }

    /// When [`MetadataLog::clean`] has something to do next.
    #[must_use]
    pub fn next_deadline(&self, now_ms: i64) -> Option<i64> {
        self.snapshots.next_deadline(now_ms)
    }

    /// Hands every batch of records from `next` on to `replay`, in order, with where it ends. Returns
    /// how many bytes that were.
    ///
    ///
    /// # Errors
    /// The log can't be read or holds what no metadata log may hold.
    pub fn replay(
        &mut self,
        mut next: i64,
        mut replay: impl FnMut(Vec<(i64, MetadataRecord)>, Provenance) -> Result<(), String>,
    ) -> Result<u64, LogError> {
        let mut replayed_bytes = 0;
        while next < self.end() {
            let start = next;
            let failed = |detail: String| LogError::Read { offset: start, detail };
            let options = ReadOptions {
                start_offset: next,
                max_bytes: READ_BYTES,
                min_one_batch: true,
                isolation: Isolation::LogEnd,
            };
            let read = self.log.read(options).map_err(|error| failed(error.to_string()))?;
            let bytes = read.slice.read().map_err(|error| failed(error.to_string()))?;
            let before = next;
            for batch in Batches::new(bytes) {
                let Ok(batch) = batch else { break };
                let header = *batch.view().header();
                if header.attributes.is_control() {
                    let records = batch.records(BATCH_BYTES_MAX);
                    let records = records.map_err(|error| failed(error.to_string()))?;
                    for record in records.iter().flatten() {
                        self.snapshots.quorum_mut().note(&record);
                    }
                } else {
                    let mut records = decode(&batch).map_err(failed)?;
                    records.retain(|(offset, _)| *offset >= next);
                    let provenance = Provenance {
                        offset: header.last_offset(),
                        epoch: header.partition_leader_epoch,
                        timestamp_ms: header.max_timestamp,
                    };
                    replay(records, provenance).map_err(failed)?;
                }
                replayed_bytes += batch.bytes().len() as u64;
                next = header.last_offset() + 1;
            }
            if next == before {
                return Err(failed("no whole batch was found".to_owned()));
            }
        }
        Ok(replayed_bytes)
    }

    /// Closes the log in order.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn close(mut self, now_ms: i64) -> Result<(), LogError> {
        self.snapshots.finish();
        self.log.close(now_ms).map_err(|error| LogError::Write(error.to_string()))?;
        Ok(())
    }

    /// Says in the log that a new epoch begins.
    fn lead(&mut self, node_id: i32, now_ms: i64) -> Result<(), LogError> {
        let failed = |error: &dyn std::fmt::Display| LogError::Write(error.to_string());
        let voter = || vec![Voter { voter_id: node_id, ..Voter::default() }];
        let message = LeaderChangeMessage {
            leader_id: node_id,
            voters: voter(),
            granting_voters: voter(),
            ..LeaderChangeMessage::default()
        };
        let value = message.encode_to_bytes(0).map_err(|error| failed(&error))?;
        let options = BatchOptions {
            base_offset: self.end(),
            partition_leader_epoch: self.epoch,
            ..BatchOptions::default()
        };
        let batch = control_batch(options, now_ms, &[(ControlType::LeaderChange, &value)])
            .map_err(|error| failed(&error))?;
        self.write(batch.freeze(), now_ms)?;
        self.commit(now_ms)
    }

    fn write(&mut self, batch: Bytes, now_ms: i64) -> Result<i64, LogError> {
        let policy = self.log.append_policy();
        let validated = policy
            .validate(batch, AppendOrigin::RaftLeader, now_ms)
            .map_err(|refusal| LogError::Write(refusal.to_string()))?;
        let append = LeaderAppend {
            leader_epoch: self.epoch,
            now_ms,
            transaction_version: 0,
            verification: Verification::NotRequired,
        };
        self.log.append_as_leader(validated, append).map_err(|error| match error {
            AppendError::Fault(fault) => LogError::of(&fault),
            refused @ AppendError::Refused(_) => LogError::Write(refused.to_string()),
        })?;
        Ok(self.end())
    }
}

/// What to begin with: the newest snapshot, or nothing.
fn begin(
    log: &mut Log,
    newest: Option<(SnapshotId, Snapshot)>,
    now_ms: i64,
) -> Result<Beginning, LogError> {
    let log_start = log.log_start_offset();
    let (id, snapshot) = match newest {
        Some((id, snapshot)) if id.offset >= log_start => (id, snapshot),
        _ if log_start == 0 => {
            return Ok(Beginning { image: MetadataImage::empty(), next_offset: 0 });
        }
        _ => {
            let detail = "no snapshot holds what came before the start of the log".to_owned();
            return Err(LogError::Read { offset: log_start, detail });
        }
    };
    if id.offset > log.log_end_offset() {
        // What the snapshot holds was committed: a log that ends before has lost it.
        log.truncate_fully_and_start_at(id.offset, now_ms)
            .map_err(|error| LogError::Write(error.to_string()))?;
    }
    let provenance =
        Provenance { offset: id.offset - 1, epoch: id.epoch, timestamp_ms: snapshot.timestamp_ms };
    let mut replayer = Replayer::default();
    replayer.snapshot(&snapshot.records, provenance).map_err(|error| LogError::Read {
        offset: id.offset,
        detail: format!("snapshot {id}: {error}"),
    })?;
    tracing::info!(snapshot = %id, records = snapshot.records.len(), "metadata snapshot loaded");
    let kraft_version = snapshot.quorum.kraft_version();
    let image = MetadataImage { kraft_version, ..replayer.image().clone() };
    Ok(Beginning { image, next_offset: id.offset })
}

pub(super) fn decode(
    batch: &ottla_wire::records::Batch,
) -> Result<Vec<(i64, MetadataRecord)>, String> {
    let records = batch.records(BATCH_BYTES_MAX).map_err(|error| error.to_string())?;
    let mut decoded = Vec::new();
    for record in records.iter() {
        let record = record.map_err(|error| error.to_string())?;
        let Some(value) = record.value else {
            return Err(format!("the record at offset {} has no value", record.offset));
        };
        let (message, _) = MetadataRecord::decode(&value).map_err(|error| error.to_string())?;
        decoded.push((record.offset, message));
    }
    Ok(decoded)
}
