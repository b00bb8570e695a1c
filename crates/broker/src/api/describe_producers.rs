//! DescribeProducers, version 0 (KIP-664).
//!
//! Tells which producers a partition's log remembers.

use ottla_wire::ErrorCode;
use ottla_wire::messages::describe_producers_response::{
    PartitionResponse, ProducerState, TopicResponse,
};
use ottla_wire::messages::{DescribeProducersRequest, DescribeProducersResponse};

use crate::broker::Broker;
use crate::request::Caller;

/// Lists the active producers of partitions.
pub(crate) async fn describe_producers(
    broker: &Broker,
    _caller: &Caller,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let image = broker.image();
    let topics = request.topics.into_iter().map(|topic| {
        let is_known = image.topics.by_name(&topic.name).is_some();
        let partitions = topic.partition_indexes.iter().map(|index| {
            if is_known {
                producers(broker, &topic.name, *index)
            } else {
                let code = ErrorCode::UnknownTopicOrPartition;
                PartitionResponse {
                    error_message: Some(code.message().to_owned()),
                    ..failed(*index, code)
                }
            }
        });
        let partitions = partitions.collect();
        TopicResponse { name: topic.name, partitions, ..TopicResponse::default() }
    });
    DescribeProducersResponse { topics: topics.collect(), ..Default::default() }
}

fn producers(broker: &Broker, topic: &str, index: i32) -> PartitionResponse {
    let found = broker
        .partitions
        .find(topic, index, &broker.image())
        .and_then(|partition| partition.active_producers());
    let producers = match found {
        Ok(producers) => producers,
        Err(code) => return failed(index, code),
    };
    let active = producers.into_iter().map(|producer| ProducerState {
        producer_id: producer.producer_id,
        producer_epoch: i32::from(producer.producer_epoch),
        last_sequence: producer.last_sequence,
        last_timestamp: producer.last_timestamp,
        coordinator_epoch: producer.coordinator_epoch,
        current_txn_start_offset: producer.current_transaction_start_offset,
        ..ProducerState::default()
    });
    PartitionResponse {
        partition_index: index,
        active_producers: active.collect(),
        ..PartitionResponse::default()
    }
}

fn failed(partition_index: i32, code: ErrorCode) -> PartitionResponse {
    PartitionResponse { partition_index, error_code: code.code(), ..Default::default() }
}
