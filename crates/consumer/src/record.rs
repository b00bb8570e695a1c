//! A record on its way in.

use std::sync::Arc;

use bytes::Bytes;
use ottla_wire::records::{RecordHeader, TimestampType};

/// A record that was read. Key, value and headers are slices of what the broker sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerRecord {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Whose time that is.
    pub timestamp_type: TimestampType,
    /// Epoch of the leader that wrote it, where known.
    pub leader_epoch: Option<i32>,
    /// Key.
    pub key: Option<Bytes>,
    /// Value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in order; keys may repeat.
    pub headers: Vec<RecordHeader>,
}
