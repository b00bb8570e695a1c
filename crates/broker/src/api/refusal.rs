//! The response of a forwarded request that the controller could not be asked, with the code where
//! each API puts it: at every item, or at the top.

use std::collections::BTreeMap;

use ottla_wire::messages::alter_configs_response::AlterConfigsResourceResponse;
use ottla_wire::messages::alter_partition_reassignments_request::ReassignablePartition;
use ottla_wire::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use ottla_wire::messages::create_partitions_response::CreatePartitionsTopicResult;
use ottla_wire::messages::create_topics_response::CreatableTopicResult;
use ottla_wire::messages::delete_topics_response::DeletableTopicResult;
use ottla_wire::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use ottla_wire::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as IncrementalResponse;
use ottla_wire::messages::{
    AlterConfigsRequest, AlterConfigsResponse, AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse, CreatePartitionsRequest, CreatePartitionsResponse,
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    DescribeQuorumResponse, ElectLeadersRequest, ElectLeadersResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
    ListPartitionReassignmentsResponse, RequestBody, ResponseBody, UnregisterBrokerResponse,
    UpdateFeaturesResponse,
};
use ottla_wire::{ErrorCode, Uuid};

/// The topic that nobody creates.
const CLUSTER_METADATA: &str = "__cluster_metadata";

/// Whether a request's time is over before it begins. A request without a time is never late, nor is one of which
/// nothing is left for a controller to decide once it was looked at: it is answered at once.
pub(super) fn has_no_time(request: &RequestBody) -> bool {
    let (timeout_ms, has_work) = match request {
        RequestBody::CreateTopics(request) => {
            let names = request.topics.iter().map(|topic| &topic.name);
            (request.timeout_ms, has_single(names.filter(|name| *name != CLUSTER_METADATA)))
        }
        RequestBody::DeleteTopics(request) => (request.timeout_ms, names_topics(request)),
        RequestBody::CreatePartitions(request) => {
            (request.timeout_ms, has_single(request.topics.iter().map(|topic| &topic.name)))
        }
        RequestBody::ElectLeaders(request) => {
            let topics = request.topic_partitions.as_ref();
            (request.timeout_ms, topics.is_none_or(|topics| !topics.is_empty()))
        }
        RequestBody::AlterPartitionReassignments(request) => {
            (request.timeout_ms, !request.topics.is_empty())
        }
        _ => return false,
    };
    timeout_ms <= 0 && has_work
}

/// Whether a topic is named once, by its name or its id and not by both.
fn names_topics(request: &DeleteTopicsRequest) -> bool {
    let (by_id, by_name): (Vec<_>, Vec<_>) =
        request.topics.iter().partition(|topic| topic.topic_id != Uuid::ZERO);
    let names = by_name.iter().filter_map(|topic| topic.name.as_ref());
    let ids = by_id.iter().filter(|topic| topic.name.is_none()).map(|topic| topic.topic_id);
    has_single(names.chain(&request.topic_names)) || has_single(ids)
}

/// Whether something occurs just once; what is repeated is refused by itself.
fn has_single<Key: Ord>(keys: impl Iterator<Item = Key>) -> bool {
    let mut counts: BTreeMap<Key, usize> = BTreeMap::new();
    keys.for_each(|key| *counts.entry(key).or_default() += 1);
    counts.values().any(|count| *count == 1)
}

