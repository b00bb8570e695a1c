//! DescribeConfigs: the values in force, each with its source and what would hold without it.
//!
//! v1: synonyms.  v3: types and documentation.

use std::collections::HashSet;

use ottla_metadata::config::group::{CLIENT_METRICS_KEYS, GROUP_KEYS, GroupKey};
use ottla_metadata::config::key::Key;
use ottla_metadata::config::resolve::{self, Layer, Values};
use ottla_metadata::config::topic::TOPIC_KEYS;
use ottla_metadata::config::{Update, broker as broker_keys};
use ottla_metadata::{ConfigResource, MetadataImage, ResourceType, topic_name};
use ottla_wire::ErrorCode;
use ottla_wire::messages::describe_configs_request::DescribeConfigsResource;
use ottla_wire::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use ottla_wire::messages::{DescribeConfigsRequest, DescribeConfigsResponse};

use super::log_levels;
use crate::api::repeats::Conjured;
use crate::broker::Broker;

/// # Errors
/// Why the connection ends.
pub(crate) fn describe_configs(
    broker: &Broker,
    request: &DescribeConfigsRequest,
) -> Result<DescribeConfigsResponse, String> {
    if request.resources.iter().any(|one| ResourceType::from_code(one.resource_type).is_none()) {
        return Ok(misunderstood(request));
    }
    let form =
        Form { synonyms: request.include_synonyms, documentation: request.include_documentation };
    let result = |resource: &DescribeConfigsResource| {
        let mut result = DescribeConfigsResult {
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            // An empty message goes with success, as Kafka has it.
            error_message: Some(String::new()),
            ..DescribeConfigsResult::default()
        };
        match configs(broker, resource, form) {
            Ok(mut configs) => {
                // No keys are all keys, as null is.
                let wanted = resource.configuration_keys.as_ref();
                if let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) {
                    configs.retain(|config| wanted.contains(&config.name));
                }
                result.configs = configs;
            }
            Err((code, message)) => {
                result.error_code = code.code();
                result.error_message = Some(message);
            }
        }
        result
    };
    let mut results = Vec::with_capacity(request.resources.len());
    let (mut seen, mut conjured) = (HashSet::new(), Conjured::new());
    for resource in &request.resources {
        let result = result(resource);
        // Any name is a group's, and a broker's number has many spellings.
        if !is_kept(resource) || !seen.insert((resource.resource_type, &resource.resource_name)) {
            conjured.take(result.configs.iter().map(weight).sum())?;
        }
        results.push(result);
    }
    Ok(DescribeConfigsResponse { results, ..DescribeConfigsResponse::default() })
}

/// One resource of no type spoils the request.
fn misunderstood(request: &DescribeConfigsRequest) -> DescribeConfigsResponse {
    let results = request.resources.iter().map(|resource| DescribeConfigsResult {
        error_code: ErrorCode::InvalidRequest.code(),
        error_message: Some(ErrorCode::InvalidRequest.message().to_owned()),
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        ..DescribeConfigsResult::default()
    });
    DescribeConfigsResponse { results: results.collect(), ..DescribeConfigsResponse::default() }
}

/// Whether there are no more of its kind than the cluster holds.
fn is_kept(resource: &DescribeConfigsResource) -> bool {
    ResourceType::from_code(resource.resource_type) == Some(ResourceType::Topic)
}

/// The memory that a value takes, more or less.
fn weight(config: &DescribeConfigsResourceResult) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let synonyms = config.synonyms.iter().map(|synonym| {
        size_of::<DescribeConfigsSynonym>() + synonym.name.len() + text(&synonym.value)
    });
    size_of::<DescribeConfigsResourceResult>()
        + config.name.len()
        + text(&config.value)
        + text(&config.documentation)
        + synonyms.sum::<usize>()
}

/// What the caller wants to see of each value.
#[derive(Clone, Copy)]
struct Form {
    synonyms: bool,
    documentation: bool,
}

type Refusal = (ErrorCode, String);

fn configs(
    broker: &Broker,
    resource: &DescribeConfigsResource,
    form: Form,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let name = resource.resource_name.as_str();
    match ResourceType::from_code(resource.resource_type) {
        Some(ResourceType::Topic) => topic_configs(broker, name, form),
        Some(ResourceType::Broker) if name.is_empty() => Ok(cluster_configs(broker, form)),
        Some(ResourceType::Broker) => {
            own_id(broker, name)?;
            Ok(broker_configs(broker, form))
        }
        Some(ResourceType::Group) => group_configs(broker, name, form),
        Some(ResourceType::ClientMetrics) => client_metrics_configs(broker, name, form),
        Some(ResourceType::BrokerLogger) => logger_configs(broker, name),
        None => Err((ErrorCode::InvalidRequest, ErrorCode::InvalidRequest.message().to_owned())),
    }
}

fn own_id(broker: &Broker, name: &str) -> Result<(), Refusal> {
    let Ok(id) = name.parse::<i32>() else {
        let message = format!("Broker id must be an integer, but it is: {name}");
        return Err((ErrorCode::InvalidRequest, message));
    };
    if id == broker.node_id {
        return Ok(());
    }
    let message = format!(
        "Unexpected broker id, expected {} or empty string, but received {name}",
        broker.node_id
    );
    Err((ErrorCode::InvalidRequest, message))
}

