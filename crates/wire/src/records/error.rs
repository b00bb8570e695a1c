//! Pure. Why a batch or a record is refused, with the facts, and the error code Kafka answers with.
use super::compression::CompressionError;
use crate::ErrorCode;

/// Why bytes are not an acceptable record batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// The bytes end before the batch does.
    #[error("the batch needs {needed} bytes, only {available} are there")]
    Truncated {
        /// Bytes the batch needs, as far as is known.
        needed: usize,
        /// Bytes that are there.
        available: usize,
    },
    /// The length field is too small for any batch.
    #[error("record size {length} is less than the minimum record overhead ({minimum})")]
    Length {
        /// The length field's value.
        length: i32,
        /// The smallest value that would do.
        minimum: i32,
    },
    /// The length field says more than a batch with its first twelve bytes can have.
    #[error("record size {length} exceeds the largest allowable message size")]
    LengthOverflow {
        /// The length field's value.
        length: i32,
    },
    /// The magic byte is none that Kafka ever used.
    #[error("invalid magic found in record: {magic}")]
    Magic {
        /// The magic byte.
        magic: i8,
    },
    /// A message set of the formats before record batches, which Kafka 4 no longer takes.
    #[error("message format {magic} is no longer supported")]
    OldMagic {
        /// 0 or 1.
        magic: i8,
    },
    /// The checksum does not match the bytes.
    #[error("record is corrupt (stored crc = {stored}, computed crc = {computed})")]
    Crc {
        /// The checksum in the header.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// A produce request carried no complete batch for a partition.
    #[error("the request must have at least one record batch per partition")]
    NoBatch,
    /// A produce request carried more than one batch for a partition.
    #[error("the request may only contain exactly one record batch per partition")]
    MoreThanOneBatch,
    /// A client did not start its batch at offset 0.
    #[error("the base offset of the record batch should be 0, but it is {base_offset}")]
    BaseOffset {
        /// The base offset found.
        base_offset: i64,
    },
    /// The last offset lies before the base offset.
    #[error("batch has an invalid offset range: [{base_offset}, {last_offset}]")]
    OffsetRange {
        /// Base offset.
        base_offset: i64,
        /// Last offset.
        last_offset: i64,
    },
    /// The record count is not positive.
    #[error("invalid reported count for record batch: {count}")]
    Count {
        /// The count in the header.
        count: i32,
    },
    /// Offsets and record count disagree.
    #[error(
        "inconsistent batch offset range [{base_offset}, {last_offset}] and count of records {count}"
    )]
    CountMismatch {
        /// Base offset.
        base_offset: i64,
        /// Last offset.
        last_offset: i64,
        /// The count in the header.
        count: i32,
    },
    /// A client sent a control batch.
    #[error("clients are not allowed to write control records")]
    ControlBatch,
    /// A producer id without a sequence.
    #[error(
        "invalid sequence number {base_sequence} in record batch with producerId {producer_id}"
    )]
    Sequence {
        /// Base sequence found.
        base_sequence: i32,
        /// Producer id found.
        producer_id: i64,
    },
    /// A timestamp below -1 in a batch that has to be written again.
    #[error("invalid negative timestamp {timestamp}")]
    Timestamp {
        /// The timestamp found.
        timestamp: i64,
    },
    /// The batch is larger than the topic takes.
    #[error(
        "the record batch is {size} bytes, which exceeds the maximum configured value of {maximum}"
    )]
    TooLarge {
        /// Size of the whole batch.
        size: usize,
        /// The limit, `max.message.bytes`.
        maximum: usize,
    },
    /// The attributes name a codec that does not exist.
    #[error("unknown compression type id: {id}")]
    UnknownCompression {
        /// The three low bits of the attributes.
        id: u8,
    },
    /// zstd in a request version that may not carry it.
    #[error("produce requests with version {version} are not allowed to use ZStandard compression")]
    ZstdNotAllowed {
        /// Version of the produce request.
        version: i16,
    },
    /// A compressed stream could not be read.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// A record is malformed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Bytes remain after the last record.
    #[error("incorrect declared batch size, records still remaining after {count} records")]
    BytesAfterLastRecord {
        /// Records that were read.
        count: i32,
    },
    /// Records that decode well but break the topic's rules, one entry for each.
    #[error("one or more records have been rejected ({} in total)", .0.len())]
    Records(Vec<super::validate::RecordFault>),
}

impl BatchError {
    /// The code a broker answers a produce request with.
    pub fn error_code(&self) -> ErrorCode {
        match self {
            BatchError::Truncated { .. }
            | BatchError::Length { .. }
            | BatchError::Magic { .. }
            | BatchError::Crc { .. } => ErrorCode::CorruptMessage,
            BatchError::OldMagic { .. }
            | BatchError::NoBatch
            | BatchError::MoreThanOneBatch
            | BatchError::BaseOffset { .. }
            | BatchError::OffsetRange { .. }
            | BatchError::Count { .. }
            | BatchError::CountMismatch { .. }
            | BatchError::ControlBatch
            | BatchError::Sequence { .. }
            | BatchError::Record(_)
            | BatchError::BytesAfterLastRecord { .. } => ErrorCode::InvalidRecord,
            BatchError::TooLarge { .. } => ErrorCode::MessageTooLarge,
            BatchError::ZstdNotAllowed { .. } => ErrorCode::UnsupportedCompressionType,
            // Kafka lets these escape as unexpected exceptions, and answers so.
            BatchError::UnknownCompression { .. }
            | BatchError::LengthOverflow { .. }
            | BatchError::Compression(_)
            | BatchError::Timestamp { .. } => ErrorCode::UnknownServerError,
            BatchError::Records(faults) => super::validate::RecordFault::error_code(faults),
        }
    }
}

/// Why the bytes of one record are malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The batch ends before its records do.
    #[error("incorrect declared batch size, premature end reached")]
    PrematureEnd,
    /// A variable-length number has too many bytes.
    #[error("found invalid record structure: a variable-length number is too long")]
    Varint,
    /// The record's length is negative or more than what is left.
    #[error("invalid record size {size}, {remaining} bytes are left")]
    Size {
        /// The length found.
        size: i32,
        /// Bytes that are left.
        remaining: usize,
    },
    /// A field reaches over the end of its record.
    #[error("found invalid record structure: a field of {length} bytes where {remaining} are left")]
    Field {
        /// The field's length.
        length: i32,
        /// Bytes left in the record.
        remaining: usize,
    },
    /// The fields end before the record does.
    #[error(
        "invalid record size: expected to read {expected} bytes in record payload, but instead read {read}"
    )]
    Unread {
        /// The record's length.
        expected: usize,
        /// Bytes its fields take.
        read: usize,
    },
    /// The number of headers is negative or more than could fit.
    #[error("found invalid number of record headers {count}")]
    HeaderCount {
        /// The count found.
        count: i32,
    },
    /// A header key has a negative length.
    #[error("invalid negative header key size {length}")]
    HeaderKey {
        /// The length found.
        length: i32,
    },
    /// The decompressor failed while the record was being read.
    #[error("failed to decompress record stream")]
    Stream,
}