/// The response to `request` that says `code`; `None` for a request that is never forwarded.
pub(super) fn refuse(request: &RequestBody, version: i16, code: ErrorCode) -> Option<ResponseBody> {
    // Kafka says nothing more of a time that is over.
    let message = (code != ErrorCode::RequestTimedOut).then(|| code.message().to_owned());
    let (error_code, error_message) = (code.code(), message);
    Some(match request {
        RequestBody::CreateTopics(request) => create_topics(request, error_code, error_message),
        RequestBody::DeleteTopics(request) => delete_topics(request, error_code, error_message),
        RequestBody::CreatePartitions(request) => {
            create_partitions(request, error_code, error_message)
        }
        RequestBody::AlterConfigs(request) => alter_configs(request, error_code, error_message),
        RequestBody::IncrementalAlterConfigs(request) => {
            incremental_alter_configs(request, error_code, error_message)
        }
        RequestBody::ElectLeaders(request) => {
            elect_leaders(request, version, error_code, error_message)
        }
        RequestBody::AlterPartitionReassignments(request) => {
            alter_reassignments(request, error_code, error_message)
        }
        RequestBody::ListPartitionReassignments(_) => {
            let refused = ListPartitionReassignmentsResponse::default();
            ListPartitionReassignmentsResponse { error_code, error_message, ..refused }.into()
        }
        RequestBody::DescribeQuorum(_) => {
            DescribeQuorumResponse { error_code, error_message, ..Default::default() }.into()
        }
        RequestBody::UpdateFeatures(_) => {
            UpdateFeaturesResponse { error_code, error_message, ..Default::default() }.into()
        }
        RequestBody::UnregisterBroker(_) => {
            UnregisterBrokerResponse { error_code, error_message, ..Default::default() }.into()
        }
        _ => return None,
    })
}

fn create_topics(
    request: &CreateTopicsRequest,
    error_code: i16,
    error_message: Option<String>,
) -> ResponseBody {
    let topics = request.topics.iter().map(|topic| CreatableTopicResult {
        name: topic.name.clone(),
        error_code,
        error_message: error_message.clone(),
        ..CreatableTopicResult::default()
    });
    let topics = topics.collect();
    CreateTopicsResponse { topics, ..CreateTopicsResponse::default() }.into()
}

fn delete_topics(
    request: &DeleteTopicsRequest,
    error_code: i16,
    error_message: Option<String>,
) -> ResponseBody {
    let by_name = request.topic_names.iter().map(|name| (Some(name.clone()), None));
    let both = request.topics.iter().map(|topic| (topic.name.clone(), Some(topic.topic_id)));
    let responses = by_name.chain(both).map(|(name, id)| DeletableTopicResult {
        name,
        topic_id: id.unwrap_or_default(),
        error_code,
        error_message: error_message.clone(),
        ..DeletableTopicResult::default()
    });
    let responses = responses.collect();
    DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() }.into()
}

fn create_partitions(
    request: &CreatePartitionsRequest,
    error_code: i16,
    error_message: Option<String>,
) -> ResponseBody {
    let results = request.topics.iter().map(|topic| CreatePartitionsTopicResult {
        name: topic.name.clone(),
        error_code,
        error_message: error_message.clone(),
        ..CreatePartitionsTopicResult::default()
    });
    let results = results.collect();
    CreatePartitionsResponse { results, ..CreatePartitionsResponse::default() }.into()
}

fn alter_configs(
    request: &AlterConfigsRequest,
    error_code: i16,
    error_message: Option<String>,
) -> ResponseBody {
    let responses = request.resources.iter().map(|resource| AlterConfigsResourceResponse {
        error_code,
        error_message: error_message.clone(),
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        ..AlterConfigsResourceResponse::default()
    });
    let responses = responses.collect();
    AlterConfigsResponse { responses, ..AlterConfigsResponse::default() }.into()
}

fn incremental_alter_configs(
    request: &IncrementalAlterConfigsRequest,
    error_code: i16,
    error_message: Option<String>,
) -> ResponseBody {
    let responses = request.resources.iter().map(|resource| IncrementalResponse {
        error_code,
        error_message: error_message.clone(),
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        ..IncrementalResponse::default()
    });
    let responses = responses.collect();
    IncrementalAlterConfigsResponse { responses, ..Default::default() }.into()
}

/// Version 0 has no place for an error but at each partition.
fn elect_leaders(
    request: &ElectLeadersRequest,
    version: i16,
    error_code: i16,
    error_message: Option<String>,
) -> ResponseBody {
    let result = |partition_id: &i32| PartitionResult {
        partition_id: *partition_id,
        error_code,
        error_message: error_message.clone(),
        ..PartitionResult::default()
    };
    let results = request.topic_partitions.iter().flatten().map(|topic| ReplicaElectionResult {
        topic: topic.topic.clone(),
        partition_result: topic.partitions.iter().map(result).collect(),
        ..ReplicaElectionResult::default()
    });
    let replica_election_results = results.collect();
    let error_code = if version == 0 { 0 } else { error_code };
    ElectLeadersResponse { error_code, replica_election_results, ..Default::default() }.into()
}

