//! Every fact of the metadata log at one offset.
//!
//! Images are made of persistent maps and shared values: a clone costs a few reference counts, and
//! two images that differ in one partition share everything else.
//!
//! # Layout
//! - [`topic`], [`partition`], [`broker`], [`config`](self::config), [`security`]: the parts
//! - [`apply`]: what each record type does to an image
//! - [`snapshot`]: an image as records
mod apply;
mod broker;
mod config;
mod partition;
mod security;
mod snapshot;
mod topic;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdMap;
use ottla_wire::Uuid;
use ottla_wire::messages::RegisterControllerRecord;

pub use apply::ApplyError;
pub use broker::{BrokerImage, Endpoint, VersionRange};
pub use config::{ConfigResource, Configs, ResourceType};
pub use partition::{LeaderRecovery, NO_LEADER, PartitionImage, directory};
pub use security::{QuotaEntity, Security};
pub(crate) use topic::diff_key;
pub use topic::{TopicImage, Topics};

use crate::version::{KRAFT_VERSION, METADATA_VERSION, MetadataVersion};

/// The last record that an image holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// Offset of the last record, −1 before the first.
    pub offset: i64,
    /// The quorum's epoch in which it was appended.
    pub epoch: i32,
    /// When it was appended, in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
}

impl Provenance {
    /// Before the first record.
    pub const EMPTY: Self = Self { offset: -1, epoch: -1, timestamp_ms: -1 };
}

/// The cluster's metadata at one offset of the metadata log.
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataImage {
    pub provenance: Provenance,
    pub topics: Topics,
    pub brokers: OrdMap<i32, Arc<BrokerImage>>,
    pub controllers: OrdMap<i32, Arc<RegisterControllerRecord>>,
    pub configs: Configs,
    /// Finalized feature levels by name, metadata.version among them. Never zero.
    pub features: Arc<BTreeMap<String, i16>>,
    /// kraft.version. No metadata record tells it: it is in the control records of the log.
    pub kraft_version: i16,
    /// The first producer id that no block holds yet.
    pub next_producer_id: i64,
    pub security: Security,
}

impl MetadataImage {
    /// The image before the first record.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            provenance: Provenance::EMPTY,
            topics: Topics::default(),
            brokers: OrdMap::new(),
            controllers: OrdMap::new(),
            configs: Configs::default(),
            features: Arc::default(),
            kraft_version: 0,
            next_producer_id: 0,
            security: Security::default(),
        }
    }

    /// Whether no record has left a trace.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let empty = Self { provenance: self.provenance, ..Self::empty() };
        *self == empty
    }

    /// The finalized level of a feature; zero when it is not finalized.
    #[must_use]
    pub fn feature_level(&self, name: &str) -> i16 {
        if name == KRAFT_VERSION {
            return self.kraft_version;
        }
        self.features.get(name).copied().unwrap_or(0)
    }

    /// The finalized metadata.version, if the log has one.
    #[must_use]
    pub fn metadata_version(&self) -> Option<MetadataVersion> {
        self.features.get(METADATA_VERSION).map(|level| MetadataVersion(*level))
    }

    /// The broker with that id, fenced or not.
    #[must_use]
    pub fn broker(&self, id: i32) -> Option<&BrokerImage> {
        self.brokers.get(&id).map(Arc::as_ref)
    }

    /// One partition of a topic.
    #[must_use]
    pub fn partition(&self, topic: Uuid, partition: i32) -> Option<&PartitionImage> {
        self.topics.by_id(topic)?.partition(partition)
    }
}

impl Default for MetadataImage {
    fn default() -> Self {
        Self::empty()
    }
}
