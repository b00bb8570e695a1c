//! ElectLeaders: the preferred replicas, or whoever is left when a topic would otherwise stay dark.

use ottla_wire::ErrorCode;
use ottla_wire::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use ottla_wire::messages::{ElectLeadersRequest, ElectLeadersResponse, MetadataRecord};

use super::change::Election;
use crate::controller::{Controller, Outcome};
use crate::refusal::{Refusal, code_and_message};

impl Controller {
    pub(crate) fn elect_leaders(&self, request: ElectLeadersRequest) -> Outcome {
        let election = match request.election_type {
            0 => Election::Preferred,
            1 => Election::Unclean,
            unknown => return Outcome::answer(unknown_type(&request, unknown)),
        };
        let mut records = Vec::new();
        let mut results = Vec::new();
        let mut elect = |topic: &str, partition: i32| {
            let result = self.elect_leader(topic, partition, election);
            result.map(|record| records.push(record))
        };
        match &request.topic_partitions {
            // Every partition: those that are led as they should be are not worth a line.
            None => {
                for topic in self.image.topics.iter() {
                    let outcomes = topic.partitions.keys().map(|at| (*at, elect(&topic.name, *at)));
                    let told = outcomes.filter(|(_, outcome)| {
                        !matches!(outcome, Err(refusal) if refusal.code == ErrorCode::ElectionNotNeeded)
                    });
                    results.push(result(&topic.name, told.collect()));
                }
            }
            Some(topics) => {
                for topic in topics {
                    let outcomes =
                        topic.partitions.iter().map(|at| (*at, elect(&topic.topic, *at)));
                    results.push(result(&topic.topic, outcomes.collect()));
                }
            }
        }
        let response =
            ElectLeadersResponse { replica_election_results: results, ..Default::default() };
        Outcome::new(records, response)
    }

    fn elect_leader(
        &self,
        name: &str,
        index: i32,
        election: Election,
    ) -> Result<MetadataRecord, Refusal> {
        let unknown = |message: String| Refusal::new(ErrorCode::UnknownTopicOrPartition, message);
        let topic = self.image.topics.by_name(name);
        let topic = topic.ok_or_else(|| unknown(format!("No such topic as {name}")))?;
        let partition = topic
            .partition(index)
            .ok_or_else(|| unknown(format!("No such partition as {name}-{index}")))?;
        let (is_settled, otherwise) = match election {
            Election::Preferred => (
                partition.leader == partition.preferred_leader(),
                ErrorCode::PreferredLeaderNotAvailable,
            ),
            Election::Online | Election::Unclean => {
                (partition.has_leader(), ErrorCode::EligibleLeadersNotAvailable)
            }
        };
        if is_settled {
            return Err(Refusal::plain(ErrorCode::ElectionNotNeeded));
        }
        let mut change = self.change((topic.id, index), partition, |id| self.is_active(id));
        change.election = election;
        let record = change.build().ok_or_else(|| Refusal::plain(otherwise))?;
        Ok(MetadataRecord::PartitionChange(record))
    }
}

fn result(topic: &str, outcomes: Vec<(i32, Result<(), Refusal>)>) -> ReplicaElectionResult {
    let partitions = outcomes.into_iter().map(|(partition_id, outcome)| {
        let (error_code, error_message) = code_and_message(outcome);
        PartitionResult { partition_id, error_code, error_message, ..Default::default() }
    });
    ReplicaElectionResult {
        topic: topic.to_owned(),
        partition_result: partitions.collect(),
        ..Default::default()
    }
}

fn unknown_type(request: &ElectLeadersRequest, election_type: i8) -> ElectLeadersResponse {
    let message = format!("Unknown election type {election_type}");
    let refusal = Refusal::invalid_request(message);
    // Who asks for nothing is not told that it was asked wrongly.
    let is_empty = request.topic_partitions.as_ref().is_some_and(Vec::is_empty);
    let code = if is_empty { ErrorCode::None } else { refusal.code };
    let topics = request.topic_partitions.iter().flatten().map(|topic| {
        let outcomes = topic.partitions.iter().map(|at| (*at, Err(refusal.clone())));
        result(&topic.topic, outcomes.collect())
    });
    ElectLeadersResponse {
        error_code: code.code(),
        replica_election_results: topics.collect(),
        ..Default::default()
    }
}
