//! DescribeConfigs, IncrementalAlterConfigs and ListConfigResources.

use ottla_wire::Message;
use ottla_wire::messages::describe_configs_request::DescribeConfigsResource;
use ottla_wire::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsSynonym,
};
use ottla_wire::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use ottla_wire::messages::{
    DescribeConfigsRequest, IncrementalAlterConfigsRequest, ListConfigResourcesRequest,
};

use super::Admin;
use super::routing::in_order_of;
use crate::cluster::Target;
use crate::error::{ApiError, Error, PerItem};

/// What can have configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConfigResourceKind {
    /// A topic.
    Topic,
    /// A broker, or all of them when the name is empty.
    Broker,
    /// The loggers of a broker.
    BrokerLogger,
    /// A subscription to client metrics (KIP-714).
    ClientMetrics,
    /// A group (KIP-848).
    Group,
}

impl ConfigResourceKind {
    /// The number on the wire.
    pub const fn id(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::BrokerLogger => 8,
            Self::ClientMetrics => 16,
            Self::Group => 32,
        }
    }

    /// The kind for a number on the wire.
    pub const fn from_id(id: i8) -> Option<Self> {
        match id {
            2 => Some(Self::Topic),
            4 => Some(Self::Broker),
            8 => Some(Self::BrokerLogger),
            16 => Some(Self::ClientMetrics),
            32 => Some(Self::Group),
            _ => None,
        }
    }
}

/// One thing that has configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConfigResource {
    /// What it is.
    pub kind: ConfigResourceKind,
    /// Its name; empty for all brokers.
    pub name: String,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set on the topic.
    DynamicTopic,
    /// Set on the broker's logger.
    DynamicBrokerLogger,
    /// Set on the broker.
    DynamicBroker,
    /// Set for all brokers.
    DynamicDefaultBroker,
    /// From `server.properties`.
    StaticBroker,
    /// Kafka's default.
    Default,
    /// Set on the client metrics subscription.
    ClientMetrics,
    /// Set on the group.
    Group,
    /// The broker did not say.
    Unknown,
}

impl ConfigSource {
    /// The name that Kafka's tools print, such as `DYNAMIC_TOPIC_CONFIG`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DynamicTopic => "DYNAMIC_TOPIC_CONFIG",
            Self::DynamicBrokerLogger => "DYNAMIC_BROKER_LOGGER_CONFIG",
            Self::DynamicBroker => "DYNAMIC_BROKER_CONFIG",
            Self::DynamicDefaultBroker => "DYNAMIC_DEFAULT_BROKER_CONFIG",
            Self::StaticBroker => "STATIC_BROKER_CONFIG",
            Self::Default => "DEFAULT_CONFIG",
            Self::ClientMetrics => "DYNAMIC_CLIENT_METRICS_CONFIG",
            Self::Group => "DYNAMIC_GROUP_CONFIG",
            Self::Unknown => "UNKNOWN",
        }
    }

    pub(super) const fn from_id(id: i8) -> Self {
        match id {
            1 => Self::DynamicTopic,
            2 => Self::DynamicBroker,
            3 => Self::DynamicDefaultBroker,
            4 => Self::StaticBroker,
            5 => Self::Default,
            6 => Self::DynamicBrokerLogger,
            7 => Self::ClientMetrics,
            8 => Self::Group,
            _ => Self::Unknown,
        }
    }
}

/// The type of a config's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigValueKind {
    /// The broker did not say.
    Unknown,
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// 32 bits.
    Int,
    /// 16 bits.
    Short,
    /// 64 bits.
    Long,
    /// Floating point.
    Double,
    /// Comma-separated.
    List,
    /// A Java class.
    Class,
    /// Hidden text.
    Password,
}

impl ConfigValueKind {
    pub(super) const fn from_id(id: i8) -> Self {
        match id {
            1 => Self::Boolean,
            2 => Self::String,
            3 => Self::Int,
            4 => Self::Short,
            5 => Self::Long,
            6 => Self::Double,
            7 => Self::List,
            8 => Self::Class,
            9 => Self::Password,
            _ => Self::Unknown,
        }
    }
}

