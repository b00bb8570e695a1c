//! Fetch, versions 4 to 18.
//!
//! Finds the records of many partitions, waits (woken by appends) until there are enough of them, and
//! answers with slices of files that the transport sends without copying.
//! v5: log start offset.  v7: sessions.  v9: leader epochs.  v11: read from followers.  v12: diverging
//! epochs.  v13: topic ids.  v15: replica state.  v16: leaders' endpoints.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ottla_hosting::fetch_session::context::Asked;
use ottla_hosting::fetch_session::{PartitionKey, SessionRequest, Told, TopicKey};
use ottla_hosting::{
    Counters, Fetch, Fetched, Partition, PartitionRequest, Registration, Until, Waiter,
};
use ottla_log::{FileSlice, Isolation};
use ottla_metadata::MetadataImage;
use ottla_wire::messages::fetch_request::{FetchTopic, ForgottenTopic};
use ottla_wire::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint,
    PartitionData,
};
use ottla_wire::messages::{FetchRequest, FetchResponse};
use ottla_wire::{ErrorCode, Records, Uuid};
use tokio::time::Instant;

use super::leaders::Leaders;
use crate::broker::Broker;
use crate::request::Caller;

/// A response, and the slices that its records' slots stand for.
#[derive(Debug, Default)]
pub(crate) struct FetchAnswer {
    pub response: FetchResponse,
    pub slices: Vec<FileSlice>,
}

/// What the request asks as a whole.
struct Terms {
    replica: Option<i32>,
    version: i16,
    isolation: Isolation,
    bytes_min: usize,
    bytes_max: usize,
    deadline: Option<Instant>,
}

/// One partition to read.
struct Reading {
    asked: Asked,
    topic: Arc<str>,
    outcome: Result<Read, ErrorCode>,
}

/// What was found, and where.
struct Read {
    partition: Arc<Partition>,
    fetched: Fetched,
}

/// One partition's part of the answer.
struct Part {
    topic: Option<Arc<str>>,
    data: PartitionData,
    slice: Option<FileSlice>,
    partition: Option<Arc<Partition>>,
}

/// Answers a fetch, when there is enough to answer or it has waited long enough.
pub(crate) async fn fetch(broker: &Broker, caller: &Caller, request: FetchRequest) -> FetchAnswer {
    let session_id = request.session_id;
    let Some(terms) = Terms::of(broker, caller.version, &request) else {
        return failed(&request, caller.version, ErrorCode::UnknownServerError);
    };
    let opened = broker.fetch_sessions.open(
        session_request(request, caller.version),
        broker.clock.now_ms(),
        |topic| name_of(topic, &broker.image()),
    );
    let mut opened = match opened {
        Ok(opened) => opened,
        Err(code) => {
            tracing::debug!(session_id, code = code.name(), "fetch session error");
            let response = FetchResponse { error_code: code.code(), ..FetchResponse::default() };
            return FetchAnswer { response, slices: Vec::new() };
        }
    };
    let (readings, mut parts) = sort_out(broker, opened.take_asked());
    let readings = read_enough(broker, &terms, readings).await;
    let mut answers: Vec<(PartitionKey, Part)> = Vec::with_capacity(readings.len() + parts.len());
    answers.extend(readings.into_iter().map(|reading| part(reading, &terms)));
    answers.append(&mut parts);
    let random = || broker.random.next_u64();
    let now_ms = broker.clock.now_ms();
    match broker.fetch_sessions.close(opened, &mut answers, told, now_ms, random) {
        Ok(session_id) => assemble(broker, caller, &terms, session_id, answers),
        Err((code, session_id)) => {
            let error_code = code.code();
            let response = FetchResponse { error_code, session_id, ..FetchResponse::default() };
            FetchAnswer { response, slices: Vec::new() }
        }
    }
}

impl Terms {
    /// `None` for an isolation level that means nothing.
    fn of(broker: &Broker, version: i16, request: &FetchRequest) -> Option<Self> {
        let replica_id = match request.replica_id {
            -1 => request.replica_state.replica_id,
            replica_id => replica_id,
        };
        let replica = (replica_id >= 0).then_some(replica_id);
        let isolation = match (replica, request.isolation_level) {
            (Some(_), 0 | 1) => Isolation::LogEnd,
            (None, 0) => Isolation::HighWatermark,
            (None, 1) => Isolation::TransactionCommitted,
            _ => return None,
        };
        let bytes_max = request.max_bytes.min(broker.settings().fetch_bytes_max);
        let wait = u64::try_from(request.max_wait_ms).unwrap_or(0);
        Some(Self {
            replica,
            version,
            isolation,
            bytes_min: usize::try_from(request.min_bytes.min(bytes_max)).unwrap_or(0),
            bytes_max: usize::try_from(bytes_max).unwrap_or(0),
            deadline: (wait > 0).then(|| Instant::now() + Duration::from_millis(wait)),
        })
    }

