//! What a resource's values must satisfy as a whole, in Kafka's words.

use ottla_metadata::config::key::Kind;
use ottla_metadata::config::{Layers, ServerConfig, Values, broker, cordoned, list_items, topic};
use ottla_metadata::{ConfigResource, ResourceType};
use ottla_wire::ErrorCode;

use crate::refusal::Refusal;

/// Refuses values that the resource may not have. `values` is everything that it would have, `layers`
/// what is in force.
pub(crate) fn validate(
    server: &ServerConfig,
    layers: Layers<'_>,
    resource: &ConfigResource,
    values: &Values,
) -> Result<(), Refusal> {
    match resource.kind {
        ResourceType::Topic => {
            if resource.name.is_empty() {
                return Err(Refusal::invalid_request("Default topic resources are not allowed."));
            }
            crate::topics::validate_name(&resource.name)
                .map_err(|message| Refusal::new(ErrorCode::InvalidTopicException, message))?;
            validate_topic(server, values).map_err(invalid_config)
        }
        ResourceType::Broker => {
            super::brokers::validate(layers, &resource.name, values)?;
            check_cordoned(server, values)
        }
        ResourceType::ClientMetrics => super::client_metrics::validate(&resource.name, values),
        ResourceType::Group => {
            if resource.name.is_empty() {
                return Err(Refusal::invalid_request("Default group resources are not allowed."));
            }
            super::groups::validate(server, values).map_err(invalid_config)
        }
        ResourceType::BrokerLogger => {
            Err(Refusal::invalid_request("Unknown resource type BROKER_LOGGER"))
        }
    }
}

pub(super) fn invalid_config(message: String) -> Refusal {
    Refusal::new(ErrorCode::InvalidConfig, message)
}

/// Whether a value is a list, to which items can be added.
pub(crate) fn is_list(kind: ResourceType, name: &str) -> bool {
    let found = match kind {
        ResourceType::Topic => topic::find(name).map(|entry| entry.key.kind),
        ResourceType::Broker => broker::find(name).map(|entry| entry.key.kind),
        // Kafka's controller does not know the types of the others' keys.
        ResourceType::BrokerLogger | ResourceType::ClientMetrics | ResourceType::Group => None,
    };
    found == Some(Kind::List)
}

/// The default of a list value, as the place to begin adding from.
pub(crate) fn default_of(kind: ResourceType, name: &str) -> Option<&'static str> {
    match kind {
        ResourceType::Topic => topic::find(name)?.key.default,
        ResourceType::Broker => broker::find(name)?.key.default,
        _ => None,
    }
}

/// `cordoned.log.dirs` names directories of `log.dirs`.
fn check_cordoned(server: &ServerConfig, values: &Values) -> Result<(), Refusal> {
    let cordoned = values.get("cordoned.log.dirs").map(String::as_str).unwrap_or_default();
    let cordoned: Vec<String> = list_items(cordoned).map(str::to_owned).collect();
    match cordoned::refusal(&cordoned, &server.list("log.dirs")) {
        None => Ok(()),
        Some(why) => Err(Refusal::invalid_request(format!("requirement failed: {why}"))),
    }
}

fn validate_topic(server: &ServerConfig, values: &Values) -> Result<(), String> {
    for name in values.keys() {
        if topic::find(name).is_none() {
            return Err(format!("Unknown topic config name: {name}"));
        }
    }
    for (name, value) in values {
        if let Some(entry) = topic::find(name) {
            entry.key.validate(value).map_err(|invalid| invalid.to_string())?;
        }
    }
    validate_topic_as_a_whole(server, values)
}

/// Values that are well one by one and wrong together.
fn validate_topic_as_a_whole(server: &ServerConfig, values: &Values) -> Result<(), String> {
    let text = |name: &str| -> Option<&str> {
        let own = values.get(name).map(String::as_str);
        own.or_else(|| topic::find(name).and_then(|entry| entry.key.default))
    };
    let number = |name: &str| text(name).and_then(|value| value.trim().parse::<i64>().ok());
    if let (Some(min), Some(max)) =
        (number("min.compaction.lag.ms"), number("max.compaction.lag.ms"))
        && min > max
    {
        return Err(format!(
            "conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms ({max})"
        ));
    }
    let remote =
        text("remote.storage.enable").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if remote
        && server.values().get("remote.log.storage.system.enable").is_none_or(|on| on != "true")
    {
        return Err("Tiered Storage functionality is disabled in the broker. Topic cannot be \
                    configured with remote log storage."
            .to_owned());
    }
    Ok(())
}
