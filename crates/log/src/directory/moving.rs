//! Logs that move from one folder to another: a copy grows under a name that ends with `-future`, and
//! takes the log's name once it holds everything.
use std::path::PathBuf;
use std::sync::Arc;

use ottla_wire::Uuid;

use super::folder::{LogDirectory, NAME_BYTES_MAX, STRAY_SUFFIX, aside_name};
use crate::config::LogConfig;
use crate::error::{Error, Result};
use crate::log::{Log, OpenLog};
use crate::names::{FUTURE_SUFFIX, TopicPartition};

/// A copy of a log that an earlier process left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FutureLog {
    /// Of which partition.
    pub partition: TopicPartition,
    /// Its directory.
    pub path: PathBuf,
}

/// What is known of a log that was closed in order.
#[derive(Clone, Copy, Debug, Default)]
struct Closed {
    /// Everything before this is on disk.
    end: i64,
    log_start: i64,
}

/// Whether the name of a partition's copy can be given to a directory. `unique` is 32 digits long.
pub fn can_move(partition: &TopicPartition) -> bool {
    const UNIQUE_BYTES: usize = 32;
    let suffix_bytes = 1 + UNIQUE_BYTES + FUTURE_SUFFIX.len();
    partition.to_string().len() + suffix_bytes <= NAME_BYTES_MAX
}

impl LogDirectory {
    /// Creates the empty copy of a log in this folder. `unique` is 32 hexadecimal digits, as in Kafka.
    pub fn create_future(
        &self,
        partition: &TopicPartition,
        topic_id: Uuid,
        unique: &str,
        (config, now_ms): (Arc<LogConfig>, i64),
    ) -> Result<Log> {
        let path = self.path.join(format!("{partition}.{unique}{FUTURE_SUFFIX}"));
        let mut log = self.open_moved(path, (config, now_ms), None)?;
        log.assign_topic_id(topic_id)?;
        Ok(log)
    }

    /// Sets a log aside that was not opened: another folder has the one that counts. It was listed.
    pub fn set_aside_unopened(&self, partition: &TopicPartition, unique: &str) -> Result<PathBuf> {
        let path = self.path.join(partition.to_string());
        let aside = self.path.join(aside_name(partition, unique, STRAY_SUFFIX));
        self.disk.rename(&path, &aside).map_err(Error::io("rename", &path))?;
        self.one_less()?;
        Ok(aside)
    }

    /// Opens a copy that an earlier process left, recovering it unless that one stopped in order.
    pub fn open_future(
        &self,
        future: &FutureLog,
        (config, now_ms): (Arc<LogConfig>, i64),
    ) -> Result<Log> {
        let closed = self.clean_shutdown.map(|_| Closed::default());
        self.open_moved(future.path.clone(), (config, now_ms), closed)
    }

    /// Has a copy take the log's name. What it holds is on disk before it does. The copy is closed and
    /// opened under its new name.
    pub fn promote(&self, mut future: Log, now_ms: i64) -> Result<Log> {
        let high_watermark = future.high_watermark();
        let log_start = future.log_start_offset();
        let recovered_to = future.close(now_ms)?;
        let path = self.path.join(future.partition().to_string());
        self.disk
            .rename(future.directory(), &path)
            .map_err(Error::io("rename", future.directory()))?;
        self.disk.sync_dir(&self.path).map_err(Error::io("sync", &self.path))?;
        let config = Arc::clone(future.config());
        drop(future);
        let closed = Closed { end: recovered_to, log_start };
        let mut log = self.open_moved(path, (config, now_ms), Some(closed))?;
        log.update_high_watermark(high_watermark)?;
        self.attach(&mut log);
        Ok(log)
    }

    /// Opens a log of this folder: as it was closed in order, or recovering it.
    fn open_moved(
        &self,
        path: PathBuf,
        (config, now_ms): (Arc<LogConfig>, i64),
        closed: Option<Closed>,
    ) -> Result<Log> {
        let mut options = OpenLog::new(path, config, now_ms);
        options.descriptors = Arc::clone(&self.descriptors);
        options.clean = closed.is_some();
        let Closed { end, log_start } = closed.unwrap_or_default();
        (options.recovery_point, options.log_start_offset) = (end, log_start);
        Log::open(Arc::clone(&self.disk), options)
    }
}
