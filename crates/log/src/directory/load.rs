//! Opening every log of a folder, several at a time.
use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{
    DELETE_SUFFIX, LOG_STARTS, LogDirectory, OffsetsByPartition, RECOVERY_POINTS, STRAY_SUFFIX,
    lenient_offsets,
};
use crate::config::LogConfig;
use crate::error::{Error, Result};
use crate::log::{Log, OpenLog};
use crate::names::TopicPartition;

/// Directories that only moving a replica between folders makes; one left over means that the move
/// was never finished.
const FUTURE_SUFFIX: &str = "-future";
/// The metadata log is the node's.
const METADATA_TOPIC: &str = "__cluster_metadata";

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
    pub deleted: Vec<std::path::PathBuf>,
}

impl LogDirectory {
    /// Loads every partition's log, recovering those that a crash interrupted. `__cluster_metadata`
    /// is the node's and is left alone, as is any directory that is no partition's.
    pub fn load(&self, options: &LoadOptions<'_>) -> Result<LoadedLogs> {
        let recovery_points =
            lenient_offsets(self.disk.as_ref(), &self.path.join(RECOVERY_POINTS))?;
        let log_starts = lenient_offsets(self.disk.as_ref(), &self.path.join(LOG_STARTS))?;
        let mut loaded = LoadedLogs::default();
        let mut partitions = Vec::new();
        let entries = self.disk.read_dir(&self.path).map_err(Error::io("list", &self.path))?;
        for entry in entries.into_iter().filter(|entry| entry.is_dir) {
            if entry.name.ends_with(DELETE_SUFFIX) {
                loaded.deleted.push(self.path.join(&entry.name));
            } else if entry.name.ends_with(STRAY_SUFFIX) {
                tracing::warn!(
                    directory = entry.name,
                    "set aside, since the metadata does not know it; remove it if nobody misses it"
                );
            } else if entry.name.ends_with(FUTURE_SUFFIX) {
                tracing::warn!(
                    directory = entry.name,
                    "a move that was never finished; left alone"
                );
            } else if let Some(partition) = TopicPartition::from_directory_name(&entry.name)
                && partition.topic != METADATA_TOPIC
            {
                partitions.push(partition);
            }
        }
        let offset_of = |offsets: &OffsetsByPartition, name: &TopicPartition| {
            offsets.get(name).copied().unwrap_or(0)
        };
        let open = |partition: &TopicPartition| {
            let opened = OpenLog {
                directory: self.path.join(partition.to_string()),
                config: (options.config_for)(partition),
                recovery_point: offset_of(&recovery_points, partition),
                log_start_offset: offset_of(&log_starts, partition),
                clean: self.clean_shutdown.is_some(),
                now_ms: options.now_ms,
                descriptors: Arc::clone(&self.descriptors),
            };
            let mut log = Log::open(Arc::clone(&self.disk), opened)?;
            log.update_high_watermark(offset_of(&self.high_watermarks, partition))?;
            Ok(log)
        };
        let opened = in_parallel(partitions, options.threads, &open);
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
