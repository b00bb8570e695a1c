//! The one value that handlers share: the image, the partitions, the coordinators, the clock.
//!
//! Each part has one owner and its own small lock; nothing here holds a lock while it awaits.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use bytes::Bytes;
use ottla_coordination::{GroupCoordinators, TransactionCoordinators};
use ottla_coordinator::{DeletedTopic, TopicChanges};
use ottla_hosting::fetch_session::FetchSessions;
use ottla_hosting::{Cleaner, Copiers, LoadError, Partition, Partitions};
use ottla_metadata::config::BrokerValues;
use ottla_metadata::version::TRANSACTION_VERSION;
use ottla_metadata::{
    Changes, ConfigResource, MetadataDelta, MetadataImage, ResourceType, TopicFate,
};
use ottla_world::{Clock, Random};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;

use crate::api::transactions::ProducerIds;
use crate::forward::ControllerChannel;
use crate::internal_topics::{OFFSETS_TOPIC, TRANSACTIONS_TOPIC};
use crate::log_levels::Logging;
use crate::metrics::requests::RequestMetrics;
use crate::metrics::{self, PartitionMetrics};
use crate::request::Answer;
use crate::request::Connection;
use crate::request::router;
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
    pub groups: Arc<GroupCoordinators>,
    pub transactions: Arc<TransactionCoordinators>,
}

/// One broker.
pub struct Broker {
    pub(crate) node_id: i32,
    pub(crate) cluster_id: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) controller: Arc<dyn ControllerChannel>,
    pub partitions: Arc<Partitions>,
    pub(crate) fetch_sessions: Arc<FetchSessions>,
    pub(crate) producer_ids: ProducerIds,
    pub(crate) groups: Arc<GroupCoordinators>,
    pub(crate) transactions: Arc<TransactionCoordinators>,
    /// At which levels this process logs.
    pub log_levels: Logging,
    /// Compacts logs.
    pub cleaner: Cleaner,
    /// Copies logs that move to other directories.
    pub copiers: Copiers,
    /// What was answered.
    pub requests: RequestMetrics,
    settings: ArcSwap<Settings>,
    image: ArcSwap<MetadataImage>,
    /// Held while coordinators begin and end.
    coordinating: Mutex<()>,
}

impl Broker {
    /// A broker that knows nothing of the cluster yet.
    #[must_use]
    pub fn new(parts: BrokerParts) -> Self {
        let broker = Self::unconfigured(parts);
        broker.configure();
        broker
    }

    fn unconfigured(parts: BrokerParts) -> Self {
        let cleaner = Cleaner::new(Arc::clone(&parts.partitions), Arc::clone(&parts.clock));
        let copiers = Copiers::new(Arc::clone(&parts.partitions), Arc::clone(&parts.clock));
        Self {
            node_id: parts.node_id,
            cluster_id: parts.cluster_id,
            clock: parts.clock,
            random: parts.random,
            controller: parts.controller,
            partitions: parts.partitions,
            fetch_sessions: Arc::new(FetchSessions::new(parts.settings.fetch_sessions_max)),
            producer_ids: ProducerIds::default(),
            groups: parts.groups,
            transactions: parts.transactions,
            log_levels: Logging::default(),
            cleaner,
            copiers,
            requests: RequestMetrics::default(),
            settings: ArcSwap::from_pointee(parts.settings),
            image: ArcSwap::from_pointee(MetadataImage::empty()),
            coordinating: Mutex::default(),
        }
    }

    /// Answers one request frame (header and body, without the length prefix).
    pub async fn handle(&self, connection: &Arc<Connection>, frame: Bytes) -> Answer {
        router::handle(self, connection, frame).await
    }

    /// Takes over a change of the cluster's metadata. Calls come from one thread, in the order of the
    /// metadata log; when this returns, handlers see the change.
    pub fn publish(&self, image: &Arc<MetadataImage>, delta: &MetadataDelta) {
        let changes = delta.changes();
        if changes.configs.iter().any(|resource| resource.kind == ResourceType::Broker) {
            let file = Arc::clone(self.settings().values.file());
            let values = BrokerValues::new(file, self.node_id, image);
            self.settings.store(Arc::new(Settings::new(values)));
            self.configure();
        }
        self.partitions.reconcile(changes, image, self.clock.now_ms());
        self.image.store(Arc::clone(image));
        self.transactions.markers().publish(image);
        self.transactions.set_transaction_version(image.feature_level(TRANSACTION_VERSION));
        self.tell_groups(image, changes);
        let has_changed =
            |name: &str| changes.topics.values().any(|change| change.name.as_ref() == name);
        for topic in [OFFSETS_TOPIC, TRANSACTIONS_TOPIC] {
            if has_changed(topic) {
                self.coordinate(topic);
            }
        }
        let deleted: Vec<DeletedTopic> = changes
            .topics
            .iter()
            .filter(|(_, change)| change.fate == TopicFate::Deleted)
            .map(|(id, change)| DeletedTopic { name: change.name.to_string(), id: *id })
            .collect();
        if !deleted.is_empty() {
            self.groups.topics_deleted(&deleted);
        }
    }