    fn fetch(&self, bytes_left: usize, min_one_batch: bool) -> Fetch {
        Fetch {
            replica: self.replica,
            // Since version 11 consumers may read from followers.
            only_from_leader: self.replica.is_some() || self.version < 11,
            isolation: self.isolation,
            bytes_left,
            min_one_batch,
        }
    }
}

fn session_request(request: FetchRequest, version: i16) -> SessionRequest {
    let uses_topic_ids = version >= 13;
    let key = |name: &str, id: Uuid| {
        if uses_topic_ids { TopicKey::Id(id) } else { TopicKey::Name(name.into()) }
    };
    let wanted = |topic: &FetchTopic| {
        let topic_key = key(&topic.topic, topic.topic_id);
        let partitions = topic.partitions.iter().map(move |partition| {
            let key = PartitionKey { topic: topic_key.clone(), partition: partition.partition };
            let request = PartitionRequest {
                fetch_offset: partition.fetch_offset,
                log_start_offset: partition.log_start_offset,
                bytes_max: partition.partition_max_bytes,
                current_leader_epoch: epoch(partition.current_leader_epoch),
                last_fetched_epoch: epoch(partition.last_fetched_epoch),
            };
            (key, request)
        });
        partitions.collect::<Vec<_>>()
    };
    let forgotten = |topic: &ForgottenTopic| {
        let topic_key = key(&topic.topic, topic.topic_id);
        let partitions = topic.partitions.iter();
        let keys =
            partitions.map(|&partition| PartitionKey { topic: topic_key.clone(), partition });
        keys.collect::<Vec<_>>()
    };
    SessionRequest {
        session_id: request.session_id,
        epoch: request.session_epoch,
        uses_topic_ids,
        is_from_follower: request.replica_id >= 0 || request.replica_state.replica_id >= 0,
        partitions: request.topics.iter().flat_map(wanted).collect(),
        forgotten: request.forgotten_topics_data.iter().flat_map(forgotten).collect(),
    }
}

fn epoch(raw: i32) -> Option<i32> {
    (raw >= 0).then_some(raw)
}

fn name_of(topic: &TopicKey, image: &MetadataImage) -> Option<Arc<str>> {
    match topic {
        TopicKey::Name(name) => Some(Arc::clone(name)),
        TopicKey::Id(id) => image.topics.by_id(*id).map(|topic| Arc::clone(&topic.name)),
    }
}

/// Splits what is asked into what can be read and what is answered with an error right away.
fn sort_out(broker: &Broker, asked: Vec<Asked>) -> (Vec<Reading>, Vec<(PartitionKey, Part)>) {
    let image = broker.image();
    let mut readings = Vec::with_capacity(asked.len());
    let mut parts = Vec::new();
    for asked in asked {
        let error = match &asked.topic {
            None => ErrorCode::UnknownTopicId,
            Some(name) => {
                let known = image.topics.by_name(name);
                if known.is_some_and(|known| known.partition(asked.key.partition).is_some()) {
                    let topic = Arc::clone(name);
                    readings.push(Reading { asked, topic, outcome: Err(ErrorCode::None) });
                    continue;
                }
                ErrorCode::UnknownTopicOrPartition
            }
        };
        let data = error_data(asked.key.partition, error);
        let part = Part { topic: asked.topic, data, slice: None, partition: None };
        parts.push((asked.key, part));
    }
    (readings, parts)
}

fn error_data(partition_index: i32, error: ErrorCode) -> PartitionData {
    PartitionData {
        partition_index,
        error_code: error.code(),
        high_watermark: -1,
        records: Some(Records::Bytes(Bytes::new())),
        ..PartitionData::default()
    }
}

