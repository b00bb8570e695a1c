//! Pure. Writes a batch again: with another codec, with offsets that count up, or with fewer records.
use bytes::BytesMut;

#[cfg(doc)]
use super::BatchHeader;
use super::{
    BatchBuilder, BatchError, BatchOptions, BatchView, BuildError, Compression, HEADER_BYTES,
    HeaderView, RecordView, TimestampType,
};

/// Decodes the records of `batch` and writes them again, numbered from the batch's base offset without gaps, with
/// this codec. Producer, flags, leader epoch and timestamps stay. For a broker whose `compression.type` is not the
/// producer's, and for producers that number records badly. `bytes_max` bounds the decompressed records.
///
/// # Errors
/// What [`BatchView::records`] and its iterator report, and what [`BatchBuilder`] refuses, as a `BatchError`.
pub fn rebuild(
    batch: &BatchView<'_>,
    compression: Compression,
    bytes_max: usize,
) -> Result<BytesMut, BatchError> {
    let records = batch.records(bytes_max)?;
    let options = BatchOptions { compression, ..options_of(batch) };
    let mut builder = BatchBuilder::with_capacity(options, records.size() + HEADER_BYTES);
    let mut headers: Vec<HeaderView<'_>> = Vec::new();
    for record in records.views() {
        let record = record?;
        headers.clear();
        headers.extend(record.headers());
        builder.append(record.timestamp, record.key, record.value, &headers).map_err(refused)?;
    }
    builder.build().map_err(refused)
}

/// Writes the batch again with the records that `is_kept` says, for a log cleaner. Offsets stay, and so does the
/// range of the batch, so that followers and producers see no other numbers. A delete horizon, where one is given,
/// takes the place of the base timestamp (KIP-534). `None` when no record is kept: see [`BatchHeader::emptied`].
///
/// # Errors
/// As [`rebuild`].
pub fn retain(
    batch: &BatchView<'_>,
    delete_horizon_ms: Option<i64>,
    bytes_max: usize,
    mut is_kept: impl FnMut(&RecordView<'_>) -> bool,
) -> Result<Option<BytesMut>, BatchError> {
    let records = batch.records(bytes_max)?;
    let compression = Compression::of(batch.attributes.compression()?);
    let given = options_of(batch);
    let delete_horizon_ms = delete_horizon_ms.or(given.delete_horizon_ms);
    let options = BatchOptions { compression, delete_horizon_ms, ..given };
    let mut builder = BatchBuilder::with_capacity(options, records.size() + HEADER_BYTES);
    let mut headers: Vec<HeaderView<'_>> = Vec::new();
    for record in records.views() {
        let record = record?;
        if !is_kept(&record) {
            continue;
        }
        headers.clear();
        headers.extend(record.headers());
        builder
            .append_at(record.offset, record.timestamp, record.key, record.value, &headers)
            .map_err(refused)?;
    }
    if builder.is_empty() {
        return Ok(None);
    }
    builder.set_last_offset(batch.last_offset());
    builder.build().map(Some).map_err(refused)
}

/// What the header of `batch` says, without its codec.
fn options_of(batch: &BatchView<'_>) -> BatchOptions {
    let header = batch.header();
    BatchOptions {
        base_offset: header.base_offset,
        partition_leader_epoch: header.partition_leader_epoch,
        compression: Compression::NONE,
        log_append_time: match header.timestamp_type() {
            TimestampType::LogAppendTime => Some(header.max_timestamp),
            TimestampType::CreateTime => None,
        },
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        is_transactional: header.is_transactional(),
        is_control: header.is_control(),
        delete_horizon_ms: header.delete_horizon_ms(),
    }
}

fn refused(error: BuildError) -> BatchError {
    match error {
        BuildError::Compression(error) => BatchError::Compression(error),
        BuildError::Timestamp { timestamp } => BatchError::Timestamp { timestamp },
        BuildError::TooLarge { size } => BatchError::TooLarge { size, maximum: i32::MAX as usize },
        BuildError::OffsetOrder { offset, .. } | BuildError::OffsetDelta { offset, .. } => {
            BatchError::OffsetRange { base_offset: offset, last_offset: offset }
        }
    }
}
