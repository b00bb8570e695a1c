//! What a topic's configuration means for its partitions.
//!
//! A topic's own values win, then the broker's, by the key table of `ottla_metadata::config`.

use std::sync::Arc;

use ottla_log::{
    BrokerCompression, CleanupPolicy, Durability, LogConfig, TimestampType, TopicPartition,
};
use ottla_metadata::MetadataImage;
use ottla_metadata::config::{BrokerValues, Layers, Values, broker, resolve, topic};
use ottla_wire::Uuid;

/// The settings of a topic's partitions.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicSettings {
    pub log: Arc<LogConfig>,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
}

impl Default for TopicSettings {
    fn default() -> Self {
        Self { log: Arc::default(), min_insync_replicas: 1 }
    }
}

/// Where a broker's values come from: its properties file, and the metadata.
#[derive(Clone, Debug)]
pub struct SettingsSource {
    pub broker_id: i32,
    /// The properties file and the command line.
    pub file: Arc<Values>,
}

impl SettingsSource {
    /// The log directory in which the metadata has this broker's replica.
    pub(crate) fn assigned_directory(
        &self,
        image: &MetadataImage,
        partition: &TopicPartition,
    ) -> Option<Uuid> {
        let topic = image.topics.by_name(&partition.topic)?;
        topic.partition(partition.partition)?.directory_of(self.broker_id)
    }

    /// The settings in force for a topic.
    #[must_use]
    pub fn topic(&self, image: &MetadataImage, topic: &str) -> TopicSettings {
        let own = image.configs.topic(topic).map(Arc::as_ref);
        let values = self.values(image);
        InForce { own, layers: values.layers() }.settings()
    }

    /// The broker's own values.
    #[must_use]
    pub(crate) fn values(&self, image: &MetadataImage) -> BrokerValues {
        BrokerValues::new(Arc::clone(&self.file), self.broker_id, image)
    }
}

struct InForce<'a> {
    own: Option<&'a Values>,
    layers: Layers<'a>,
}

