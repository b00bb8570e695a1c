//! ListOffsets, versions 1 to 11.
//!
//! Answers from the leader only. −1 is the end of what can be read, −2 the start, −3 the record with the
//! largest timestamp.
//! v2: isolation level.  v4: leader epoch.  v5: OFFSET_NOT_AVAILABLE.  v7: −3.  v8: −4, local start.
//! v9: −5, end of the tiered part.  v11: −6, start of what is not tiered yet.

use std::collections::HashMap;

use ottla_hosting::{OffsetQuery, timestamp};
use ottla_log::Isolation;
use ottla_wire::ErrorCode;
use ottla_wire::messages::list_offsets_request::ListOffsetsPartition;
use ottla_wire::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use ottla_wire::messages::{ListOffsetsRequest, ListOffsetsResponse};

use crate::broker::Broker;
use crate::request::Caller;

/// The replica id of a consumer.
const CONSUMER: i32 = -1;
/// The replica id of a tool that may read from any replica.
const DEBUGGER: i32 = -2;

/// What all partitions of the request have in common.
struct Terms {
    version: i16,
    isolation: Option<Isolation>,
    only_from_leader: bool,
}

/// Looks up offsets by timestamp.
pub(crate) async fn list_offsets(
    broker: &Broker,
    caller: &Caller,
    request: ListOffsetsRequest,
) -> ListOffsetsResponse {
    let isolation = match request.isolation_level {
        0 => Some(Isolation::HighWatermark),
        1 => Some(Isolation::TransactionCommitted),
        _ => None,
    };
    let terms = isolation.map(|isolation| Terms {
        version: caller.version,
        isolation: (request.replica_id == CONSUMER).then_some(isolation),
        only_from_leader: request.replica_id != DEBUGGER,
    });
    let mut named: HashMap<(&str, i32), usize> = HashMap::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            *named.entry((&topic.name, partition.partition_index)).or_default() += 1;
        }
    }
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let index = partition.partition_index;
            let outcome = match (&terms, named.get_mut(&(topic.name.as_str(), index))) {
                (None, _) => Err(ErrorCode::UnknownServerError),
                // The second and later mentions of a partition are not answered again.
                (Some(_), Some(0) | None) => continue,
                (Some(_), Some(count)) if *count > 1 => {
                    *count = 0;
                    Err(ErrorCode::InvalidRequest)
                }
                (Some(terms), Some(_)) => look_up(broker, &topic.name, partition, terms),
            };
            let failed = |code: ErrorCode| ListOffsetsPartitionResponse {
                partition_index: index,
                error_code: code.code(),
                timestamp: -1,
                offset: -1,
                ..ListOffsetsPartitionResponse::default()
            };
            partitions.push(outcome.unwrap_or_else(failed));
        }
        if !partitions.is_empty() || topic.partitions.is_empty() {
            let name = topic.name.clone();
            topics.push(ListOffsetsTopicResponse { name, partitions, ..Default::default() });
        }
    }
    ListOffsetsResponse { topics, ..ListOffsetsResponse::default() }
}

fn look_up(
    broker: &Broker,
    topic: &str,
    partition: &ListOffsetsPartition,
    terms: &Terms,
) -> Result<ListOffsetsPartitionResponse, ErrorCode> {
    if partition.timestamp < 0 && terms.version < first_version(partition.timestamp) {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let index = partition.partition_index;
    let hosted = broker.partitions.find(topic, index, &broker.image())?;
    let epoch = partition.current_leader_epoch;
    let query = OffsetQuery {
        timestamp: partition.timestamp,
        current_leader_epoch: (epoch != -1).then_some(epoch),
        isolation: terms.isolation,
        only_from_leader: terms.only_from_leader,
    };
    let found = hosted.offset_for(&query).map_err(|code| match code {
        ErrorCode::OffsetNotAvailable if terms.version < 5 => ErrorCode::LeaderNotAvailable,
        code => code,
    })?;
    let mut answer = ListOffsetsPartitionResponse {
        partition_index: index,
        timestamp: -1,
        offset: -1,
        ..ListOffsetsPartitionResponse::default()
    };
    if let Some(found) = found {
        answer.timestamp = found.timestamp;
        answer.offset = found.offset;
        if terms.version >= 4 {
            answer.leader_epoch = found.leader_epoch;
        }
    }
    Ok(answer)
}

/// The first version that knows a special timestamp.
fn first_version(special: i64) -> i16 {
    match special {
        timestamp::LATEST | timestamp::EARLIEST => 1,
        timestamp::MAX => 7,
        timestamp::EARLIEST_LOCAL => 8,
        timestamp::LATEST_TIERED => 9,
        timestamp::EARLIEST_PENDING_UPLOAD => 11,
        _ => i16::MAX,
    }
}
