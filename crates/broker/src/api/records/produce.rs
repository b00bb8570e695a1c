//! Produce, versions 3 to 13.
//!
//! Two stages: *accepted*, when the records are in the log and their order is fixed, and *durable*, when
//! as many replicas have them as `acks` asks for. A connection may accept the next request before the
//! previous one is durable.
//! v5: log start offset.  v7: zstd.  v8: record errors.  v10: current leader.  v13: topic ids.

use std::collections::HashMap;
use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::sync::Arc;

use bytes::Bytes;
use ottla_hosting::{Append, AppendFailure, Counters, Partition};
use ottla_log::{AppendOrigin, Appended, Refusal, Verification};
use ottla_wire::ErrorCode;
use ottla_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ottla_wire::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use ottla_wire::messages::{ProduceRequest, ProduceResponse};
use ottla_wire::records::CompressionType;
use ottla_wire::{Records, Uuid};

use super::produce_accepted::{Accepted, failed, is_expected};
use super::produce_batch::{Batch, first_batch};
use super::produce_verify::Verified;
use crate::broker::Broker;
use crate::request::Caller;

/// The client id of Kafka's own tools, which may write to internal topics.
const ADMIN_CLIENT_ID: &str = "__admin_client";

/// A partition's records on their way.
struct Entry {
    /// Its place in the response: topic, partition.
    place: (usize, usize),
    topic: Arc<str>,
    index: i32,
    records: Bytes,
}

/// Appends a request's records. Whoever calls this for two requests in order has fixed the order of
/// their records.
pub(crate) fn accept(
    broker: &Broker,
    caller: &Caller,
    request: ProduceRequest,
    verified: &Verified,
) -> Accepted {
    let acks = request.acks;
    let accepted = Accepted::new(acks, caller.version, request.timeout_ms);
    let checked = check_whole(broker, &request, caller.version);
    if let Err(refusal) = checked.and_then(|()| check_producers(verified)) {
        return accepted.answered_with(refused(&request, refusal));
    }
    let (response, entries) = sort_out(broker, caller, request.topic_data);
    let mut accepted = accepted.answered_with(response);
    let internal_allowed = caller.client_id() == ADMIN_CLIENT_ID;
    let now_ms = broker.clock.now_ms();
    let append = Append {
        origin: AppendOrigin::Client,
        required_acks: acks,
        now_ms,
        transaction_version: 0,
        verification: Verification::NotRequired,
    };
    for entry in entries {
        let outcome = if !(-1..=1).contains(&acks) {
            Err(AppendFailure::of(ErrorCode::InvalidRequiredAcks))
        } else {
            append_entry(broker, &entry, append, verified, internal_allowed)
        };
        accepted.note(entry.place, outcome);
    }
    accepted
}

/// What concerns the request as a whole, as Kafka finds it before it looks at single partitions.
fn check_whole(broker: &Broker, request: &ProduceRequest, version: i16) -> Result<(), Refusal> {
    let partitions = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
    let mut is_transactional = false;
    let mut has_null = false;
    for partition in partitions {
        has_null |= partition.records.is_none();
        let Some(records) = bytes_of(partition) else { continue };
        let batch = first_batch(records).map_err(|detail| Refusal {
            code: ErrorCode::CorruptMessage,
            message: detail,
            record_errors: Vec::new(),
        })?;
        is_transactional |= batch.is_some_and(|batch| batch.is_transactional);
        if is_transactional {
            break;
        }
    }
    if is_transactional && request.transactional_id.is_none() {
        let code = ErrorCode::TransactionalIdAuthorizationFailed;
        return Err(Refusal { code, message: String::new(), record_errors: Vec::new() });
    }
    if has_null && is_null_for_a_known_partition(broker, request, version) {
        // Apache Kafka stumbles over missing records and fails the whole request.
        let code = ErrorCode::UnknownServerError;
        return Err(Refusal { code, message: String::new(), record_errors: Vec::new() });
    }
    Ok(())
}

/// A transaction has one producer.
fn check_producers(verified: &Verified) -> Result<(), Refusal> {
    if !verified.has_many_producers {
        return Ok(());
    }
    let message = "Transactional records contained more than one producer ID".to_owned();
    let code = ErrorCode::InvalidProducerIdMapping;
    Err(Refusal { code, message, record_errors: Vec::new() })
}

fn is_null_for_a_known_partition(broker: &Broker, request: &ProduceRequest, version: i16) -> bool {
    let image = broker.image();
    request.topic_data.iter().any(|topic| {
        let known = if version > 12 {
            image.topics.by_id(topic.topic_id)
        } else {
            image.topics.by_name(&topic.name)
        };
        let nulls = topic.partition_data.iter().filter(|partition| partition.records.is_none());
        let mut nulls = nulls.map(|partition| partition.index);
        known.is_some_and(|known| nulls.any(|index| known.partition(index).is_some()))
    })
}

fn bytes_of(partition: &PartitionProduceData) -> Option<&Bytes> {
    match &partition.records {
        Some(Records::Bytes(bytes)) => Some(bytes),
        // A request is made of bytes; slots only occur in responses.
        Some(Records::Slot { .. }) | None => None,
    }
}

/// The response that refuses everything.
fn refused(request: &ProduceRequest, refusal: Refusal) -> ProduceResponse {
    let message = (!refusal.message.is_empty()).then_some(refusal.message);
    let topics = request.topic_data.iter().map(|topic| TopicProduceResponse {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partition_responses: topic
            .partition_data
            .iter()
            .map(|partition| PartitionProduceResponse {
                error_message: message.clone(),
                ..failed(partition.index, refusal.code)
            })
            .collect(),
        ..TopicProduceResponse::default()
    });
    ProduceResponse { responses: topics.collect(), ..ProduceResponse::default() }
}

