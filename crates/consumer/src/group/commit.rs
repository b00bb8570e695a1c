//! OffsetCommit as a member, or as nobody in particular when partitions were assigned by hand.

use ottla_cluster::admin::OffsetAndMetadata;
use ottla_cluster::cluster::{MetadataImage, Topics};
use ottla_cluster::{ApiError, Cluster, Error, TopicPartition, by_topic};
use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_wire::messages::{OffsetCommitRequest, OffsetCommitResponse};
use ottla_wire::{ErrorCode, Uuid};

use super::heartbeat::doubt_of;
use super::{Doubt, Membership};
use crate::config::GroupProtocol;

/// From this version on topics go by their ids, so that a topic created anew is not taken for the one before it. An id that
/// is not known makes the whole request go by names.
const BY_ID: i16 = 10;

/// Commits, trying again what may pass, until `default.api.timeout.ms` has passed. A topic that is not there may
/// come only if `waits_for_topics`.
pub(crate) async fn commit(
    cluster: &Cluster,
    membership: &Membership,
    offsets: &[(TopicPartition, OffsetAndMetadata)],
    waits_for_topics: bool,
) -> Result<(), Error> {
    if offsets.is_empty() {
        return Ok(());
    }
    let target = membership.target();
    let mut topics: Vec<OffsetCommitRequestTopic> = by_topic(offsets.iter().cloned(), partition)
        .into_iter()
        .map(|(name, partitions)| OffsetCommitRequestTopic {
            name,
            partitions,
            ..OffsetCommitRequestTopic::default()
        })
        .collect();
    let mut retry = cluster.retry("OffsetCommit");
    loop {
        // With the consumer protocol the epoch may have gone up since.
        let metadata = membership.metadata();
        let newest = if give_ids(&mut topics, &cluster.metadata()) { BY_ID } else { BY_ID - 1 };
        let build = |version| OffsetCommitRequest {
            group_id: metadata.group_id.clone(),
            generation_id_or_member_epoch: metadata.generation,
            member_id: metadata.member_id.clone(),
            group_instance_id: metadata.instance_id.clone().filter(|_| version >= 7),
            topics: topics.clone(),
            ..OffsetCommitRequest::default()
        };
        let attempt = cluster.attempt(&target, &(2..=newest), &build, None).await;
        let checked = attempt.and_then(|(response, _)| check(&response));
        let Err(error) = checked else { return Ok(()) };
        let is_classic = membership.protocol == GroupProtocol::Classic;
        match doubt_of(&error) {
            Some(doubt) if is_classic => {
                membership.doubt(&metadata, doubt);
                return Err(if doubt == Doubt::Lost { Error::CommitFailed } else { error });
            }
            // The next heartbeat hears of it as well.
            Some(_) => return Err(Error::CommitFailed),
            None if error.code() == Some(ErrorCode::StaleMemberEpoch) => {
                // The answer that tells of the new epoch is on its way, unless the member was put out.
                if membership.metadata().generation < 0 {
                    return Err(Error::CommitFailed);
                }
                retry.pause(error).await?;
            }
            None => {
                match error.code() {
                    Some(ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId)
                        if !waits_for_topics =>
                    {
                        return Err(error);
                    }
                    Some(ErrorCode::UnknownTopicOrPartition) => {}
                    Some(ErrorCode::UnknownTopicId) => learn_ids(cluster, &topics).await,
                    _ => cluster.suspect(&target, &error),
                }
                retry.again(error).await?;
            }
        }
    }
}

fn check(response: &OffsetCommitResponse) -> Result<(), Error> {
    let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let refused = partitions.find(|partition| partition.error_code != 0);
    Ok(ApiError::check(refused.map_or(0, |partition| partition.error_code), None)?)
}

/// Gives topics their ids, as far as they are known, and tells whether all of them are.
fn give_ids(topics: &mut [OffsetCommitRequestTopic], image: &MetadataImage) -> bool {
    for topic in &mut *topics {
        topic.topic_id = image.topic(&topic.name).map_or(Uuid::ZERO, |known| known.topic_id);
    }
    topics.iter().all(|topic| topic.topic_id != Uuid::ZERO)
}

/// Asks for ids anew. Where that fails, the next attempt fails as this one did.
async fn learn_ids(cluster: &Cluster, topics: &[OffsetCommitRequestTopic]) {
    let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
    if let Err(error) = cluster.refresh_once(Topics::Named { names: &names, create: false }).await {
        tracing::debug!(%error, "ids of topics not found");
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
