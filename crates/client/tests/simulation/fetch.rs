//! Fetch with its sessions, and ListOffsets, as a broker answers them.

use std::collections::BTreeMap;

use bytes::BytesMut;
use ottla_wire::messages::fetch_request::FetchPartition;
use ottla_wire::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use ottla_wire::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use ottla_wire::messages::{FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse};
use ottla_wire::{ErrorCode, Records};

use crate::broker::TOPIC_ID;
use crate::partition::Partition;
use crate::scene::{Scene, TOPIC};

/// What a session remembers: the epoch of the next request, and what is asked.
pub struct Session {
    epoch: i32,
    asked: BTreeMap<i32, FetchPartition>,
}

/// The answer, and whether it brings nothing.
pub fn fetch(
    scene: &Scene,
    node: i32,
    version: i16,
    request: FetchRequest,
) -> (FetchResponse, bool) {
    let refused = |code: ErrorCode| {
        (FetchResponse { error_code: code.code(), ..FetchResponse::default() }, false)
    };
    let mut state = scene.state.lock();
    let dice = &scene.dice;
    let key = (node, request.session_id);
    if request.session_id != 0 && dice.in_thousand(state.weather.refuse / 2) {
        state.sessions.remove(&key);
    }
    let (id, is_full) = match request.session_epoch {
        -1 => {
            state.sessions.remove(&key);
            (0, true)
        }
        0 => {
            state.sessions.remove(&key);
            state.next_session += 1;
            (if dice.in_thousand(100) { 0 } else { state.next_session }, true)
        }
        epoch => match state.sessions.get_mut(&key) {
            None => return refused(ErrorCode::FetchSessionIdNotFound),
            Some(known) if known.epoch != epoch => {
                return refused(ErrorCode::InvalidFetchSessionEpoch);
            }
            Some(known) => {
                known.epoch += 1;
                (request.session_id, false)
            }
        },
    };
    let fresh = Session { epoch: 1, asked: BTreeMap::new() };
    let mut session = state.sessions.remove(&(node, id)).unwrap_or(fresh);
    for gone in request.forgotten_topics_data.iter().flat_map(|topic| &topic.partitions) {
        session.asked.remove(gone);
    }
    for one in request.topics.into_iter().flat_map(|topic| topic.partitions) {
        session.asked.insert(one.partition, one);
    }
    let mut partitions = Vec::new();
    for (index, asked) in &session.asked {
        let code = dice.in_thousand(state.weather.refuse / 4);
        let partition = &state.partitions[*index as usize];
        let data = match code {
            true => failed(*index, ErrorCode::KafkaStorageError),
            false => read(partition, node, asked, dice.between(1, 3) as usize),
        };
        if is_full || data.error_code != 0 || data.records.is_some() {
            partitions.push(data);
        }
    }
    if id != 0 {
        state.sessions.insert((node, id), session);
    }
    let brings = partitions.iter().any(|one| one.error_code != 0 || one.records.is_some());
    let topic = FetchableTopicResponse {
        topic: if version < 13 { TOPIC.to_owned() } else { String::new() },
        topic_id: TOPIC_ID,
        partitions,
        ..FetchableTopicResponse::default()
    };
    let responses = if topic.partitions.is_empty() { Vec::new() } else { vec![topic] };
    (FetchResponse { session_id: id, responses, ..FetchResponse::default() }, !brings)
}

fn failed(index: i32, code: ErrorCode) -> PartitionData {
    PartitionData {
        partition_index: index,
        error_code: code.code(),
        high_watermark: -1,
        ..PartitionData::default()
    }
}

fn read(partition: &Partition, node: i32, asked: &FetchPartition, most: usize) -> PartitionData {
    let (index, end) = (asked.partition, partition.next_offset());
    let epoch = asked.current_leader_epoch;
    let code = match () {
        () if partition.leader != Some(node) => ErrorCode::NotLeaderOrFollower,
        () if epoch >= 0 && epoch < partition.leader_epoch => ErrorCode::FencedLeaderEpoch,
        () if epoch > partition.leader_epoch => ErrorCode::UnknownLeaderEpoch,
        () if asked.fetch_offset < partition.log_start || asked.fetch_offset > end => {
            ErrorCode::OffsetOutOfRange
        }
        () => ErrorCode::None,
    };
    if code.is_error() {
        return failed(index, code);
    }
    let ahead = partition.log.iter().filter(|one| one.end() > asked.fetch_offset);
    let mut bytes = BytesMut::new();
    ahead.take(most).for_each(|one| bytes.extend_from_slice(&one.bytes));
    PartitionData {
        partition_index: index,
        high_watermark: end,
        last_stable_offset: end,
        log_start_offset: partition.log_start,
        records: (!bytes.is_empty()).then(|| Records::Bytes(bytes.freeze())),
        ..PartitionData::default()
    }
}

pub fn list_offsets(scene: &Scene, node: i32, request: &ListOffsetsRequest) -> ListOffsetsResponse {
    let state = scene.state.lock();
    let mut topics = Vec::new();
    for topic in &request.topics {
        let partitions = topic.partitions.iter().map(|asked| {
            let partition = &state.partitions[asked.partition_index as usize];
            let is_leader = partition.leader == Some(node);
            ListOffsetsPartitionResponse {
                partition_index: asked.partition_index,
                error_code: match is_leader {
                    true => 0,
                    false => ErrorCode::NotLeaderOrFollower.code(),
                },
                offset: match asked.timestamp {
                    -2 => partition.log_start,
                    _ => partition.next_offset(),
                },
                ..ListOffsetsPartitionResponse::default()
            }
        });
        topics.push(ListOffsetsTopicResponse {
            name: topic.name.clone(),
            partitions: partitions.collect(),
            ..ListOffsetsTopicResponse::default()
        });
    }
    ListOffsetsResponse { topics, ..ListOffsetsResponse::default() }
}
