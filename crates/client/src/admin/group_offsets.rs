//! What groups have committed: OffsetFetch, OffsetCommit, OffsetDelete.

use super::Admin;
use crate::error::{ApiError, Error, PerItem};
use crate::topic_partition::TopicPartition;

/// A committed offset as the coordinator keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: i64,
    /// The epoch of the leader that wrote the record before it, where known.
    pub leader_epoch: Option<i32>,
    /// What the committer noted.
    pub metadata: String,
}

/// An offset to commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetAndMetadata {
    /// The next offset to read.
    pub offset: i64,
    /// The epoch of the leader that wrote the record before it, where known.
    pub leader_epoch: Option<i32>,
    /// A note.
    pub metadata: String,
}

impl Admin {
    /// What a group committed; for all its partitions when `partitions` is `None`.
    /// A partition without a committed offset answers `None`.
    pub async fn list_group_offsets(
        &self,
        group: &str,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<PerItem<TopicPartition, Option<CommittedOffset>>, Error> {
        todo!("{group} {partitions:?}")
    }

    /// Sets offsets of a group that has no members.
    pub async fn alter_group_offsets(
        &self,
        group: &str,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result<PerItem<TopicPartition, ()>, Error> {
        todo!("{group} {offsets:?}")
    }

    /// Forgets offsets of a group. The outer error is of the group as a whole.
    pub async fn delete_group_offsets(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<Result<PerItem<TopicPartition, ()>, ApiError>, Error> {
        todo!("{group} {partitions:?}")
    }
}
