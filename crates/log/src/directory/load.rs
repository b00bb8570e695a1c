//! The logs of a folder: listing them, and opening each or all of them.
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::checkpoints::{LOG_STARTS, OffsetsByPartition, RECOVERY_POINTS, lenient_offsets};
use super::folder::{DELETE_SUFFIX, LogDirectory, STRAY_SUFFIX};
use super::moving::FutureLog;
use crate::config::LogConfig;
use crate::error::{Error, Result};
use crate::log::{Log, OpenLog, RecoveryWatch, UnopenedLog};
use crate::names::{FUTURE_SUFFIX, TopicPartition};

/// The metadata log is the node's.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// What a folder holds, by the names in it and by its checkpoints.
#[derive(Debug, Default)]
pub struct Listing {
    /// Partitions that have a log, in name order.
    pub partitions: Vec<TopicPartition>,
    /// Directories of deleted logs, for [`LogDirectory::remove`].
    pub deleted: Vec<PathBuf>,
    /// Copies of logs that were moving here.
    pub futures: Vec<FutureLog>,
    /// `recovery-point-offset-checkpoint`.
    pub recovery_points: OffsetsByPartition,
    /// `log-start-offset-checkpoint`.
    pub log_starts: OffsetsByPartition,
    /// `cleaner-offset-checkpoint`.
    pub cleaned: OffsetsByPartition,
}

/// How to load the logs of a folder.
pub struct LoadOptions<'a> {
    /// The settings of a partition's log.
    pub config_for: &'a (dyn Fn(&TopicPartition) -> Arc<LogConfig> + Sync),
    /// `num.recovery.threads.per.data.dir`.
    pub threads: usize,
    /// Kafka timestamp.
    pub now_ms: i64,
}

/// What a folder held.
#[derive(Debug, Default)]
pub struct LoadedLogs {
    /// Logs that opened, in name order.
    pub logs: Vec<Log>,
    /// Logs that did not.
    pub failed: Vec<(TopicPartition, Error)>,
    /// Directories of deleted logs, for [`LogDirectory::remove`].
    pub deleted: Vec<PathBuf>,
}

impl LogDirectory {
    /// Lists the logs without looking into them. `__cluster_metadata` is the node's and is left
    /// alone, as is any directory that is no partition's.
    pub fn list(&self) -> Result<Listing> {
        let mut listing = Listing {
            recovery_points: lenient_offsets(self.disk.as_ref(), &self.path.join(RECOVERY_POINTS))?,
            log_starts: lenient_offsets(self.disk.as_ref(), &self.path.join(LOG_STARTS))?,
            cleaned: self.cleaned_offsets()?,
            ..Listing::default()
        };
        let entries = self.disk.read_dir(&self.path).map_err(Error::io("list", &self.path))?;
        for entry in entries.into_iter().filter(|entry| entry.is_dir) {
            if entry.name.ends_with(DELETE_SUFFIX) {
                listing.deleted.push(self.path.join(&entry.name));
            } else if entry.name.ends_with(STRAY_SUFFIX) {
                tracing::warn!(
                    directory = entry.name,
                    "set aside, since the metadata does not know it; remove it if nobody misses it"
                );
            } else if let Some(partition) = TopicPartition::from_directory_name(&entry.name)
                && partition.topic != METADATA_TOPIC
            {
                if entry.name.ends_with(FUTURE_SUFFIX) {
                    let path = self.path.join(&entry.name);
                    listing.futures.push(FutureLog { partition, path });
                } else {
                    listing.partitions.push(partition);
                }
            }
        }
        self.expect_logs(listing.partitions.len())?;
        Ok(listing)
    }

    /// Looks at the files of a listed log, which then says what opening it will take.
    pub fn find_log(
        &self,
        partition: &TopicPartition,
        listing: &Listing,
        config: Arc<LogConfig>,
        now_ms: i64,
    ) -> Result<UnopenedLog> {
        let mut options = OpenLog::new(self.path.join(partition.to_string()), config, now_ms);
        let offset_of = |offsets: &OffsetsByPartition| offsets.get(partition).copied().unwrap_or(0);
        options.recovery_point = offset_of(&listing.recovery_points);
        options.log_start_offset = offset_of(&listing.log_starts);
        options.cleaned_to = offset_of(&listing.cleaned);
        options.clean = self.clean_shutdown.is_some();
        options.descriptors = Arc::clone(&self.descriptors);
        let found = UnopenedLog::find(Arc::clone(&self.disk), options);
        found.inspect_err(|_| self.one_failed())
    }

    /// Opens a log that was found, recovering it when a crash interrupted it.
    ///
    /// # Errors
    /// [`Error::Stopped`] when the watch was told to stop.
    pub fn open_log(&self, found: UnopenedLog, watch: &RecoveryWatch) -> Result<Log> {
        let (now_ms, synced_to) = (found.now_ms(), found.recovery_point());
        let mut log = self.restore(found.open(watch), synced_to, now_ms)?;
        if let Some(high_watermark) = self.high_watermarks.get(log.partition()) {
            log.update_high_watermark(*high_watermark)?;
        }
        Ok(log)
    }

    /// Lists and opens every log before it returns.
    pub fn load(&self, options: &LoadOptions<'_>) -> Result<LoadedLogs> {
        let mut listing = self.list()?;
        let partitions = std::mem::take(&mut listing.partitions);
        let open = |partition: &TopicPartition| {
            let config = (options.config_for)(partition);
            let found = self.find_log(partition, &listing, config, options.now_ms)?;
            self.open_log(found, &RecoveryWatch::default())
        };
        let opened = in_parallel(partitions, options.threads, &open);
        let mut loaded = LoadedLogs { deleted: listing.deleted, ..LoadedLogs::default() };
        for (partition, outcome) in opened {
            match outcome {
                Ok(log) => loaded.logs.push(log),
                Err(error) => {
                    tracing::error!(%partition, error = &error as &dyn std::error::Error, "cannot load log");
                    loaded.failed.push((partition, error));
                }
            }
        }
        Ok(loaded)
    }
}

/// Runs `work` for each item on a few threads; the results come in the items' order.
fn in_parallel<K: Clone + Ord + Send, V: Send>(
    items: Vec<K>,
    threads: usize,
    work: &(impl Fn(&K) -> V + Sync),
) -> BTreeMap<K, V> {
    let threads = threads.clamp(1, items.len().max(1));
    let waiting = Mutex::new(items.into_iter());
    let done = Mutex::new(BTreeMap::new());
    let run = || {
        loop {
            let Some(item) = waiting.lock().next() else { break };
            let outcome = work(&item);
            done.lock().insert(item, outcome);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
    done.into_inner()
}
