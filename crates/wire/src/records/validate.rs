//! Pure. What a leader checks before it appends a batch.
//!
//! In Kafka's order: the shape of the request, the batch against the topic's limits, the batch's own promises, then
//! every record. An uncompressed batch is walked once in place; a compressed one streams through one small buffer,
//! so that memory stays bounded however much comes out. Nothing is allocated unless a record is refused.
use super::walk::{Shape, SliceSource, Source, StreamSource, walk};
use super::{
    BatchError, BatchHeader, BatchView, BatchViews, CompressionType, NO_TIMESTAMP, RecordError,
    TimestampType, compression,
};
use crate::ErrorCode;

/// What a batch may look like, whoever sends it.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// The topic's `max.message.bytes`.
    pub bytes_max: usize,
}

/// What the records of a topic must look like.
#[derive(Clone, Copy, Debug)]
pub struct RecordRules {
    /// The broker's clock.
    pub now_ms: i64,
    /// The topic's `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// The topic's `message.timestamp.before.max.ms`.
    pub before_max_ms: i64,
    /// The topic's `message.timestamp.after.max.ms`.
    pub after_max_ms: i64,
    /// Whether records need keys: the topic is compacted.
    pub needs_key: bool,
}

/// What was learned about the records of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Records, as counted.
    pub count: i32,
    /// Codec the batch came with.
    pub compression: CompressionType,
    /// Largest timestamp of the records, or [`NO_TIMESTAMP`].
    pub max_timestamp: i64,
    /// Index of the first record with that timestamp; -1 when there is none.
    pub max_timestamp_index: i32,
    /// Whether the records' offsets count up from the base offset without gaps. When they do not, the batch has
    /// to be rebuilt before it is appended.
    pub has_consecutive_offsets: bool,
    /// Bytes of the records, uncompressed.
    pub records_bytes: usize,
}

/// A record that breaks the topic's rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordFault {
    /// Index of the record in its batch.
    pub index: i32,
    /// What is wrong with it.
    pub kind: RecordFaultKind,
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFaultKind {
    /// No key, and the topic is compacted.
    NoKey,
    /// The timestamp is too far from the broker's clock.
    Timestamp {
        /// Offset of the record, as sent.
        offset: i64,
        /// Its timestamp.
        timestamp: i64,
        /// The earliest allowed.
        earliest: i64,
        /// The latest allowed.
        latest: i64,
    },
    /// The producer claimed the broker's timestamp type.
    TimestampType {
        /// Offset of the record, as sent.
        offset: i64,
        /// Its timestamp.
        timestamp: i64,
        /// Bytes of its key, if it has one.
        key_bytes: Option<usize>,
        /// Bytes of its value, if it has one.
        value_bytes: Option<usize>,
        /// Whether the batch is compressed.
        is_compressed: bool,
    },
}

impl RecordFaultKind {
    /// What Kafka's brokers say of it, to a producer to this partition.
    pub fn message(&self, partition: &str) -> String {
        match *self {
            RecordFaultKind::NoKey => format!(
                "Compacted topic cannot accept message without key in topic partition {partition}"
            ),
            RecordFaultKind::Timestamp { offset, timestamp, earliest, latest } => format!(
                "Timestamp {timestamp} of message with offset {offset} is out of range. The timestamp should \
                 be within [{earliest}, {latest}]"
            ),
            RecordFaultKind::TimestampType {
                offset,
                timestamp,
                key_bytes,
                value_bytes,
                is_compressed,
            } => {
                // Kafka names the Java class, and shows the size of a null only for compressed records.
                let class = if is_compressed { "PartialDefaultRecord" } else { "DefaultRecord" };
                let null = if is_compressed { -1 } else { 0 };
                let shown = |bytes: Option<usize>| bytes.map_or(null, |bytes| bytes as i64);
                format!(
                    "Invalid timestamp type in message {class}(offset={offset}, timestamp={timestamp}, \
                     key={} bytes, value={} bytes). Producer should not set timestamp type to LogAppendTime.",
                    shown(key_bytes),
                    shown(value_bytes)
                )
            }
        }
    }
}

/// Faults that are remembered of one batch. A compressed batch can hold more bad records than memory could.
const FAULTS_MAX: usize = 1 << 16;

impl RecordFault {
    /// The code of a whole batch with these faults.
    pub fn error_code(faults: &[RecordFault]) -> ErrorCode {
        if faults.iter().any(RecordFault::is_about_time) {
            ErrorCode::InvalidTimestamp
        } else {
            ErrorCode::InvalidRecord
        }
    }

