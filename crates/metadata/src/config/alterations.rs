//! What a broker refuses of AlterConfigs and IncrementalAlterConfigs before the controller sees it:
//! resources and keys that are named twice, nulls, unknown types, other brokers, lists that are none.

use std::collections::HashMap;

use ottla_wire::ErrorCode;
use ottla_wire::messages::alter_configs_request::AlterConfigsResource;
use ottla_wire::messages::alter_configs_response::AlterConfigsResourceResponse;
use ottla_wire::messages::incremental_alter_configs_request::AlterConfigsResource as IncrementalResource;
use ottla_wire::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as IncrementalResponse;
use ottla_wire::messages::{AlterConfigsRequest, IncrementalAlterConfigsRequest};

use super::broker as broker_keys;
use super::key::Kind;
use crate::ResourceType;

/// `AlterConfigOp.OpType` of a deletion, which needs no value.
const DELETE: i8 = 1;

/// `AlterConfigOp.OpType` of an addition to a list.
const APPEND: i8 = 2;

/// `AlterConfigOp.OpType` of a removal from a list.
const SUBTRACT: i8 = 3;

/// A change of a key.
struct Change<'a> {
    name: &'a str,
    operation: i8,
    lacks_value: bool,
}

type Refusal = (ErrorCode, String);

/// Takes the resources that are refused out of a request to this node. The answers come with their places.
#[must_use]
pub fn take_refused(
    node_id: i32,
    request: &mut AlterConfigsRequest,
) -> Vec<(usize, AlterConfigsResourceResponse)> {
    let refused = take_out(
        &mut request.resources,
        |resource| (resource.resource_type, &resource.resource_name),
        |resource, is_repeated| {
            let changes = resource.configs.iter().map(|config| Change {
                name: &config.name,
                operation: 0,
                lacks_value: config.value.is_none(),
            });
            let (kind, name, loggers_too) =
                (resource.resource_type, &resource.resource_name, false);
            refusal(node_id, (kind, name, loggers_too), is_repeated, changes.collect())
        },
    );
    let answer = |(at, resource, (code, message)): (usize, AlterConfigsResource, Refusal)| {
        let answer = AlterConfigsResourceResponse {
            error_code: code.code(),
            error_message: Some(message),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name,
            ..AlterConfigsResourceResponse::default()
        };
        (at, answer)
    };
    refused.into_iter().map(answer).collect()
}

/// As [`take_refused`].
#[must_use]
pub fn take_refused_incremental(
    node_id: i32,
    request: &mut IncrementalAlterConfigsRequest,
) -> Vec<(usize, IncrementalResponse)> {
    let refused = take_out(
        &mut request.resources,
        |resource| (resource.resource_type, &resource.resource_name),
        |resource, is_repeated| {
            let changes = resource.configs.iter().map(|config| Change {
                name: &config.name,
                operation: config.config_operation,
                lacks_value: config.value.is_none() && config.config_operation != DELETE,
            });
            let (kind, name, loggers_too) = (resource.resource_type, &resource.resource_name, true);
            refusal(node_id, (kind, name, loggers_too), is_repeated, changes.collect())
        },
    );
    let answer = |(at, resource, (code, message)): (usize, IncrementalResource, Refusal)| {
        let answer = IncrementalResponse {
            error_code: code.code(),
            error_message: Some(message),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name,
            ..IncrementalResponse::default()
        };
        (at, answer)
    };
    refused.into_iter().map(answer).collect()
}

/// Takes out what is refused: where it stood, and why. The others stay in their order.
fn take_out<Resource>(
    resources: &mut Vec<Resource>,
    key: impl Fn(&Resource) -> (i8, &String),
    refusal: impl Fn(&Resource, bool) -> Option<Refusal>,
) -> Vec<(usize, Resource, Refusal)> {
    let mut times: HashMap<(i8, &String), usize> = HashMap::new();
    for resource in resources.iter() {
        *times.entry(key(resource)).or_default() += 1;
    }
    let is_repeated = |resource| times.get(&key(resource)).is_some_and(|times| *times > 1);
    let refusals: Vec<Option<Refusal>> =
        resources.iter().map(|resource| refusal(resource, is_repeated(resource))).collect();
    let mut refused = Vec::new();
    for (at, (resource, refusal)) in std::mem::take(resources).into_iter().zip(refusals).enumerate()
    {
        match refusal {
            None => resources.push(resource),
            Some(refusal) => refused.push((at, resource, refusal)),
        }
    }
    refused
}

