//! DescribeProducers: who writes to a partition.

use super::Admin;
use crate::error::{Error, PerItem};
use crate::topic_partition::TopicPartition;

/// A producer that a partition's leader remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveProducer {
    /// Its id.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i32,
    /// Sequence of its last record, -1 if unknown.
    pub last_sequence: i32,
    /// Timestamp of its last batch, -1 if unknown.
    pub last_timestamp: i64,
    /// Epoch of its transaction coordinator, where known.
    pub coordinator_epoch: Option<i32>,
    /// Where its open transaction starts, if it has one.
    pub transaction_start_offset: Option<i64>,
}

impl Admin {
    /// The producers of partitions; asked at `broker`, or at each leader.
    pub async fn describe_producers(
        &self,
        partitions: &[TopicPartition],
        broker: Option<i32>,
    ) -> Result<PerItem<TopicPartition, Vec<ActiveProducer>>, Error> {
        todo!("{partitions:?} {broker:?}")
    }
}
