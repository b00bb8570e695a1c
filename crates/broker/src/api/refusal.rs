//! The response of a forwarded request that the controller could not be asked, with the code where
//! each API puts it: at every item, or at the top.

use ottla_wire::ErrorCode;
use ottla_wire::messages::alter_configs_response::AlterConfigsResourceResponse;
use ottla_wire::messages::create_partitions_response::CreatePartitionsTopicResult;
use ottla_wire::messages::create_topics_response::CreatableTopicResult;
use ottla_wire::messages::delete_topics_response::DeletableTopicResult;
use ottla_wire::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as IncrementalResponse;
use ottla_wire::messages::{
    AlterConfigsResponse, AlterPartitionReassignmentsResponse, CreatePartitionsResponse,
    CreateTopicsResponse, DeleteTopicsResponse, ElectLeadersResponse,
    IncrementalAlterConfigsResponse, ListPartitionReassignmentsResponse, RequestBody, ResponseBody,
    UnregisterBrokerResponse, UpdateFeaturesResponse,
};

/// The response to `request` that says `code`; `None` for a request that is never forwarded.
pub(super) fn refuse(request: &RequestBody, code: ErrorCode) -> Option<ResponseBody> {
    let (error_code, error_message) = (code.code(), Some(code.message().to_owned()));
    Some(match request {
        RequestBody::CreateTopics(request) => {
            let topics = request.topics.iter().map(|topic| CreatableTopicResult {
                name: topic.name.clone(),
                error_code,
                error_message: error_message.clone(),
                ..CreatableTopicResult::default()
            });
            let topics = topics.collect();
            CreateTopicsResponse { topics, ..CreateTopicsResponse::default() }.into()
        }
        RequestBody::DeleteTopics(request) => {
            let by_name = request.topic_names.iter().map(|name| (Some(name.clone()), None));
            let both =
                request.topics.iter().map(|topic| (topic.name.clone(), Some(topic.topic_id)));
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
        RequestBody::CreatePartitions(request) => {
            let results = request.topics.iter().map(|topic| CreatePartitionsTopicResult {
                name: topic.name.clone(),
                error_code,
                error_message: error_message.clone(),
                ..CreatePartitionsTopicResult::default()
            });
            let results = results.collect();
            CreatePartitionsResponse { results, ..CreatePartitionsResponse::default() }.into()
        }
        RequestBody::AlterConfigs(request) => {
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
        RequestBody::IncrementalAlterConfigs(request) => {
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
        RequestBody::ElectLeaders(_) => {
            ElectLeadersResponse { error_code, ..ElectLeadersResponse::default() }.into()
        }
        RequestBody::AlterPartitionReassignments(_) => {
            let refused = AlterPartitionReassignmentsResponse::default();
            AlterPartitionReassignmentsResponse { error_code, error_message, ..refused }.into()
        }
        RequestBody::ListPartitionReassignments(_) => {
            let refused = ListPartitionReassignmentsResponse::default();
            ListPartitionReassignmentsResponse { error_code, error_message, ..refused }.into()
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