    /// Kafka's message for a whole batch with these faults; `partition` as `topic-0`.
    pub fn summary(faults: &[RecordFault], partition: &str) -> String {
        if faults.iter().any(RecordFault::is_about_time) {
            return "One or more records have been rejected due to invalid timestamp".to_string();
        }
        let first: Vec<String> = faults
            .iter()
            .take(3)
            .map(|fault| {
                let message = fault.message(partition);
                format!("RecordError(batchIndex={}, message='{message}')", fault.index)
            })
            .collect();
        format!(
            "One or more records have been rejected due to {} record errors in total, and only showing the first \
             three errors at most: [{}]",
            faults.len(),
            first.join(", ")
        )
    }

    /// Kafka's message for this fault; `partition` as `topic-0`.
    pub fn message(&self, partition: &str) -> String {
        match self.kind {
            RecordFaultKind::NoKey => format!(
                "Compacted topic cannot accept message without key in topic partition {partition}"
            ),
            RecordFaultKind::Timestamp { offset, timestamp, earliest, latest } => format!(
                "Timestamp {timestamp} of message with offset {offset} is out of range. The timestamp should be \
                 within [{earliest}, {latest}]"
            ),
            RecordFaultKind::TimestampType {
                offset,
                timestamp,
                key_bytes,
                value_bytes,
                is_compressed,
            } => {
                // Kafka prints its class, and that depends on how it read the record.
                let (class, null) = match is_compressed {
                    true => ("PartialDefaultRecord", -1),
                    false => ("DefaultRecord", 0),
                };
                let length = |bytes: Option<usize>| bytes.map_or(null, |bytes| bytes as i64);
                format!(
                    "Invalid timestamp type in message {class}(offset={offset}, timestamp={timestamp}, \
                     key={} bytes, value={} bytes). Producer should not set timestamp type to LogAppendTime.",
                    length(key_bytes),
                    length(value_bytes)
                )
            }
        }
    }

    fn is_about_time(&self) -> bool {
        !matches!(self.kind, RecordFaultKind::NoKey)
    }
}

/// What a produce request may carry for a partition: one batch of this format. What follows the batch and is not
/// complete is passed over.
///
/// # Errors
/// `NoBatch`, `MoreThanOneBatch`, `OldMagic`, `ZstdNotAllowed`, and what cannot be read as a batch at all.
pub fn check_produce_shape(bytes: &[u8], version: i16) -> Result<BatchView<'_>, BatchError> {
    let mut batches = BatchViews::new(bytes);
    let batch = batches.next().ok_or(BatchError::NoBatch)??;
    if version < 7 && batch.attributes.compression()? == CompressionType::Zstd {
        return Err(BatchError::ZstdNotAllowed { version });
    }
    match batches.next() {
        None => Ok(batch),
        Some(Ok(_)) | Some(Err(BatchError::OldMagic { .. })) => Err(BatchError::MoreThanOneBatch),
        Some(Err(error)) => Err(error),
    }
}

/// What must hold for a batch from a client, records aside.
///
/// # Errors
/// `BaseOffset`, `TooLarge`, `Crc`, `OffsetRange`, `Count`, `CountMismatch`, `ControlBatch`, `Sequence`.
pub fn check_batch(batch: &BatchView<'_>, limits: &BatchLimits) -> Result<(), BatchError> {
    let BatchHeader { base_offset, count, .. } = *batch.header();
    if base_offset != 0 {
        return Err(BatchError::BaseOffset { base_offset });
    }
    if batch.size() > limits.bytes_max {
        return Err(BatchError::TooLarge { size: batch.size(), maximum: limits.bytes_max });
    }
    batch.check_crc()?;
    let last_offset = batch.last_offset();
    let offsets = i64::from(batch.last_offset_delta) + 1;
    if offsets <= 0 {
        return Err(BatchError::OffsetRange { base_offset, last_offset });
    }
    if count <= 0 {
        return Err(BatchError::Count { count });
    }
    if offsets != i64::from(count) {
        return Err(BatchError::CountMismatch { base_offset, last_offset, count });
    }
    if batch.is_control() {
        return Err(BatchError::ControlBatch);
    }
    if batch.has_producer_id() && batch.base_sequence < 0 {
        return Err(BatchError::Sequence {
            base_sequence: batch.base_sequence,
            producer_id: batch.producer_id,
        });
    }
    Ok(())
}

