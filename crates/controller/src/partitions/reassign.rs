//! AlterPartitionReassignments and ListPartitionReassignments.
//!
//! A reassignment adds the new replicas, waits until they are in sync, then drops the old ones (the
//! waiting ends in AlterPartition). `replicas: null` takes an open one back.
//! v1: whether the replication factor may change.

use std::collections::BTreeMap;

use ottla_metadata::{PartitionImage, TopicImage};
use ottla_wire::messages::alter_partition_reassignments_request::ReassignablePartition;
use ottla_wire::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use ottla_wire::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use ottla_wire::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, MetadataRecord,
    PartitionChangeRecord,
};
use ottla_wire::{ErrorCode, Uuid};

use super::change::Election;
use crate::controller::{Controller, Outcome, RECORDS_PER_REQUEST_MAX};
use crate::refusal::{Refusal, code_and_message};
use crate::topics::validate_manual;

impl Controller {
    pub(crate) fn alter_reassignments(
        &self,
        request: AlterPartitionReassignmentsRequest,
    ) -> Outcome {
        let allow_factor_change = request.allow_replication_factor_change;
        let mut records = Vec::new();
        let mut responses = Vec::new();
        for topic in &request.topics {
            let mut partitions = Vec::new();
            for target in &topic.partitions {
                let outcome = self.reassign(&topic.name, target, allow_factor_change);
                let outcome = outcome.and_then(|record| {
                    if record.is_some() && records.len() >= RECORDS_PER_REQUEST_MAX {
                        return Err(Refusal::silent(ErrorCode::UnknownServerError));
                    }
                    records.extend(record.map(MetadataRecord::PartitionChange));
                    Ok(())
                });
                let (error_code, error_message) = code_and_message(outcome);
                partitions.push(ReassignablePartitionResponse {
                    partition_index: target.partition_index,
                    error_code,
                    error_message,
                    ..Default::default()
                });
            }
            let name = topic.name.clone();
            responses.push(ReassignableTopicResponse { name, partitions, ..Default::default() });
        }
        let response = AlterPartitionReassignmentsResponse {
            allow_replication_factor_change: allow_factor_change,
            // Kafka answers a request for nothing before it thinks of a message.
            error_message: request.topics.is_empty().then(String::new),
            responses,
            ..Default::default()
        };
        Outcome::new(records, response)
    }

    fn reassign(
        &self,
        name: &str,
        target: &ReassignablePartition,
        allow_factor_change: bool,
    ) -> Result<Option<PartitionChangeRecord>, Refusal> {
        let unknown = |message: String| Refusal::new(ErrorCode::UnknownTopicOrPartition, message);
        let topic = self.image.topics.by_name(name);
        let topic =
            topic.ok_or_else(|| unknown(format!("Unable to find a topic named {name}.")))?;
        let index = target.partition_index;
        let partition = topic
            .partition(index)
            .ok_or_else(|| unknown(format!("Unable to find partition {name}:{index}.")))?;
        match &target.replicas {
            None => self.take_back(topic, index, partition),
            Some(replicas) => self.begin(topic, index, partition, (replicas, allow_factor_change)),
        }
    }

    fn take_back(
        &self,
        topic: &TopicImage,
        index: i32,
        partition: &PartitionImage,
    ) -> Result<Option<PartitionChangeRecord>, Refusal> {
        if !partition.is_reassigning() {
            return Err(Refusal::silent(ErrorCode::NoReassignmentInProgress));
        }
        let invalid = |message: String| Refusal::new(ErrorCode::InvalidReplicaAssignment, message);
        let keep = |ids: &[i32]| -> Vec<i32> {
            ids.iter().copied().filter(|id| !partition.adding.contains(id)).collect()
        };
        let (mut isr, replicas) = (keep(&partition.isr), keep(&partition.replicas));
        let unclean_allowed = self.unclean_election_enabled(&topic.name);
        if isr.is_empty() {
            let first = replicas.first().copied().ok_or_else(|| {
                invalid(
                    "Invalid replica assignment: addingReplicas contains all replicas.".to_owned(),
                )
            })?;
            if !unclean_allowed {
                return Err(invalid(format!(
                    "Unable to revert partition assignment for {}:{index} because it would require \
                     an unclean leader election.",
                    topic.name
                )));
            }
            isr = vec![first];
        }
        let mut change = self.change((topic.id, index), partition, |id| self.is_active(id));
        if unclean_allowed {
            change.election = Election::Unclean;
        }
        change.isr = isr;
        change.replicas = replicas;
        change.removing = Vec::new();
        change.adding = Vec::new();
        Ok(change.build())
    }

    fn begin(
        &self,
        topic: &TopicImage,
        index: i32,
        partition: &PartitionImage,
        (target, allow_factor_change): (&[i32], bool),
    ) -> Result<Option<PartitionChangeRecord>, Refusal> {
        validate_manual(&self.image, target, None)?;
        if !allow_factor_change {
            check_factor(partition, target)?;
        }
        let difference = |of: &[i32], other: &[i32]| -> Vec<i32> {
            let mut ids: Vec<i32> = of.iter().copied().filter(|id| !other.contains(id)).collect();
            ids.sort_unstable();
            ids
        };
        let removing = difference(&partition.replicas, target);
        let adding = difference(target, &partition.replicas);
        let mut change = self.change((topic.id, index), partition, |id| self.is_active(id));
        change.replicas = [target, &removing].concat();
        if !removing.is_empty() {
            change.removing = removing;
        }
        if !adding.is_empty() {
            change.adding = adding;
        }
        Ok(change.build())
    }

    pub(crate) fn list_reassignments(&self, request: ListPartitionReassignmentsRequest) -> Outcome {
        let mut open: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
        match request.topics {
            None => {
                for (topic, partition) in &self.index.reassigning {
                    open.entry(*topic).or_default().push(*partition);
                }
            }
            Some(topics) => {
                for topic in topics {
                    if let Some(id) = self.image.topics.id_of(&topic.name) {
                        open.entry(id).or_default().extend(topic.partition_indexes);
                    }
                }
            }
        }
        let topics = open.into_iter().filter_map(|(id, partitions)| self.ongoing(id, &partitions));
        let topics = topics.collect();
        Outcome::answer(ListPartitionReassignmentsResponse {
            error_message: None,
            topics,
            ..Default::default()
        })
    }

    fn ongoing(&self, id: Uuid, indexes: &[i32]) -> Option<OngoingTopicReassignment> {
        let topic = self.image.topics.by_id(id)?;
        let partitions: Vec<_> = indexes
            .iter()
            .filter_map(|index| {
                let partition = topic.partition(*index)?;
                partition.is_reassigning().then(|| OngoingPartitionReassignment {
                    partition_index: *index,
                    replicas: partition.replicas.clone(),
                    adding_replicas: partition.adding.clone(),
                    removing_replicas: partition.removing.clone(),
                    ..Default::default()
                })
            })
            .collect();
        let name = topic.name.to_string();
        (!partitions.is_empty()).then(|| OngoingTopicReassignment {
            name,
            partitions,
            ..Default::default()
        })
    }
}

/// The factor that counts is the one from before an open reassignment's removals.
fn check_factor(partition: &PartitionImage, target: &[i32]) -> Result<(), Refusal> {
    let current = partition.replicas.iter().filter(|id| !partition.removing.contains(id)).count();
    if current == target.len() {
        return Ok(());
    }
    let message = format!("The replication factor is changed from {current} to {}", target.len());
    Err(Refusal::new(ErrorCode::InvalidReplicationFactor, message))
}
