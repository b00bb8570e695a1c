//! ListOffsets and DeleteRecords: each partition is asked at its leader.

use super::Admin;
use crate::error::{Error, PerItem};
use crate::topic_partition::TopicPartition;

/// Which offset of a partition is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first that can be read.
    Earliest,
    /// The one after the last.
    Latest,
    /// That of the record with the largest timestamp.
    MaxTimestamp,
    /// The first that lies on the broker's own disk.
    EarliestLocal,
    /// The last that lies in remote storage.
    LatestTiered,
    /// The first that waits for upload to remote storage.
    EarliestPendingUpload,
    /// The first whose timestamp, in milliseconds, is at least this.
    Timestamp(i64),
}

/// `isolation.level`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsolationLevel {
    /// See everything below the high watermark.
    #[default]
    ReadUncommitted,
    /// See what lies below the last stable offset, aborted transactions left out.
    ReadCommitted,
}

/// An offset that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResolvedOffset {
    /// The offset, -1 when there is none.
    pub offset: i64,
    /// The record's timestamp, -1 when there is none.
    pub timestamp: i64,
    /// The epoch of the leader that wrote it, where known.
    pub leader_epoch: Option<i32>,
}

impl Admin {
    /// Looks up offsets.
    pub async fn list_offsets(
        &self,
        queries: &[(TopicPartition, OffsetSpec)],
        isolation: IsolationLevel,
    ) -> Result<PerItem<TopicPartition, ResolvedOffset>, Error> {
        todo!("{queries:?} {isolation:?}")
    }

    /// Deletes what lies before the given offsets (-1: before the high watermark); answers the new first offset.
    pub async fn delete_records(
        &self,
        before: &[(TopicPartition, i64)],
    ) -> Result<PerItem<TopicPartition, i64>, Error> {
        todo!("{before:?}")
    }
}
