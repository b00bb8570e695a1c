//! The keys of a topic, each with the broker keys that give its default.

use super::key::{Key, Kind, Rule, Update};

/// A broker key that stands in for a topic key when the topic does not set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synonym {
    pub name: &'static str,
    pub unit: Unit,
}

/// How a broker key's value becomes the topic key's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Same,
    HoursToMs,
    MinutesToMs,
}

/// The keys that Kafka has too, in its order: what its tools list.
pub fn kafka_names() -> impl Iterator<Item = &'static str> {
    TOPIC_KEYS.iter().map(|entry| entry.key.name).filter(|name| !name.starts_with("ottla."))
}

impl Unit {
    /// The value in the topic key's unit. Negative values mean "no limit" and stay as they are.
    #[must_use]
    pub fn convert(self, value: &str) -> String {
        let factor = match self {
            Self::Same => return value.to_owned(),
            Self::HoursToMs => 60 * 60 * 1000,
            Self::MinutesToMs => 60 * 1000,
        };
        match value.trim().parse::<i64>() {
            Ok(number) if number >= 0 => number.saturating_mul(factor).to_string(),
            _ => value.to_owned(),
        }
    }
}

/// A topic key and where its default comes from, nearest first.
#[derive(Clone, Copy, Debug)]
pub struct TopicKey {
    pub key: Key,
    pub synonyms: &'static [Synonym],
}

const fn same(name: &'static str) -> Synonym {
    Synonym { name, unit: Unit::Same }
}

const fn hours(name: &'static str) -> Synonym {
    Synonym { name, unit: Unit::HoursToMs }
}

const fn minutes(name: &'static str) -> Synonym {
    Synonym { name, unit: Unit::MinutesToMs }
}

const fn topic(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    rule: Rule,
    synonyms: &'static [Synonym],
    doc: &'static str,
) -> TopicKey {
    let key = Key { name, kind, default: Some(default), rule, update: Update::ReadOnly, doc };
    TopicKey { key, synonyms }
}

const MAX: &str = "9223372036854775807";
const CODECS: Rule = Rule::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]);

