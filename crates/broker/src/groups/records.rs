//! A decision's records as batches of the partition: one, where they have to hold together.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ottla_coordinator::transaction::ProducerEpoch;
use ottla_coordinator::{Body, Record};
use ottla_log::{AppendOrigin, Verification};
use ottla_wire::ErrorCode;
use ottla_wire::records::{BatchBuilder, BatchOptions, Compression, CompressionType};

use crate::partition::{Append, Partition};

/// A decision's records, ready for the log.
#[derive(Debug)]
pub(super) struct Prepared {
    batches: Vec<Bytes>,
    append: Append,
}

/// Makes one batch of the records. Tombstones that are too many for one batch make several: each of
/// them holds by itself.
///
/// # Errors
/// What a client is told of records that are larger than the topic's `max.message.bytes`.
pub(super) fn prepare(
    partition: &Partition,
    records: &[Record],
    compression: Compression,
    now_ms: i64,
) -> Result<Prepared, ErrorCode> {
    let mut batches = Vec::new();
    let bytes_max = partition.settings().log.max_message_bytes;
    let bytes_max = usize::try_from(bytes_max).unwrap_or(0);
    let refused = |bytes: usize| {
        tracing::warn!(
            partition = partition.index(),
            bytes,
            bytes_max,
            "records of a group are larger than the offsets topic takes"
        );
        ErrorCode::UnknownServerError
    };
    divide(records, compression, now_ms, bytes_max, &mut batches).map_err(
        |failed| match failed {
            Unfit::Bytes(bytes) => refused(bytes),
            Unfit::Malformed => ErrorCode::UnknownServerError,
        },
    )?;
    let append = append_of(records.first(), Verification::NotRequired, now_ms);
    Ok(Prepared { batches, append })
}

enum Unfit {
    Bytes(usize),
    Malformed,
}

fn divide(
    records: &[Record],
    compression: Compression,
    now_ms: i64,
    bytes_max: usize,
    batches: &mut Vec<Bytes>,
) -> Result<(), Unfit> {
    let batch = batch_of(records, compression, now_ms).map_err(|_| Unfit::Malformed)?;
    if batch.len() <= bytes_max {
        batches.push(batch);
        return Ok(());
    }
    if records.len() < 2 || !records.iter().all(is_tombstone) {
        return Err(Unfit::Bytes(batch.len()));
    }
    let (first, second) = records.split_at(records.len() / 2);
    divide(first, compression, now_ms, bytes_max, batches)?;
    divide(second, compression, now_ms, bytes_max, batches)
}

fn is_tombstone(record: &Record) -> bool {
    matches!(
        record,
        Record::OffsetCommit { value: None, .. }
            | Record::GroupMetadata { value: None, .. }
            | Record::Unknown { value: None, .. }
    )
}

/// Appends what was prepared and returns the log's end after it.
///
/// # Errors
/// What a client of the coordinator is told when its log can't be written.
pub(super) fn append(partition: &Arc<Partition>, prepared: Prepared) -> Result<i64, ErrorCode> {
    let mut end = -1;
    for batch in prepared.batches {
        match partition.append(batch, prepared.append) {
            Ok(appended) => end = appended.last_offset + 1,
            Err(failure) => return Err(told(failure.code)),
        }
    }
    Ok(end)
}

/// Whether the log would take what a transaction or its marker writes. A machine that has decided can't take its
/// decision back, so this is asked before; nobody else writes to the partition in between.
///
/// # Errors
/// What the log would refuse it with.
pub(super) fn admits(
    partition: &Arc<Partition>,
    body: &Body,
    verification: Verification,
    now_ms: i64,
) -> Result<(), ErrorCode> {
    let record = match body {
        Body::TxnOffsetCommit(request) => {
            let (producer_id, producer_epoch) = (request.producer_id, request.producer_epoch);
            let producer = ProducerEpoch { producer_id, producer_epoch };
            let (key, value) = (Default::default(), Some(Default::default()));
            Record::TransactionalOffset { producer, key, value }
        }
        Body::EndTransaction(ended) => Record::EndTransaction(*ended),
        _ => return Ok(()),
    };
    let append = append_of(Some(&record), verification, now_ms);
    let batch = batch_of(&[record], Compression::of(CompressionType::None), now_ms)?;
    partition.would_append(batch, append).map_err(|failure| match failure.code {
        ErrorCode::InvalidProducerEpoch
        | ErrorCode::TransactionCoordinatorFenced
        | ErrorCode::InvalidTxnState => failure.code,
        code => told(code),
    })
}

fn append_of(first: Option<&Record>, verification: Verification, now_ms: i64) -> Append {
    let transaction_version = match first {
        Some(Record::EndTransaction(ended)) => ended.transaction_version,
        _ => 0,
    };
    let origin = AppendOrigin::Coordinator;
    Append { origin, required_acks: -1, now_ms, transaction_version, verification }
}

/// All records of a batch are of one transaction, or of none.
fn batch_of(records: &[Record], compression: Compression, now_ms: i64) -> Result<Bytes, ErrorCode> {
    let options = match records.first() {
        Some(Record::EndTransaction(ended)) => {
            let ProducerEpoch { producer_id, producer_epoch } = ended.producer;
            let batch = ended.marker().batch(producer_id, producer_epoch, now_ms);
            return batch.map(BytesMut::freeze).map_err(|_| ErrorCode::UnknownServerError);
        }
        Some(Record::TransactionalOffset { producer, .. }) => BatchOptions {
            producer_id: producer.producer_id,
            producer_epoch: producer.producer_epoch,
            base_sequence: 0,
            is_transactional: true,
            compression,
            ..BatchOptions::default()
        },
        _ => BatchOptions { compression, ..BatchOptions::default() },
    };
    let mut builder = BatchBuilder::new(options);
    for record in records {
        let (key, value) = record.encode().map_err(|_| ErrorCode::UnknownServerError)?;
        builder
            .append(now_ms, Some(&key), value.as_deref(), &[])
            .map_err(|_| ErrorCode::UnknownServerError)?;
    }
    builder.build().map(BytesMut::freeze).map_err(|_| ErrorCode::UnknownServerError)
}

/// The log's refusals in the words of a coordinator.
fn told(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::NotEnoughReplicas
        | ErrorCode::NotEnoughReplicasAfterAppend
        | ErrorCode::RequestTimedOut
        | ErrorCode::UnknownTopicOrPartition => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        _ => ErrorCode::UnknownServerError,
    }
}