/// One config and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Key.
    pub name: String,
    /// Value; `None` when unset or sensitive.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether the value is hidden.
    pub is_sensitive: bool,
    /// Whether it can't be changed while the broker runs.
    pub is_read_only: bool,
    /// All places that give it a value, most specific first.
    pub synonyms: Vec<ConfigSynonym>,
    /// Type of the value.
    pub kind: ConfigValueKind,
    /// What it means, when asked for.
    pub documentation: Option<String>,
}

/// One place that gives a config a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The key there.
    pub name: String,
    /// The value there.
    pub value: Option<String>,
    /// The place.
    pub source: ConfigSource,
}

/// What to tell about configs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribeConfigsOptions {
    /// Fill in [`ConfigEntry::synonyms`].
    pub include_synonyms: bool,
    /// Fill in [`ConfigEntry::documentation`].
    pub include_documentation: bool,
    /// Only these keys; `None` for all.
    pub keys: Option<Vec<String>>,
}

/// A change to one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlterConfigOp {
    /// Give it this value.
    Set(String),
    /// Take the value away.
    Delete,
    /// Add to a list.
    Append(String),
    /// Remove from a list.
    Subtract(String),
}

/// Changes to one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigAlteration {
    /// What is changed.
    pub resource: ConfigResource,
    /// Keys and what happens to them.
    pub changes: Vec<(String, AlterConfigOp)>,
}

impl Admin {
    /// The configs of resources, in the order in which they are sent. A named broker is asked about itself.
    pub async fn describe_configs(
        &self,
        resources: &[ConfigResource],
        options: &DescribeConfigsOptions,
    ) -> Result<PerItem<ConfigResource, Vec<ConfigEntry>>, Error> {
        let mut results = Vec::new();
        for (target, share) in by_answerer(resources.iter())? {
            let request = DescribeConfigsRequest {
                resources: share
                    .iter()
                    .map(|resource| DescribeConfigsResource {
                        resource_type: resource.kind.id(),
                        resource_name: resource.name.clone(),
                        configuration_keys: options.keys.clone(),
                        ..DescribeConfigsResource::default()
                    })
                    .collect(),
                include_synonyms: options.include_synonyms,
                include_documentation: options.include_documentation,
                ..DescribeConfigsRequest::default()
            };
            let build = |version| DescribeConfigsRequest {
                include_documentation: options.include_documentation && version >= 3,
                ..request.clone()
            };
            let versions = <DescribeConfigsRequest as Message>::VERSIONS;
            let (response, _) = self.cluster().send_versioned(&target, versions, build).await?;
            results.extend(response.results.into_iter().filter_map(|result| {
                let kind = ConfigResourceKind::from_id(result.resource_type)?;
                let resource = ConfigResource { kind, name: result.resource_name };
                let outcome = ApiError::check(result.error_code, result.error_message);
                Some((resource, outcome.map(|()| entries(result.configs))))
            }));
        }
        Ok(in_order_of(resources.iter().cloned(), results))
    }

    /// Changes single keys.
    pub async fn alter_configs(
        &self,
        alterations: &[ConfigAlteration],
        validate_only: bool,
    ) -> Result<PerItem<ConfigResource, ()>, Error> {
        let mut results = Vec::new();
        for (target, share) in by_answerer(alterations.iter())? {
            let request = IncrementalAlterConfigsRequest {
                resources: share.into_iter().map(alteration).collect(),
                validate_only,
                ..IncrementalAlterConfigsRequest::default()
            };
            let response = self.cluster().send(&target, &request).await?;
            results.extend(response.responses.into_iter().filter_map(|result| {
                let kind = ConfigResourceKind::from_id(result.resource_type)?;
                let resource = ConfigResource { kind, name: result.resource_name };
                Some((resource, ApiError::check(result.error_code, result.error_message)))
            }));
        }
        let order = alterations.iter().map(|alteration| alteration.resource.clone());
        Ok(in_order_of(order, results))
    }