/// Walks every record of a batch.
///
/// # Errors
/// `UnknownCompression`, `Compression`, `Record`, `BytesAfterLastRecord`, `Records`.
pub fn check_records(batch: &BatchView<'_>, rules: &RecordRules) -> Result<Summary, BatchError> {
    let kind = batch.attributes.compression()?;
    let mut check = Check::new(batch, rules, kind);
    let header = batch.header();
    if header.count < 0 {
        return Err(BatchError::Count { count: header.count });
    }
    if kind == CompressionType::None {
        let mut source = SliceSource::new(batch.body(), 0);
        check.all(&mut source)?;
        return check.finish(source.remaining() == Some(0), source.position());
    }
    let mut source = StreamSource::new(compression::decoder(kind, batch.body())?);
    let walked = match check.all(&mut source) {
        Ok(()) => source.is_at_end(),
        Err(error) => Err(error),
    };
    match walked {
        Ok(is_at_end) => check.finish(is_at_end, source.position()),
        Err(RecordError::Stream) => Err(match source.into_failure() {
            Some(failure) => failure.into(),
            None => RecordError::Stream.into(),
        }),
        Err(error) => Err(error.into()),
    }
}

/// All checks of a batch from a client, in Kafka's order.
///
/// # Errors
/// As [`check_produce_shape`], [`check_batch`] and [`check_records`].
pub fn validate_produce<'a>(
    bytes: &'a [u8],
    version: i16,
    limits: &BatchLimits,
    rules: &RecordRules,
) -> Result<(BatchView<'a>, Summary), BatchError> {
    let batch = check_produce_shape(bytes, version)?;
    check_batch(&batch, limits)?;
    let summary = check_records(&batch, rules)?;
    Ok((batch, summary))
}

struct Check<'a> {
    header: &'a BatchHeader,
    rules: &'a RecordRules,
    summary: Summary,
    faults: Vec<RecordFault>,
}

impl<'a> Check<'a> {
    fn new(batch: &'a BatchView<'_>, rules: &'a RecordRules, kind: CompressionType) -> Self {
        Check {
            header: batch.header(),
            rules,
            summary: Summary {
                count: 0,
                compression: kind,
                max_timestamp: NO_TIMESTAMP,
                max_timestamp_index: -1,
                has_consecutive_offsets: true,
                records_bytes: 0,
            },
            faults: Vec::new(),
        }
    }

    fn all<S: Source>(&mut self, source: &mut S) -> Result<(), RecordError> {
        for index in 0..self.header.count {
            let shape = walk(source)?;
            self.record(index, &shape);
        }
        Ok(())
    }

    #[inline]
    fn record(&mut self, index: i32, shape: &Shape) {
        let timestamp = self.header.timestamp_of(shape.timestamp_delta);
        if let Some(kind) = self.fault(shape, timestamp)
            && self.faults.len() < FAULTS_MAX
        {
            self.faults.push(RecordFault { index, kind });
        }
        if timestamp > self.summary.max_timestamp {
            self.summary.max_timestamp = timestamp;
            self.summary.max_timestamp_index = index;
        }
        if shape.offset_delta != index {
            self.summary.has_consecutive_offsets = false;
        }
        self.summary.count += 1;
    }

    #[inline]
    fn fault(&self, shape: &Shape, timestamp: i64) -> Option<RecordFaultKind> {
        if self.rules.needs_key && shape.key.is_none() {
            return Some(RecordFaultKind::NoKey);
        }
        let offset = self.header.base_offset.wrapping_add(i64::from(shape.offset_delta));
        let rules = self.rules;
        // Kafka looks at the claimed timestamp type only where it does not look at the timestamp.
        if rules.timestamp_type == TimestampType::CreateTime && timestamp != NO_TIMESTAMP {
            // The sums wrap as Java's do: the limits are i64::MAX unless somebody set them.
            let age = rules.now_ms.wrapping_sub(timestamp);
            let is_off = age > rules.before_max_ms || age.wrapping_neg() > rules.after_max_ms;
            return is_off.then_some(RecordFaultKind::Timestamp {
                offset,
                timestamp,
                earliest: rules.now_ms.wrapping_sub(rules.before_max_ms),
                latest: rules.now_ms.wrapping_add(rules.after_max_ms),
            });
        }
        (self.header.timestamp_type() == TimestampType::LogAppendTime).then_some(
            RecordFaultKind::TimestampType {
                offset,
                timestamp,
                key_bytes: shape.key.map(|span| span.length),
                value_bytes: shape.value.map(|span| span.length),
                is_compressed: self.summary.compression != CompressionType::None,
            },
        )
    }

    fn finish(mut self, is_at_end: bool, position: usize) -> Result<Summary, BatchError> {
        if !is_at_end {
            return Err(BatchError::BytesAfterLastRecord { count: self.header.count });
        }
        if !self.faults.is_empty() {
            return Err(BatchError::Records(self.faults));
        }
        self.summary.records_bytes = position;
        Ok(self.summary)
    }
}