/// Reads until there is enough, something is wrong, or the time is over.
async fn read_enough(broker: &Broker, terms: &Terms, mut readings: Vec<Reading>) -> Vec<Reading> {
    if readings.is_empty() {
        return readings;
    }
    let mut is_first = true;
    loop {
        let bytes = read_all(broker, terms, &mut readings, is_first);
        is_first = false;
        let has_news = readings.iter().any(|reading| match &reading.outcome {
            Ok(read) => read.fetched.diverging.is_some(),
            Err(_) => true,
        });
        let Some(deadline) = terms.deadline.filter(|deadline| *deadline > Instant::now()) else {
            return readings;
        };
        if bytes >= terms.bytes_min || has_news {
            return readings;
        }
        let missing = i64::try_from(terms.bytes_min - bytes).unwrap_or(i64::MAX);
        let waiter = Waiter::for_bytes(missing);
        let _joined = join(&readings, &waiter);
        // What was appended between the look and the joining woke nobody.
        if readings.iter().any(|reading| has_moved(reading, terms.isolation)) {
            continue;
        }
        // When the time is over the last look decides.
        let _ = tokio::time::timeout_at(deadline, waiter.woken()).await;
    }
}

fn join(readings: &[Reading], waiter: &Waiter) -> Vec<Registration> {
    let read = readings.iter().filter_map(|reading| reading.outcome.as_ref().ok());
    read.map(|read| read.partition.waiters().join(waiter, Until::Bytes)).collect()
}

fn has_moved(reading: &Reading, isolation: Isolation) -> bool {
    let Ok(read) = &reading.outcome else { return true };
    let offsets = &read.fetched.offsets;
    let seen = match isolation {
        Isolation::LogEnd => offsets.log_end,
        Isolation::HighWatermark => offsets.high_watermark,
        Isolation::TransactionCommitted => offsets.last_stable,
    };
    read.partition.readable_end(isolation) != Ok(seen)
}

/// Looks into every partition once, in order, as far as the limits go; the bytes that were found.
fn read_all(broker: &Broker, terms: &Terms, readings: &mut [Reading], is_first: bool) -> usize {
    let image = broker.image();
    let mut bytes_left = terms.bytes_max;
    let mut min_one_batch = true;
    let mut bytes = 0;
    for reading in readings {
        let fetch = terms.fetch(bytes_left, min_one_batch);
        reading.outcome = read_one(broker, &image, reading, &fetch, is_first);
        let found = reading.outcome.as_ref().map_or(0, |read| read.fetched.len());
        // Once there is something, limits are limits (KIP-74).
        min_one_batch &= found == 0;
        bytes_left = bytes_left.saturating_sub(found);
        bytes += found;
    }
    bytes
}

fn read_one(
    broker: &Broker,
    image: &MetadataImage,
    reading: &Reading,
    fetch: &Fetch,
    is_first: bool,
) -> Result<Read, ErrorCode> {
    let Asked { key, request, .. } = &reading.asked;
    let found = broker.partitions.find(&reading.topic, key.partition, image);
    let counters = match &found {
        Ok(partition) => partition.counters(),
        Err(_) => broker.partitions.strangers(),
    };
    if is_first {
        Counters::add(&counters.fetch_requests, 1);
    }
    let partition = found?;
    if let TopicKey::Id(id) = key.topic
        && id != partition.topic_id()
    {
        return Err(ErrorCode::InconsistentTopicId);
    }
    let fetched = partition.fetch(request, fetch)?;
    Ok(Read { partition, fetched })
}

/// One partition's answer.
fn part(reading: Reading, terms: &Terms) -> (PartitionKey, Part) {
    let Reading { asked, topic, outcome } = reading;
    let partition_index = asked.key.partition;
    let (data, slice, partition) = match outcome {
        Err(error) => {
            let error = match error {
                // Clients of those versions do not know the error.
                ErrorCode::KafkaStorageError if terms.version <= 5 => {
                    ErrorCode::NotLeaderOrFollower
                }
                error => error,
            };
            let data = error_data(partition_index, error);
            (PartitionData { aborted_transactions: None, ..data }, None, None)
        }
        Ok(Read { partition, fetched }) => {
            let Fetched { slice, offsets, aborted_transactions, diverging } = fetched;
            let aborted = aborted_transactions.map(|aborted| {
                let aborted = aborted.into_iter().map(|each| AbortedTransaction {
                    producer_id: each.producer_id,
                    first_offset: each.first_offset,
                    ..AbortedTransaction::default()
                });
                aborted.collect()
            });
            let diverging_epoch = diverging.map(|end| EpochEndOffset {
                epoch: end.leader_epoch,
                end_offset: end.end_offset,
                ..EpochEndOffset::default()
            });
            let data = PartitionData {
                partition_index,
                high_watermark: offsets.high_watermark,
                last_stable_offset: offsets.last_stable,
                log_start_offset: offsets.log_start,
                diverging_epoch: diverging_epoch.unwrap_or_default(),
                aborted_transactions: aborted,
                records: Some(Records::Bytes(Bytes::new())),
                ..PartitionData::default()
            };
            (data, slice.filter(|slice| !slice.is_empty()), Some(partition))
        }
    };
    (asked.key, Part { topic: Some(topic), data, slice, partition })
}

