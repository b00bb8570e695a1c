//! BROKER_LOGGER resources of IncrementalAlterConfigs: each broker's own, never the controller's.

use ottla_metadata::ResourceType;
use ottla_wire::ErrorCode;
use ottla_wire::messages::IncrementalAlterConfigsRequest;
use ottla_wire::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use ottla_wire::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;

use crate::broker::Broker;
use crate::log_levels::{LEVELS, Logging, ROOT};

type Refusal = (ErrorCode, String);

/// Takes the loggers out of a request and carries them out. The answers come with their places.
pub(in crate::api) fn alter(
    broker: &Broker,
    request: &mut IncrementalAlterConfigsRequest,
) -> Vec<(usize, AlterConfigsResourceResponse)> {
    let is_logger = |resource: &AlterConfigsResource| {
        resource.resource_type == ResourceType::BrokerLogger.code()
    };
    if !request.resources.iter().any(is_logger) {
        return Vec::new();
    }
    let mut answers = Vec::new();
    let mut others = Vec::new();
    for (at, resource) in std::mem::take(&mut request.resources).into_iter().enumerate() {
        if !is_logger(&resource) {
            others.push(resource);
            continue;
        }
        let altered = alter_one(broker, &resource, request.validate_only);
        let (code, message) = match altered {
            Ok(()) => (ErrorCode::None, None),
            Err((code, message)) => (code, Some(message)),
        };
        let answer = AlterConfigsResourceResponse {
            error_code: code.code(),
            error_message: message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name,
            ..AlterConfigsResourceResponse::default()
        };
        answers.push((at, answer));
    }
    request.resources = others;
    answers
}

/// Whether the resource is this broker.
pub(in crate::api) fn require_own(node_id: i32, name: &str) -> Result<(), Refusal> {
    let refuse = |message: String| Err((ErrorCode::InvalidRequest, message));
    if name.is_empty() {
        return refuse("Broker id must not be empty".to_owned());
    }
    match name.parse::<i32>() {
        Err(_) => refuse(format!("Broker id must be an integer, but it is: {name}")),
        Ok(id) if id != node_id => {
            refuse(format!("Unexpected broker id, expected {node_id} but received {name}"))
        }
        Ok(_) => Ok(()),
    }
}

/// As [`require_own`], in the words that go with a change.
fn require_own_to_alter(node_id: i32, name: &str) -> Result<(), Refusal> {
    let refuse = |message: String| Err((ErrorCode::InvalidRequest, message));
    match name.parse::<i32>() {
        Err(_) => refuse(format!("Node id must be an integer, but it is: {name}")),
        Ok(id) if id != node_id => {
            refuse(format!("Unexpected node id. Expected {node_id}, but received {name}"))
        }
        Ok(_) => Ok(()),
    }
}

/// All changes of a resource, or none.
fn alter_one(
    broker: &Broker,
    resource: &AlterConfigsResource,
    validate_only: bool,
) -> Result<(), Refusal> {
    require_own_to_alter(broker.node_id, &resource.resource_name)?;
    let changes: Vec<Change<'_>> = resource
        .configs
        .iter()
        .map(|config| change_of(&broker.log_levels, config))
        .collect::<Result<_, _>>()?;
    if !validate_only {
        for Change { target, level } in changes {
            broker.log_levels.set(target, level);
        }
    }
    Ok(())
}

struct Change<'a> {
    target: &'a str,
    level: Option<&'a str>,
}

fn change_of<'a>(levels: &Logging, config: &'a AlterableConfig) -> Result<Change<'a>, Refusal> {
    let target = config.name.as_str();
    let invalid = |message: String| Err((ErrorCode::InvalidConfig, message));
    let unknown = || invalid(format!("Logger {target} does not exist!"));
    match config.config_operation {
        0 if !levels.exists(target) => unknown(),
        0 => {
            let level = config.value.as_deref().unwrap_or_default();
            if LEVELS.contains(&level) {
                return Ok(Change { target, level: Some(level) });
            }
            invalid(format!(
                "Cannot set the log level of {target} to {level} as it is not a supported log \
                 level. Valid log levels are {}",
                LEVELS.join(", ")
            ))
        }
        1 if !levels.exists(target) => unknown(),
        1 if target == ROOT => {
            let message = format!("Removing the log level of the {ROOT} logger is not allowed");
            Err((ErrorCode::InvalidRequest, message))
        }
        1 => Ok(Change { target, level: None }),
        operation => {
            let name = match operation {
                2 => "APPEND",
                3 => "SUBTRACT",
                _ => "UNKNOWN",
            };
            let message = format!("{name} operation is not allowed for the BROKER_LOGGER resource");
            Err((ErrorCode::InvalidRequest, message))
        }
    }
}
