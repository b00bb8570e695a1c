//! Pure. Writes a batch again with another codec or with offsets that count up.
use bytes::BytesMut;

use super::{
    BatchBuilder, BatchError, BatchOptions, BatchView, BuildError, Compression, HeaderView,
};

/// Decodes the records of `batch` and writes them again, numbered from the batch's base offset without gaps, with
/// this codec. Producer, flags, leader epoch and timestamps stay. For a broker whose `compression.type` is not the
/// producer's, and for producers that number records badly. `bytes_max` bounds the decompressed records.
///
/// # Errors
/// What [`BatchView::records`] and its iterator report. What cannot be written again is reported as `TooLarge`.
pub fn rebuild(
    batch: &BatchView<'_>,
    compression: Compression,
    bytes_max: usize,
) -> Result<BytesMut, BatchError> {
    let header = batch.header();
    let log_append_time = match header.timestamp_type() {
        super::TimestampType::LogAppendTime => Some(header.max_timestamp),
        super::TimestampType::CreateTime => None,
    };
    let records = batch.records(bytes_max)?;
    let mut builder = BatchBuilder::with_capacity(
        BatchOptions {
            base_offset: header.base_offset,
            partition_leader_epoch: header.partition_leader_epoch,
            compression,
            log_append_time,
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            is_transactional: header.is_transactional(),
            is_control: header.is_control(),
            delete_horizon_ms: header.delete_horizon_ms(),
        },
        records.size() + super::HEADER_BYTES,
    );
    let mut headers: Vec<HeaderView<'_>> = Vec::new();
    for record in records.views() {
        let record = record?;
        headers.clear();
        headers.extend(record.headers());
        builder.append(record.timestamp, record.key, record.value, &headers).map_err(refused)?;
    }
    builder.build().map_err(refused)
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
