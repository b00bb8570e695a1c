//! OffsetForLeaderEpoch, versions 2 to 4.
//!
//! Tells where a leader epoch ends, so that followers and consumers find out whether their log and the
//! leader's have parted (KIP-101, KIP-320).
//! v3: replica id.

use ottla_wire::ErrorCode;
use ottla_wire::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use ottla_wire::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use ottla_wire::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};

use crate::broker::Broker;
use crate::request::Caller;

/// Looks up the ends of leader epochs.
pub(crate) async fn offset_for_leader_epoch(
    broker: &Broker,
    _caller: &Caller,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter();
        let partitions = partitions.map(|partition| epoch_end(broker, &topic.topic, partition));
        let partitions = partitions.collect();
        OffsetForLeaderTopicResult { topic: topic.topic, partitions, ..Default::default() }
    });
    OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() }
}

fn epoch_end(broker: &Broker, topic: &str, asked: &OffsetForLeaderPartition) -> EpochEndOffset {
    let current = (asked.current_leader_epoch != -1).then_some(asked.current_leader_epoch);
    let partition = asked.partition;
    let found = broker
        .partitions
        .find(topic, partition, &broker.image())
        .and_then(|hosted| hosted.epoch_end(current, asked.leader_epoch));
    let (error, leader_epoch, end_offset) = match found {
        Ok(Some(end)) => (ErrorCode::None, end.leader_epoch, end.end_offset),
        Ok(None) => (ErrorCode::None, -1, -1),
        Err(code) => (code, -1, -1),
    };
    EpochEndOffset {
        error_code: error.code(),
        partition,
        leader_epoch,
        end_offset,
        ..EpochEndOffset::default()
    }
}