    /// Resources that have configuration of their own, of these kinds (empty: all).
    pub async fn list_config_resources(
        &self,
        kinds: &[ConfigResourceKind],
    ) -> Result<Vec<ConfigResource>, Error> {
        let request = ListConfigResourcesRequest {
            resource_types: kinds.iter().map(|kind| kind.id()).collect(),
            ..ListConfigResourcesRequest::default()
        };
        // Version 0 knows of client metrics only (KIP-1142).
        let only_metrics = kinds == [ConfigResourceKind::ClientMetrics];
        let versions =
            i16::from(!only_metrics)..=*<ListConfigResourcesRequest as Message>::VERSIONS.end();
        let build = |version| match version {
            0 => ListConfigResourcesRequest::default(),
            _ => request.clone(),
        };
        let (response, _) = self.cluster().send_versioned(&Target::Any, versions, build).await?;
        ApiError::check(response.error_code, None)?;
        let resources = response.config_resources.into_iter();
        Ok(resources
            .filter_map(|resource| {
                let kind = ConfigResourceKind::from_id(resource.resource_type)?;
                Some(ConfigResource { kind, name: resource.resource_name })
            })
            .collect())
    }
}

/// What concerns a resource.
trait Concerns {
    fn resource(&self) -> &ConfigResource;
}

impl Concerns for ConfigResource {
    fn resource(&self) -> &ConfigResource {
        self
    }
}

impl Concerns for ConfigAlteration {
    fn resource(&self) -> &ConfigResource {
        &self.resource
    }
}

/// A named broker and its loggers are asked there, everything else anywhere.
fn by_answerer<'a, T: Concerns>(
    items: impl Iterator<Item = &'a T>,
) -> Result<Vec<(Target, Vec<&'a T>)>, Error> {
    let mut shares: Vec<(Target, Vec<&T>)> = Vec::new();
    for item in items {
        let resource = item.resource();
        let of_broker =
            matches!(resource.kind, ConfigResourceKind::Broker | ConfigResourceKind::BrokerLogger);
        let target = if of_broker && !resource.name.is_empty() {
            let id = resource.name.parse().map_err(|_| Error::Misuse {
                detail: format!("{} is not a broker id", resource.name),
            })?;
            Target::Node(id)
        } else {
            Target::Any
        };
        match shares.iter_mut().find(|(known, _)| *known == target) {
            Some((_, share)) => share.push(item),
            None => shares.push((target, vec![item])),
        }
    }
    Ok(shares)
}

fn entries(configs: Vec<DescribeConfigsResourceResult>) -> Vec<ConfigEntry> {
    let synonym = |synonym: DescribeConfigsSynonym| ConfigSynonym {
        name: synonym.name,
        value: synonym.value,
        source: ConfigSource::from_id(synonym.source),
    };
    configs
        .into_iter()
        .map(|config| ConfigEntry {
            name: config.name,
            value: config.value,
            source: ConfigSource::from_id(config.config_source),
            is_sensitive: config.is_sensitive,
            is_read_only: config.read_only,
            synonyms: config.synonyms.into_iter().map(synonym).collect(),
            kind: ConfigValueKind::from_id(config.config_type),
            documentation: config.documentation,
        })
        .collect()
}

fn alteration(alteration: &ConfigAlteration) -> AlterConfigsResource {
    let change = |(name, change): &(String, AlterConfigOp)| {
        let (config_operation, value) = match change {
            AlterConfigOp::Set(value) => (0, Some(value)),
            AlterConfigOp::Delete => (1, None),
            AlterConfigOp::Append(value) => (2, Some(value)),
            AlterConfigOp::Subtract(value) => (3, Some(value)),
        };
        AlterableConfig {
            name: name.clone(),
            config_operation,
            value: value.cloned(),
            ..AlterableConfig::default()
        }
    };
    AlterConfigsResource {
        resource_type: alteration.resource.kind.id(),
        resource_name: alteration.resource.name.clone(),
        configs: alteration.changes.iter().map(change).collect(),
        ..AlterConfigsResource::default()
    }
}
