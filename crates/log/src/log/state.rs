//! What a log is made of, and what it says of itself.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ottla_wire::Uuid;
use ottla_world::Disk;

use super::durability::{Doubt, Journaling, Unsynced};
use super::recent::RecentBatches;
use super::retention::Retired;
use crate::append::AppendPolicy;
use crate::config::LogConfig;
use crate::epochs::LeaderEpochs;
use crate::error::{Error, Result};
use crate::names::TopicPartition;
use crate::producers::{ActiveProducer, Producers};
use crate::segment::{Home, Segment};

/// One partition's records. One owner; see the crate's page.
#[derive(Debug)]
pub struct Log {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) directory: PathBuf,
    /// Where the segments' files are.
    pub(super) home: Arc<Home>,
    pub(super) partition: TopicPartition,
    /// The partition's name, for messages.
    pub(super) name: Arc<str>,
    pub(super) topic_id: Option<Uuid>,
    pub(super) config: Arc<LogConfig>,
    /// By base offset; never empty, the last one is active.
    pub(super) segments: BTreeMap<i64, Segment>,
    pub(super) epochs: LeaderEpochs,
    pub(super) producers: Producers,
    pub(super) log_start: i64,
    pub(super) high_watermark: i64,
    pub(super) log_end: i64,
    /// Where the records end: before the log's end where a gap was cut in.
    pub(super) records_end: i64,
    pub(super) recovery_point: i64,
    pub(super) last_flush_ms: i64,
    pub(super) unsynced: Unsynced,
    /// Counts cuts at the end, so that a flush that was under way is not believed.
    pub(super) truncations: u64,
    pub(super) recent: RecentBatches,
    pub(super) retired: Vec<Retired>,
    /// The names of the log's files and directory are known to be on disk.
    pub(super) is_settled: bool,
    pub(super) journaling: Option<Journaling>,
    pub(super) doubt: Doubt,
    pub(super) offline: bool,
}

impl Log {
    /// Which partition this is.
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// The log's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Current settings.
    pub fn config(&self) -> &Arc<LogConfig> {
        &self.config
    }

    /// Replaces the settings.
    pub fn update_config(&mut self, config: Arc<LogConfig>) {
        self.producers.set_expiration(config.producer_id_expiration_ms);
        self.config = config;
    }

    /// What [`AppendPolicy::validate`] needs; take it under the lock, validate without.
    pub fn append_policy(&self) -> AppendPolicy {
        AppendPolicy { partition: Arc::clone(&self.name), config: Arc::clone(&self.config) }
    }

    /// Bytes of records.
    pub fn size(&self) -> u64 {
        self.segments.values().map(Segment::bytes).sum()
    }

    /// Number of segments.
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// Producers that the log remembers, by id.
    pub fn active_producers(&self) -> Vec<ActiveProducer> {
        self.producers.active()
    }

    /// True when `producer_id` has a transaction open in this epoch.
    pub fn has_open_transaction(&self, producer_id: i64, producer_epoch: i16) -> bool {
        self.producers.has_open_transaction(producer_id, producer_epoch)
    }

    /// Forgets producers silent for `producer.id.expiration.ms`.
    pub fn expire_producers(&mut self, now_ms: i64) {
        self.producers.expire(now_ms);
    }

    /// True once a write or flush failed.
    pub fn is_offline(&self) -> bool {
        self.offline
    }

    /// Takes the log offline: what lies around it has failed.
    pub fn go_offline(&mut self) {
        self.offline = true;
    }

    pub(super) fn active(&self) -> &Segment {
        self.segments.values().next_back().expect("a log has at least one segment")
    }

    pub(super) fn active_mut(&mut self) -> &mut Segment {
        self.segments.values_mut().next_back().expect("a log has at least one segment")
    }

    /// The segment that holds `offset`, or the first one after it.
    pub(super) fn floor_base(&self, offset: i64) -> i64 {
        let floor = self.segments.range(..=offset).next_back();
        let found = floor.or_else(|| self.segments.first_key_value());
        *found.expect("a log has at least one segment").0
    }

    pub(super) fn require_online(&self) -> Result<()> {
        if self.offline { Err(Error::Offline { path: self.directory.clone() }) } else { Ok(()) }
    }

    /// Runs what changes the log. Once it fails, memory and disk may differ: the log goes offline.
    pub(super) fn change<T>(&mut self, change: impl FnOnce(&mut Log) -> Result<T>) -> Result<T> {
        self.require_online()?;
        let outcome = change(self);
        if let Err(error) = &outcome {
            self.offline = true;
            tracing::error!(partition = %self.name, error = error as &dyn std::error::Error, "log goes offline");
            self.leave_to_journal(error);
        }
        outcome
    }
}