/// Every topic key, by name.
pub static TOPIC_KEYS: &[TopicKey] = &[
    topic(
        "cleanup.policy",
        Kind::List,
        "delete",
        Rule::ListOf { items: &["compact", "delete"], empty: true },
        &[same("log.cleanup.policy")],
        "What happens to old segments: deleted, compacted to the newest record of each key, both, or (empty) kept for ever.",
    ),
    topic(
        "compression.gzip.level",
        Kind::Int,
        "-1",
        Rule::BetweenOr(1, 9, -1),
        &[same("compression.gzip.level")],
        "The gzip level used when compression.type is gzip.",
    ),
    topic(
        "compression.lz4.level",
        Kind::Int,
        "9",
        Rule::Between(1, 17),
        &[same("compression.lz4.level")],
        "The lz4 level used when compression.type is lz4.",
    ),
    topic(
        "compression.type",
        Kind::String,
        "producer",
        CODECS,
        &[same("compression.type")],
        "The codec that batches are stored with; producer keeps what the producer chose.",
    ),
    topic(
        "compression.zstd.level",
        Kind::Int,
        "3",
        Rule::Between(-131_072, 22),
        &[same("compression.zstd.level")],
        "The zstd level used when compression.type is zstd.",
    ),
    topic(
        "delete.retention.ms",
        Kind::Long,
        "86400000",
        Rule::AtLeast(0),
        &[same("log.cleaner.delete.retention.ms")],
        "How long a tombstone stays readable in a compacted topic after cleaning reached it.",
    ),
    topic(
        "file.delete.delay.ms",
        Kind::Long,
        "60000",
        Rule::AtLeast(0),
        &[same("log.segment.delete.delay.ms")],
        "How long a removed segment's files stay on disk before they are deleted.",
    ),
    topic(
        "flush.messages",
        Kind::Long,
        MAX,
        Rule::AtLeast(1),
        &[same("log.flush.interval.messages")],
        "After how many records the log is forced to disk.",
    ),
    topic(
        "flush.ms",
        Kind::Long,
        MAX,
        Rule::AtLeast(0),
        &[same("log.flush.interval.ms"), same("log.flush.scheduler.interval.ms")],
        "After how long an unflushed record is forced to disk.",
    ),
    topic(
        "follower.replication.throttled.replicas",
        Kind::List,
        "",
        Rule::ThrottledReplicas,
        &[],
        "The replicas whose fetching as followers is throttled, as partition:broker pairs, or * for all.",
    ),
    topic(
        "index.interval.bytes",
        Kind::Int,
        "4096",
        Rule::AtLeast(0),
        &[same("log.index.interval.bytes")],
        "How many bytes of records lie between two entries of the offset index.",
    ),
    topic(
        "leader.replication.throttled.replicas",
        Kind::List,
        "",
        Rule::ThrottledReplicas,
        &[],
        "The replicas whose serving as leaders is throttled, as partition:broker pairs, or * for all.",
    ),
    topic(
        "local.retention.bytes",
        Kind::Long,
        "-2",
        Rule::AtLeast(-2),
        &[same("log.local.retention.bytes")],
        "How many bytes of a tiered partition stay on local disk; -2 follows retention.bytes.",
    ),
    topic(
        "local.retention.ms",
        Kind::Long,
        "-2",
        Rule::AtLeast(-2),
        &[same("log.local.retention.ms")],
        "How long segments of a tiered partition stay on local disk; -2 follows retention.ms.",
    ),
    topic(
        "max.compaction.lag.ms",
        Kind::Long,
        MAX,
        Rule::AtLeast(1),
        &[same("log.cleaner.max.compaction.lag.ms")],
        "The longest time a record may stay uncompacted.",
    ),
    topic(
        "max.message.bytes",
        Kind::Int,
        "1048588",
        Rule::AtLeast(0),
        &[same("message.max.bytes")],
        "The largest record batch a producer may send, after compression.",
    ),
    topic(
        "message.timestamp.after.max.ms",
        Kind::Long,
        "3600000",
        Rule::AtLeast(0),
        &[same("log.message.timestamp.after.max.ms")],
        "How far a record's timestamp may lie after the broker's clock.",
    ),
    topic(
        "message.timestamp.before.max.ms",
        Kind::Long,
        MAX,
        Rule::AtLeast(0),
        &[same("log.message.timestamp.before.max.ms")],
        "How far a record's timestamp may lie before the broker's clock.",
    ),
    topic(
        "message.timestamp.type",
        Kind::String,
        "CreateTime",
        Rule::OneOf(&["CreateTime", "LogAppendTime"]),
        &[same("log.message.timestamp.type")],
        "Whether records carry the producer's time or the broker's time of append.",
    ),
    topic(
        "min.cleanable.dirty.ratio",
        Kind::Double,
        "0.5",
        Rule::Fraction,
        &[same("log.cleaner.min.cleanable.ratio")],
        "The share of uncleaned bytes at which a compacted log is cleaned.",
    ),
    topic(
        "min.compaction.lag.ms",
        Kind::Long,
        "0",
        Rule::AtLeast(0),
        &[same("log.cleaner.min.compaction.lag.ms")],
        "The shortest time a record stays uncompacted.",
    ),
    topic(
        "min.insync.replicas",
        Kind::Int,
        "1",
        Rule::AtLeast(1),
        &[same("min.insync.replicas")],
        "How many in-sync replicas an acks=all write needs.",
    ),
    topic(
        "ottla.durability",
        Kind::String,
        "os",
        Rule::OneOf(&["os", "fsync"]),
        &[same("ottla.durability")],
        "What an acknowledgement means: os, the page cache has the records, as in Kafka; fsync, the disk has them.",
    ),
    topic(
        "preallocate",
        Kind::Boolean,
        "false",
        Rule::Any,
        &[same("log.preallocate")],
        "Whether a new segment's file is allocated in full when it is created.",
    ),
    topic(
        "remote.log.copy.disable",
        Kind::Boolean,
        "false",
        Rule::Any,
        &[],
        "Whether a tiered topic has stopped copying segments to remote storage.",
    ),
    topic(
        "remote.log.delete.on.disable",
        Kind::Boolean,
        "false",
        Rule::Any,
        &[],
        "Whether turning tiering off deletes what lies in remote storage.",
    ),
    topic(
        "remote.storage.enable",
        Kind::Boolean,
        "false",
        Rule::Any,
        &[],
        "Whether old segments of the topic move to remote storage.",
    ),
    topic(
        "retention.bytes",
        Kind::Long,
        "-1",
        Rule::Any,
        &[same("log.retention.bytes")],
        "How large a partition may grow before its oldest segments are deleted; -1 means without limit.",
    ),
    topic(
        "retention.ms",
        Kind::Long,
        "604800000",
        Rule::AtLeast(-1),
        &[same("log.retention.ms"), minutes("log.retention.minutes"), hours("log.retention.hours")],
        "How long a segment is kept after its newest record; -1 means for ever.",
    ),
    topic(
        "segment.bytes",
        Kind::Int,
        "1073741824",
        Rule::AtLeast(1_048_576),
        &[same("log.segment.bytes")],
        "The size at which a new segment is begun.",
    ),
    topic(
        "segment.index.bytes",
        Kind::Int,
        "10485760",
        Rule::AtLeast(4),
        &[same("log.index.size.max.bytes")],
        "The size to which a segment's offset index may grow.",
    ),
    topic(
        "segment.jitter.ms",
        Kind::Long,
        "0",
        Rule::AtLeast(0),
        &[same("log.roll.jitter.ms"), hours("log.roll.jitter.hours")],
        "The most by which segment.ms is shortened at random, so that partitions do not roll together.",
    ),
    topic(
        "segment.ms",
        Kind::Long,
        "604800000",
        Rule::AtLeast(1),
        &[same("log.roll.ms"), hours("log.roll.hours")],
        "The age at which a new segment is begun even if the old one is not full.",
    ),
    topic(
        "unclean.leader.election.enable",
        Kind::Boolean,
        "false",
        Rule::Any,
        &[same("unclean.leader.election.enable")],
        "Whether a replica that is not in sync may become leader when no other can, losing records.",
    ),
];

/// The topic key of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static TopicKey> {
    TOPIC_KEYS.binary_search_by(|entry| entry.key.name.cmp(name)).ok().map(|at| &TOPIC_KEYS[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_their_defaults_are_valid() {
        assert!(TOPIC_KEYS.windows(2).all(|pair| pair[0].key.name < pair[1].key.name));
        for entry in TOPIC_KEYS {
            assert!(entry.key.doc.ends_with('.'), "{}", entry.key.name);
            let default = entry.key.default.expect("topic keys have defaults");
            assert_eq!(entry.key.validate(default), Ok(()), "{}", entry.key.name);
        }
    }

    #[test]
    fn units_convert() {
        assert_eq!(Unit::HoursToMs.convert("168"), "604800000");
        assert_eq!(Unit::MinutesToMs.convert("-1"), "-1");
        assert_eq!(Unit::Same.convert("7"), "7");
    }
}
