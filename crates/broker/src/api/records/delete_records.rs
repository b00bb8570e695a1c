//! DeleteRecords, versions 0 to 2.
//!
//! Raises the log start offset and waits until every replica has done so. −1 means the high watermark.
//! With `ottla.durability=fsync` the new start is in the directory's checkpoint before it is answered.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ottla_hosting::{Partition, Registration, Until, Waiter};
use ottla_wire::ErrorCode;
use ottla_wire::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use ottla_wire::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use ottla_wire::messages::{DeleteRecordsRequest, DeleteRecordsResponse};

use crate::broker::Broker;
use crate::request::Caller;

/// A partition whose replicas have not all followed yet.
struct Pending {
    place: (usize, usize),
    partition: Arc<Partition>,
    requested: i64,
}

/// Deletes records from the start of logs.
pub(crate) async fn delete_records(
    broker: &Broker,
    _caller: &Caller,
    request: DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let mut response = DeleteRecordsResponse::default();
    let mut pending = Vec::new();
    let mut promised = Vec::new();
    for (topic_at, topic) in merged(request.topics).into_iter().enumerate() {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for (partition_at, asked) in topic.partitions.into_iter().enumerate() {
            let index = asked.partition_index;
            let mut answer = DeleteRecordsPartitionResult {
                partition_index: index,
                low_watermark: -1,
                ..DeleteRecordsPartitionResult::default()
            };
            match delete(broker, &topic.name, index, asked.offset) {
                Ok((partition, requested, low_watermark)) => {
                    answer.low_watermark = low_watermark;
                    let place = (topic_at, partition_at);
                    if partition.promises_disk() {
                        promised.push((place, partition.directory()));
                    }
                    if low_watermark < requested {
                        answer.error_code = ErrorCode::RequestTimedOut.code();
                        pending.push(Pending { place, partition, requested });
                    }
                }
                Err(code) => answer.error_code = code.code(),
            }
            partitions.push(answer);
        }
        let name = topic.name;
        response.topics.push(DeleteRecordsTopicResult { name, partitions, ..Default::default() });
    }
    if !pending.is_empty() {
        let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
        // What is still pending afterwards keeps its REQUEST_TIMED_OUT.
        let _ = tokio::time::timeout(timeout, follow(pending, &mut response)).await;
    }
    if !promised.is_empty() {
        keep(broker, &promised, &mut response).await;
    }
    response
}

/// Has the disk know where the logs start now. What it does not take is not answered for.
async fn keep(
    broker: &Broker,
    promised: &[((usize, usize), usize)],
    response: &mut DeleteRecordsResponse,
) {
    let partitions = Arc::clone(&broker.partitions);
    let written = tokio::task::spawn_blocking(move || partitions.checkpoint_log_starts()).await;
    for ((topic, partition), directory) in promised {
        let is_kept = written.as_ref().is_ok_and(|unwritten| !unwritten.contains(directory));
        if !is_kept {
            let answer = &mut response.topics[*topic].partitions[*partition];
            answer.low_watermark = -1;
            answer.error_code = ErrorCode::KafkaStorageError.code();
        }
    }
}

/// Each topic and partition once, with the offset that was said last.
fn merged(topics: Vec<DeleteRecordsTopic>) -> Vec<DeleteRecordsTopic> {
    let mut merged: Vec<DeleteRecordsTopic> = Vec::with_capacity(topics.len());
    let mut places: HashMap<String, usize> = HashMap::new();
    for topic in topics {
        let place = *places.entry(topic.name.clone()).or_insert(merged.len());
        if place == merged.len() {
            merged.push(DeleteRecordsTopic { name: topic.name, ..Default::default() });
        }
        let mut offsets: BTreeMap<i32, DeleteRecordsPartition> = BTreeMap::new();
        let known = std::mem::take(&mut merged[place].partitions);
        for partition in known.into_iter().chain(topic.partitions) {
            offsets.insert(partition.partition_index, partition);
        }
        merged[place].partitions = offsets.into_values().collect();
    }
    merged
}

fn delete(
    broker: &Broker,
    topic: &str,
    index: i32,
    offset: i64,
) -> Result<(Arc<Partition>, i64, i64), ErrorCode> {
    let image = broker.image();
    let known = image.topics.by_name(topic).is_some_and(|topic| topic.partition(index).is_some());
    if !known {
        return Err(ErrorCode::UnknownTopicOrPartition);
    }
    if crate::internal_topics::is_internal(topic) {
        return Err(ErrorCode::InvalidTopicException);
    }
    let partition = broker.partitions.find(topic, index, &image)?;
    let deletion = partition.delete_records(offset)?;
    Ok((partition, deletion.requested, deletion.low_watermark))
}

/// Waits until every replica has followed.
async fn follow(mut pending: Vec<Pending>, response: &mut DeleteRecordsResponse) {
    loop {
        let waiter = Waiter::for_commit();
        let join =
            |each: &Pending| each.partition.waiters().join(&waiter, Until::Deleted(each.requested));
        let _joined: Vec<Registration> = pending.iter().map(join).collect();
        pending.retain(|each| {
            let (topic, partition) = each.place;
            let answer = &mut response.topics[topic].partitions[partition];
            match each.partition.low_watermark() {
                Ok(low_watermark) if low_watermark < each.requested => true,
                Ok(low_watermark) => {
                    answer.low_watermark = low_watermark;
                    answer.error_code = ErrorCode::None.code();
                    false
                }
                Err(code) => {
                    answer.low_watermark = -1;
                    answer.error_code = code.code();
                    false
                }
            }
        });
        if pending.is_empty() {
            return;
        }
        waiter.woken().await;
    }
}