    /// Groups go by topics, by the racks of their brokers, and by what is set for groups.
    fn tell_groups(&self, image: &Arc<MetadataImage>, changes: &Changes) {
        let topics = if changes.topics.values().any(|change| change.fate == TopicFate::Created) {
            TopicChanges::New
        } else if changes.topics.is_empty() {
            TopicChanges::None
        } else {
            TopicChanges::Known
        };
        let sets = |resource: &ConfigResource| {
            matches!(resource.kind, ResourceType::Group | ResourceType::Broker)
        };
        if topics != TopicChanges::None
            || !changes.brokers.is_empty()
            || changes.configs.iter().any(sets)
        {
            self.groups.metadata_changed(image, topics);
        }
    }

    /// Has the logs opened that are on disk, with the settings that `image` has. Their partitions serve
    /// as soon as they are open and the metadata is published.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn load_logs(self: &Arc<Self>, image: &Arc<MetadataImage>) -> Result<(), LoadError> {
        let broker = Arc::clone(self);
        self.partitions.start_loading(image, move |opened| {
            if [OFFSETS_TOPIC, TRANSACTIONS_TOPIC].contains(&opened.topic.as_str()) {
                broker.coordinate(&opened.topic);
            }
        })
    }

    /// Tries again to create logs that could not be created.
    pub fn create_missing_logs(&self, now_ms: i64) {
        let created = self.partitions.create_missing(now_ms);
        for topic in [OFFSETS_TOPIC, TRANSACTIONS_TOPIC] {
            if created.iter().any(|name| name.topic == topic) {
                self.coordinate(topic);
            }
        }
    }

    /// Has coordinators for the partitions of an internal topic that this broker leads, and no others.
    fn coordinate(&self, topic: &str) {
        // Calls come from the metadata's thread and from those that open logs: the last one to look is
        // the last one to tell.
        let _coordinating = self.coordinating.lock();
        let (count, led) = self.led(topic, &self.image());
        if topic == OFFSETS_TOPIC {
            self.groups.reconcile(count, &led);
        } else {
            self.transactions.reconcile(count, &led);
        }
    }

    /// Hands the settings that are in force to those who keep their own.
    fn configure(&self) {
        let settings = self.settings();
        self.partitions.configure(&settings.values);
        self.cleaner.configure(&settings.values);
        self.copiers.configure(&settings.values);
    }

    /// Ends every coordinator; whoever waits is told to look for another.
    pub fn stop_coordinating(&self) {
        self.groups.shutdown();
        self.transactions.shutdown();
    }

    /// How many partitions an internal topic has, and those of them that this broker leads.
    fn led(&self, topic: &str, image: &MetadataImage) -> (i32, Vec<Arc<Partition>>) {
        let count = image.topics.by_name(topic).map_or(0, |topic| topic.partitions.len());
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        let led = (0..count)
            .filter_map(|index| self.partitions.get(topic, index))
            .filter(|partition| partition.is_leader());
        (count, led.collect())
    }

    /// What partitions and fetch sessions counted, for a registry of metrics.
    fn metrics(&self) -> PartitionMetrics {
        let partitions = Arc::clone(&self.partitions);
        PartitionMetrics { partitions, fetch_sessions: Arc::clone(&self.fetch_sessions) }
    }

    /// The value of a configuration key that is in force.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<String> {
        self.settings().values.text(name)
    }

    /// The time by which phases of requests are measured.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Writes every metric in the OpenMetrics text format, without its end mark.
    pub async fn write_metrics(&self, text: &mut String) {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.metrics()));
        if prometheus_client::encoding::text::encode_registry(text, &registry).is_err() {
            tracing::error!("metrics can't be written");
        }
        self.requests.write(text);
        metrics::text::cleaner(text, &self.cleaner.report());
        metrics::text::journals(text, &self.partitions);
        metrics::text::loading(text, &self.partitions);
        metrics::coordinators::groups(text, &self.groups.look().await, &self.partitions);
        self.groups.write_metrics(text);
        metrics::coordinators::transactions(text, &self.transactions.look().await);
        self.transactions.write_metrics(text);
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
