//! A record on its way out, and what became of it.

use bytes::Bytes;
use ottla_cluster::TopicPartition;
use ottla_wire::records::RecordHeader;

/// A record to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducerRecord {
    /// Where to.
    pub topic: String,
    /// Which partition; `None` leaves it to the partitioner.
    pub partition: Option<i32>,
    /// Milliseconds since the epoch; `None` means now.
    pub timestamp: Option<i64>,
    /// Key.
    pub key: Option<Bytes>,
    /// Value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in order; keys may repeat.
    pub headers: Vec<RecordHeader>,
}

impl ProducerRecord {
    /// A record without a key.
    pub fn new(topic: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self { topic: topic.into(), value: Some(value.into()), ..Self::default() }
    }
}

/// Where a record came to lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordMetadata {
    /// Its partition.
    pub partition: TopicPartition,
    /// Its offset; -1 when the broker did not tell (`acks=0`, or a duplicate).
    pub offset: i64,
    /// Its timestamp, the broker's if the topic has LogAppendTime.
    pub timestamp: i64,
    /// Bytes of the key, -1 without one.
    pub key_size: i32,
    /// Bytes of the value, -1 without one.
    pub value_size: i32,
}
