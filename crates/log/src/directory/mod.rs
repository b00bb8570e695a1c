//! A folder of logs: its lock, its identity, its checkpoints, and loading what it holds.
//!
//! # Layout
//! - `properties`: `meta.properties`
//! - `load`: listing the logs, and opening them; `journaled`: with what the journal has of them
//! - `moving`: copies of logs that move to another folder
mod journaled;
mod load;
mod moving;
mod properties;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ottla_wire::Uuid;
use ottla_world::Disk;
use ottla_world::disk::{Lock, read_file, replace_file};

use journaled::FolderJournal;
pub use load::{Listing, LoadOptions, LoadedLogs};
pub use moving::{FutureLog, can_move};
pub use properties::MetaProperties;

use crate::checkpoint::{read_offsets, write_offsets};
use crate::config::LogConfig;
use crate::descriptors::Descriptors;
use crate::error::{Error, Result};
use crate::log::{Log, OpenLog};
use crate::names::TopicPartition;

const LOCK: &str = ".lock";
const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
const LOG_STARTS: &str = "log-start-offset-checkpoint";
const CLEANED: &str = "cleaner-offset-checkpoint";
/// The suffix of a deleted log's directory.
const DELETE_SUFFIX: &str = "-delete";
/// The suffix of the directory of a log that the metadata does not know.
const STRAY_SUFFIX: &str = "-stray";
/// The longest name a file may have.
const NAME_BYTES_MAX: usize = 255;

/// Offsets by partition, as checkpoint files hold them.
pub type OffsetsByPartition = BTreeMap<TopicPartition, i64>;

/// An open folder of logs; holds its lock.
#[derive(Debug)]
pub struct LogDirectory {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    high_watermarks: OffsetsByPartition,
    /// Broker epoch that the clean-shutdown marker told, taken when the folder was opened.
    clean_shutdown: Option<i64>,
    descriptors: Arc<Descriptors>,
    journal: Option<FolderJournal>,
    #[expect(dead_code, reason = "held, not used")]
    lock: Box<dyn Lock>,
}

