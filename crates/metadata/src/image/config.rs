//! Configuration values by resource, as they were set: defaults are not in here.

use std::sync::Arc;

use imbl::OrdMap;
use ottla_wire::messages::ConfigRecord;

use crate::config::Values;

/// What a configuration belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceType {
    Topic,
    Broker,
    BrokerLogger,
    ClientMetrics,
    Group,
}

impl ResourceType {
    /// The type for a code from the wire.
    #[must_use]
    pub const fn from_code(code: i8) -> Option<Self> {
        match code {
            2 => Some(Self::Topic),
            4 => Some(Self::Broker),
            8 => Some(Self::BrokerLogger),
            16 => Some(Self::ClientMetrics),
            32 => Some(Self::Group),
            _ => None,
        }
    }

    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::BrokerLogger => 8,
            Self::ClientMetrics => 16,
            Self::Group => 32,
        }
    }
}

/// A topic, a broker (the empty name stands for all of them), a group or a metrics subscription.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigResource {
    pub kind: ResourceType,
    pub name: String,
}

impl ConfigResource {
    /// The topic of that name.
    #[must_use]
    pub fn topic(name: &str) -> Self {
        Self { kind: ResourceType::Topic, name: name.to_owned() }
    }

    /// The broker with that id.
    #[must_use]
    pub fn broker(id: i32) -> Self {
        Self { kind: ResourceType::Broker, name: id.to_string() }
    }

    /// Every broker of the cluster.
    #[must_use]
    pub fn all_brokers() -> Self {
        Self { kind: ResourceType::Broker, name: String::new() }
    }
}

/// Values by resource. A resource without values is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configs {
    by_resource: OrdMap<ConfigResource, Arc<Values>>,
}

impl Configs {
    /// What is set for a resource, if anything is.
    #[must_use]
    pub fn get(&self, resource: &ConfigResource) -> Option<&Arc<Values>> {
        self.by_resource.get(resource)
    }

    /// What is set for a topic.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&Arc<Values>> {
        self.get(&ConfigResource::topic(name))
    }

    /// Every resource with its values.
    pub fn iter(&self) -> impl Iterator<Item = (&ConfigResource, &Arc<Values>)> {
        self.by_resource.iter()
    }

    pub(crate) fn differing(&self, next: &Self) -> Vec<ConfigResource> {
        let items = self.by_resource.diff(&next.by_resource);
        items.map(|item| super::topic::diff_key(item).clone()).collect()
    }

    pub(super) fn set(&mut self, kind: ResourceType, record: &ConfigRecord) {
        let resource = ConfigResource { kind, name: record.resource_name.clone() };
        // In place: a copy for each record would make many values of one resource quadratic.
        let values = self.by_resource.entry(resource.clone()).or_default();
        let own = Arc::make_mut(values);
        match &record.value {
            Some(value) => own.insert(record.name.clone(), value.clone()),
            None => own.remove(&record.name),
        };
        if own.is_empty() {
            self.by_resource.remove(&resource);
        }
    }

    pub(super) fn remove_topic(&mut self, name: &str) {
        self.by_resource.remove(&ConfigResource::topic(name));
    }
}
