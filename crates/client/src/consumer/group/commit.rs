//! OffsetCommit as a member, or as nobody in particular when partitions were assigned by hand.

use ottla_wire::ErrorCode;
use ottla_wire::messages::OffsetCommitRequest;
use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};

use super::heartbeat::doubt_of;
use super::{Doubt, Membership};
use crate::admin::OffsetAndMetadata;
use crate::cluster::Cluster;
use crate::error::{ApiError, Error};
use crate::topic_partition::{TopicPartition, by_topic};

/// Commits, trying again what may pass, until `default.api.timeout.ms` has passed.
pub(in crate::consumer) async fn commit(
    cluster: &Cluster,
    membership: &Membership,
    offsets: &[(TopicPartition, OffsetAndMetadata)],
) -> Result<(), Error> {
    if offsets.is_empty() {
        return Ok(());
    }
    let target = membership.target();
    let metadata = membership.metadata();
    let topics: Vec<OffsetCommitRequestTopic> = by_topic(offsets.iter().cloned(), partition)
        .into_iter()
        .map(|(name, partitions)| OffsetCommitRequestTopic {
            name,
            partitions,
            ..OffsetCommitRequestTopic::default()
        })
        .collect();
    let build = |version| OffsetCommitRequest {
        group_id: metadata.group_id.clone(),
        generation_id_or_member_epoch: metadata.generation,
        member_id: metadata.member_id.clone(),
        group_instance_id: metadata.instance_id.clone().filter(|_| version >= 7),
        topics: topics.clone(),
        ..OffsetCommitRequest::default()
    };
    let mut retry = cluster.retry("OffsetCommit");
    loop {
        // Later versions name topics by id, which a deleted topic has not.
        let attempt = cluster.attempt(&target, &(2..=9), &build, None).await;
        let checked = attempt.and_then(|(response, _)| {
            let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            let refused = partitions.find(|partition| partition.error_code != 0);
            Ok(ApiError::check(refused.map_or(0, |partition| partition.error_code), None)?)
        });
        let Err(error) = checked else { return Ok(()) };
        match doubt_of(&error) {
            Some(doubt) => {
                membership.doubt(&metadata, doubt);
                return Err(if doubt == Doubt::Lost { Error::CommitFailed } else { error });
            }
            None => {
                if error.code() != Some(ErrorCode::UnknownTopicOrPartition) {
                    cluster.suspect(&target, &error);
                }
                retry.again(error).await?;
            }
        }
    }
}

fn partition(partition_index: i32, committed: OffsetAndMetadata) -> OffsetCommitRequestPartition {
    OffsetCommitRequestPartition {
        partition_index,
        committed_offset: committed.offset,
        committed_leader_epoch: committed.leader_epoch.unwrap_or(-1),
        committed_metadata: Some(committed.metadata),
        ..OffsetCommitRequestPartition::default()
    }
}