/// Why a resource is refused, in the order in which Kafka looks.
fn refusal(
    node_id: i32,
    (kind, name, loggers_too): (i8, &str, bool),
    is_repeated: bool,
    changes: Vec<Change<'_>>,
) -> Option<Refusal> {
    let invalid = |message: String| Some((ErrorCode::InvalidRequest, message));
    if is_repeated {
        return invalid("Each resource must appear at most once.".to_owned());
    }
    let nulls: Vec<&str> =
        changes.iter().filter(|change| change.lacks_value).map(|change| change.name).collect();
    if !nulls.is_empty() {
        return invalid(format!("Null value not supported for : {}", nulls.join(", ")));
    }
    let mut names: Vec<&str> = changes.iter().map(|change| change.name).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() < changes.len() {
        return invalid("Error due to duplicate config keys".to_owned());
    }
    match ResourceType::from_code(kind) {
        Some(ResourceType::Broker) => not_this_broker(node_id, name)
            .map_or_else(|| changes.iter().find_map(not_a_list), invalid),
        Some(ResourceType::BrokerLogger) if !loggers_too => {
            invalid(format!("Unknown resource type {kind}"))
        }
        None => invalid(format!("Unknown resource type {kind}")),
        Some(_) => None,
    }
}

/// Of a broker's keys, lists alone are added to and taken from.
fn not_a_list(change: &Change<'_>) -> Option<Refusal> {
    let name = change.name;
    let operation = match change.operation {
        APPEND => "append",
        SUBTRACT => "subtract",
        _ => return None,
    };
    let message = match broker_keys::find(name) {
        Some(entry) if entry.key.kind == Kind::List => return None,
        Some(_) => format!("Config value {operation} is not allowed for config key: {name}"),
        None => format!("Unknown config name: {name}"),
    };
    Some((ErrorCode::InvalidConfig, message))
}

/// Without a name a resource stands for every broker.
fn not_this_broker(node_id: i32, name: &str) -> Option<String> {
    if name.is_empty() {
        return None;
    }
    match name.parse::<i32>() {
        Err(_) => Some(format!("Node id must be an integer, but it is: {name}")),
        Ok(id) if id != node_id => {
            Some(format!("Unexpected broker id, expected {node_id}, but received {name}"))
        }
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ottla_wire::messages::incremental_alter_configs_request::{
        AlterConfigsResource, AlterableConfig,
    };

    fn resource(
        kind: i8,
        name: &str,
        changes: &[(&str, i8, Option<&str>)],
    ) -> AlterConfigsResource {
        AlterConfigsResource {
            resource_type: kind,
            resource_name: name.to_owned(),
            configs: changes
                .iter()
                .map(|(name, operation, value)| AlterableConfig {
                    name: (*name).to_owned(),
                    config_operation: *operation,
                    value: value.map(str::to_owned),
                    ..AlterableConfig::default()
                })
                .collect(),
            ..AlterConfigsResource::default()
        }
    }

    #[test]
    fn refusals_are_kafkas() {
        let cases = [
            (resource(2, "t", &[("a", 0, Some("1"))]), None),
            (resource(2, "t", &[("a", DELETE, None)]), None),
            (resource(2, "t", &[("a", 0, None)]), Some("Null value not supported for : a")),
            (
                resource(2, "t", &[("a", 0, Some("1")), ("a", DELETE, None)]),
                Some("Error due to duplicate config keys"),
            ),
            (resource(4, "1", &[]), None),
            (resource(4, "", &[]), None),
            (resource(4, "9", &[]), Some("Unexpected broker id, expected 1, but received 9")),
            (resource(4, "one", &[]), Some("Node id must be an integer, but it is: one")),
            (resource(8, "9", &[]), None),
            (
                resource(4, "", &[("log.retention.ms", APPEND, Some("1"))]),
                Some("Config value append is not allowed for config key: log.retention.ms"),
            ),
            (resource(4, "1", &[("nope", SUBTRACT, Some("1"))]), Some("Unknown config name: nope")),
            (resource(4, "1", &[("log.cleanup.policy", APPEND, Some("compact"))]), None),
            (resource(2, "t", &[("retention.ms", APPEND, Some("1"))]), None),
            (resource(64, "x", &[]), Some("Unknown resource type 64")),
        ];
        for (resource, expected) in cases {
            let mut request = IncrementalAlterConfigsRequest {
                resources: vec![resource.clone()],
                ..IncrementalAlterConfigsRequest::default()
            };
            let refused = take_refused_incremental(1, &mut request);
            let message = refused.first().and_then(|(_, answer)| answer.error_message.clone());
            assert_eq!(message.as_deref(), expected, "{resource:?}");
            assert_eq!(request.resources.len() + refused.len(), 1);
        }
    }

    #[test]
    fn a_resource_named_twice_is_refused_twice() {
        let (twice, once) = (resource(2, "t", &[]), resource(2, "u", &[]));
        let mut request = IncrementalAlterConfigsRequest {
            resources: vec![twice.clone(), once.clone(), twice],
            ..IncrementalAlterConfigsRequest::default()
        };
        let refused = take_refused_incremental(1, &mut request);
        let places: Vec<usize> = refused.iter().map(|(at, _)| *at).collect();
        assert_eq!(places, [0, 2]);
        assert_eq!(request.resources, [once]);
    }
}
