//! DescribeProducers: who writes to a partition.

use std::sync::Arc;

use ottla_wire::messages::DescribeProducersRequest;
use ottla_wire::messages::describe_producers_request::TopicRequest;
use ottla_wire::messages::describe_producers_response::ProducerState;

use super::Admin;
use super::routing::in_order_of;
use crate::cluster::Cluster;
use crate::error::{ApiError, Error, PerItem};
use crate::topic_partition::{TopicPartition, by_topic};

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
        let questions: Vec<_> = partitions.iter().map(|key| (key.clone(), ())).collect();
        let Some(broker) = broker else {
            return self.ask_leaders("DescribeProducers", questions, producers_at).await;
        };
        let answers = producers_at(self.cluster().clone(), broker, questions).await?;
        Ok(in_order_of(partitions.iter().cloned(), answers))
    }
}

async fn producers_at(
    cluster: Cluster,
    broker: i32,
    share: Vec<(TopicPartition, ())>,
) -> Result<PerItem<TopicPartition, Vec<ActiveProducer>>, Error> {
    let topics = by_topic(share, |partition, ()| partition);
    let topic = |(name, partition_indexes)| TopicRequest {
        name,
        partition_indexes,
        ..TopicRequest::default()
    };
    let request = DescribeProducersRequest {
        topics: topics.into_iter().map(topic).collect(),
        ..DescribeProducersRequest::default()
    };
    let response = cluster.call(broker, &request).await?;
    let mut answers = Vec::new();
    for topic in response.topics {
        let name: Arc<str> = topic.name.into();
        for partition in topic.partitions {
            let outcome = ApiError::check(partition.error_code, partition.error_message);
            let producers = partition.active_producers.into_iter().map(active).collect();
            let key = TopicPartition::new(Arc::clone(&name), partition.partition_index);
            answers.push((key, outcome.map(|()| producers)));
        }
    }
    Ok(answers)
}

fn active(state: ProducerState) -> ActiveProducer {
    ActiveProducer {
        producer_id: state.producer_id,
        producer_epoch: state.producer_epoch,
        last_sequence: state.last_sequence,
        last_timestamp: state.last_timestamp,
        coordinator_epoch: Some(state.coordinator_epoch).filter(|epoch| *epoch >= 0),
        transaction_start_offset: Some(state.current_txn_start_offset).filter(|at| *at >= 0),
    }
}
