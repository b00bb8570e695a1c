//! The configuration in force, as typed values.
//!
//! Made anew from its layers whenever a dynamic value changes; handlers read one snapshot.

use ottla_metadata::MetadataImage;
use ottla_metadata::config::broker::{self, find};
use ottla_metadata::config::resolve::{self, Layers, Values};
use ottla_metadata::image::ConfigResource;

/// A broker's settings at one moment.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The properties file and command line.
    pub file: Values,
    /// This broker's dynamic values.
    pub dynamic: Values,
    /// The dynamic values of all brokers.
    pub cluster: Values,
    pub auto_create_topics: bool,
    pub delete_topics: bool,
    pub partitions_default: i32,
    pub replication_default: i16,
    pub fetch_bytes_max: i32,
    pub fetch_sessions_max: usize,
    pub request_partitions_max: i32,
    pub offsets_partitions: i32,
    /// `None`: not given, so as many of Kafka's three replicas as there are brokers.
    pub offsets_replication: Option<i16>,
    pub offsets_segment_bytes: i32,
    pub transactions: TransactionSettings,
    /// Whether `group.coordinator.rebalance.protocols` has the consumer protocol.
    pub consumer_protocol: bool,
    /// Whether versions of the protocol are served that may still change.
    pub unstable_versions: bool,
}

/// What concerns transactions.
#[derive(Clone, Debug)]
pub struct TransactionSettings {
    pub partitions: i32,
    /// `None`: not given, as for the offsets topic.
    pub replication: Option<i16>,
    /// `None`: not given, so as many of Kafka's two as there are replicas.
    pub min_isr: Option<i32>,
    pub segment_bytes: i32,
    /// Whether the coordinator is asked before a transaction begins in a partition.
    pub verifies_partitions: bool,
    pub add_retry_ms: u64,
    pub add_retry_max_ms: u64,
}

impl Settings {
    /// The settings of broker `node_id`, from its file and an image's dynamic values.
    #[must_use]
    pub fn new(file: Values, node_id: i32, image: &MetadataImage) -> Self {
        let values = |resource: &ConfigResource| {
            image.configs.get(resource).map(|values| values.as_ref().clone()).unwrap_or_default()
        };
        let dynamic = values(&ConfigResource::broker(node_id));
        let cluster = values(&ConfigResource::all_brokers());
        let read = Reader { file: &file, dynamic: &dynamic, cluster: &cluster };
        Self {
            auto_create_topics: read.flag("auto.create.topics.enable"),
            delete_topics: read.flag("delete.topic.enable"),
            partitions_default: read.int("num.partitions"),
            replication_default: read.short("default.replication.factor"),
            fetch_bytes_max: read.int("fetch.max.bytes"),
            fetch_sessions_max: read.size("max.incremental.fetch.session.cache.slots"),
            request_partitions_max: read.int("max.request.partition.size.limit"),
            offsets_partitions: read.int("offsets.topic.num.partitions"),
            offsets_replication: file
                .contains_key("offsets.topic.replication.factor")
                .then(|| read.short("offsets.topic.replication.factor")),
            offsets_segment_bytes: read.int("offsets.topic.segment.bytes"),
            transactions: TransactionSettings::new(&read),
            consumer_protocol: read.has_item("group.coordinator.rebalance.protocols", "consumer"),
            unstable_versions: read.flag("unstable.api.versions.enable"),
            file,
            dynamic,
            cluster,
        }
    }

    /// The layers that topic and broker values come from.
    #[must_use]
    pub fn layers(&self) -> Layers<'_> {
        Layers { broker: Some(&self.dynamic), cluster: Some(&self.cluster), file: &self.file }
    }

    /// The value of a broker key that is in force.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<String> {
        Reader { file: &self.file, dynamic: &self.dynamic, cluster: &self.cluster }.text(name)
    }

    /// Whether a broker key has a dynamic value.
    #[must_use]
    pub fn is_dynamic(&self, name: &str) -> bool {
        self.dynamic.contains_key(name) || self.cluster.contains_key(name)
    }

    /// A whole number that is in force; `None` when the key has neither a value nor a default.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.value(name).and_then(|value| value.trim().parse().ok())
    }
}

impl TransactionSettings {
    fn new(read: &Reader<'_>) -> Self {
        let is_given = |name: &str| read.file.contains_key(name);
        let millis = |name: &str| u64::try_from(read.whole(name)).unwrap_or(0);
        let (replication, min_isr) =
            ("transaction.state.log.replication.factor", "transaction.state.log.min.isr");
        Self {
            partitions: read.int("transaction.state.log.num.partitions"),
            replication: is_given(replication).then(|| read.short(replication)),
            min_isr: is_given(min_isr).then(|| read.int(min_isr)),
            segment_bytes: read.int("transaction.state.log.segment.bytes"),
            verifies_partitions: read.flag("transaction.partition.verification.enable"),
            add_retry_ms: millis("add.partitions.to.txn.retry.backoff.ms"),
            add_retry_max_ms: millis("add.partitions.to.txn.retry.backoff.max.ms"),
        }
    }
}

struct Reader<'a> {
    file: &'a Values,
    dynamic: &'a Values,
    cluster: &'a Values,
}

impl Reader<'_> {
    fn text(&self, name: &str) -> Option<String> {
        let entry = find(name).expect("only keys of the table are read");
        let layers =
            Layers { broker: Some(self.dynamic), cluster: Some(self.cluster), file: self.file };
        let all = resolve::broker(&entry.key, broker::synonyms(name), layers);
        all.into_iter().next().and_then(|layer| layer.value)
    }

    fn whole(&self, name: &str) -> i64 {
        let text = self.text(name).expect("the key has a default");
        text.trim().parse().expect("values are checked when they are given")
    }

    fn int(&self, name: &str) -> i32 {
        i32::try_from(self.whole(name)).expect("the key's type is INT")
    }

    fn short(&self, name: &str) -> i16 {
        i16::try_from(self.whole(name)).unwrap_or(i16::MAX)
    }

    fn size(&self, name: &str) -> usize {
        usize::try_from(self.whole(name)).unwrap_or(0)
    }

    fn has_item(&self, name: &str, wanted: &str) -> bool {
        let text = self.text(name).unwrap_or_default();
        text.split(',').any(|item| item.trim() == wanted)
    }

    fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
    }
}
