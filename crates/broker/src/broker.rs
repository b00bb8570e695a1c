//! The one value that handlers share: the image, the partitions, the coordinators, the clock.
//!
//! Each part has one owner and its own small lock; nothing here holds a lock while it awaits.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use bytes::Bytes;
use ottla_metadata::MetadataImage;
use ottla_world::{Clock, Random};

use crate::caller::Connection;
use crate::fetch_session::FetchSessions;
use crate::forward::ControllerChannel;
use crate::partitions::Partitions;
use crate::api::ProducerIds;
use crate::reply::Outcome;
use crate::router;
use crate::settings::Settings;

/// What a broker is made of.
pub struct BrokerParts {
    pub node_id: i32,
    pub cluster_id: String,
    pub settings: Settings,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub controller: Arc<dyn ControllerChannel>,
    pub partitions: Arc<Partitions>,
}

/// One broker.
pub struct Broker {
    pub(crate) node_id: i32,
    pub(crate) cluster_id: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) controller: Arc<dyn ControllerChannel>,
    pub(crate) partitions: Arc<Partitions>,
    pub(crate) fetch_sessions: FetchSessions,
    pub(crate) producer_ids: ProducerIds,
    settings: ArcSwap<Settings>,
    image: ArcSwap<MetadataImage>,
}

impl Broker {
    /// A broker that knows nothing of the cluster yet.
    #[must_use]
    pub fn new(parts: BrokerParts) -> Self {
        Self {
            node_id: parts.node_id,
            cluster_id: parts.cluster_id,
            clock: parts.clock,
            random: parts.random,
            controller: parts.controller,
            partitions: parts.partitions,
            fetch_sessions: FetchSessions::new(parts.settings.fetch_sessions_max),
            producer_ids: ProducerIds::default(),
            settings: ArcSwap::from_pointee(parts.settings),
            image: ArcSwap::from_pointee(MetadataImage::empty()),
        }
    }

    /// Answers one request frame (header and body, without the length prefix).
    pub async fn handle(&self, connection: &Arc<Connection>, frame: Bytes) -> Outcome {
        router::handle(self, connection, frame).await
    }

    /// The cluster's metadata as this broker knows it now.
    pub(crate) fn image(&self) -> Guard<Arc<MetadataImage>> {
        self.image.load()
    }

    /// The configuration in force.
    pub(crate) fn settings(&self) -> Guard<Arc<Settings>> {
        self.settings.load()
    }
}
