//! ListOffsets and DeleteRecords: each partition is asked at its leader.

use std::sync::Arc;

use ottla_wire::Message;
use ottla_wire::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use ottla_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use ottla_wire::messages::{DeleteRecordsRequest, ListOffsetsRequest};

use super::Admin;
use crate::cluster::{Cluster, Target};
use crate::error::{ApiError, Error, PerItem};
use crate::topic_partition::TopicPartition;
use crate::topic_partition::by_topic;

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

impl OffsetSpec {
    /// The timestamp on the wire, and the first version of ListOffsets that understands it.
    const fn on_wire(self) -> (i64, i16) {
        match self {
            Self::Latest => (-1, 1),
            Self::Earliest => (-2, 1),
            Self::MaxTimestamp => (-3, 7),
            Self::EarliestLocal => (-4, 8),
            Self::LatestTiered => (-5, 9),
            Self::EarliestPendingUpload => (-6, 11),
            Self::Timestamp(timestamp) => (timestamp, 1),
        }
    }
}

impl IsolationLevel {
    /// The number on the wire.
    pub const fn id(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

impl Admin {
    /// Looks up offsets.
    pub async fn list_offsets(
        &self,
        queries: &[(TopicPartition, OffsetSpec)],
        isolation: IsolationLevel,
    ) -> Result<PerItem<TopicPartition, ResolvedOffset>, Error> {
        self.ask_leaders("ListOffsets", queries.to_vec(), move |cluster, leader, share| {
            offsets_of_leader(cluster, leader, share, isolation)
        })
        .await
    }

    /// Deletes what lies before the given offsets (-1: before the high watermark); answers the new first offset.
    pub async fn delete_records(
        &self,
        before: &[(TopicPartition, i64)],
    ) -> Result<PerItem<TopicPartition, i64>, Error> {
        let timeout_ms = self.request_timeout_ms();
        self.ask_leaders("DeleteRecords", before.to_vec(), move |cluster, leader, share| {
            delete_at_leader(cluster, leader, share, timeout_ms)
        })
        .await
    }
}

async fn offsets_of_leader(
    cluster: Cluster,
    leader: i32,
    share: Vec<(TopicPartition, OffsetSpec)>,
    isolation: IsolationLevel,
) -> Result<PerItem<TopicPartition, ResolvedOffset>, Error> {
    let timeout_ms =
        i32::try_from(cluster.config().request_timeout.as_millis()).unwrap_or(i32::MAX);
    let mut least = if isolation == IsolationLevel::ReadCommitted { 2 } else { 1 };
    for (_, spec) in &share {
        least = least.max(spec.on_wire().1);
    }
    let topics = by_topic(share, |partition_index, spec| ListOffsetsPartition {
        partition_index,
        timestamp: spec.on_wire().0,
        ..ListOffsetsPartition::default()
    });
    let request = ListOffsetsRequest {
        replica_id: -1,
        isolation_level: isolation.id(),
        topics: topics
            .into_iter()
            .map(|(name, partitions)| ListOffsetsTopic {
                name,
                partitions,
                ..ListOffsetsTopic::default()
            })
            .collect(),
        timeout_ms,
        ..ListOffsetsRequest::default()
    };
    let versions = least..=*<ListOffsetsRequest as Message>::VERSIONS.end();
    let target = Target::Node(leader);
    let (response, _) = cluster.attempt(&target, &versions, &|_| request.clone(), None).await?;
    let mut answers = Vec::new();
    for topic in response.topics {
        let name: Arc<str> = topic.name.into();
        for partition in topic.partitions {
            let outcome = ApiError::check(partition.error_code, None);
            let resolved = ResolvedOffset {
                offset: partition.offset,
                timestamp: partition.timestamp,
                leader_epoch: Some(partition.leader_epoch).filter(|epoch| *epoch >= 0),
            };
            let key = TopicPartition::new(Arc::clone(&name), partition.partition_index);
            answers.push((key, outcome.map(|()| resolved)));
        }
    }
    Ok(answers)
}

async fn delete_at_leader(
    cluster: Cluster,
    leader: i32,
    share: Vec<(TopicPartition, i64)>,
    timeout_ms: i32,
) -> Result<PerItem<TopicPartition, i64>, Error> {
    let topics = by_topic(share, |partition_index, offset| DeleteRecordsPartition {
        partition_index,
        offset,
        ..DeleteRecordsPartition::default()
    });
    let request = DeleteRecordsRequest {
        topics: topics
            .into_iter()
            .map(|(name, partitions)| DeleteRecordsTopic {
                name,
                partitions,
                ..DeleteRecordsTopic::default()
            })
            .collect(),
        timeout_ms,
        ..DeleteRecordsRequest::default()
    };
    let response = cluster.call(leader, &request).await?;
    let mut answers = Vec::new();
    for topic in response.topics {
        let name: Arc<str> = topic.name.into();
        for partition in topic.partitions {
            let outcome = ApiError::check(partition.error_code, None);
            let key = TopicPartition::new(Arc::clone(&name), partition.partition_index);
            answers.push((key, outcome.map(|()| partition.low_watermark)));
        }
    }
    Ok(answers)
}
