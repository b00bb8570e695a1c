//! DescribeConfigs, IncrementalAlterConfigs and ListConfigResources.

use super::Admin;
use crate::error::{Error, PerItem};

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
    /// The configs of resources, sorted by key as the broker sorts them.
    pub async fn describe_configs(
        &self,
        resources: &[ConfigResource],
        options: &DescribeConfigsOptions,
    ) -> Result<PerItem<ConfigResource, Vec<ConfigEntry>>, Error> {
        todo!("{resources:?} {options:?}")
    }

    /// Changes single keys.
    pub async fn alter_configs(
        &self,
        alterations: &[ConfigAlteration],
        validate_only: bool,
    ) -> Result<PerItem<ConfigResource, ()>, Error> {
        todo!("{alterations:?} {validate_only}")
    }

    /// Resources that have configuration of their own, of these kinds (empty: all).
    pub async fn list_config_resources(
        &self,
        kinds: &[ConfigResourceKind],
    ) -> Result<Vec<ConfigResource>, Error> {
        todo!("{kinds:?}")
    }
}
