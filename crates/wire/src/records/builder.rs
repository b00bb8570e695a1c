//! Pure. Writes record batches: the producer's, the log's own, and control batches.
//!
//! Records are encoded as they come; compression happens once, in [`BatchBuilder::build`].
use bytes::{BufMut, BytesMut};

use super::batch::crc32c;
use super::header::{ATTRIBUTES_AT, CRC_AT, HEADER_BYTES, LENGTH_OVERHEAD_BYTES};
use super::varint::{put_varint, put_varlong, varint_bytes, varlong_bytes};
use super::{
    Attributes, BatchHeader, Compression, CompressionError, CompressionType, HeaderView,
    NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP,
    TimestampType, compression,
};

/// Bytes a record takes beyond key, value and headers, at most.
const RECORD_OVERHEAD_MAX: usize = 21;

/// What the header of a batch will say.
#[derive(Clone, Debug)]
pub struct BatchOptions {
    /// Offset of the first record: 0 for a producer.
    pub base_offset: i64,
    /// Epoch of the leader, or [`NO_PARTITION_LEADER_EPOCH`].
    pub partition_leader_epoch: i32,
    /// Codec and level.
    pub compression: Compression,
    /// When set, the batch says LogAppendTime and this is every record's timestamp.
    pub log_append_time: Option<i64>,
    /// Idempotent producer, or [`NO_PRODUCER_ID`].
    pub producer_id: i64,
    /// Epoch of the producer, or [`NO_PRODUCER_EPOCH`].
    pub producer_epoch: i16,
    /// Sequence of the first record, or [`NO_SEQUENCE`].
    pub base_sequence: i32,
    /// Whether the batch belongs to a transaction.
    pub is_transactional: bool,
    /// Whether the records are control records.
    pub is_control: bool,
    /// When tombstones and markers of the batch may be removed (KIP-534).
    pub delete_horizon_ms: Option<i64>,
}

impl Default for BatchOptions {
    fn default() -> Self {
        BatchOptions {
            base_offset: 0,
            partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
            compression: Compression::NONE,
            log_append_time: None,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            base_sequence: NO_SEQUENCE,
            is_transactional: false,
            is_control: false,
            delete_horizon_ms: None,
        }
    }
}

/// Why a batch cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A timestamp below [`NO_TIMESTAMP`].
    #[error("invalid negative timestamp {timestamp}")]
    Timestamp {
        /// The timestamp.
        timestamp: i64,
    },
    /// An offset that is not above the one before it.
    #[error("illegal offset {offset} following previous offset {last_offset}")]
    OffsetOrder {
        /// The offset.
        offset: i64,
        /// The record before it, or one before the base offset.
        last_offset: i64,
    },
    /// An offset too far from the base offset.
    #[error("maximum offset delta exceeded, base offset: {base_offset}, last offset: {offset}")]
    OffsetDelta {
        /// The offset.
        offset: i64,
        /// The batch's base offset.
        base_offset: i64,
    },
    /// A record or batch of more bytes than a length field can say.
    #[error("a record or batch of {size} bytes is too large for the format")]
    TooLarge {
        /// The size it would have.
        size: usize,
    },
    /// The compressor failed.
    #[error(transparent)]
    Compression(#[from] CompressionError),
}

/// Collects records and writes them as one batch.
///
/// ```
/// use ottla_wire::records::{BatchBuilder, BatchOptions, BatchView};
/// let mut builder = BatchBuilder::new(BatchOptions::default());
/// builder.append(1_700_000_000_000, Some(b"key"), Some(b"value"), &[])?;
/// let batch = builder.build()?;
/// assert_eq!(BatchView::first(&batch).expect("a complete batch").count, 1);
/// # Ok::<(), ottla_wire::records::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    options: BatchOptions,
    /// Room for the header, then the records.
    bytes: BytesMut,
    base_timestamp: Option<i64>,
    max_timestamp: i64,
    last_offset: i64,
    count: i32,
}

impl BatchBuilder {
    /// An empty batch.
    pub fn new(options: BatchOptions) -> Self {
        Self::with_capacity(options, 1024)
    }

