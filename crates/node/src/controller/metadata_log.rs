//! `__cluster_metadata-0`: the metadata log on disk, with Kafka's record schemas and batches.
//!
//! One batch a decision, so that a decision is in the log whole or not at all. Every append is
//! synced before it counts. A new leader epoch begins with a LeaderChange control record.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use ottla_log::{
    AppendOrigin, Isolation, LeaderAppend, Log, LogConfig, OpenLog, ReadOptions, Verification,
};
use ottla_metadata::Provenance;
use ottla_metadata::config::ServerConfig;
use ottla_wire::codec::Message;
use ottla_wire::messages::leader_change_message::Voter;
use ottla_wire::messages::{LeaderChangeMessage, MetadataRecord};
use ottla_wire::records::{BatchBuilder, BatchOptions, Batches, ControlType, control_batch};
use ottla_world::Disk;

use super::quorum_state::QuorumState;
use crate::error::StartError;

/// The log's directory in `metadata.log.dir`.
pub const DIRECTORY: &str = "__cluster_metadata-0";

/// Bytes read at a time while loading.
const READ_BYTES: usize = 1024 * 1024;

/// The most that one batch may hold when it is decompressed.
const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;

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
}

/// The log and the epoch it is led in.
#[derive(Debug)]
pub struct MetadataLog {
    log: Log,
    epoch: i32,
}

impl MetadataLog {
    /// Opens the log, recovering what a crash cut off, and begins a new epoch for `node_id`.
    ///
    /// # Errors
    /// The directory can't be used, or the log is damaged.
    pub fn open(
        disk: &Arc<dyn Disk>,
        directory: &Path,
        config: &ServerConfig,
        (node_id, now_ms): (i32, i64),
    ) -> Result<Self, StartError> {
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
        let options = OpenLog {
            directory: directory.clone(),
            config: Arc::new(log_config),
            recovery_point: 0,
            log_start_offset: 0,
            clean: false,
            now_ms,
        };
        let mut log = Log::open(Arc::clone(disk), options).map_err(|error| failed(&error))?;
        let end = log.log_end_offset();
        log.update_high_watermark(end).map_err(|error| failed(&error))?;
        let state = QuorumState::read(disk.as_ref(), &directory).map_err(|error| failed(&error))?;
        let last = log.latest_epoch().unwrap_or(0).max(state.leader_epoch);
        let mut metadata_log = Self { log, epoch: last + 1 };
        QuorumState { leader_id: node_id, leader_epoch: last + 1 }
            .write(disk.as_ref(), &directory)
            .map_err(|error| failed(&error))?;
        metadata_log.lead(node_id, now_ms).map_err(|error| failed(&error))?;
        Ok(metadata_log)
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
        let failed = |error: ottla_log::Error| LogError::Write(error.to_string());
        self.log.flush(now_ms).map_err(failed)?;
        let end = self.log.log_end_offset();
        self.log.update_high_watermark(end).map_err(failed)?;
        Ok(())
    }

    /// Hands every batch of records to `replay`, in order, with where it ends.
    ///
    /// # Errors
    /// The log can't be read or holds what no metadata log may hold.
    pub fn replay(
        &self,
        mut replay: impl FnMut(Vec<(i64, MetadataRecord)>, Provenance) -> Result<(), String>,
    ) -> Result<(), LogError> {
        let mut next = self.log.log_start_offset();
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
                if !header.attributes.is_control() {
                    let records = decode(&batch).map_err(failed)?;
                    let provenance = Provenance {
                        offset: header.last_offset(),
                        epoch: header.partition_leader_epoch,
                        timestamp_ms: header.max_timestamp,
                    };
                    replay(records, provenance).map_err(failed)?;
                }
                next = header.last_offset() + 1;
            }
            if next == before {
                return Err(failed("no whole batch was found".to_owned()));
            }
        }
        Ok(())
    }

    /// Closes the log in order.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn close(mut self, now_ms: i64) -> Result<(), LogError> {
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
        self.log
            .append_as_leader(validated, append)
            .map_err(|error| LogError::Write(error.to_string()))?;
        Ok(self.end())
    }
}

fn decode(batch: &ottla_wire::records::Batch) -> Result<Vec<(i64, MetadataRecord)>, String> {
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