impl LogDirectory {
    /// Opens the folder, creating it when absent, and takes its `.lock`. The clean-shutdown marker is
    /// read and removed: from now on a crash is a crash.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process has it.
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<LogDirectory> {
        if !disk.exists(path).map_err(Error::io("look at", path))? {
            disk.create_dir_all(path).map_err(Error::io("create", path))?;
        }
        let lock_path = path.join(LOCK);
        let lock = match disk.lock(&lock_path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err(Error::Locked { path: lock_path });
            }
            Err(error) => return Err(Error::io("lock", &lock_path)(error)),
        };
        let high_watermarks = lenient_offsets(disk.as_ref(), &path.join(HIGH_WATERMARKS))?;
        let mut directory = LogDirectory {
            disk,
            path: path.to_owned(),
            high_watermarks,
            clean_shutdown: None,
            journal: None,
            descriptors: Arc::default(),
            lock,
        };
        directory.clean_shutdown = directory.take_clean_shutdown()?;
        if directory.clean_shutdown.is_none() {
            directory.keep_name()?;
        }
        Ok(directory)
    }

    /// Makes the folder's own name durable, which whoever made it may not have lived to do.
    fn keep_name(&self) -> Result<()> {
        // A path of one name has an empty parent: the current directory.
        let parent = (self.path.parent())
            .map(|parent| if parent == Path::new("") { Path::new(".") } else { parent });
        let Some(parent) = parent else { return Ok(()) };
        match self.disk.sync_dir(parent) {
            // Somebody else's folder, who has given us this one.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
            synced => synced.map_err(Error::io("sync", parent)),
        }
    }

    /// Has its logs share the files that may be open with those of others.
    pub fn share_descriptors(&mut self, descriptors: &Arc<Descriptors>) {
        self.descriptors = Arc::clone(descriptors);
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The disk it is on.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The broker epoch that the last process left when it shut down in order; `None` when it did not.
    pub fn clean_shutdown_broker_epoch(&self) -> Option<i64> {
        self.clean_shutdown
    }

    fn take_clean_shutdown(&self) -> Result<Option<i64>> {
        let path = self.path.join(CLEAN_SHUTDOWN);
        let contents = match read_file(self.disk.as_ref(), &path, 4096) {
            Ok(contents) => contents,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        self.disk.remove_file(&path).map_err(Error::io("remove", &path))?;
        self.disk.sync_dir(&self.path).map_err(Error::io("sync", &self.path))?;
        Ok(Some(broker_epoch_of(&contents)))
    }

    /// Leaves `.kafka_cleanshutdown`: every log was closed and the recovery points are checkpointed.
    pub fn mark_clean_shutdown(&self, broker_epoch: i64) -> Result<()> {
        let path = self.path.join(CLEAN_SHUTDOWN);
        let contents = format!(r#"{{"version":0,"brokerEpoch":{broker_epoch}}}"#);
        replace_file(self.disk.as_ref(), &path, contents.as_bytes())
            .map_err(Error::io("write", &path))
    }

    /// Creates (or opens) the log of a new partition.
    pub fn create_log(
        &self,
        partition: &TopicPartition,
        topic_id: Option<Uuid>,
        config: Arc<LogConfig>,
        now_ms: i64,
    ) -> Result<Log> {
        let directory = self.path.join(partition.to_string());
        let mut options = OpenLog::new(directory, config, now_ms);
        options.descriptors = Arc::clone(&self.descriptors);
        let mut log = Log::open(Arc::clone(&self.disk), options)?;
        if let Some(topic_id) = topic_id {
            log.assign_topic_id(topic_id)?;
        }
        self.attach(&mut log);
        Ok(log)
    }

    /// Renames a log's directory to `<topic>-<partition>.<unique>-delete`, so that the name is free;
    /// the files go when the returned path is given to [`LogDirectory::remove`]. `unique` is 32
    /// hexadecimal digits in Kafka.
    pub fn delete_log(&self, log: Log, unique: &str) -> Result<PathBuf> {
        self.rename_log(log, unique, DELETE_SUFFIX)
    }

    /// Renames a log's directory to `<topic>-<partition>.<unique>-stray`: nobody knows the partition,
    /// and nobody has said that its records may go. They stay until a person removes them.
    pub fn set_aside(&self, log: Log, unique: &str) -> Result<PathBuf> {
        self.rename_log(log, unique, STRAY_SUFFIX)
    }

    fn rename_log(&self, mut log: Log, unique: &str, kind: &str) -> Result<PathBuf> {
        log.leave_journal();
        let renamed = self.path.join(aside_name(log.partition(), unique, kind));
        self.disk
            .rename(log.directory(), &renamed)
            .map_err(Error::io("rename", log.directory()))?;
        Ok(renamed)
    }

    /// Removes a deleted log's files.
    pub fn remove(&self, deleted: &Path) -> Result<()> {
        match self.disk.remove_dir_all(deleted) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::io("remove", deleted)(error)),
        }
    }

    /// High watermarks as they were checkpointed when the folder was opened.
    pub fn high_watermarks(&self) -> &OffsetsByPartition {
        &self.high_watermarks
    }

    /// Writes `replication-offset-checkpoint`.
    pub fn checkpoint_high_watermarks(&self, offsets: &OffsetsByPartition) -> Result<()> {
        self.checkpoint(HIGH_WATERMARKS, offsets)
    }

    /// Writes `recovery-point-offset-checkpoint`.
    pub fn checkpoint_recovery_points(&self, offsets: &OffsetsByPartition) -> Result<()> {
        self.checkpoint(RECOVERY_POINTS, offsets)
    }

    /// Writes `log-start-offset-checkpoint`. Kafka lists only logs whose start offset is not their
    /// first segment's: see [`Log::log_start_is_within_segment`].
    pub fn checkpoint_log_start_offsets(&self, offsets: &OffsetsByPartition) -> Result<()> {
        self.checkpoint(LOG_STARTS, offsets)
    }

    /// Writes `cleaner-offset-checkpoint`.
    pub fn checkpoint_cleaned_offsets(&self, offsets: &OffsetsByPartition) -> Result<()> {
        self.checkpoint(CLEANED, offsets)
    }

    /// Reads `cleaner-offset-checkpoint`.
    pub fn cleaned_offsets(&self) -> Result<OffsetsByPartition> {
        lenient_offsets(self.disk.as_ref(), &self.path.join(CLEANED))
    }

    fn checkpoint(&self, name: &str, offsets: &OffsetsByPartition) -> Result<()> {
        write_offsets(self.disk.as_ref(), &self.path.join(name), offsets)
    }
}

/// `<topic>-<partition>.<unique>` and a kind, cut where it would be too long.
fn aside_name(partition: &TopicPartition, unique: &str, kind: &str) -> String {
    let suffix = format!(".{unique}{kind}");
    let mut name = partition.to_string();
    name.truncate(NAME_BYTES_MAX - suffix.len());
    name + &suffix
}

/// Reads a checkpoint. One that holds no offsets is as good as none: more is recovered then.
fn lenient_offsets(disk: &dyn Disk, path: &Path) -> Result<OffsetsByPartition> {
    match read_offsets(disk, path) {
        Err(error @ Error::Corrupt { .. }) => {
            tracing::warn!(%error, "checkpoint ignored");
            Ok(OffsetsByPartition::new())
        }
        read => read,
    }
}

/// The number after `"brokerEpoch":`; -1 when there is none, as in markers of old versions.
fn broker_epoch_of(contents: &[u8]) -> i64 {
    let text = String::from_utf8_lossy(contents);
    let Some((_, after)) = text.split_once("\"brokerEpoch\":") else { return -1 };
    let number = after.trim_start().split([',', '}', ' ']).next().unwrap_or_default();
    number.parse().unwrap_or(-1)
}
