//! Registered brokers.

use std::collections::BTreeMap;

use ottla_wire::Uuid;
use ottla_wire::messages::RegisterBrokerRecord;
use ottla_wire::messages::register_broker_record::{BrokerEndpoint, BrokerFeature};

/// Where a broker listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The listener's name.
    pub name: String,
    pub host: String,
    pub port: u16,
    /// 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
    pub security_protocol: i16,
}

/// The feature levels that a node understands, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionRange {
    pub min: i16,
    pub max: i16,
}

impl VersionRange {
    /// Whether the level lies within the range.
    #[must_use]
    pub const fn contains(self, level: i16) -> bool {
        self.min <= level && level <= self.max
    }
}

/// One registered broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerImage {
    pub id: i32,
    pub epoch: i64,
    pub incarnation_id: Uuid,
    /// Listeners in the order in which the broker told them.
    pub endpoints: Vec<Endpoint>,
    pub features: BTreeMap<String, VersionRange>,
    pub rack: Option<String>,
    pub fenced: bool,
    pub in_controlled_shutdown: bool,
    /// Log directories that are online, sorted.
    pub directories: Vec<Uuid>,
    /// Log directories that take no new replicas (KIP-1066); `None` until the broker has told.
    pub cordoned_directories: Option<Vec<Uuid>>,
    /// Written by brokers that were leaving ZooKeeper behind.
    pub migrating_zk_broker: bool,
}

impl BrokerImage {
    /// The broker that a record registers.
    #[must_use]
    pub fn from_record(record: &RegisterBrokerRecord) -> Self {
        let endpoints = record.end_points.iter().map(|endpoint| Endpoint {
            name: endpoint.name.clone(),
            host: endpoint.host.clone(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
        });
        let features = record.features.iter().map(|feature| {
            let range = VersionRange {
                min: feature.min_supported_version,
                max: feature.max_supported_version,
            };
            (feature.name.clone(), range)
        });
        Self {
            id: record.broker_id,
            epoch: record.broker_epoch,
            incarnation_id: record.incarnation_id,
            endpoints: endpoints.collect(),
            features: features.collect(),
            rack: record.rack.clone(),
            fenced: record.fenced,
            in_controlled_shutdown: record.in_controlled_shutdown,
            directories: sorted(&record.log_dirs),
            cordoned_directories: record.cordoned_log_dirs.as_deref().map(sorted),
            migrating_zk_broker: record.is_migrating_zk_broker,
        }
    }

    /// The record that registers this broker as it is now.
    #[must_use]
    pub fn to_record(&self) -> RegisterBrokerRecord {
        let endpoints = self.endpoints.iter().map(|endpoint| BrokerEndpoint {
            name: endpoint.name.clone(),
            host: endpoint.host.clone(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
            ..BrokerEndpoint::default()
        });
        let features = self.features.iter().map(|(name, range)| BrokerFeature {
            name: name.clone(),
            min_supported_version: range.min,
            max_supported_version: range.max,
            ..BrokerFeature::default()
        });
        RegisterBrokerRecord {
            broker_id: self.id,
            is_migrating_zk_broker: self.migrating_zk_broker,
            incarnation_id: self.incarnation_id,
            broker_epoch: self.epoch,
            end_points: endpoints.collect(),
            features: features.collect(),
            rack: self.rack.clone(),
            fenced: self.fenced,
            in_controlled_shutdown: self.in_controlled_shutdown,
            log_dirs: self.directories.clone(),
            cordoned_log_dirs: self.cordoned_directories.clone(),
            ..RegisterBrokerRecord::default()
        }
    }

    /// The listener of that name.
    #[must_use]
    pub fn endpoint(&self, listener: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.name == listener)
    }

    /// Whether the broker may lead and take new replicas.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }

    /// Whether every directory that the broker told is cordoned.
    #[must_use]
    pub fn is_cordoned(&self) -> bool {
        let cordoned = self.cordoned_directories.as_deref().unwrap_or_default();
        !cordoned.is_empty() && self.directories.iter().all(|id| cordoned.contains(id))
    }

    /// Whether a directory is online here. A broker that told none is believed.
    #[must_use]
    pub fn has_online_directory(&self, id: Uuid) -> bool {
        self.directories.is_empty()
            || super::directory::is_reserved(id) && id != super::directory::LOST
            || self.directories.contains(&id)
    }
}

pub(super) fn sorted(ids: &[Uuid]) -> Vec<Uuid> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids
}
