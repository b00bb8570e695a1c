//! An open folder: its lock, its end in order, logs created and given up.
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ottla_wire::Uuid;
use ottla_world::disk::{Lock, read_file, replace_file};
use ottla_world::{Descriptors, Disk};

use super::checkpoints::{HIGH_WATERMARKS, OffsetsByPartition, lenient_offsets};
use super::journaled::FolderJournal;
use crate::config::LogConfig;
use crate::error::{Error, Result};
use crate::log::{Log, OpenLog};
use crate::names::TopicPartition;

const LOCK: &str = ".lock";
const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
/// The suffix of a deleted log's directory.
pub(super) const DELETE_SUFFIX: &str = "-delete";
/// The suffix of the directory of a log that the metadata does not know.
pub(super) const STRAY_SUFFIX: &str = "-stray";
/// The longest name a file may have.
pub(super) const NAME_BYTES_MAX: usize = 255;

/// An open folder of logs; holds its lock.
#[derive(Debug)]
pub struct LogDirectory {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) path: PathBuf,
    pub(super) high_watermarks: OffsetsByPartition,
    /// Broker epoch that the clean-shutdown marker told, taken when the folder was opened.
    pub(super) clean_shutdown: Option<i64>,
    pub(super) descriptors: Arc<Descriptors>,
    pub(super) journal: Option<FolderJournal>,
    #[expect(dead_code, reason = "held, not used")]
    pub(super) lock: Box<dyn Lock>,
}

impl LogDirectory {
    /// Opens the folder, creating it when absent, and takes its `.lock`. The clean-shutdown marker is
    /// read and removed: from now on a crash is a crash.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process has it.
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<LogDirectory> {
        create(disk.as_ref(), path)?;
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
            // Whoever made it may not have lived to do so.
            keep_name(directory.disk.as_ref(), path)?;
        }
        Ok(directory)
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
            Ok(contents) => Some(contents),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        if contents.is_some() {
            self.disk.remove_file(&path).map_err(Error::io("remove", &path))?;
        }
        // Who removed it may have been killed before this: a loss of power would bring it back, and with it the
        // belief that nothing has to be recovered.
        self.disk.sync_dir(&self.path).map_err(Error::io("sync", &self.path))?;
        Ok(contents.as_deref().map(broker_epoch_of))
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
}

/// Creates a folder that is absent. The names of the parents that are made on the way are on disk then; its own
/// is seen to at every start.
fn create(disk: &dyn Disk, path: &Path) -> Result<()> {
    let mut made = Vec::new();
    for folder in path.ancestors().filter(|folder| *folder != Path::new("")) {
        if disk.exists(folder).map_err(Error::io("look at", folder))? {
            break;
        }
        made.push(folder);
    }
    if made.is_empty() {
        return Ok(());
    }
    disk.create_dir_all(path).map_err(Error::io("create", path))?;
    made.iter().skip(1).try_for_each(|folder| keep_name(disk, folder))
}

/// Makes a folder's own name durable.
fn keep_name(disk: &dyn Disk, folder: &Path) -> Result<()> {
    // A path of one name has an empty parent: the current directory.
    let parent = (folder.parent())
        .map(|parent| if parent == Path::new("") { Path::new(".") } else { parent });
    let Some(parent) = parent else { return Ok(()) };
    match disk.sync_dir(parent) {
        // Somebody else's folder, who has given us this one.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        synced => synced.map_err(Error::io("sync", parent)),
    }
}

/// `<topic>-<partition>.<unique>` and a kind, cut where it would be too long.
pub(super) fn aside_name(partition: &TopicPartition, unique: &str, kind: &str) -> String {
    let suffix = format!(".{unique}{kind}");
    let mut name = partition.to_string();
    name.truncate(NAME_BYTES_MAX - suffix.len());
    name + &suffix
}

/// The number after `"brokerEpoch":`; -1 when there is none, as in markers of old versions.
fn broker_epoch_of(contents: &[u8]) -> i64 {
    let text = String::from_utf8_lossy(contents);
    let Some((_, after)) = text.split_once("\"brokerEpoch\":") else { return -1 };
    let number = after.trim_start().split([',', '}', ' ']).next().unwrap_or_default();
    number.parse().unwrap_or(-1)
}