fn topic_configs(
    broker: &Broker,
    name: &str,
    form: Form,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    if let Err(reason) = topic_name::check(name) {
        return Err((ErrorCode::InvalidTopicException, reason));
    }
    let image = broker.image();
    if image.topics.by_name(name).is_none() {
        let code = ErrorCode::UnknownTopicOrPartition;
        return Err((code, String::new()));
    }
    let settings = broker.settings();
    let own: Option<&Values> = image.configs.topic(name).map(AsRef::as_ref);
    let entry = |entry: &ottla_metadata::config::topic::TopicKey| {
        let told = resolve::topic_told(entry, own, settings.values.layers());
        DescribeConfigsResourceResult {
            value: Some(resolve::topic_value(entry, own, settings.values.layers())),
            ..describe(&entry.key, told, false, form)
        }
    };
    Ok(TOPIC_KEYS.iter().map(entry).collect())
}

/// A group's values. Any name is a group's: it may come to be.
fn group_configs(
    broker: &Broker,
    name: &str,
    form: Form,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    if name.is_empty() {
        return Err((ErrorCode::InvalidRequest, "Group name must not be empty".to_owned()));
    }
    let (image, settings) = (broker.image(), broker.settings());
    let own = own_values(&image, ResourceType::Group, name);
    let entry = |entry: &GroupKey| {
        let layers = resolve::group(entry, own, settings.values.layers());
        describe(&entry.key, layers, false, form)
    };
    Ok(GROUP_KEYS.iter().map(entry).collect())
}

/// A subscription's values. Those that are not set have a default and no synonym.
fn client_metrics_configs(
    broker: &Broker,
    name: &str,
    form: Form,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    if name.is_empty() {
        let message = "Client metrics subscription name must not be empty".to_owned();
        return Err((ErrorCode::InvalidRequest, message));
    }
    let image = broker.image();
    let own = own_values(&image, ResourceType::ClientMetrics, name);
    let entry = |key: &Key| match resolve::client_metrics(key, own) {
        Some(layer) => describe(key, vec![layer], false, form),
        None => DescribeConfigsResourceResult {
            value: key.default.map(str::to_owned),
            ..describe(key, Vec::new(), false, form)
        },
    };
    Ok(CLIENT_METRICS_KEYS.iter().map(entry).collect())
}

fn own_values<'a>(image: &'a MetadataImage, kind: ResourceType, name: &str) -> Option<&'a Values> {
    let resource = ConfigResource { kind, name: name.to_owned() };
    image.configs.get(&resource).map(AsRef::as_ref)
}

/// The levels at which this process logs, by target.
fn logger_configs(
    broker: &Broker,
    name: &str,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    log_levels::require_own(broker.node_id, name)?;
    let entry = |(target, level): (String, String)| DescribeConfigsResourceResult {
        name: target,
        value: Some(level),
        config_source: resolve::Source::BrokerLogger.code(),
        ..DescribeConfigsResourceResult::default()
    };
    Ok(broker.log_levels.all().into_iter().map(entry).collect())
}

fn broker_configs(broker: &Broker, form: Form) -> Vec<DescribeConfigsResourceResult> {
    let settings = broker.settings();
    broker_keys::all()
        .filter(|entry| !is_told_when_set(entry) || settings.values.is_dynamic(entry.key.name))
        .map(|entry| {
            let synonyms = broker_keys::synonyms(entry.key.name);
            let layers = resolve::broker(&entry.key, synonyms, settings.values.layers());
            describe(&entry.key, layers, entry.key.update == Update::ReadOnly, form)
        })
        .collect()
}

/// Kafka's quotas of brokers have no place in its properties file, and none in a list of all keys.
fn is_told_when_set(entry: &broker_keys::BrokerKey) -> bool {
    entry.key.name == "replica.alter.log.dirs.io.max.bytes.per.second"
}

/// The dynamic values of all brokers: only those that are set.
fn cluster_configs(broker: &Broker, form: Form) -> Vec<DescribeConfigsResourceResult> {
    let settings = broker.settings();
    let set = settings.values.cluster().iter().filter_map(|(name, value)| {
        let entry = broker_keys::find(name)?;
        let layer = Layer {
            name: name.clone(),
            value: Some(value.clone()),
            source: resolve::Source::DynamicDefaultBroker,
        };
        Some(describe(&entry.key, vec![layer], entry.key.update == Update::ReadOnly, form))
    });
    set.collect()
}

fn describe(
    key: &Key,
    layers: Vec<Layer>,
    read_only: bool,
    form: Form,
) -> DescribeConfigsResourceResult {
    let shown = |value: Option<String>| value.filter(|_| !key.is_sensitive());
    let nearest = layers.first().cloned();
    let mut synonyms = Vec::new();
    if form.synonyms {
        // A default of null is not worth a synonym.
        synonyms = layers
            .into_iter()
            .filter(|layer| layer.value.is_some())
            .map(|layer| DescribeConfigsSynonym {
                name: layer.name,
                value: shown(layer.value),
                source: layer.source.code(),
                ..DescribeConfigsSynonym::default()
            })
            .collect();
    }
    DescribeConfigsResourceResult {
        name: key.name.to_owned(),
        value: nearest.as_ref().and_then(|layer| shown(layer.value.clone())),
        read_only,
        config_source: nearest.map_or(resolve::Source::Default.code(), |layer| layer.source.code()),
        is_sensitive: key.is_sensitive(),
        synonyms,
        config_type: key.kind.code(),
        documentation: form.documentation.then(|| key.doc.to_owned()),
        ..DescribeConfigsResourceResult::default()
    }
}
