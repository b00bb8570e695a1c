//! Where replicas lie and who leads: AlterPartitionReassignments, ListPartitionReassignments, ElectLeaders.

use std::sync::Arc;

use ottla_wire::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use ottla_wire::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use ottla_wire::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ElectLeadersRequest,
    ElectLeadersResponse, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
    elect_leaders_request,
};

use super::Admin;
use super::routing::in_order_of;
use crate::error::{ApiError, Error, PerItem};
use crate::topic_partition::{TopicPartition, by_topic};

/// The first version that can forbid another number of replicas (KIP-860).
const FORBIDS_FROM: i16 = 1;
/// The first version that knows more than preferred leaders (KIP-460).
const KINDS_FROM: i16 = 1;

/// A partition on its way to other replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionReassignment {
    /// All replicas, those to come and to go included.
    pub replicas: Vec<i32>,
    /// Those to come.
    pub adding: Vec<i32>,
    /// Those to go.
    pub removing: Vec<i32>,
}

/// How a leader is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElectionKind {
    /// The first replica, if it is in sync.
    Preferred,
    /// Any replica where none is in sync; may lose records.
    Unclean,
}

impl Admin {
    /// Moves partitions to other replicas; `None` ends a move that is under way. Unless `allow_factor_change`, as
    /// many replicas as before are wanted.
    pub async fn alter_partition_reassignments(
        &self,
        wanted: &[(TopicPartition, Option<Vec<i32>>)],
        allow_factor_change: bool,
    ) -> Result<PerItem<TopicPartition, ()>, Error> {
        let entry = |partition_index, replicas| ReassignablePartition {
            partition_index,
            replicas,
            ..ReassignablePartition::default()
        };
        let topics = by_topic(wanted.iter().cloned(), entry).into_iter();
        let request = AlterPartitionReassignmentsRequest {
            timeout_ms: self.request_timeout_ms(),
            allow_replication_factor_change: allow_factor_change,
            topics: topics
                .map(|(name, partitions)| ReassignableTopic {
                    name,
                    partitions,
                    ..ReassignableTopic::default()
                })
                .collect(),
            ..AlterPartitionReassignmentsRequest::default()
        };
        let least = if allow_factor_change { 0 } else { FORBIDS_FROM };
        let codes = |response: &AlterPartitionReassignmentsResponse| vec![response.error_code];
        let response = self.ask_controller(least, &request, codes).await?;
        ApiError::check(response.error_code, response.error_message)?;
        let mut results = Vec::new();
        for topic in response.responses {
            let name: Arc<str> = topic.name.into();
            results.extend(topic.partitions.into_iter().map(|partition| {
                let key = TopicPartition::new(Arc::clone(&name), partition.partition_index);
                (key, ApiError::check(partition.error_code, partition.error_message))
            }));
        }
        Ok(in_order_of(wanted.iter().map(|(key, _)| key.clone()), results))
    }

    /// Partitions on their way to other replicas, among these or (`None`) all.
    pub async fn list_partition_reassignments(
        &self,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<Vec<(TopicPartition, PartitionReassignment)>, Error> {
        let topics = partitions.map(|keys| {
            let keys = keys.iter().map(|key| (key.clone(), ()));
            let topic = |(name, partition_indexes)| ListPartitionReassignmentsTopics {
                name,
                partition_indexes,
                ..ListPartitionReassignmentsTopics::default()
            };
            by_topic(keys, |partition, ()| partition).into_iter().map(topic).collect()
        });
        let request = ListPartitionReassignmentsRequest {
            timeout_ms: self.request_timeout_ms(),
            topics,
            ..ListPartitionReassignmentsRequest::default()
        };
        let codes = |response: &ListPartitionReassignmentsResponse| vec![response.error_code];
        let response = self.ask_controller(0, &request, codes).await?;
        ApiError::check(response.error_code, response.error_message)?;
        let mut found = Vec::new();
        for topic in response.topics {
            let name: Arc<str> = topic.name.into();
            found.extend(topic.partitions.into_iter().map(|partition| {
                let reassignment = PartitionReassignment {
                    replicas: partition.replicas,
                    adding: partition.adding_replicas,
                    removing: partition.removing_replicas,
                };
                (TopicPartition::new(Arc::clone(&name), partition.partition_index), reassignment)
            }));
        }
        found.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(found)
    }

    /// Elects leaders of these partitions, or (`None`) of all that need it; answers for those that were looked at.
    pub async fn elect_leaders(
        &self,
        kind: ElectionKind,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<PerItem<TopicPartition, ()>, Error> {
        let topic_partitions = partitions.map(|keys| {
            let keys = keys.iter().map(|key| (key.clone(), ()));
            let topic = |(topic, partitions)| elect_leaders_request::TopicPartitions {
                topic,
                partitions,
                ..elect_leaders_request::TopicPartitions::default()
            };
            by_topic(keys, |partition, ()| partition).into_iter().map(topic).collect()
        });
        let request = ElectLeadersRequest {
            election_type: if kind == ElectionKind::Preferred { 0 } else { 1 },
            topic_partitions,
            timeout_ms: self.request_timeout_ms(),
            ..ElectLeadersRequest::default()
        };
        let least = if kind == ElectionKind::Preferred { 0 } else { KINDS_FROM };
        let codes = |response: &ElectLeadersResponse| {
            let results = response.replica_election_results.iter();
            let each = results.flat_map(|topic| &topic.partition_result).map(|one| one.error_code);
            each.chain([response.error_code]).collect()
        };
        let response = self.ask_controller(least, &request, codes).await?;
        ApiError::check(response.error_code, None)?;
        let mut results = Vec::new();
        for topic in response.replica_election_results {
            let name: Arc<str> = topic.topic.into();
            results.extend(topic.partition_result.into_iter().map(|partition| {
                let key = TopicPartition::new(Arc::clone(&name), partition.partition_id);
                (key, ApiError::check(partition.error_code, partition.error_message))
            }));
        }
        Ok(match partitions {
            Some(keys) => in_order_of(keys.iter().cloned(), results),
            None => results,
        })
    }
}
