//! The settings of one log, under Kafka's names and with Kafka's defaults.
use ottla_wire::records::{Compression, CompressionType, TimestampType};

/// Settings of a log. A change takes effect when the log is told ([`crate::Log::update_config`]).
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// `segment.bytes`: a segment never grows beyond.
    pub segment_bytes: i32,
    /// `segment.ms`: a segment older than this is closed by the next append.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: at most so much is taken from `segment.ms`, at random.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`: room for each index.
    pub segment_index_bytes: i32,
    /// `retention.ms`: -1 keeps for ever.
    pub retention_ms: i64,
    /// `retention.bytes`: -1 keeps everything.
    pub retention_bytes: i64,
    /// `flush.messages`: sync after so many records.
    pub flush_messages: i64,
    /// `flush.ms`: sync after so long.
    pub flush_ms: i64,
    /// `index.interval.bytes`: an index entry every so many bytes of records.
    pub index_interval_bytes: i32,
    /// `file.delete.delay.ms`: how long a deleted segment's files stay.
    pub file_delete_delay_ms: i64,
    /// `delete.retention.ms`: how long compaction keeps tombstones.
    pub delete_retention_ms: i64,
    /// `min.compaction.lag.ms`: compaction leaves younger records alone.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`: compaction must reach older records.
    pub max_compaction_lag_ms: i64,
    /// `min.cleanable.dirty.ratio`: compaction waits until so much of the log is dirty.
    pub min_cleanable_dirty_ratio: f64,
    /// `cleanup.policy`.
    pub cleanup_policy: CleanupPolicy,
    /// `max.message.bytes`: largest batch.
    pub max_message_bytes: i32,
    /// `compression.type` with the level that belongs to it.
    pub compression: BrokerCompression,
    /// `preallocate`: reserve `segment.bytes` for a new segment.
    pub preallocate: bool,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far back a record's timestamp may be.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far ahead a record's timestamp may be.
    pub timestamp_after_max_ms: i64,
    /// `ottla.durability`: what an acknowledgement means.
    pub durability: Durability,
    /// `producer.id.expiration.ms` (broker): a producer silent for so long is forgotten.
    pub producer_id_expiration_ms: i64,
}

impl LogConfig {
    /// The age at which a segment is closed: `segment.ms`, and no later than compaction must reach it.
    pub(crate) fn roll_ms(&self) -> i64 {
        if self.cleanup_policy.compact {
            self.segment_ms.min(self.max_compaction_lag_ms)
        } else {
            self.segment_ms
        }
    }
}

impl Default for LogConfig {
    fn default() -> LogConfig {
        const HOUR_MS: i64 = 60 * 60 * 1000;
        LogConfig {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * HOUR_MS,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            retention_ms: 7 * 24 * HOUR_MS,
            retention_bytes: -1,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
            index_interval_bytes: 4096,
            file_delete_delay_ms: 60_000,
            delete_retention_ms: 24 * HOUR_MS,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            min_cleanable_dirty_ratio: 0.5,
            cleanup_policy: CleanupPolicy { delete: true, compact: false },
            max_message_bytes: 1_048_588,
            compression: BrokerCompression::Producer,
            preallocate: false,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: HOUR_MS,
            durability: Durability::Os,
            producer_id_expiration_ms: 24 * HOUR_MS,
        }
    }
}

/// `ottla.durability`: what it takes for records to be acknowledged and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// They are in the page cache, and flushed where `flush.messages` says so: Kafka's meaning.
    Os,
    /// The disk has them.
    Fsync,
}

/// `cleanup.policy`: any combination; none of them keeps everything for ever (KIP-1161).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Old segments are removed by time and size.
    pub delete: bool,
    /// Only the newest record of each key is kept.
    pub compact: bool,
}

/// `compression.type` of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerCompression {
    /// Keep what the producer chose.
    Producer,
    /// `uncompressed`.
    Uncompressed,
    /// `gzip` at `compression.gzip.level`.
    Gzip(i32),
    /// `snappy`.
    Snappy,
    /// `lz4` at `compression.lz4.level`.
    Lz4(i32),
    /// `zstd` at `compression.zstd.level`.
    Zstd(i32),
}

impl BrokerCompression {
    /// What a batch that came with `source` is written with. A level that the codec does not have
    /// is as good as its default.
    pub(crate) fn target(self, source: CompressionType) -> Compression {
        let (kind, level) = match self {
            BrokerCompression::Producer => (source, None),
            BrokerCompression::Uncompressed => (CompressionType::None, None),
            BrokerCompression::Gzip(level) => (CompressionType::Gzip, Some(level)),
            BrokerCompression::Snappy => (CompressionType::Snappy, None),
            BrokerCompression::Lz4(level) => (CompressionType::Lz4, Some(level)),
            BrokerCompression::Zstd(level) => (CompressionType::Zstd, Some(level)),
        };
        let with_level = level.and_then(|level| Compression::with_level(kind, level));
        with_level.unwrap_or(Compression::of(kind))
    }
}
