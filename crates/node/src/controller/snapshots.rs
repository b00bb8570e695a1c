//! When a snapshot is written and how long snapshots are kept: `metadata.log.max.…`, `metadata.max.retention.…`.
//!
//! A thread of its own writes, from an image that nobody changes; the controller goes on meanwhile.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use ottla_metadata::MetadataImage;
use ottla_metadata::config::ServerConfig;
use ottla_world::Disk;

use super::metadata_log::LogError;
use super::snapshot::{self, QuorumRecords, SnapshotId};

/// How often old snapshots are looked for, and how long their files stay after; both as in Kafka.
const CLEAN_EVERY_MS: i64 = 60_000;

/// How often a controller looks whether a snapshot is written that is under way.
const COLLECT_EVERY_MS: i64 = 100;

/// The keys that snapshots go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPolicy {
    /// `metadata.log.max.record.bytes.between.snapshots`.
    pub record_bytes_max: u64,
    /// `metadata.log.max.snapshot.interval.ms`; `None`: never by time.
    pub interval_ms: Option<i64>,
    /// `metadata.max.retention.bytes`; `None`: no limit.
    pub retention_bytes: Option<u64>,
    /// `metadata.max.retention.ms`; `None`: no limit.
    pub retention_ms: Option<i64>,
}

impl SnapshotPolicy {
    /// What a server's configuration says.
    #[must_use]
    pub fn of(config: &ServerConfig) -> Self {
        let record_bytes = config.whole("metadata.log.max.record.bytes.between.snapshots");
        let interval_ms = config.whole("metadata.log.max.snapshot.interval.ms");
        let retention_ms = config.whole("metadata.max.retention.ms");
        Self {
            record_bytes_max: u64::try_from(record_bytes).unwrap_or(u64::MAX),
            interval_ms: Some(interval_ms).filter(|interval| *interval > 0),
            retention_bytes: u64::try_from(config.whole("metadata.max.retention.bytes")).ok(),
            retention_ms: Some(retention_ms).filter(|kept| *kept >= 0),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    bytes: u64,
    timestamp_ms: i64,
}

type Written = Result<(SnapshotId, Kept), LogError>;

/// The snapshots of the metadata log.
#[derive(Debug)]
pub(super) struct Snapshots {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    policy: SnapshotPolicy,
    kept: BTreeMap<SnapshotId, Kept>,
    quorum: QuorumRecords,
    /// Renamed files, and when they go.
    retired: Vec<(i64, SnapshotId)>,
    bytes_since: u64,
    last_ms: i64,
    cleaned_ms: i64,
    writing: Option<JoinHandle<Written>>,
}

impl Snapshots {
    /// Finds the snapshots of a directory and reads the newest. `None`: there is none.
    pub(super) fn load(
        disk: &Arc<dyn Disk>,
        directory: PathBuf,
        policy: SnapshotPolicy,
        now_ms: i64,
    ) -> Result<(Self, Option<(SnapshotId, snapshot::Snapshot)>), LogError> {
        let failed =
            |error: std::io::Error| LogError::Read { offset: 0, detail: error.to_string() };
        let ids = snapshot::list(disk.as_ref(), &directory).map_err(failed)?;
        let mut snapshots = Self {
            disk: Arc::clone(disk),
            directory,
            policy,
            kept: BTreeMap::new(),
            quorum: QuorumRecords::default(),
            retired: Vec::new(),
            bytes_since: 0,
            last_ms: now_ms,
            cleaned_ms: now_ms,
            writing: None,
        };
        for id in &ids {
            let (bytes, timestamp_ms) =
                snapshot::summary(snapshots.disk.as_ref(), &snapshots.directory, *id)?;
            snapshots.kept.insert(*id, Kept { bytes, timestamp_ms });
        }
        let Some(newest) = ids.last().copied() else { return Ok((snapshots, None)) };
        let read = snapshot::read(snapshots.disk.as_ref(), &snapshots.directory, newest)?;
        snapshots.quorum = read.quorum.clone();
        Ok((snapshots, Some((newest, read))))
    }

    /// What is known of the quorum.
    pub(super) fn quorum(&self) -> &QuorumRecords {
        &self.quorum
    }

    /// Notes what the log says of the quorum.
    pub(super) fn quorum_mut(&mut self) -> &mut QuorumRecords {
        &mut self.quorum
    }

    /// Notes bytes that are committed, and begins a snapshot of the image when one is due.
    pub(super) fn committed(&mut self, bytes: u64, image: &MetadataImage, now_ms: i64) {
        self.bytes_since = self.bytes_since.saturating_add(bytes);
        let is_overdue =
            self.policy.interval_ms.is_some_and(|interval| now_ms - self.last_ms >= interval);
        let is_due = self.bytes_since >= self.policy.record_bytes_max || is_overdue;
        let id = SnapshotId::of(image.provenance);
        let newest = self.kept.last_key_value().map(|(id, _)| *id);
        if !is_due || self.writing.is_some() || newest.is_some_and(|newest| newest >= id) {
            return;
        }
        (self.bytes_since, self.last_ms) = (0, now_ms);
        let (disk, directory) = (Arc::clone(&self.disk), self.directory.clone());
        let (image, quorum) = (image.clone(), self.quorum.clone());
        let write = move || {
            let bytes = snapshot::write(disk.as_ref(), &directory, &image, &quorum)?;
            tracing::info!(snapshot = %id, bytes, "metadata snapshot written");
            Ok((id, Kept { bytes, timestamp_ms: image.provenance.timestamp_ms }))
        };
        match std::thread::Builder::new().name("snapshot".to_owned()).spawn(write) {
            Ok(thread) => self.writing = Some(thread),
            Err(error) => tracing::error!(%error, "no thread for a metadata snapshot"),
        }
    }

    /// Takes in a snapshot that was written meanwhile.
    pub(super) fn collect(&mut self) {
        if self.writing.as_ref().is_some_and(JoinHandle::is_finished) {
            self.finish();
        }
    }

    /// Waits for the snapshot that is being written, if one is.
    pub(super) fn finish(&mut self) {
        let Some(thread) = self.writing.take() else { return };
        match thread.join() {
            Ok(Ok((id, kept))) => {
                self.kept.insert(id, kept);
            }
            // The log holds everything: the next one may succeed.
            Ok(Err(error)) => tracing::error!(%error, "a metadata snapshot can't be written"),
            Err(_) => tracing::error!("writing a metadata snapshot panicked"),
        }
    }

    /// The next time that something is to be looked at.
    pub(super) fn next_deadline(&self, now_ms: i64) -> Option<i64> {
        let collect = self.writing.is_some().then_some(now_ms + COLLECT_EVERY_MS);
        let is_pending = self.kept.len() > 1 || !self.retired.is_empty();
        let clean = is_pending.then_some(self.cleaned_ms + CLEAN_EVERY_MS);
        collect.into_iter().chain(clean).min()
    }

    /// Whether it is time to look for old snapshots.
    pub(super) fn is_time_to_clean(&mut self, now_ms: i64) -> bool {
        if now_ms - self.cleaned_ms < CLEAN_EVERY_MS {
            return false;
        }
        self.cleaned_ms = now_ms;
        self.remove_retired(now_ms);
        true
    }

    /// Drops the oldest snapshot if it is too old, or all are too many bytes together with the log, but
    /// never the newest. Returns the oldest one that stays: the log before it may go too.
    pub(super) fn drop_oldest(&mut self, log_bytes: u64, now_ms: i64) -> Option<SnapshotId> {
        let mut kept = self.kept.iter();
        let (id, oldest) = kept.next().map(|(id, kept)| (*id, *kept))?;
        let next = *kept.next()?.0;
        let total = log_bytes + self.kept.values().map(|kept| kept.bytes).sum::<u64>();
        let age_ms = now_ms.saturating_sub(oldest.timestamp_ms);
        let is_old = self.policy.retention_ms.is_some_and(|kept| age_ms > kept);
        let is_much = self.policy.retention_bytes.is_some_and(|kept| total > kept);
        if !is_old && !is_much {
            return None;
        }
        if let Err(error) = snapshot::retire(self.disk.as_ref(), &self.directory, id) {
            tracing::error!(snapshot = %id, %error, "a metadata snapshot can't be deleted");
            return None;
        }
        tracing::info!(snapshot = %id, is_old, is_much, "metadata snapshot deleted");
        self.retired.push((now_ms + CLEAN_EVERY_MS, id));
        self.kept.remove(&id);
        Some(next)
    }

    fn remove_retired(&mut self, now_ms: i64) {
        let due: Vec<_> = self.retired.extract_if(.., |(due_ms, _)| *due_ms <= now_ms).collect();
        for (_, id) in due {
            let removed = snapshot::remove_retired(self.disk.as_ref(), &self.directory, id);
            if let Err(error) = removed {
                tracing::error!(snapshot = %id, %error, "a deleted snapshot's file stays");
            }
        }
    }
}
