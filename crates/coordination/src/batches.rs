//! Records to batches of the partition: one, where they have to hold together.

use bytes::{Bytes, BytesMut};
use ottla_coordinator::EndedTransaction;
use ottla_coordinator::transaction::ProducerEpoch;
use ottla_hosting::Append;
use ottla_log::{AppendOrigin, Verification};
use ottla_wire::ErrorCode;
use ottla_wire::records::{BatchBuilder, BatchOptions, Compression};

use super::kind::Envelope;

/// The most that a record takes beside its key and value: lengths, deltas and the count of its headers.
const RECORD_OVERHEAD_MAX: usize = 32;

/// The header of a batch.
const HEADER_BYTES: usize = 61;

/// One record, encoded.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub now_ms: i64,
    pub key: Bytes,
    pub value: Option<Bytes>,
}

impl Entry {
    /// What it takes in a batch that is not compressed, at most.
    pub(super) fn bytes_max(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len) + RECORD_OVERHEAD_MAX
    }
}

/// Whether so many bytes of records make a batch of at most `bytes_max`, however badly they compress.
pub(super) fn fits(bytes: usize, compression: Compression, bytes_max: usize) -> bool {
    // No codec makes of random bytes a sixth more.
    let spare = if compression == Compression::NONE { 0 } else { bytes / 6 };
    HEADER_BYTES + bytes + spare <= bytes_max
}

/// One batch of what is too large to be sure, or must not share one. Tombstones that are too many for one batch make
/// several: each of them holds by itself.
///
/// # Errors
/// What a client is told of records that are larger than `bytes_max`.
pub(super) fn divide(
    envelope: Envelope,
    entries: &[Entry],
    compression: Compression,
    (bytes_max, now_ms): (usize, i64),
) -> Result<Vec<Bytes>, ErrorCode> {
    let batch = enveloped(envelope, entries, compression, now_ms)?;
    if batch.len() <= bytes_max {
        return Ok(vec![batch]);
    }
    let is_divisible = matches!(envelope, Envelope::Plain)
        && entries.len() > 1
        && entries.iter().all(|entry| entry.value.is_none());
    if !is_divisible {
        return Err(ErrorCode::UnknownServerError);
    }
    let (first, second) = entries.split_at(entries.len() / 2);
    let mut batches = divide(envelope, first, compression, (bytes_max, now_ms))?;
    batches.extend(divide(envelope, second, compression, (bytes_max, now_ms))?);
    Ok(batches)
}

/// One batch.
///
/// # Errors
/// `UNKNOWN_SERVER_ERROR` for what no batch can hold.
pub(super) fn enveloped(
    envelope: Envelope,
    entries: &[Entry],
    compression: Compression,
    now_ms: i64,
) -> Result<Bytes, ErrorCode> {
    let options = match envelope {
        Envelope::Marker(ended) => {
            let ProducerEpoch { producer_id, producer_epoch } = ended.producer;
            let batch = ended.marker().batch(producer_id, producer_epoch, now_ms);
            return batch.map(BytesMut::freeze).map_err(|_| ErrorCode::UnknownServerError);
        }
        Envelope::Transaction(producer) => BatchOptions {
            producer_id: producer.producer_id,
            producer_epoch: producer.producer_epoch,
            base_sequence: 0,
            is_transactional: true,
            compression,
            ..BatchOptions::default()
        },
        Envelope::Plain => BatchOptions { compression, ..BatchOptions::default() },
    };
    let mut builder = BatchBuilder::new(options);
    for Entry { now_ms, key, value } in entries {
        let appended = builder.append(*now_ms, Some(key), value.as_deref(), &[]);
        appended.map_err(|_| ErrorCode::UnknownServerError)?;
    }
    builder.build().map(BytesMut::freeze).map_err(|_| ErrorCode::UnknownServerError)
}

/// How to append such a batch.
pub(super) fn append(envelope: Envelope, verification: Verification, now_ms: i64) -> Append {
    let transaction_version = match envelope {
        Envelope::Marker(EndedTransaction { transaction_version, .. }) => transaction_version,
        Envelope::Plain | Envelope::Transaction(_) => 0,
    };
    let origin = AppendOrigin::Coordinator;
    Append { origin, required_acks: -1, now_ms, transaction_version, verification }
}

/// The log's refusals in the words of a coordinator.
pub(super) fn told(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::NotEnoughReplicas
        | ErrorCode::NotEnoughReplicasAfterAppend
        | ErrorCode::RequestTimedOut
        | ErrorCode::UnknownTopicOrPartition => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        _ => ErrorCode::UnknownServerError,
    }
}