    /// An empty batch with room for so many bytes.
    pub fn with_capacity(options: BatchOptions, capacity: usize) -> Self {
        let mut bytes = BytesMut::with_capacity(capacity.max(HEADER_BYTES));
        bytes.put_bytes(0, HEADER_BYTES);
        BatchBuilder {
            base_timestamp: options.delete_horizon_ms,
            max_timestamp: NO_TIMESTAMP,
            last_offset: options.base_offset.wrapping_sub(1),
            count: 0,
            bytes,
            options,
        }
    }

    /// Adds a record with the next offset.
    ///
    /// # Errors
    /// `Timestamp`, `OffsetDelta`, `TooLarge`; the batch is then as before.
    pub fn append(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[HeaderView<'_>],
    ) -> Result<(), BuildError> {
        self.append_at(self.last_offset.wrapping_add(1), timestamp, key, value, headers)
    }

    /// Adds a record with this offset, which must be above the last one: compaction leaves gaps.
    ///
    /// # Errors
    /// As [`BatchBuilder::append`], and `OffsetOrder`.
    pub fn append_at(
        &mut self,
        offset: i64,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[HeaderView<'_>],
    ) -> Result<(), BuildError> {
        if timestamp < NO_TIMESTAMP {
            return Err(BuildError::Timestamp { timestamp });
        }
        if offset <= self.last_offset {
            return Err(BuildError::OffsetOrder { offset, last_offset: self.last_offset });
        }
        let base_offset = self.options.base_offset;
        let offset_delta = offset
            .checked_sub(base_offset)
            .and_then(|delta| i32::try_from(delta).ok())
            .filter(|_| self.count < i32::MAX)
            .ok_or(BuildError::OffsetDelta { offset, base_offset })?;
        let base_timestamp = self.base_timestamp.unwrap_or(timestamp);
        let timestamp_delta = timestamp.wrapping_sub(base_timestamp);
        let body = body_bytes(offset_delta, timestamp_delta, key, value, headers);
        let size = self.bytes.len() + body + 5;
        if size > i32::MAX as usize {
            return Err(BuildError::TooLarge { size });
        }
        self.bytes.reserve(body + 5);
        put_varint(&mut self.bytes, body as i32);
        put_body(&mut self.bytes, (offset_delta, timestamp_delta), key, value, headers);
        self.base_timestamp = Some(base_timestamp);
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.last_offset = offset;
        self.count += 1;
        Ok(())
    }

    /// Records so far.
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Offset of the last record, or one before the base offset.
    pub fn last_offset(&self) -> i64 {
        self.last_offset
    }

    /// Largest timestamp so far, or [`NO_TIMESTAMP`].
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// Size of the batch if it were not compressed.
    pub fn uncompressed_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// What the batch will take, when records shrink to `ratio` of their size, with Kafka's safety margin of 5 %
    /// for compressed ones.
    pub fn estimated_bytes(&self, ratio: f32) -> usize {
        if self.options.compression.kind() == CompressionType::None {
            return self.bytes.len();
        }
        let records = (self.bytes.len() - HEADER_BYTES) as f64;
        HEADER_BYTES + (records * f64::from(ratio) * 1.05) as usize
    }

    /// Size the next record will have, uncompressed.
    pub fn next_record_bytes(
        &self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[HeaderView<'_>],
    ) -> usize {
        let offset_delta =
            self.last_offset.wrapping_add(1).wrapping_sub(self.options.base_offset) as i32;
        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp.unwrap_or(timestamp));
        record_bytes(offset_delta, timestamp_delta, key, value, headers)
    }

    /// Sets what an idempotent producer knows only when it sends.
    pub fn set_producer(&mut self, producer_id: i64, producer_epoch: i16, base_sequence: i32) {
        self.options.producer_id = producer_id;
        self.options.producer_epoch = producer_epoch;
        self.options.base_sequence = base_sequence;
    }

    /// Makes the batch end at a later offset than its last record: a compacted batch keeps the range it had.
    pub fn set_last_offset(&mut self, offset: i64) {
        self.last_offset = self.last_offset.max(offset);
    }

    /// Writes the batch. The bytes may still be patched, see [`super::BatchMut`]. A batch without records is a
    /// bare header, as compaction leaves one behind to remember a producer.
    ///
    /// # Errors
    /// `Compression`, `TooLarge`, `OffsetDelta` (after [`BatchBuilder::set_last_offset`]).
    pub fn build(self) -> Result<BytesMut, BuildError> {
        let base_offset = self.options.base_offset;
        let last_offset_delta = i32::try_from(self.last_offset.wrapping_sub(base_offset))
            .map_err(|_| BuildError::OffsetDelta { offset: self.last_offset, base_offset })?;
        let kind = match self.count {
            0 => CompressionType::None,
            _ => self.options.compression.kind(),
        };
        let mut bytes = if kind == CompressionType::None {
            self.bytes
        } else {
            let mut compressed = Vec::with_capacity(self.bytes.len() / 2 + HEADER_BYTES);
            compressed.resize(HEADER_BYTES, 0);
            let records = &self.bytes[HEADER_BYTES..];
            compression::compress(self.options.compression, records, &mut compressed)?;
            BytesMut::from(bytes::Bytes::from(compressed))
        };
        let size = bytes.len();
        let length = i32::try_from(size - LENGTH_OVERHEAD_BYTES)
            .map_err(|_| BuildError::TooLarge { size })?;
        let timestamp_type = match self.options.log_append_time {
            Some(_) => TimestampType::LogAppendTime,
            None => TimestampType::CreateTime,
        };
        let mut header = BatchHeader {
            base_offset,
            length,
            partition_leader_epoch: self.options.partition_leader_epoch,
            crc: 0,
            attributes: Attributes::default()
                .with_compression(kind)
                .with_timestamp_type(timestamp_type)
                .with_transactional(self.options.is_transactional)
                .with_control(self.options.is_control)
                .with_delete_horizon(self.options.delete_horizon_ms.is_some()),
            last_offset_delta,
            base_timestamp: self.base_timestamp.unwrap_or(NO_TIMESTAMP),
            max_timestamp: self.options.log_append_time.unwrap_or(self.max_timestamp),
            producer_id: self.options.producer_id,
            producer_epoch: self.options.producer_epoch,
            base_sequence: self.options.base_sequence,
            count: self.count,
        };
        bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
        header.crc = crc32c(&bytes[ATTRIBUTES_AT..]);
        bytes[CRC_AT..CRC_AT + 4].copy_from_slice(&header.crc.to_be_bytes());
        Ok(bytes)
    }
}

/// Size of a record, with its length field.
pub fn record_bytes(
    offset_delta: i32,
    timestamp_delta: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[HeaderView<'_>],
) -> usize {
    let body = body_bytes(offset_delta, timestamp_delta, key, value, headers);
    varint_bytes(clamp(body)) + body
}

/// Size of a batch that holds this record alone, at most: what a producer compares with `max.request.size`.
pub fn record_bytes_max(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[HeaderView<'_>],
) -> usize {
    HEADER_BYTES + RECORD_OVERHEAD_MAX + content_bytes(key, value, headers)
}

fn body_bytes(
    offset_delta: i32,
    timestamp_delta: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[HeaderView<'_>],
) -> usize {
    // One byte of attributes, which no version uses.
    1 + varlong_bytes(timestamp_delta)
        + varint_bytes(offset_delta)
        + content_bytes(key, value, headers)
}

fn content_bytes(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[HeaderView<'_>]) -> usize {
    let headers_bytes: usize = headers
        .iter()
        .map(|header| nullable_bytes(Some(header.key)) + nullable_bytes(header.value))
        .sum();
    nullable_bytes(key) + nullable_bytes(value) + varint_bytes(clamp(headers.len())) + headers_bytes
}

fn nullable_bytes(field: Option<&[u8]>) -> usize {
    match field {
        None => 1,
        Some(bytes) => varint_bytes(clamp(bytes.len())) + bytes.len(),
    }
}

/// Sizes that do not fit are refused before anything is written; here they only must not wrap.
fn clamp(size: usize) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}

fn put_body(
    out: &mut BytesMut,
    (offset_delta, timestamp_delta): (i32, i64),
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[HeaderView<'_>],
) {
    out.put_i8(0);
    put_varlong(out, timestamp_delta);
    put_varint(out, offset_delta);
    put_nullable(out, key);
    put_nullable(out, value);
    put_varint(out, clamp(headers.len()));
    for header in headers {
        put_nullable(out, Some(header.key));
        put_nullable(out, header.value);
    }
}

fn put_nullable(out: &mut BytesMut, field: Option<&[u8]>) {
    match field {
        None => put_varint(out, -1),
        Some(bytes) => {
            put_varint(out, clamp(bytes.len()));
            out.put_slice(bytes);
        }
    }
}
