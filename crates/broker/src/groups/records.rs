//! A decision's records as one batch of the partition.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ottla_coordinator::transaction::ProducerEpoch;
use ottla_coordinator::{Body, Record};
use ottla_log::{AppendOrigin, Verification};
use ottla_wire::ErrorCode;
use ottla_wire::records::{BatchBuilder, BatchOptions};

use crate::partition::{Append, Partition};

/// Appends the records as one batch and returns the log's end after it.
///
/// # Errors
/// What a client of the coordinator is told when its log can't be written.
pub(super) fn append(
    partition: &Arc<Partition>,
    records: &[Record],
    now_ms: i64,
) -> Result<i64, ErrorCode> {
    let batch = batch_of(records, now_ms)?;
    let append = append_of(records.first(), Verification::NotRequired, now_ms);
    match partition.append(batch, append) {
        Ok(appended) => Ok(appended.last_offset + 1),
        Err(failure) => Err(told(failure.code)),
    }
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
    let batch = batch_of(&[record], now_ms)?;
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
fn batch_of(records: &[Record], now_ms: i64) -> Result<Bytes, ErrorCode> {
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
            ..BatchOptions::default()
        },
        _ => BatchOptions::default(),
    };
    let mut builder = BatchBuilder::new(options);
    for record in records {
        let (key, value) = record.encode().map_err(|_| ErrorCode::InvalidCommitOffsetSize)?;
        builder
            .append(now_ms, Some(&key), value.as_deref(), &[])
            .map_err(|_| ErrorCode::InvalidCommitOffsetSize)?;
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
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => {
            ErrorCode::InvalidCommitOffsetSize
        }
        _ => ErrorCode::UnknownServerError,
    }
}
