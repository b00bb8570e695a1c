//! What groups have committed: OffsetFetch, OffsetCommit, OffsetDelete.

use std::sync::Arc;

use ottla_wire::ErrorCode;
use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_wire::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use ottla_wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use ottla_wire::messages::{
    OffsetCommitRequest, OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest,
    OffsetFetchResponse,
};

use super::Admin;
use super::routing::{in_order_of, is_about_coordinator};
use crate::cluster::Target;
use crate::error::{ApiError, Error, PerItem};
use crate::topic_partition::{TopicPartition, by_topic};

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

/// Up to here partitions are named by topic name; later versions want ids, which deleted topics have not.
const NAMES_UP_TO: i16 = 9;

/// From here on offsets of several groups can be fetched at once (KIP-709).
const GROUPS_FROM: i16 = 8;

impl Admin {
    /// What a group committed; for all its partitions when `partitions` is `None`.
    /// A partition without a committed offset answers `None`.
    pub async fn list_group_offsets(
        &self,
        group: &str,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<PerItem<TopicPartition, Option<CommittedOffset>>, Error> {
        let build = |version| fetch_offsets(version, group, partitions, false);
        let target = Target::Group(group.to_owned());
        let versions = 2..=NAMES_UP_TO;
        let mut retry = self.cluster().retry("OffsetFetch");
        loop {
            let attempt = self.cluster().attempt(&target, &versions, &build, None).await;
            match attempt.and_then(|(response, version)| fetched_offsets(response, version)) {
                Ok(offsets) => return Ok(offsets),
                Err(error) => {
                    self.cluster().suspect(&target, &error);
                    retry.again(error).await?;
                }
            }
        }
    }

    /// Sets offsets of a group that has no members.
    pub async fn alter_group_offsets(
        &self,
        group: &str,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result<PerItem<TopicPartition, ()>, Error> {
        let topics = by_topic(offsets.iter().cloned(), |partition_index, committed| {
            OffsetCommitRequestPartition {
                partition_index,
                committed_offset: committed.offset,
                committed_leader_epoch: committed.leader_epoch.unwrap_or(-1),
                committed_metadata: Some(committed.metadata),
                ..OffsetCommitRequestPartition::default()
            }
        });
        let topic = |(name, partitions)| OffsetCommitRequestTopic {
            name,
            partitions,
            ..OffsetCommitRequestTopic::default()
        };
        let request = OffsetCommitRequest {
            group_id: group.to_owned(),
            topics: topics.into_iter().map(topic).collect(),
            ..OffsetCommitRequest::default()
        };
        let target = Target::Group(group.to_owned());
        let build = |_| request.clone();
        let mut retry = self.cluster().retry("OffsetCommit");
        loop {
            let attempt = self.cluster().attempt(&target, &(2..=NAMES_UP_TO), &build, None).await;
            let checked = attempt.and_then(|(response, _)| {
                let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
                let mut codes = partitions.map(|one| ErrorCode::from_code(one.error_code));
                match codes.find(|code| is_about_coordinator(*code)) {
                    Some(code) => Err(code.into()),
                    None => Ok(response),
                }
            });
            match checked {
                Ok(response) => {
                    let results = per_partition(response.topics.into_iter().map(|topic| {
                        let codes = topic.partitions.into_iter();
                        (topic.name, codes.map(|p| (p.partition_index, p.error_code)).collect())
                    }));
                    return Ok(in_order_of(offsets.iter().map(|(key, _)| key.clone()), results));
                }
                Err(error) => {
                    self.cluster().suspect(&target, &error);
                    retry.again(error).await?;
                }
            }
        }
    }

    /// Forgets offsets of a group. The outer error is of the group as a whole.
    pub async fn delete_group_offsets(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<Result<PerItem<TopicPartition, ()>, ApiError>, Error> {
        let keys = partitions.iter().map(|key| (key.clone(), ()));
        let topics =
            by_topic(keys, |partition_index, ()| OffsetDeleteRequestPartition { partition_index });
        let topics: Vec<OffsetDeleteRequestTopic> = topics
            .into_iter()
            .map(|(name, partitions)| OffsetDeleteRequestTopic { name, partitions })
            .collect();
        let build = |_| OffsetDeleteRequest { group_id: group.to_owned(), topics: topics.clone() };
        let code = |response: &OffsetDeleteResponse| response.error_code;
        let (response, _) = self.ask_coordinator(group, &build, code).await?;
        if let Err(refusal) = ApiError::check(response.error_code, None) {
            return Ok(Err(refusal));
        }
        let results = per_partition(response.topics.into_iter().map(|topic| {
            let codes = topic.partitions.into_iter();
            (topic.name, codes.map(|p| (p.partition_index, p.error_code)).collect())
        }));
        Ok(Ok(in_order_of(partitions.iter().cloned(), results)))
    }
}

fn per_partition(
    topics: impl Iterator<Item = (String, Vec<(i32, i16)>)>,
) -> PerItem<TopicPartition, ()> {
    let mut results = Vec::new();
    for (name, codes) in topics {
        let name: Arc<str> = name.into();
        results.extend(codes.into_iter().map(|(partition, code)| {
            (TopicPartition::new(Arc::clone(&name), partition), ApiError::check(code, None))
        }));
    }
    results
}

/// OffsetFetch in the shape that `version` has.
pub fn fetch_offsets(
    version: i16,
    group: &str,
    partitions: Option<&[TopicPartition]>,
    require_stable: bool,
) -> OffsetFetchRequest {
    let topics = partitions.map(|partitions| {
        by_topic(partitions.iter().map(|key| (key.clone(), ())), |partition, ()| partition)
    });
    let require_stable = require_stable && version >= 7;
    if version < GROUPS_FROM {
        let topic = |(name, partition_indexes)| OffsetFetchRequestTopic {
            name,
            partition_indexes,
            ..OffsetFetchRequestTopic::default()
        };
        return OffsetFetchRequest {
            group_id: group.to_owned(),
            topics: topics.map(|topics| topics.into_iter().map(topic).collect()),
            require_stable,
            ..OffsetFetchRequest::default()
        };
    }
    let topic = |(name, partition_indexes)| OffsetFetchRequestTopics {
        name,
        partition_indexes,
        ..OffsetFetchRequestTopics::default()
    };
    OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: group.to_owned(),
            topics: topics.map(|topics| topics.into_iter().map(topic).collect()),
            ..OffsetFetchRequestGroup::default()
        }],
        require_stable,
        ..OffsetFetchRequest::default()
    }
}

