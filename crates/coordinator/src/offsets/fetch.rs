//! OffsetFetch.
//!
//! v1-7: one group.  v2: null topics mean all of them.  v7: `require_stable`.  v8: several groups (KIP-709).
//! v9: the member and its epoch.  v10: topic ids; the broker resolves them before and after.
//!
//! A partition without a committed offset answers -1. A group that does not exist has committed nothing.

use ottla_machine::{Decision, Token};
use ottla_wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use ottla_wire::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use ottla_wire::messages::{OffsetFetchRequest, OffsetFetchResponse};
use ottla_wire::{ErrorCode, Uuid};

use super::{Committed, Offsets};
use crate::coordinator::GroupCoordinator;
use crate::request::{Caller, Response};

const FIRST_VERSION_WITH_GROUPS: i16 = 8;
const NOTHING_COMMITTED: i64 = -1;

impl GroupCoordinator {
    pub(crate) fn fetch_offsets(
        &self,
        token: Token,
        caller: &Caller,
        request: OffsetFetchRequest,
    ) -> Decision<Self> {
        let response = if caller.api_version < FIRST_VERSION_WITH_GROUPS {
            let stable = request.require_stable;
            let group = self.fetch_group(one_group(request), stable);
            let topics = group.topics.into_iter().map(as_single_group).collect();
            let error_code = group.error_code;
            OffsetFetchResponse { topics, error_code, ..OffsetFetchResponse::default() }
        } else {
            let fetch = |group| self.fetch_group(group, request.require_stable);
            let groups = request.groups.into_iter().map(fetch).collect();
            OffsetFetchResponse { groups, ..OffsetFetchResponse::default() }
        };
        Decision::answer(token, Response::OffsetFetch(response))
    }

    fn fetch_group(
        &self,
        request: OffsetFetchRequestGroup,
        stable: bool,
    ) -> OffsetFetchResponseGroup {
        let valid = self.group(&request.group_id).map_or(Ok(()), |group| {
            group.validate_fetch(request.member_id.as_deref(), request.member_epoch)
        });
        match valid {
            Ok(()) => self.offsets().fetch(request, stable),
            Err(error) => OffsetFetchResponseGroup {
                group_id: request.group_id,
                error_code: error.code(),
                ..OffsetFetchResponseGroup::default()
            },
        }
    }
}

/// The request of the versions that know one group only, in the shape of the later ones.
fn one_group(request: OffsetFetchRequest) -> OffsetFetchRequestGroup {
    let topics = request.topics.map(|topics| {
        topics
            .into_iter()
            .map(|topic| OffsetFetchRequestTopics {
                name: topic.name,
                partition_indexes: topic.partition_indexes,
                ..OffsetFetchRequestTopics::default()
            })
            .collect()
    });
    OffsetFetchRequestGroup {
        group_id: request.group_id,
        topics,
        ..OffsetFetchRequestGroup::default()
    }
}

fn as_single_group(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    let partition = |partition: OffsetFetchResponsePartitions| OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
        ..OffsetFetchResponsePartition::default()
    };
    OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(partition).collect(),
        ..OffsetFetchResponseTopic::default()
    }
}

impl Offsets {
    fn fetch(&self, request: OffsetFetchRequestGroup, stable: bool) -> OffsetFetchResponseGroup {
        let group_id = &request.group_id;
        let mut topics = match request.topics {
            Some(topics) => {
                topics.into_iter().map(|topic| self.fetch_topic(group_id, topic)).collect()
            }
            None => self.fetch_all(group_id),
        };
        if stable {
            self.hide_unstable(group_id, &mut topics);
        }
        OffsetFetchResponseGroup {
            group_id: request.group_id,
            topics,
            ..OffsetFetchResponseGroup::default()
        }
    }

    /// KIP-447: who must not read what a transaction may yet move has to come again.
    fn hide_unstable(&self, group_id: &str, topics: &mut [OffsetFetchResponseTopics]) {
        for topic in topics {
            for partition in &mut topic.partitions {
                if self.pending().has(group_id, &topic.name, partition.partition_index) {
                    *partition = OffsetFetchResponsePartitions {
                        error_code: ErrorCode::UnstableOffsetCommit.code(),
                        ..response_partition(partition.partition_index, None)
                    };
                }
            }
        }
    }

    fn fetch_topic(
        &self,
        group_id: &str,
        topic: OffsetFetchRequestTopics,
    ) -> OffsetFetchResponseTopics {
        let fetch = |index: &i32| {
            let committed = self
                .get(group_id, &topic.name, *index)
                .filter(|committed| is_same_topic(committed.topic_id, topic.topic_id));
            response_partition(*index, committed)
        };
        OffsetFetchResponseTopics {
            partitions: topic.partition_indexes.iter().map(fetch).collect(),
            name: topic.name,
            topic_id: topic.topic_id,
            ..OffsetFetchResponseTopics::default()
        }
    }

    fn fetch_all(&self, group_id: &str) -> Vec<OffsetFetchResponseTopics> {
        let topics = self.of_group(group_id).into_iter().flatten();
        topics
            .map(|(name, partitions)| OffsetFetchResponseTopics {
                name: name.clone(),
                partitions: partitions
                    .iter()
                    .map(|(index, committed)| response_partition(*index, Some(committed)))
                    .collect(),
                ..OffsetFetchResponseTopics::default()
            })
            .collect()
    }
}

/// A topic that was deleted and created again has another id: its old offsets mean nothing.
fn is_same_topic(committed: Uuid, wanted: Uuid) -> bool {
    committed == Uuid::ZERO || wanted == Uuid::ZERO || committed == wanted
}

fn response_partition(index: i32, committed: Option<&Committed>) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index: index,
        committed_offset: committed.map_or(NOTHING_COMMITTED, |committed| committed.offset),
        committed_leader_epoch: committed.map_or(-1, |committed| committed.leader_epoch),
        metadata: Some(committed.map(|committed| committed.metadata.clone()).unwrap_or_default()),
        ..OffsetFetchResponsePartitions::default()
    }
}
