//! ListConfigResources: which resources have, or may have, configuration of their own.
//!
//! v0: client-metrics subscriptions only.  v1: any resource types; none means all (KIP-1142).

use std::collections::BTreeSet;

use ottla_metadata::image::ResourceType;
use ottla_wire::ErrorCode;
use ottla_wire::messages::list_config_resources_response::ConfigResource;
use ottla_wire::messages::{ListConfigResourcesRequest, ListConfigResourcesResponse};

use crate::broker::Broker;
use crate::request::Caller;

/// `BROKER_LOGGER`, which no image holds: every broker has its own.
const BROKER_LOGGER: i8 = 8;

pub(crate) fn list_config_resources(
    broker: &Broker,
    caller: &Caller,
    request: &ListConfigResourcesRequest,
) -> ListConfigResourcesResponse {
    let stored = [
        ResourceType::Topic,
        ResourceType::Broker,
        ResourceType::ClientMetrics,
        ResourceType::Group,
    ];
    let known: Vec<i8> = stored.iter().map(|kind| kind.code()).chain([BROKER_LOGGER]).collect();
    let wanted: BTreeSet<i8> = match (caller.version, request.resource_types.is_empty()) {
        (0, _) => [ResourceType::ClientMetrics.code()].into(),
        (_, true) => known.iter().copied().collect(),
        (_, false) => request.resource_types.iter().copied().collect(),
    };
    if wanted.iter().any(|kind| !known.contains(kind)) {
        return ListConfigResourcesResponse {
            error_code: ErrorCode::UnsupportedVersion.code(),
            ..ListConfigResourcesResponse::default()
        };
    }
    let image = broker.image();
    let mut found: BTreeSet<(i8, String)> = BTreeSet::new();
    for (resource, _) in image.configs.iter() {
        found.insert((resource.kind.code(), resource.name.clone()));
    }
    found.retain(|(kind, name)| *kind != ResourceType::Broker.code() && !name.is_empty());
    found.extend(
        image.topics.iter().map(|topic| (ResourceType::Topic.code(), topic.name.to_string())),
    );
    for id in image.brokers.keys() {
        found.insert((ResourceType::Broker.code(), id.to_string()));
        found.insert((BROKER_LOGGER, id.to_string()));
    }
    let config_resources = found
        .into_iter()
        .filter(|(kind, _)| wanted.contains(kind))
        .map(|(resource_type, resource_name)| ConfigResource {
            resource_name,
            resource_type,
            ..ConfigResource::default()
        })
        .collect();
    ListConfigResourcesResponse { config_resources, ..ListConfigResourcesResponse::default() }
}