/// The offsets in an answer to [`fetch_offsets`]; the error is of the group as a whole.
pub fn fetched_offsets(
    response: OffsetFetchResponse,
    version: i16,
) -> Result<PerItem<TopicPartition, Option<CommittedOffset>>, Error> {
    let mut results = Vec::new();
    let mut add = |name: &Arc<str>, partition, code, offset, epoch: i32, note: Option<String>| {
        let committed = CommittedOffset {
            offset,
            leader_epoch: Some(epoch).filter(|epoch| *epoch >= 0),
            metadata: note.unwrap_or_default(),
        };
        let committed = Some(committed).filter(|committed| committed.offset >= 0);
        let outcome = ApiError::check(code, None).map(|()| committed);
        results.push((TopicPartition::new(Arc::clone(name), partition), outcome));
    };
    if version < GROUPS_FROM {
        ApiError::check(response.error_code, None)?;
        for topic in response.topics {
            let name: Arc<str> = topic.name.into();
            for p in topic.partitions {
                let (offset, epoch) = (p.committed_offset, p.committed_leader_epoch);
                add(&name, p.partition_index, p.error_code, offset, epoch, p.metadata);
            }
        }
        return Ok(results);
    }
    let group = response.groups.into_iter().next().ok_or(ErrorCode::UnknownServerError)?;
    ApiError::check(group.error_code, None)?;
    for topic in group.topics {
        let name: Arc<str> = topic.name.into();
        for p in topic.partitions {
            let (offset, epoch) = (p.committed_offset, p.committed_leader_epoch);
            add(&name, p.partition_index, p.error_code, offset, epoch, p.metadata);
        }
    }
    Ok(results)
}
