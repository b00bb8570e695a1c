//! CreatePartitions: more partitions for topics that exist. There is no way to have fewer.

use ottla_metadata::{PartitionImage, TopicImage};
use ottla_wire::ErrorCode;
use ottla_wire::messages::create_partitions_request::CreatePartitionsTopic;
use ottla_wire::messages::create_partitions_response::CreatePartitionsTopicResult;
use ottla_wire::messages::{CreatePartitionsRequest, CreatePartitionsResponse, MetadataRecord};

use super::placement::{Placement, validate_manual};
use crate::controller::{Controller, Outcome, RECORDS_PER_REQUEST_MAX};
use crate::draw::Draw;
use crate::refusal::{Refusal, code_and_message};
use crate::repeated::repeated;

impl Controller {
    pub(crate) fn create_partitions(
        &self,
        request: CreatePartitionsRequest,
        draw: &mut Draw,
    ) -> Outcome {
        let mut records = Vec::new();
        let mut results = Vec::new();
        let repeated = repeated(request.topics.iter().map(|topic| topic.name.as_str()));
        for topic in &request.topics {
            let name = topic.name.as_str();
            if repeated.set.contains(name) {
                continue;
            }
            let outcome = self.added_partitions(topic, records.len(), draw);
            let outcome = outcome.map(|added| records.extend(added));
            results.push(result(name, outcome));
        }
        for name in repeated.order {
            results.push(result(name, Err(Refusal::invalid_request("Duplicate topic name."))));
        }
        if request.validate_only {
            records.clear();
        }
        Outcome::new(records, CreatePartitionsResponse { results, ..Default::default() })
    }

    /// `before` records were made for this request already.
    fn added_partitions(
        &self,
        topic: &CreatePartitionsTopic,
        before: usize,
        draw: &mut Draw,
    ) -> Result<Vec<MetadataRecord>, Refusal> {
        let image = self
            .image
            .topics
            .by_name(&topic.name)
            .ok_or(Refusal::silent(ErrorCode::UnknownTopicOrPartition))?;
        let additional = additional(topic, image)?;
        if before.saturating_add(additional) > RECORDS_PER_REQUEST_MAX {
            // What Kafka says of a list that outgrows its bound.
            return Err(Refusal::silent(ErrorCode::UnknownServerError));
        }
        let first = image.partitions.values().next().ok_or_else(|| {
            let message =
                format!("Invalid state: topic {} appears to have no partitions.", topic.name);
            Refusal::new(ErrorCode::UnknownServerError, message)
        })?;
        let factor = first.replicas.len();
        let begin = image.partitions.len() as i32;
        let partitions = match &topic.assignments {
            Some(assignments) => assignments
                .iter()
                .zip(begin..)
                .map(|(assignment, index)| self.assigned(&assignment.broker_ids, factor, index))
                .collect::<Result<Vec<_>, _>>()?,
            None => self.placed(additional, factor, draw)?,
        };
        let numbered = partitions.iter().zip(begin..);
        Ok(numbered
            .map(|(partition, index)| {
                MetadataRecord::Partition(partition.to_record(image.id, index))
            })
            .collect())
    }

    fn assigned(
        &self,
        replicas: &[i32],
        factor: usize,
        index: i32,
    ) -> Result<PartitionImage, Refusal> {
        validate_manual(&self.image, replicas, Some(factor))?;
        self.new_partition(replicas).ok_or_else(|| {
            let message = format!(
                "All brokers specified in the manual partition assignment for partition {index} \
                 are fenced or in controlled shutdown."
            );
            Refusal::new(ErrorCode::InvalidReplicaAssignment, message)
        })
    }

    fn placed(
        &self,
        count: usize,
        factor: usize,
        draw: &mut Draw,
    ) -> Result<Vec<PartitionImage>, Refusal> {
        let mut placement = Placement::new(&self.image, draw);
        let wanted = placement.check(i16::try_from(factor).unwrap_or(i16::MAX))?;
        (0..count)
            .map(|_| {
                let replicas = placement.next(wanted, draw);
                self.new_partition(&replicas).ok_or_else(|| {
                    let message = format!(
                        "Unable to replicate the partition {factor} time(s): All brokers are \
                         currently fenced or in controlled shutdown."
                    );
                    Refusal::new(ErrorCode::InvalidReplicationFactor, message)
                })
            })
            .collect()
    }
}

/// How many partitions are to be added.
fn additional(topic: &CreatePartitionsTopic, image: &TopicImage) -> Result<usize, Refusal> {
    let current = image.partitions.len();
    let count = i64::from(topic.count);
    let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidPartitions, message));
    if count == current as i64 {
        return refuse(format!("Topic already has {current} partition(s)."));
    }
    if count < current as i64 {
        return refuse(format!(
            "The topic {} currently has {current} partition(s); {count} would not be an increase.",
            topic.name
        ));
    }
    let additional = topic.count as usize - current;
    match &topic.assignments {
        Some(assignments) if assignments.len() != additional => Err(Refusal::new(
            ErrorCode::InvalidReplicaAssignment,
            format!(
                "Attempted to add {additional} additional partition(s), but only {} assignment(s) were specified.",
                assignments.len()
            ),
        )),
        _ => Ok(additional),
    }
}

fn result(name: &str, outcome: Result<(), Refusal>) -> CreatePartitionsTopicResult {
    let (error_code, error_message) = code_and_message(outcome);
    CreatePartitionsTopicResult {
        name: name.to_owned(),
        error_code,
        error_message,
        ..Default::default()
    }
}
