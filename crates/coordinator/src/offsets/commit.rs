//! OffsetCommit.
//!
//! v2-4: the commit brings its own retention.  v6: leader epochs.  v7: static members.
//! v9: a missing group is GROUP_ID_NOT_FOUND, before it is ILLEGAL_GENERATION.  v10: topic ids.
//!
//! A consumer that assigns partitions to itself commits with generation -1: its group need not exist.

use ottla_machine::{Decision, Millis, Token};
use ottla_wire::ErrorCode;
use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_wire::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use ottla_wire::messages::{OffsetCommitRequest, OffsetCommitResponse, OffsetCommitValue};

use crate::coordinator::{GroupCoordinator, Touch};
use crate::group::{Group, Permit, Work};
use crate::record::Record;
use crate::request::{Caller, Response};

const FIRST_VERSION_WITH_NOT_FOUND: i16 = 9;

impl GroupCoordinator {
    pub(crate) fn commit_offsets(
        &self,
        token: Token,
        caller: &Caller,
        request: OffsetCommitRequest,
        now: Millis,
    ) -> Decision<Self> {
        let permitted = self.permit_commit(caller, &request);
        let permitted = permitted
            .and_then(|permit| self.check_partitions(&permit, &request.topics).map(|()| permit));
        let permit = match permitted {
            Ok(permit) => permit,
            Err(error) => return Decision::answer(token, answer(refused(request.topics, error))),
        };
        let expires_at = match request.retention_time_ms {
            -1 => -1,
            retention_ms => now.saturating_add(retention_ms),
        };
        let mut decision = Decision::nothing();
        decision.touches.extend(self.touch_of(&permit, &request.group_id, now));
        let OffsetCommitRequest { group_id, topics, .. } = request;
        let (records, topics) = self.commit(&group_id, topics, Times { now, expires_at });
        let work = Work { offset_commits: records.len() as u64, ..Work::default() };
        decision.touches.extend(Touch::worked(work));
        decision.records = records;
        decision.and_answer(token, answer(topics))
    }

    /// What a permitted commit writes, and what each partition is answered.
    pub(super) fn commit(
        &self,
        group_id: &str,
        topics: Vec<OffsetCommitRequestTopic>,
        times: Times,
    ) -> (Vec<Record>, Vec<OffsetCommitResponseTopic>) {
        let mut records = Vec::new();
        let mut answered = Vec::with_capacity(topics.len());
        for topic in topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let metadata = partition.committed_metadata.as_deref().unwrap_or_default();
                if self.is_too_large(metadata) {
                    partitions.push(outcome(partition, ErrorCode::OffsetMetadataTooLarge));
                    continue;
                }
                partitions.push(outcome(partition, ErrorCode::None));
                let value = OffsetCommitValue {
                    offset: partition.committed_offset,
                    leader_epoch: partition.committed_leader_epoch,
                    metadata: metadata.to_owned(),
                    commit_timestamp: times.now,
                    expire_timestamp: times.expires_at,
                    topic_id: topic.topic_id,
                    ..OffsetCommitValue::default()
                };
                let index = partition.partition_index;
                records.push(Record::offset(group_id, &topic.name, index, value));
            }
            answered.push(response_topic(topic, partitions));
        }
        (records, answered)
    }

    fn permit_commit(
        &self,
        caller: &Caller,
        request: &OffsetCommitRequest,
    ) -> Result<Permit<'_>, ErrorCode> {
        match self.group(&request.group_id) {
            Some(group) => group.validate_commit(request, caller.api_version),
            None if request.generation_id_or_member_epoch < 0 => Ok(Permit::default()),
            None if caller.api_version >= FIRST_VERSION_WITH_NOT_FOUND => {
                Err(ErrorCode::GroupIdNotFound)
            }
            None => Err(ErrorCode::IllegalGeneration),
        }
    }

    /// One partition that may not be committed refuses all of them.
    pub(super) fn check_partitions(
        &self,
        permit: &Permit<'_>,
        topics: &[OffsetCommitRequestTopic],
    ) -> Result<(), ErrorCode> {
        for topic in topics {
            let topic_id = self.metadata().id_of(&topic.name);
            for partition in &topic.partitions {
                permit.check(topic_id, partition.partition_index)?;
            }
        }
        Ok(())
    }

    /// What a commit touches: a new simple group, or the session of the member that commits.
    fn touch_of(&self, permit: &Permit<'_>, group_id: &str, now: Millis) -> Option<Touch> {
        match (self.group(group_id), permit.session) {
            (None, _) => Some(Touch::put_group(Group::simple(group_id.to_owned(), None))),
            (Some(_), Some(member)) => Some(Touch::renew_session(group_id, member, now)),
            (Some(_), None) => None,
        }
    }

    /// Kafka's limit counts Java characters, which are UTF-16 units.
    fn is_too_large(&self, metadata: &str) -> bool {
        let units_max = usize::try_from(self.config().offset_metadata_max_bytes).unwrap_or(0);
        metadata.len() > units_max && metadata.encode_utf16().count() > units_max
    }
}

/// When a commit is made, and when it ends by itself: never is -1.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) now: Millis,
    pub(super) expires_at: Millis,
}

fn answer(topics: Vec<OffsetCommitResponseTopic>) -> Response {
    Response::OffsetCommit(OffsetCommitResponse { topics, ..OffsetCommitResponse::default() })
}

/// What each partition is answered when nothing of the request could be done.
pub(super) fn refused(
    topics: Vec<OffsetCommitRequestTopic>,
    error: ErrorCode,
) -> Vec<OffsetCommitResponseTopic> {
    let refuse = |topic: OffsetCommitRequestTopic| {
        let partitions =
            topic.partitions.iter().map(|partition| outcome(partition, error)).collect();
        response_topic(topic, partitions)
    };
    topics.into_iter().map(refuse).collect()
}

fn response_topic(
    topic: OffsetCommitRequestTopic,
    partitions: Vec<OffsetCommitResponsePartition>,
) -> OffsetCommitResponseTopic {
    OffsetCommitResponseTopic {
        name: topic.name,
        topic_id: topic.topic_id,
        partitions,
        ..OffsetCommitResponseTopic::default()
    }
}

fn outcome(
    partition: &OffsetCommitRequestPartition,
    error: ErrorCode,
) -> OffsetCommitResponsePartition {
    OffsetCommitResponsePartition {
        partition_index: partition.partition_index,
        error_code: error.code(),
        ..OffsetCommitResponsePartition::default()
    }
}
