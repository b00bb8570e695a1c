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
        let refusal = match image.topics.by_name(&topic.name) {
            Some(_) => None,
            None => Some(unknown(&topic.name)),
        };
        let partitions = topic.partition_indexes.iter().map(|index| match &refusal {
            None => producers(broker, &topic.name, *index),
            Some((code, message)) => {
                PartitionResponse { error_message: Some(message.clone()), ..failed(*index, *code) }
            }
        });
        let partitions = partitions.collect();
        TopicResponse { name: topic.name, partitions, ..TopicResponse::default() }
    });
    DescribeProducersResponse { topics: topics.collect(), ..Default::default() }
}

/// Why a topic that does not exist can't be described.
fn unknown(topic: &str) -> (ErrorCode, String) {
    let code = ErrorCode::UnknownTopicOrPartition;
    match ottla_metadata::topic_name::check(topic) {
        Ok(()) => (code, code.message().to_owned()),
        Err(reason) => (ErrorCode::InvalidTopicException, reason),
    }
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