impl InForce<'_> {
    fn settings(&self) -> TopicSettings {
        let policy = self.text("cleanup.policy");
        let has = |item| policy.split(',').any(|entry| entry.trim() == item);
        let log = LogConfig {
            segment_bytes: self.int("segment.bytes"),
            segment_ms: self.number("segment.ms"),
            segment_jitter_ms: self.number("segment.jitter.ms"),
            segment_index_bytes: self.int("segment.index.bytes"),
            retention_ms: self.number("retention.ms"),
            retention_bytes: self.number("retention.bytes"),
            flush_messages: self.number("flush.messages"),
            flush_ms: self.number("flush.ms"),
            index_interval_bytes: self.int("index.interval.bytes"),
            file_delete_delay_ms: self.number("file.delete.delay.ms"),
            delete_retention_ms: self.number("delete.retention.ms"),
            min_compaction_lag_ms: self.number("min.compaction.lag.ms"),
            max_compaction_lag_ms: self.number("max.compaction.lag.ms"),
            min_cleanable_dirty_ratio: self.fraction("min.cleanable.dirty.ratio"),
            cleanup_policy: CleanupPolicy { delete: has("delete"), compact: has("compact") },
            max_message_bytes: self.int("max.message.bytes"),
            compression: self.compression(),
            preallocate: self.text("preallocate").eq_ignore_ascii_case("true"),
            timestamp_type: match self.text("message.timestamp.type").as_str() {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            timestamp_before_max_ms: self.number("message.timestamp.before.max.ms"),
            timestamp_after_max_ms: self.number("message.timestamp.after.max.ms"),
            durability: match self.text("ottla.durability").as_str() {
                "fsync" => Durability::Fsync,
                _ => Durability::Os,
            },
            producer_id_expiration_ms: self.producer_id_expiration_ms(),
        };
        TopicSettings { log: Arc::new(log), min_insync_replicas: self.int("min.insync.replicas") }
    }

    fn text(&self, name: &str) -> String {
        let entry = topic::find(name).expect("the names above are in the table");
        resolve::topic_value(entry, self.own, self.layers).trim().to_owned()
    }

    fn parsed<Number: std::str::FromStr>(&self, name: &str) -> Number {
        self.text(name).parse().ok().unwrap_or_else(|| {
            // Values are checked before they are stored; a metadata log from elsewhere may differ.
            tracing::warn!(key = name, "a value that means nothing gives way to the default");
            let entry = topic::find(name).expect("the names above are in the table");
            let default = entry.key.default.and_then(|default| default.parse().ok());
            default.expect("numeric topic keys have numeric defaults")
        })
    }

    fn number(&self, name: &str) -> i64 {
        self.parsed(name)
    }

    fn int(&self, name: &str) -> i32 {
        self.parsed(name)
    }

    fn fraction(&self, name: &str) -> f64 {
        self.parsed(name)
    }

    fn compression(&self) -> BrokerCompression {
        match self.text("compression.type").as_str() {
            "uncompressed" => BrokerCompression::Uncompressed,
            "gzip" => BrokerCompression::Gzip(self.int("compression.gzip.level")),
            "snappy" => BrokerCompression::Snappy,
            "lz4" => BrokerCompression::Lz4(self.int("compression.lz4.level")),
            "zstd" => BrokerCompression::Zstd(self.int("compression.zstd.level")),
            _ => BrokerCompression::Producer,
        }
    }

    fn producer_id_expiration_ms(&self) -> i64 {
        let entry = broker::find("producer.id.expiration.ms").expect("a broker key");
        let layers = resolve::broker(&entry.key, &[], self.layers);
        let nearest = layers.into_iter().next().and_then(|layer| layer.value);
        let parsed = nearest.and_then(|value| value.trim().parse().ok());
        parsed.unwrap_or(LogConfig::default().producer_id_expiration_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn settings(own: &[(&str, &str)], file: &[(&str, &str)]) -> TopicSettings {
        let (own, file) = (values(own), values(file));
        let layers = Layers { broker: None, cluster: None, file: &file };
        InForce { own: Some(&own), layers }.settings()
    }

    #[test]
    fn without_values_the_defaults_are_the_logs_own() {
        assert_eq!(settings(&[], &[]), TopicSettings::default());
    }

    #[test]
    fn values_reach_the_log() {
        let own = [
            ("cleanup.policy", "compact,delete"),
            ("compression.type", "zstd"),
            ("compression.zstd.level", "7"),
            ("message.timestamp.type", "LogAppendTime"),
            ("min.insync.replicas", "2"),
            ("retention.ms", "nonsense"),
        ];
        let found = settings(&own, &[("log.retention.bytes", "99"), ("log.roll.hours", "1")]);
        assert_eq!(found.log.cleanup_policy, CleanupPolicy { delete: true, compact: true });
        assert_eq!(found.log.compression, BrokerCompression::Zstd(7));
        assert_eq!(found.log.timestamp_type, TimestampType::LogAppendTime);
        assert_eq!(found.min_insync_replicas, 2);
        assert_eq!(found.log.retention_bytes, 99);
        assert_eq!(found.log.segment_ms, 3_600_000);
        assert_eq!(found.log.retention_ms, 604_800_000);
    }

    /// Every key that a partition goes by, with another value than its default.
    const OTHERS: [(&str, &str); 23] = [
        ("cleanup.policy", "compact"),
        ("compression.type", "gzip"),
        ("delete.retention.ms", "7"),
        ("file.delete.delay.ms", "7"),
        ("flush.messages", "7"),
        ("flush.ms", "7"),
        ("index.interval.bytes", "7"),
        ("max.compaction.lag.ms", "7"),
        ("max.message.bytes", "7"),
        ("message.timestamp.after.max.ms", "7"),
        ("message.timestamp.before.max.ms", "7"),
        ("message.timestamp.type", "LogAppendTime"),
        ("min.cleanable.dirty.ratio", "0.7"),
        ("min.compaction.lag.ms", "7"),
        ("min.insync.replicas", "7"),
        ("ottla.durability", "fsync"),
        ("preallocate", "true"),
        ("retention.bytes", "7"),
        ("retention.ms", "7"),
        ("segment.bytes", "1048577"),
        ("segment.index.bytes", "70"),
        ("segment.jitter.ms", "7"),
        ("segment.ms", "7"),
    ];

    /// Levels that need a codec (see above), and keys of the controller, of several nodes, of tiers.
    const ELSEWHERE: [&str; 11] = [
        "compression.gzip.level",
        "compression.lz4.level",
        "compression.zstd.level",
        "follower.replication.throttled.replicas",
        "leader.replication.throttled.replicas",
        "local.retention.bytes",
        "local.retention.ms",
        "remote.log.copy.disable",
        "remote.log.delete.on.disable",
        "remote.storage.enable",
        "unclean.leader.election.enable",
    ];

    #[test]
    fn every_key_counts_from_wherever_it_is_set() {
        let none = Values::new();
        for (name, value) in OTHERS {
            let changed = settings(&[(name, value)], &[]);
            assert_ne!(changed, TopicSettings::default(), "{name}");
            let entry = topic::find(name).expect("a topic key");
            let same = entry.synonyms.iter().filter(|each| each.unit == topic::Unit::Same);
            for synonym in same {
                let set = values(&[(synonym.name, value)]);
                let layers = [
                    Layers { broker: Some(&set), cluster: None, file: &none },
                    Layers { broker: None, cluster: Some(&set), file: &none },
                    Layers { broker: None, cluster: None, file: &set },
                ];
                for layers in layers {
                    let found = InForce { own: None, layers }.settings();
                    assert_eq!(found, changed, "{}", synonym.name);
                }
            }
        }
        let known = OTHERS.iter().map(|(name, _)| *name).chain(ELSEWHERE);
        let mut known: Vec<&str> = known.collect();
        known.sort_unstable();
        let all: Vec<&str> = topic::TOPIC_KEYS.iter().map(|entry| entry.key.name).collect();
        assert_eq!(known, all, "a key that nobody looks at");
    }
}
