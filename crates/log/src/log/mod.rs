//! One partition's records.
//!
//! # Layout
//! - `open`: loading and recovering; `replay`: producers from batches
//! - `append`: writing; `recent`: the batches written last; `read`: finding
//! - `offsets`: high watermark, last stable offset, log start, epochs, timestamps
//! - `roll`: new segments; `retention`: old ones; `truncate`: the end cut off
//! - `compact`: what the cleaner needs; `flush`: waiting for the disk; `identity`: `partition.metadata`
//! - `journaling`: what goes to the journal as well
mod append;
mod compact;
mod flush;
mod identity;
mod journaling;
mod offsets;
mod open;
mod read;
mod recent;
mod replay;
mod retention;
mod roll;
#[cfg(test)]
mod tests;
mod truncate;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ottla_wire::Uuid;
use ottla_world::Disk;

pub use append::{Appended, LeaderAppend};
use flush::Unsynced;
pub use flush::{FlushedTo, PendingFlush};
use journaling::Journaling;
pub use offsets::{Offsets, TimestampOffset};
pub use open::{OpenLog, RecoveryWatch, UnopenedLog};
pub use read::{AbortedTransaction, FileSlice, Isolation, LogRead, ReadOptions};
use recent::RecentBatches;
use retention::Retired;

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
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    /// Where the segments' files are.
    home: Arc<Home>,
    partition: TopicPartition,
    /// The partition's name, for messages.
    name: Arc<str>,
    topic_id: Option<Uuid>,
    config: Arc<LogConfig>,
    /// By base offset; never empty, the last one is active.
    segments: BTreeMap<i64, Segment>,
    epochs: LeaderEpochs,
    producers: Producers,
    log_start: i64,
    high_watermark: i64,
    log_end: i64,
    /// Where the records end: before the log's end where a gap was cut in.
    records_end: i64,
    recovery_point: i64,
    last_flush_ms: i64,
    unsynced: Unsynced,
    /// Counts cuts at the end, so that a flush that was under way is not believed.
    truncations: u64,
    recent: RecentBatches,
    retired: Vec<Retired>,
    /// The names of the log's files and directory are known to be on disk.
    is_settled: bool,
    journaling: Option<Journaling>,
    offline: bool,
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

    fn active(&self) -> &Segment {
        self.segments.values().next_back().expect("a log has at least one segment")
    }

    fn active_mut(&mut self) -> &mut Segment {
        self.segments.values_mut().next_back().expect("a log has at least one segment")
    }

    /// The segment that holds `offset`, or the first one after it.
    fn floor_base(&self, offset: i64) -> i64 {
        let floor = self.segments.range(..=offset).next_back();
        let found = floor.or_else(|| self.segments.first_key_value());
        *found.expect("a log has at least one segment").0
    }

    fn require_online(&self) -> Result<()> {
        if self.offline { Err(Error::Offline { path: self.directory.clone() }) } else { Ok(()) }
    }

    /// Runs what changes the log. Once it fails, memory and disk may differ: the log goes offline.
    fn change<T>(&mut self, change: impl FnOnce(&mut Log) -> Result<T>) -> Result<T> {
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
