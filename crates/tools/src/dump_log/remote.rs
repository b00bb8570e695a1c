//! Records of `__remote_log_metadata` as text, in the form of Kafka's classes.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_wire::messages::{
    RemoteLogMetadataRecord, RemoteLogSegmentMetadataRecord,
    RemoteLogSegmentMetadataSnapshotRecord, RemoteLogSegmentMetadataUpdateRecord,
    RemotePartitionDeleteMetadataRecord,
};
use ottla_wire::{DecodeError, Uuid};

const SEGMENT_STATES: [&str; 4] = [
    "COPY_SEGMENT_STARTED",
    "COPY_SEGMENT_FINISHED",
    "DELETE_SEGMENT_STARTED",
    "DELETE_SEGMENT_FINISHED",
];
const PARTITION_STATES: [&str; 3] =
    ["DELETE_PARTITION_MARKED", "DELETE_PARTITION_STARTED", "DELETE_PARTITION_FINISHED"];

/// The text of one record.
pub(super) fn describe(bytes: &Bytes) -> Result<String, DecodeError> {
    use RemoteLogMetadataRecord as Remote;
    Ok(match RemoteLogMetadataRecord::decode(bytes)?.0 {
        Remote::RemoteLogSegmentMetadataRecord(record) => segment(record),
        Remote::RemoteLogSegmentMetadataUpdateRecord(record) => segment_update(record),
        Remote::RemotePartitionDeleteMetadataRecord(record) => partition_delete(&record),
        Remote::RemoteLogSegmentMetadataSnapshotRecord(record) => segment_snapshot(record),
    })
}

fn segment(record: RemoteLogSegmentMetadataRecord) -> String {
    let id = record.remote_log_segment_id;
    let topic = id.topic_id_partition;
    let epochs = record.segment_leader_epochs.iter();
    format!(
        "RemoteLogSegmentMetadata{{remoteLogSegmentId={}, startOffset={}, endOffset={}, brokerId={}, \
         maxTimestampMs={}, eventTimestampMs={}, segmentLeaderEpochs={}, segmentSizeInBytes={}, \
         customMetadata={}, state={}, txnIdxEmpty={}}}",
        segment_id(&partition(topic.id, &topic.name, topic.partition), id.id),
        record.start_offset,
        record.end_offset,
        record.broker_id,
        record.max_timestamp_ms,
        record.event_timestamp_ms,
        starts(epochs.map(|epoch| (epoch.leader_epoch, epoch.offset))),
        record.segment_size_in_bytes,
        custom(record.custom_metadata.as_ref()),
        state(&SEGMENT_STATES, record.remote_log_segment_state),
        record.txn_index_empty,
    )
}

fn segment_update(record: RemoteLogSegmentMetadataUpdateRecord) -> String {
    let id = record.remote_log_segment_id;
    let topic = id.topic_id_partition;
    format!(
        "RemoteLogSegmentMetadataUpdate{{remoteLogSegmentId={}, customMetadata={}, state={}, \
         eventTimestampMs={}, brokerId={}}}",
        segment_id(&partition(topic.id, &topic.name, topic.partition), id.id),
        custom(record.custom_metadata.as_ref()),
        state(&SEGMENT_STATES, record.remote_log_segment_state),
        record.event_timestamp_ms,
        record.broker_id,
    )
}

fn partition_delete(record: &RemotePartitionDeleteMetadataRecord) -> String {
    let topic = &record.topic_id_partition;
    format!(
        "RemotePartitionDeleteMetadata{{topicPartition={}, state={}, eventTimestampMs={}, brokerId={}}}",
        partition(topic.id, &topic.name, topic.partition),
        state(&PARTITION_STATES, record.remote_partition_delete_state),
        record.event_timestamp_ms,
        record.broker_id,
    )
}

fn segment_snapshot(record: RemoteLogSegmentMetadataSnapshotRecord) -> String {
    let epochs = record.segment_leader_epochs.iter();
    format!(
        "RemoteLogSegmentMetadataSnapshot{{segmentId={}, startOffset={}, endOffset={}, maxTimestampMs={}, \
         segmentLeaderEpochs={}, segmentSizeInBytes={}, customMetadata={}, state={}, txnIdxEmpty={}}}",
        record.segment_id,
        record.start_offset,
        record.end_offset,
        record.max_timestamp_ms,
        starts(epochs.map(|epoch| (epoch.leader_epoch, epoch.offset))),
        record.segment_size_in_bytes,
        custom(record.custom_metadata.as_ref()),
        state(&SEGMENT_STATES, record.remote_log_segment_state),
        record.txn_index_empty,
    )
}

/// Leader epochs and where they start: `{0=10, 2=15}`.
fn starts(epochs: impl Iterator<Item = (i32, i64)>) -> String {
    let sorted: BTreeMap<i32, i64> = epochs.collect();
    let starts: Vec<String> =
        sorted.iter().map(|(epoch, offset)| format!("{epoch}={offset}")).collect();
    format!("{{{}}}", starts.join(", "))
}

fn partition(id: Uuid, name: &str, index: i32) -> String {
    format!("{id}:{name}-{index}")
}

fn segment_id(partition: &str, id: Uuid) -> String {
    format!("RemoteLogSegmentId{{topicIdPartition={partition}, id={id}}}")
}

fn custom(bytes: Option<&Bytes>) -> String {
    bytes.map_or_else(
        || "Optional.empty".to_owned(),
        |bytes| format!("Optional[CustomMetadata{{{} bytes}}]", bytes.len()),
    )
}

fn state(names: &[&'static str], id: i8) -> &'static str {
    usize::try_from(id).ok().and_then(|id| names.get(id).copied()).unwrap_or("null")
}
