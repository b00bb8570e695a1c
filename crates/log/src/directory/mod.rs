//! A folder of logs: its lock, its identity, its checkpoints, and loading what it holds.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ottla_world::Disk;

use crate::config::LogConfig;
use crate::error::{Error, Result};
use crate::log::Log;
use crate::names::TopicPartition;

/// What `meta.properties` says (version 1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetaProperties {
    /// `cluster.id`.
    pub cluster_id: Option<String>,
    /// `node.id`.
    pub node_id: Option<i32>,
    /// `directory.id`, 22 characters of base64.
    pub directory_id: Option<String>,
}

impl MetaProperties {
    /// Reads `meta.properties` of the folder `path`; `None` when there is none.
    pub fn read(disk: &dyn Disk, path: &Path) -> Result<Option<MetaProperties>> {
        let _ = (disk, path);
        unimplemented!()
    }

    /// Writes `meta.properties` into the folder `path`, all or nothing.
    pub fn write(&self, disk: &dyn Disk, path: &Path) -> Result<()> {
        let _ = (disk, path);
        unimplemented!()
    }
}

/// An open folder of logs; holds its lock.
#[derive(Debug)]
pub struct LogDirectory {
    #[expect(dead_code)]
    path: PathBuf,
}

/// What a folder held.
#[derive(Debug)]
pub struct LoadedLogs {
    /// Logs that opened, in name order.
    pub logs: Vec<Log>,
    /// Logs that did not.
    pub failed: Vec<(TopicPartition, Error)>,
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

impl LogDirectory {
    /// Opens the folder, creating it when absent, and takes its `.lock`.
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<LogDirectory> {
        let _ = (disk, path);
        unimplemented!()
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        unimplemented!()
    }

    /// Loads every partition's log, recovering those that a crash interrupted; removes what
    /// deletions and compactions left. `__cluster_metadata-0` is the node's and is left alone.
    pub fn load(&mut self, options: &LoadOptions<'_>) -> Result<LoadedLogs> {
        let _ = options;
        unimplemented!()
    }

    /// Creates the log of a new partition.
    pub fn create_log(
        &self,
        partition: &TopicPartition,
        topic_id: [u8; 16],
        config: Arc<LogConfig>,
        now_ms: i64,
    ) -> Result<Log> {
        let _ = (partition, topic_id, config, now_ms);
        unimplemented!()
    }

    /// Renames a log's directory to `<topic>-<partition>.<unique>-delete`, so that the name is free;
    /// the files go when the returned path is given to [`LogDirectory::remove`].
    pub fn delete_log(&self, log: Log, unique: &str) -> Result<PathBuf> {
        let _ = (log, unique);
        unimplemented!()
    }

    /// Removes a deleted log's files.
    pub fn remove(&self, deleted: &Path) -> Result<()> {
        let _ = deleted;
        unimplemented!()
    }

    /// High watermarks as last checkpointed.
    pub fn high_watermarks(&self) -> &BTreeMap<TopicPartition, i64> {
        unimplemented!()
    }

    /// Writes `replication-offset-checkpoint`.
    pub fn checkpoint_high_watermarks(
        &self,
        offsets: &BTreeMap<TopicPartition, i64>,
    ) -> Result<()> {
        let _ = offsets;
        unimplemented!()
    }

    /// Writes `recovery-point-offset-checkpoint`.
    pub fn checkpoint_recovery_points(
        &self,
        offsets: &BTreeMap<TopicPartition, i64>,
    ) -> Result<()> {
        let _ = offsets;
        unimplemented!()
    }

    /// Writes `log-start-offset-checkpoint`.
    pub fn checkpoint_log_start_offsets(
        &self,
        offsets: &BTreeMap<TopicPartition, i64>,
    ) -> Result<()> {
        let _ = offsets;
        unimplemented!()
    }

    /// Leaves `.kafka_cleanshutdown`: every log was closed.
    pub fn mark_clean_shutdown(&self, broker_epoch: i64) -> Result<()> {
        let _ = broker_epoch;
        unimplemented!()
    }
}
