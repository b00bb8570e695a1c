//! OffsetDelete (KIP-496), and what the deletion of topics leaves behind.

use std::collections::BTreeSet;

use ottla_machine::{Decision, Token};
use ottla_wire::messages::offset_delete_request::OffsetDeleteRequestTopic;
use ottla_wire::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use ottla_wire::messages::{OffsetDeleteRequest, OffsetDeleteResponse};
use ottla_wire::{ErrorCode, Uuid};

use crate::coordinator::{GroupCoordinator, Touch};
use crate::group::{Group, Work};
use crate::record::Record;
use crate::request::{DeletedTopic, Response};

/// Where groups and their offsets are kept.
const OFFSETS_TOPIC: &str = "__consumer_offsets";

impl GroupCoordinator {
    pub(crate) fn delete_offsets(
        &self,
        token: Token,
        request: OffsetDeleteRequest,
    ) -> Decision<Self> {
        let group = match self.validate_delete(&request) {
            Ok(group) => group,
            Err(error) => {
                let error_code = error.code();
                let response =
                    OffsetDeleteResponse { error_code, ..OffsetDeleteResponse::default() };
                return Decision::answer(token, Response::OffsetDelete(response));
            }
        };
        let mut decision = Decision::nothing();
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in request.topics {
            if !group.is_subscribed_to(&topic.name) {
                decision.records.extend(self.tombstones(&request.group_id, &topic));
            }
            topics.push(outcome(group, topic));
        }
        let work = Work { offset_deletions: decision.records.len() as u64, ..Work::default() };
        decision.touches.extend(Touch::worked(work));
        let response = OffsetDeleteResponse { topics, ..OffsetDeleteResponse::default() };
        decision.and_answer(token, Response::OffsetDelete(response))
    }

    fn validate_delete(&self, request: &OffsetDeleteRequest) -> Result<&Group, ErrorCode> {
        let group = self.group(&request.group_id).ok_or(ErrorCode::GroupIdNotFound)?;
        group.validate_offset_delete()?;
        Ok(group)
    }

    fn tombstones(
        &self,
        group_id: &str,
        topic: &OffsetDeleteRequestTopic,
    ) -> impl Iterator<Item = Record> {
        topic
            .partitions
            .iter()
            .map(|partition| partition.partition_index)
            .filter(|index| {
                self.offsets().get(group_id, &topic.name, *index).is_some()
                    || self.offsets().pending().has(group_id, &topic.name, *index)
            })
            .map(|index| Record::offset_tombstone(group_id, &topic.name, index))
    }

    /// Removes the offsets of deleted topics, except for those that belong to a later topic of the same name; what
    /// transactions are about to commit for them goes as well, whatever becomes of the transactions.
    pub(crate) fn forget_topics(&self, token: Token, topics: &[DeletedTopic]) -> Decision<Self> {
        let is_gone = |topic: &str, id: Uuid| {
            let mut deleted = topics.iter().filter(|deleted| deleted.name == topic);
            deleted.any(|deleted| id == Uuid::ZERO || id == deleted.id)
        };
        self.forget(is_gone).and_answer(token, Response::TopicsDeleted)
    }

    /// The same for topics that there are no more, and for those that were created anew since.
    pub(crate) fn forget_missing_topics(&self, token: Token) -> Decision<Self> {
        // Metadata without the coordinator's own topic is not there yet.
        if self.metadata().id_of(OFFSETS_TOPIC).is_none() {
            return Decision::nothing().and_answer(token, Response::TopicsDeleted);
        }
        let is_gone = |topic: &str, of: Uuid| {
            let id = self.metadata().id_of(topic);
            id.is_none_or(|id| of != Uuid::ZERO && of != id)
        };
        self.forget(is_gone).and_answer(token, Response::TopicsDeleted)
    }

    /// Removes the offsets, committed and pending, of topics with a name and id that are gone.
    fn forget(&self, is_gone: impl Fn(&str, Uuid) -> bool) -> Decision<Self> {
        let mut decision = Decision::nothing();
        for group in self.groups() {
            let committed = self.offsets().of_group(group.id()).into_iter().flatten();
            let committed = committed.flat_map(|(topic, partitions)| {
                let gone = partitions.iter().filter(|(_, each)| is_gone(topic, each.topic_id));
                gone.map(|(index, _)| (topic.as_str(), *index))
            });
            let mut gone: BTreeSet<(&str, i32)> = committed.collect();
            gone.extend(self.offsets().pending().gone(group.id(), &is_gone));
            let tombstone = |(topic, index)| Record::offset_tombstone(group.id(), topic, index);
            decision.records.extend(gone.into_iter().map(tombstone));
        }
        decision
    }
}

fn outcome(group: &Group, topic: OffsetDeleteRequestTopic) -> OffsetDeleteResponseTopic {
    let error = match group.is_subscribed_to(&topic.name) {
        true => ErrorCode::GroupSubscribedToTopic,
        false => ErrorCode::None,
    };
    let partitions = topic
        .partitions
        .iter()
        .map(|partition| OffsetDeleteResponsePartition {
            partition_index: partition.partition_index,
            error_code: error.code(),
        })
        .collect();
    OffsetDeleteResponseTopic { name: topic.name, partitions }
}
