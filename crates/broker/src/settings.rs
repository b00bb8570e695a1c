//! The configuration in force, as typed values.
//!
//! Made anew from its layers whenever a dynamic value changes; handlers read one snapshot.

use ottla_metadata::config::BrokerValues;

/// A broker's settings at one moment.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the rest is read from.
    pub values: BrokerValues,
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
    /// What these values mean.
    #[must_use]
    pub fn new(values: BrokerValues) -> Self {
        let read = Reader(&values);
        Self {
            auto_create_topics: read.flag("auto.create.topics.enable"),
            delete_topics: read.flag("delete.topic.enable"),
            partitions_default: read.int("num.partitions"),
            replication_default: read.short("default.replication.factor"),
            fetch_bytes_max: read.int("fetch.max.bytes"),
            fetch_sessions_max: read.size("max.incremental.fetch.session.cache.slots"),
            request_partitions_max: read.int("max.request.partition.size.limit"),
            offsets_partitions: read.int("offsets.topic.num.partitions"),
            offsets_replication: read.given_short("offsets.topic.replication.factor"),
            offsets_segment_bytes: read.int("offsets.topic.segment.bytes"),
            transactions: TransactionSettings::new(&read),
            consumer_protocol: read.has_item("group.coordinator.rebalance.protocols", "consumer"),
            unstable_versions: read.flag("unstable.api.versions.enable"),
            values,
        }
    }
}

impl TransactionSettings {
    fn new(read: &Reader<'_>) -> Self {
        let is_given = |name: &str| read.0.file().contains_key(name);
        let millis = |name: &str| u64::try_from(read.whole(name)).unwrap_or(0);
        let min_isr = "transaction.state.log.min.isr";
        Self {
            partitions: read.int("transaction.state.log.num.partitions"),
            replication: read.given_short("transaction.state.log.replication.factor"),
            min_isr: is_given(min_isr).then(|| read.int(min_isr)),
            segment_bytes: read.int("transaction.state.log.segment.bytes"),
            verifies_partitions: read.flag("transaction.partition.verification.enable"),
            add_retry_ms: millis("add.partitions.to.txn.retry.backoff.ms"),
            add_retry_max_ms: millis("add.partitions.to.txn.retry.backoff.max.ms"),
        }
    }
}

struct Reader<'a>(&'a BrokerValues);

impl Reader<'_> {
    fn text(&self, name: &str) -> String {
        self.0.text(name).expect("the key is in the table and has a default")
    }

    fn whole(&self, name: &str) -> i64 {
        self.text(name).trim().parse().expect("values are checked when they are given")
    }

    fn int(&self, name: &str) -> i32 {
        i32::try_from(self.whole(name)).expect("the key's type is INT")
    }

    fn short(&self, name: &str) -> i16 {
        i16::try_from(self.whole(name)).unwrap_or(i16::MAX)
    }

    /// A value that the file has.
    fn given_short(&self, name: &str) -> Option<i16> {
        self.0.file().contains_key(name).then(|| self.short(name))
    }

    fn size(&self, name: &str) -> usize {
        usize::try_from(self.whole(name)).unwrap_or(0)
    }

    fn has_item(&self, name: &str, wanted: &str) -> bool {
        self.text(name).split(',').any(|item| item.trim() == wanted)
    }

    fn flag(&self, name: &str) -> bool {
        self.text(name).trim().eq_ignore_ascii_case("true")
    }
}