/// Prepares the response, with errors where there is nothing to append, and lists what there is. A
/// partition that is named twice is appended and answered once, with what was said last.
fn sort_out(
    broker: &Broker,
    caller: &Caller,
    topics: Vec<TopicProduceData>,
) -> (ProduceResponse, Vec<Entry>) {
    let image = broker.image();
    let mut response = ProduceResponse::default();
    let mut entries: Vec<Entry> = Vec::new();
    let is_alone = matches!(&topics[..], [topic] if topic.partition_data.len() == 1);
    let mut seen: HashMap<(Uuid, i32), usize, foldhash::fast::RandomState> = HashMap::default();
    for topic in merged(topics) {
        let known = if caller.version > 12 {
            image.topics.by_id(topic.topic_id)
        } else {
            image.topics.by_name(&topic.name)
        };
        let mut answers = Vec::with_capacity(topic.partition_data.len());
        for partition in topic.partition_data {
            let index = partition.index;
            let Some(known) = known else {
                let code = if caller.version > 12 {
                    ErrorCode::UnknownTopicId
                } else {
                    ErrorCode::UnknownTopicOrPartition
                };
                answers.push(failed(index, code));
                continue;
            };
            let checked = match known.partition(index) {
                Some(_) => check_version(caller.version, &partition),
                None => Err(ErrorCode::UnknownTopicOrPartition),
            };
            match checked {
                Err(code) => answers.push(failed(index, code)),
                Ok(records) => {
                    let next = entries.len();
                    let at = if is_alone {
                        next
                    } else {
                        *seen.entry((known.id, index)).or_insert(next)
                    };
                    if let Some(earlier) = entries.get_mut(at) {
                        earlier.records = records;
                        continue;
                    }
                    let place = (response.responses.len(), answers.len());
                    let topic = Arc::clone(&known.name);
                    entries.push(Entry { place, topic, index, records });
                    answers.push(failed(index, ErrorCode::None));
                }
            }
        }
        response.responses.push(TopicProduceResponse {
            name: topic.name,
            topic_id: topic.topic_id,
            partition_responses: answers,
            ..TopicProduceResponse::default()
        });
    }
    (response, entries)
}

/// Each topic once, however often the request names it.
fn merged(topics: Vec<TopicProduceData>) -> Vec<TopicProduceData> {
    if topics.len() < 2 {
        return topics;
    }
    let mut merged: Vec<TopicProduceData> = Vec::with_capacity(topics.len());
    let mut places: HashMap<(Uuid, String), usize, foldhash::fast::RandomState> =
        HashMap::default();
    for topic in topics {
        let key = (topic.topic_id, topic.name.clone());
        match places.entry(key) {
            Occupied(earlier) => merged[*earlier.get()].partition_data.extend(topic.partition_data),
            Vacant(place) => {
                place.insert(merged.len());
                merged.push(topic);
            }
        }
    }
    merged
}

/// Checks what the request's version allows: one batch, of magic 2.
fn check_version(version: i16, partition: &PartitionProduceData) -> Result<Bytes, ErrorCode> {
    let records = bytes_of(partition).ok_or(ErrorCode::UnknownServerError)?;
    let batch = first_batch(records).map_err(|_| ErrorCode::CorruptMessage)?;
    let Batch { magic, len, compression, .. } = batch.ok_or(ErrorCode::InvalidRecord)?;
    if magic != 2 {
        return Err(ErrorCode::InvalidRecord);
    }
    if version < 7 && compression == Some(CompressionType::Zstd) {
        return Err(ErrorCode::UnsupportedCompressionType);
    }
    let rest = first_batch(&records[len..]).map_err(|_| ErrorCode::CorruptMessage)?;
    if rest.is_some() { Err(ErrorCode::InvalidRecord) } else { Ok(records.clone()) }
}

fn append_entry(
    broker: &Broker,
    entry: &Entry,
    mut append: Append,
    verified: &Verified,
    internal_allowed: bool,
) -> Result<(Arc<Partition>, Appended), AppendFailure> {
    let Entry { topic, index, records, .. } = entry;
    if first_batch(records).is_ok_and(|batch| batch.is_some_and(|batch| batch.is_transactional)) {
        append.verification = verified.of(topic, *index)?;
    }
    let found = broker.partitions.find(topic, *index, &broker.image());
    let counters = match &found {
        Ok(partition) => partition.counters(),
        Err(_) => broker.partitions.strangers(),
    };
    Counters::add(&counters.produce_requests, 1);
    if crate::internal_topics::is_internal(topic) && !internal_allowed {
        return Err(AppendFailure::of(ErrorCode::InvalidTopicException));
    }
    let partition = found.map_err(AppendFailure::of)?;
    match partition.append(records.clone(), append) {
        Ok(appended) => Ok((partition, appended)),
        Err(failure) => {
            count_failure(partition.counters(), &failure, records.len());
            Err(failure)
        }
    }
}

fn count_failure(counters: &Counters, failure: &AppendFailure, bytes: usize) {
    match failure.code {
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => {
            Counters::add(&counters.bytes_rejected, bytes as u64);
        }
        ErrorCode::CorruptMessage => Counters::add(&counters.invalid_crc, 1),
        code if is_expected(code) => {}
        code => {
            Counters::add(&counters.failed_produce_requests, 1);
            tracing::debug!(?code, reason = %failure.message, "records are refused");
        }
    }
}