fn told(part: &Part) -> Told {
    Told {
        high_watermark: part.data.high_watermark,
        log_start_offset: part.data.log_start_offset,
        has_records: part.slice.is_some(),
        has_error: part.data.error_code != ErrorCode::None.code(),
        is_urgent: part.data.diverging_epoch.epoch >= 0 || part.data.preferred_read_replica >= 0,
    }
}

fn assemble(
    broker: &Broker,
    caller: &Caller,
    terms: &Terms,
    session_id: i32,
    answers: Vec<(PartitionKey, Part)>,
) -> FetchAnswer {
    let image = broker.image();
    let mut leaders = Leaders::new(&broker.partitions, &image, &caller.connection.listener);
    let mut slices: Vec<FileSlice> = Vec::new();
    let mut responses: Vec<FetchableTopicResponse> = Vec::new();
    for (key, mut part) in answers {
        if terms.version >= 16 && names_leader(part.data.error_code) {
            let name = part.topic.as_deref().unwrap_or_default();
            let (leader_id, leader_epoch) = leaders.leader(name, key.partition);
            part.data.current_leader =
                LeaderIdAndEpoch { leader_id, leader_epoch, ..Default::default() };
        }
        if let Some(slice) = part.slice {
            count_out(part.partition.as_deref(), terms, slice.len());
            let index = u32::try_from(slices.len()).expect("a response has less than 2^32 parts");
            let len = u32::try_from(slice.len()).expect("bytes_max is an i32");
            part.data.records = Some(Records::Slot { index, len });
            slices.push(slice);
        }
        let (topic, topic_id) = match key.topic {
            TopicKey::Id(id) => (String::new(), id),
            TopicKey::Name(name) => (name.to_string(), Uuid::ZERO),
        };
        // Neighbours share a topic; Kafka repeats a topic whose partitions lie apart.
        match responses.last_mut() {
            Some(last) if last.topic_id == topic_id && last.topic == topic => {
                last.partitions.push(part.data);
            }
            _ => responses.push(FetchableTopicResponse {
                topic,
                topic_id,
                partitions: vec![part.data],
                ..FetchableTopicResponse::default()
            }),
        }
    }
    let node_endpoints = leaders.into_nodes().into_iter().map(|node| NodeEndpoint {
        node_id: node.id,
        host: node.host,
        port: node.port,
        rack: node.rack,
        ..NodeEndpoint::default()
    });
    let response = FetchResponse {
        session_id,
        responses,
        node_endpoints: node_endpoints.collect(),
        ..FetchResponse::default()
    };
    FetchAnswer { response, slices }
}

fn names_leader(error_code: i16) -> bool {
    error_code == ErrorCode::NotLeaderOrFollower.code()
        || error_code == ErrorCode::FencedLeaderEpoch.code()
}

fn count_out(partition: Option<&Partition>, terms: &Terms, bytes: usize) {
    let Some(counters) = partition.map(Partition::counters) else { return };
    let counter = match terms.replica {
        Some(_) => &counters.replication_bytes_out,
        None => &counters.bytes_out,
    };
    Counters::add(counter, bytes as u64);
}

/// The response to a request that failed as a whole.
fn failed(request: &FetchRequest, version: i16, code: ErrorCode) -> FetchAnswer {
    // Since version 13 the error is told once, before that once a partition.
    let topics = request.topics.iter().filter(|_| version < 13);
    let responses = topics.map(|topic| FetchableTopicResponse {
        topic: topic.topic.clone(),
        partitions: topic
            .partitions
            .iter()
            .map(|partition| error_data(partition.partition, code))
            .collect(),
        ..FetchableTopicResponse::default()
    });
    let response = FetchResponse {
        error_code: code.code(),
        session_id: request.session_id,
        responses: responses.collect(),
        ..FetchResponse::default()
    };
    FetchAnswer { response, slices: Vec::new() }
}