fn alter_reassignments(
    request: &AlterPartitionReassignmentsRequest,
    error_code: i16,
    error_message: Option<String>,
) -> ResponseBody {
    let response = |partition: &ReassignablePartition| ReassignablePartitionResponse {
        partition_index: partition.partition_index,
        error_code,
        error_message: error_message.clone(),
        ..ReassignablePartitionResponse::default()
    };
    let topics = request.topics.iter().map(|topic| ReassignableTopicResponse {
        name: topic.name.clone(),
        partitions: topic.partitions.iter().map(response).collect(),
        ..ReassignableTopicResponse::default()
    });
    let responses = topics.collect();
    AlterPartitionReassignmentsResponse {
        error_code,
        error_message,
        responses,
        ..Default::default()
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ottla_wire::messages::delete_topics_request::DeleteTopicState;
    use ottla_wire::messages::elect_leaders_request::TopicPartitions;

    #[test]
    fn time_that_is_over() {
        for (timeout_ms, expected) in [(-1, true), (0, true), (1, false)] {
            let request = DeleteTopicsRequest {
                topic_names: vec!["t".to_owned()],
                timeout_ms,
                ..DeleteTopicsRequest::default()
            };
            let request = RequestBody::from(request);
            assert_eq!(has_no_time(&request), expected, "{timeout_ms}");
            let Some(ResponseBody::DeleteTopics(response)) =
                refuse(&request, 6, ErrorCode::RequestTimedOut)
            else {
                panic!("a response of the same API");
            };
            let answer = &response.responses[0];
            assert_eq!((answer.error_code, answer.error_message.as_deref()), (7, None));
        }
    }

    #[test]
    fn what_is_left_of_a_request() {
        let named =
            |name: &str| DeleteTopicState { name: Some(name.to_owned()), ..Default::default() };
        let with_id = |byte| DeleteTopicState {
            topic_id: Uuid::from_bytes([byte; 16]),
            ..DeleteTopicState::default()
        };
        let both = DeleteTopicState { name: Some("a".to_owned()), ..with_id(1) };
        let cases = [
            (vec![], false),
            (vec![named("a")], true),
            (vec![named("a"), named("a")], false),
            (vec![named("a"), named("a"), named("b")], true),
            (vec![with_id(1)], true),
            (vec![with_id(1), with_id(1)], false),
            (vec![DeleteTopicState::default()], false),
            (vec![both], false),
        ];
        for (topics, expected) in cases {
            let request = DeleteTopicsRequest { topics, ..DeleteTopicsRequest::default() };
            let told = format!("{request:?}");
            assert_eq!(has_no_time(&RequestBody::from(request)), expected, "{told}");
        }
    }

    #[test]
    fn partitions_are_told_one_by_one() {
        let request = ElectLeadersRequest {
            topic_partitions: Some(vec![TopicPartitions {
                topic: "t".to_owned(),
                partitions: vec![0, 3],
                ..TopicPartitions::default()
            }]),
            ..ElectLeadersRequest::default()
        };
        let request = RequestBody::from(request);
        for (version, of_all) in [(0, 0), (1, 7), (2, 7)] {
            let refused = refuse(&request, version, ErrorCode::RequestTimedOut);
            let Some(ResponseBody::ElectLeaders(response)) = refused else {
                panic!("a response of the same API");
            };
            let partitions = &response.replica_election_results[0].partition_result;
            let codes: Vec<_> =
                partitions.iter().map(|each| (each.partition_id, each.error_code)).collect();
            assert_eq!(codes, [(0, 7), (3, 7)]);
            assert_eq!(response.error_code, of_all, "version {version}");
        }
    }
}
