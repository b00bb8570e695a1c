//! What the node's timers call: retention, flushes, checkpoints.

use std::collections::BTreeMap;

use ottla_log::{Log, LogDirectory, OffsetsByPartition, TopicPartition};

use super::deletion::Deleted;
use super::{HostedDirectory, Partitions};

/// A checkpoint file of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checkpoint {
    HighWatermarks,
    RecoveryPoints,
    LogStarts,
}

impl Partitions {
    /// Deletes what retention no longer keeps. The files go when they are due.
    pub fn run_retention(&self, now_ms: i64) {
        for partition in self.all() {
            let outcome = partition.with_log(|log| log.delete_old_segments(now_ms));
            let (topic, index) = (partition.topic(), partition.index());
            match outcome {
                Some(Ok(segments)) if segments > 0 => {
                    tracing::info!(%topic, partition = index, segments, "segments are deleted");
                }
                Some(Err(error)) => {
                    tracing::error!(%topic, partition = index, %error, "retention failed");
                    partition.report(&error);
                }
                Some(Ok(_)) | None => {}
            }
        }
    }

    /// Forgets producers that were silent for `producer.id.expiration.ms`.
    pub fn expire_producers(&self, now_ms: i64) {
        for partition in self.all() {
            let _ = partition.with_log(|log| log.expire_producers(now_ms));
        }
    }

    /// Removes the files of what was deleted `file.delete.delay.ms` ago.
    pub fn remove_deleted(&self, now_ms: i64) {
        for partition in self.all() {
            let outcome = partition.with_log(|log| log.remove_deleted_files(now_ms));
            if let Some(Err(error)) = outcome {
                let (topic, index) = (partition.topic(), partition.index());
                tracing::error!(%topic, partition = index, %error, "deleted files stay");
                partition.report(&error);
            }
        }
        let due: Vec<Deleted> =
            self.deleted.lock().extract_if(.., |deleted| deleted.due_ms <= now_ms).collect();
        for Deleted { directory, path, .. } in due {
            if let Err(error) = self.directories[directory].log_directory.remove(&path) {
                tracing::error!(%error, "a deleted log's files can't be removed");
                self.states.report(directory, &error);
            }
        }
    }

    /// Where a disk had no room for a journal: takes one up once it has.
    pub fn look_for_journal_room(&self) {
        let journals = self.directories.iter().filter_map(|each| each.log_directory.journal());
        for journal in journals {
            if let Err(error) = journal.look_for_room() {
                tracing::warn!(%error, "still without a journal");
            }
        }
    }

    /// Has every log synced whose `flush.ms` or `flush.messages` asks for it.
    pub fn flush_due(&self, now_ms: i64) {
        for partition in self.all() {
            if partition.with_log(|log| log.flush_is_due(now_ms)) == Some(true) {
                partition.request_flush();
            }
        }
    }

    /// Writes every directory's `replication-offset-checkpoint`.
    pub fn checkpoint_high_watermarks(&self) {
        self.checkpoint(
            Checkpoint::HighWatermarks,
            |log| Some(log.high_watermark()),
            |directory, offsets| directory.checkpoint_high_watermarks(offsets),
        );
    }

    /// Writes every directory's `recovery-point-offset-checkpoint`.
    pub fn checkpoint_recovery_points(&self) {
        self.checkpoint(
            Checkpoint::RecoveryPoints,
            |log| Some(log.recovery_point()),
            |directory, offsets| directory.checkpoint_recovery_points(offsets),
        );
    }

    /// Writes every directory's `log-start-offset-checkpoint`: the logs whose first segment does not
    /// tell where they start. Returns the directories in which it can't be written.
    pub fn checkpoint_log_starts(&self) -> Vec<usize> {
        self.checkpoint(Checkpoint::LogStarts, own_log_start, |directory, offsets| {
            directory.checkpoint_log_start_offsets(offsets)
        })
    }

    fn checkpoint(
        &self,
        kind: Checkpoint,
        offset: impl Fn(&Log) -> Option<i64>,
        write: impl Fn(&LogDirectory, &BTreeMap<TopicPartition, i64>) -> ottla_log::Result<()>,
    ) -> Vec<usize> {
        // Before the metadata has claimed the logs, the checkpoints of the last run know more.
        if !self.is_caught_up() {
            return Vec::new();
        }
        let _alone = self.checkpointing.lock();
        // A log that is opened meanwhile is asked itself, later than its old checkpoint.
        let mut by_directory = self.last_checkpoints(kind);
        for partition in self.all() {
            let name = TopicPartition::new(&**partition.topic(), partition.index());
            if let Some(offset) = partition.with_log(|log| offset(log)).flatten() {
                by_directory[partition.directory()].insert(name, offset);
            }
        }
        self.write_checkpoints(&by_directory, write)
    }

    /// What the checkpoints of the last run have of logs that are not open yet, by directory.
    pub(super) fn last_checkpoints(&self, kind: Checkpoint) -> Vec<OffsetsByPartition> {
        let of = |(directory, hosted): (usize, &HostedDirectory)| {
            self.loading.checkpointed(directory, |listing| match kind {
                Checkpoint::HighWatermarks => hosted.log_directory.high_watermarks(),
                Checkpoint::RecoveryPoints => &listing.recovery_points,
                Checkpoint::LogStarts => &listing.log_starts,
            })
        };
        self.directories.iter().enumerate().map(of).collect()
    }

    pub(super) fn write_checkpoints(
        &self,
        by_directory: &[BTreeMap<TopicPartition, i64>],
        write: impl Fn(&LogDirectory, &BTreeMap<TopicPartition, i64>) -> ottla_log::Result<()>,
    ) -> Vec<usize> {
        let mut unwritten = Vec::new();
        for (directory, (hosted, offsets)) in self.directories.iter().zip(by_directory).enumerate()
        {
            if self.states.is_offline(directory) {
                unwritten.push(directory);
                continue;
            }
            if let Err(error) = write(&hosted.log_directory, offsets) {
                let path = hosted.log_directory.path().display();
                tracing::error!(%path, %error, "a checkpoint can't be written");
                self.states.report(directory, &error);
                unwritten.push(directory);
            }
        }
        unwritten
    }
}

/// Where a log starts, if its first segment does not tell.
pub(super) fn own_log_start(log: &Log) -> Option<i64> {
    log.log_start_is_within_segment().then(|| log.log_start_offset())
}
