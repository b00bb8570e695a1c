//! What a connection is answered, and what goes wrong on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use ottla_wire::api::Request;
use ottla_wire::header::{RequestStart, decode_request_header, encode_response_header};
use ottla_wire::messages::api_versions_response::ApiVersion;
use ottla_wire::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use ottla_wire::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use ottla_wire::messages::*;
use ottla_wire::records::BatchView;
use ottla_wire::{ApiKey, ErrorCode, Message, Reader, Uuid, Writer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, WriteHalf, split};
use tokio::sync::mpsc;

use crate::scene::{Scene, State, TOPIC, pass};
use crate::{coordinate, fetch};

pub const TOPIC_ID: Uuid = Uuid::from_bytes([7; 16]);

const PASSES: [ErrorCode; 5] = [
    ErrorCode::NotLeaderOrFollower,
    ErrorCode::RequestTimedOut,
    ErrorCode::NotEnoughReplicas,
    ErrorCode::KafkaStorageError,
    ErrorCode::UnknownTopicOrPartition,
];
const LIES: [ErrorCode; 4] = [
    ErrorCode::OutOfOrderSequenceNumber,
    ErrorCode::OutOfOrderSequenceNumber,
    ErrorCode::UnknownProducerId,
    ErrorCode::InvalidProducerEpoch,
];

/// Serves one connection until either side ends it.
pub async fn serve(scene: Arc<Scene>, node: i32, stream: DuplexStream) {
    let mut crashes = scene.state.lock().nodes[&node].crashes.subscribe();
    tokio::select! {
        biased;
        _ = crashes.changed() => {}
        () = converse(&scene, node, stream) => {}
    }
}

async fn converse(scene: &Scene, node: i32, stream: DuplexStream) {
    let (mut incoming, outgoing) = split(stream);
    let (requests_in, requests) = mpsc::unbounded_channel();
    let is_gone = AtomicBool::new(false);
    let read = async {
        let requests_in = requests_in;
        while let Ok(length) = incoming.read_i32().await {
            let mut bytes = vec![0; usize::try_from(length).expect("the client's own length")];
            if incoming.read_exact(&mut bytes).await.is_err() {
                break;
            }
            let _ = requests_in.send(Bytes::from(bytes));
        }
        is_gone.store(true, Ordering::Relaxed);
        drop(requests_in);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = read => {}
        () = respond_to_all(scene, node, requests, outgoing, &is_gone) => {}
    }
}

async fn respond_to_all(
    scene: &Scene,
    node: i32,
    mut requests: mpsc::UnboundedReceiver<Bytes>,
    mut outgoing: WriteHalf<DuplexStream>,
    is_gone: &AtomicBool,
) {
    let dice = &scene.dice;
    while let Some(request) = requests.recv().await {
        let (weather, slowest) = {
            let state = scene.state.lock();
            (state.weather, state.slowest)
        };
        let delay = |chances| match dice.in_thousand(chances) {
            true => dice.millis(0, slowest.as_millis() as u64),
            false => dice.millis(0, 2),
        };
        pass(delay(weather.delay)).await;
        let is_dead = is_gone.load(Ordering::Relaxed) && !weather.serves_the_dead;
        if is_dead || dice.in_thousand(weather.lose) {
            return;
        }
        let answer = answer(scene, node, &request).await;
        if dice.in_thousand(weather.hang) {
            std::future::pending::<()>().await;
        }
        pass(delay(weather.delay)).await;
        if dice.in_thousand(weather.lose) {
            return;
        }
        if let Some(answer) = answer {
            // What is there to read of a client that is gone is served nevertheless.
            let _ = outgoing.write_all(&answer).await;
        }
    }
}

async fn answer(scene: &Scene, node: i32, bytes: &Bytes) -> Option<Bytes> {
    let mut reader = Reader::new(bytes);
    let start = decode_request_header(&mut reader).expect("the client's own request");
    let version = start.header.request_api_version;
    match start.api_key {
        ApiKey::ApiVersions => {
            let newest = scene.state.lock().newest;
            start_of::<ApiVersionsRequest>(&start, &mut reader);
            respond::<ApiVersionsRequest>(&start, &versions(newest))
        }
        ApiKey::Metadata => respond::<MetadataRequest>(&start, &metadata(scene)),
        ApiKey::InitProducerId => respond::<InitProducerIdRequest>(&start, &identity(scene)),
        ApiKey::Produce => {
            let request = start_of::<ProduceRequest>(&start, &mut reader);
            respond::<ProduceRequest>(&start, &produce(scene, node, &request)?)
        }
        ApiKey::Fetch => {
            let request = start_of::<FetchRequest>(&start, &mut reader);
            let wait = Duration::from_millis(request.max_wait_ms.max(0) as u64);
            let (response, is_empty) = fetch::fetch(scene, node, version, request);
            if is_empty {
                pass(wait).await;
            }
            respond::<FetchRequest>(&start, &response)
        }
        ApiKey::ListOffsets => {
            let request = start_of::<ListOffsetsRequest>(&start, &mut reader);
            respond::<ListOffsetsRequest>(&start, &fetch::list_offsets(scene, node, &request))
        }
        _ => coordinated(scene, node, &start, &mut reader).await,
    }
}

