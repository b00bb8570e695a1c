//! A decision's records as one batch of the partition.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ottla_coordinator::transaction::Record;
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
    let batch = batch_of(records, now_ms).ok_or(ErrorCode::UnknownServerError)?;
    let append = Append {
        origin: AppendOrigin::Coordinator,
        required_acks: -1,
        now_ms,
        transaction_version: 0,
        verification: Verification::NotRequired,
    };
    match partition.append(batch, append) {
        Ok(appended) => Ok(appended.last_offset + 1),
        Err(failure) => Err(told(failure.code)),
    }
}

fn batch_of(records: &[Record], now_ms: i64) -> Option<Bytes> {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for record in records {
        let (key, value) = record.encode().ok()?;
        builder.append(now_ms, Some(&key), value.as_deref(), &[]).ok()?;
    }
    builder.build().map(BytesMut::freeze).ok()
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
