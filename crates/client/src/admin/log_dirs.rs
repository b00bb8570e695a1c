//! DescribeLogDirs: what lies on the disks of brokers.

use super::Admin;
use crate::error::{Error, PerItem};
use crate::topic_partition::TopicPartition;

/// A log directory of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDirDescription {
    /// Its path on the broker.
    pub path: String,
    /// Size of its volume in bytes, where told.
    pub total_bytes: Option<i64>,
    /// Free bytes of its volume, where told.
    pub usable_bytes: Option<i64>,
    /// Whether new replicas keep away from it (KIP-1066).
    pub is_cordoned: bool,
    /// The replicas in it.
    pub replicas: Vec<ReplicaLog>,
}

/// A replica in a log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaLog {
    /// Whose replica it is.
    pub partition: TopicPartition,
    /// Bytes of its segments.
    pub size: i64,
    /// How far its end lies behind.
    pub offset_lag: i64,
    /// Whether it is on its way to replace the current replica.
    pub is_future: bool,
}

impl Admin {
    /// The log directories of brokers, each with its replicas of `topics` (`None`: all).
    pub async fn describe_log_dirs(
        &self,
        brokers: &[i32],
        topics: Option<&[String]>,
    ) -> Result<Vec<(i32, Result<PerItem<String, LogDirDescription>, Error>)>, Error> {
        todo!("{brokers:?} {topics:?}")
    }
}