async fn coordinated(
    scene: &Scene,
    node: i32,
    start: &RequestStart,
    reader: &mut Reader<'_>,
) -> Option<Bytes> {
    match start.api_key {
        ApiKey::FindCoordinator => {
            let request = start_of::<FindCoordinatorRequest>(start, reader);
            respond::<FindCoordinatorRequest>(start, &coordinate::find(scene, &request))
        }
        ApiKey::JoinGroup => {
            let request = start_of::<JoinGroupRequest>(start, reader);
            respond::<JoinGroupRequest>(start, &coordinate::join(scene, node, request).await)
        }
        ApiKey::SyncGroup => {
            let request = start_of::<SyncGroupRequest>(start, reader);
            respond::<SyncGroupRequest>(start, &coordinate::sync(scene, node, request).await)
        }
        ApiKey::Heartbeat => {
            let request = start_of::<HeartbeatRequest>(start, reader);
            respond::<HeartbeatRequest>(start, &coordinate::beat(scene, node, &request))
        }
        ApiKey::LeaveGroup => {
            let request = start_of::<LeaveGroupRequest>(start, reader);
            respond::<LeaveGroupRequest>(start, &coordinate::leave(scene, &request))
        }
        ApiKey::ConsumerGroupHeartbeat => {
            let request = start_of::<ConsumerGroupHeartbeatRequest>(start, reader);
            let response = coordinate::follow(scene, node, request);
            respond::<ConsumerGroupHeartbeatRequest>(start, &response)
        }
        ApiKey::OffsetCommit => {
            let request = start_of::<OffsetCommitRequest>(start, reader);
            respond::<OffsetCommitRequest>(start, &coordinate::commit(scene, node, &request))
        }
        ApiKey::OffsetFetch => {
            let request = start_of::<OffsetFetchRequest>(start, reader);
            respond::<OffsetFetchRequest>(start, &coordinate::committed(scene, node, &request))
        }
        other => panic!("{other:?} is not spoken here"),
    }
}

fn start_of<R: Request>(start: &RequestStart, reader: &mut Reader<'_>) -> R {
    R::decode(reader, start.header.request_api_version).expect("the client's own request")
}

fn respond<R: Request>(start: &RequestStart, response: &R::Response) -> Option<Bytes> {
    let (version, id) = (start.header.request_api_version, start.header.correlation_id);
    let mut header = Writer::contiguous(64);
    encode_response_header(&mut header, R::API_KEY, version, id).expect("a small header");
    let (header, body) = (header.into_bytes(), response.encode_to_bytes(version));
    let body = body.expect("what the version can carry");
    let mut bytes = BytesMut::new();
    bytes.put_i32(i32::try_from(header.len() + body.len()).expect("small"));
    bytes.put(header);
    bytes.put(body);
    Some(bytes.freeze())
}

/// `newest` bounds the APIs that name topics: from 13 on they do it by id.
fn versions(newest: i16) -> ApiVersionsResponse {
    let spoken = [
        (ApiKey::Produce, newest),
        (ApiKey::Fetch, newest),
        (ApiKey::ListOffsets, 8),
        (ApiKey::Metadata, 12),
        (ApiKey::ApiVersions, 4),
        (ApiKey::InitProducerId, 4),
        (ApiKey::FindCoordinator, 4),
        (ApiKey::JoinGroup, 9),
        (ApiKey::SyncGroup, 5),
        (ApiKey::Heartbeat, 4),
        (ApiKey::LeaveGroup, 5),
        (ApiKey::OffsetCommit, newest.min(10)),
        (ApiKey::OffsetFetch, 9),
        (ApiKey::ConsumerGroupHeartbeat, 1),
    ];
    let api_keys = spoken.map(|(api, max_version)| ApiVersion {
        api_key: api.number(),
        min_version: if api == ApiKey::OffsetFetch { 8 } else { *api.versions().start() },
        max_version,
        ..ApiVersion::default()
    });
    ApiVersionsResponse { api_keys: api_keys.to_vec(), ..ApiVersionsResponse::default() }
}

fn metadata(scene: &Scene) -> MetadataResponse {
    let state = scene.state.lock();
    let broker = |id: &i32| MetadataResponseBroker {
        node_id: *id,
        host: format!("n{id}"),
        port: 9092,
        ..MetadataResponseBroker::default()
    };
    let partitions = (0..).zip(&state.partitions).map(|(index, partition)| {
        let leader = partition.leader.unwrap_or(-1);
        MetadataResponsePartition {
            error_code: match leader {
                -1 => ErrorCode::LeaderNotAvailable.code(),
                _ => 0,
            },
            partition_index: index,
            leader_id: leader,
            leader_epoch: partition.leader_epoch,
            ..MetadataResponsePartition::default()
        }
    });
    let topic = MetadataResponseTopic {
        name: Some(TOPIC.to_owned()),
        topic_id: TOPIC_ID,
        partitions: partitions.collect(),
        ..MetadataResponseTopic::default()
    };
    MetadataResponse {
        brokers: state.nodes.keys().map(broker).collect(),
        controller_id: 1,
        topics: vec![topic],
        ..MetadataResponse::default()
    }
}

fn identity(scene: &Scene) -> InitProducerIdResponse {
    let mut state = scene.state.lock();
    if scene.dice.in_thousand(state.weather.refuse) {
        let error_code = ErrorCode::CoordinatorLoadInProgress.code();
        return InitProducerIdResponse { error_code, ..InitProducerIdResponse::default() };
    }
    state.next_producer_id += 1;
    let producer_id = state.next_producer_id;
    // Epochs run out soon for some.
    let producer_epoch = if scene.dice.in_thousand(200) { i16::MAX - 2 } else { 0 };
    InitProducerIdResponse { producer_id, producer_epoch, ..InitProducerIdResponse::default() }
}

fn produce(scene: &Scene, node: i32, request: &ProduceRequest) -> Option<ProduceResponse> {
    let mut state = scene.state.lock();
    let throttles = scene.dice.in_thousand(state.weather.throttle);
    let mut responses = Vec::new();
    for topic in &request.topic_data {
        let mut partition_responses = Vec::new();
        for data in &topic.partition_data {
            let records = data.records.as_ref().and_then(|records| records.bytes());
            let bytes = records.expect("a producer sends records");
            let batch = BatchView::first(bytes).expect("the client's own batch");
            batch.check_crc().expect("the client's own checksum");
            let (code, base_offset) = write(scene, &mut state, node, data.index, &batch);
            partition_responses.push(PartitionProduceResponse {
                index: data.index,
                error_code: code.code(),
                base_offset,
                ..PartitionProduceResponse::default()
            });
        }
        responses.push(TopicProduceResponse {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partition_responses,
            ..TopicProduceResponse::default()
        });
    }
    let pause = if throttles { scene.dice.millis(1, 300) } else { Duration::ZERO };
    (request.acks != 0).then(|| ProduceResponse {
        responses,
        throttle_time_ms: pause.as_millis() as i32,
        ..ProduceResponse::default()
    })
}

fn write(
    scene: &Scene,
    state: &mut State,
    node: i32,
    index: i32,
    batch: &BatchView<'_>,
) -> (ErrorCode, i64) {
    let (dice, weather, bytes_max) = (&scene.dice, state.weather, state.batch_bytes_max);
    let partition = &mut state.partitions[index as usize];
    if let Some(finding) = partition.note(batch) {
        state.findings.push(format!("partition {index}: {finding}"));
    }
    if partition.leader != Some(node) {
        return (ErrorCode::NotLeaderOrFollower, -1);
    }
    if dice.in_thousand(weather.refuse) {
        return (dice.pick(&PASSES), -1);
    }
    if batch.bytes().len() > bytes_max {
        // One record that is too large can't be helped, so it is let in.
        if batch.count > 1 {
            partition.forget(batch);
            return (ErrorCode::MessageTooLarge, -1);
        }
    }
    if dice.in_thousand(weather.reject) {
        return (ErrorCode::InvalidRecord, -1);
    }
    if dice.in_thousand(weather.lie) {
        return (dice.pick(&LIES), -1);
    }
    match partition.append(batch) {
        Ok(_) if dice.in_thousand(weather.swallow) => {
            let after = [ErrorCode::NotEnoughReplicasAfterAppend, ErrorCode::RequestTimedOut];
            (dice.pick(&after), -1)
        }
        Ok(offset) => (ErrorCode::None, offset),
        Err(code) => (code, -1),
    }
}
