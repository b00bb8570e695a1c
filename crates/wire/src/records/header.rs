//! Pure. The 61 bytes before the records of a batch.
//!
//! Base offset and partition leader epoch lie outside the checksum, so that a leader can set them for free;
//! everything from the attributes on is inside.
use super::BatchError;
use super::batch::crc32c;
use super::compression::CompressionType;

/// Bytes of a batch before its first record.
pub const HEADER_BYTES: usize = 61;
/// Bytes that the length field does not count: base offset and the field itself.
pub const LENGTH_OVERHEAD_BYTES: usize = 12;
/// The format this module reads and writes.
pub const MAGIC: i8 = 2;
/// A record without a timestamp.
pub const NO_TIMESTAMP: i64 = -1;
/// A batch of no idempotent producer.
pub const NO_PRODUCER_ID: i64 = -1;
/// The epoch that goes with [`NO_PRODUCER_ID`].
pub const NO_PRODUCER_EPOCH: i16 = -1;
/// The sequence that goes with [`NO_PRODUCER_ID`].
pub const NO_SEQUENCE: i32 = -1;
/// A batch that no leader has appended yet.
pub const NO_PARTITION_LEADER_EPOCH: i32 = -1;

/// What the length field must at least say: the smallest message of format 0.
const LENGTH_MIN: i32 = 14;

pub(super) const LENGTH_AT: usize = 8;
pub(super) const LEADER_EPOCH_AT: usize = 12;
pub(super) const MAGIC_AT: usize = 16;
pub(super) const CRC_AT: usize = 17;
pub(super) const ATTRIBUTES_AT: usize = 21;
pub(super) const LAST_OFFSET_DELTA_AT: usize = 23;
pub(super) const BASE_TIMESTAMP_AT: usize = 27;
pub(super) const MAX_TIMESTAMP_AT: usize = 35;
pub(super) const PRODUCER_ID_AT: usize = 43;
pub(super) const PRODUCER_EPOCH_AT: usize = 51;
pub(super) const BASE_SEQUENCE_AT: usize = 53;
pub(super) const COUNT_AT: usize = 57;

/// Which clock a batch's timestamps come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's clock.
    #[default]
    CreateTime,
    /// The broker's clock when it appended: every record has the batch's maximum timestamp.
    LogAppendTime,
}

impl TimestampType {
    /// Kafka's name, as the configuration `message.timestamp.type` spells it.
    pub const fn name(self) -> &'static str {
        match self {
            TimestampType::CreateTime => "CreateTime",
            TimestampType::LogAppendTime => "LogAppendTime",
        }
    }

    /// The value for a name of `message.timestamp.type`.
    pub fn from_name(name: &str) -> Option<Self> {
        [TimestampType::CreateTime, TimestampType::LogAppendTime]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// The attribute bits of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(pub i16);

impl Attributes {
    const COMPRESSION: i16 = 0x07;
    const LOG_APPEND_TIME: i16 = 0x08;
    const TRANSACTIONAL: i16 = 0x10;
    const CONTROL: i16 = 0x20;
    const DELETE_HORIZON: i16 = 0x40;

    /// The codec of the records.
    pub fn compression(self) -> Result<CompressionType, BatchError> {
        let id = (self.0 & Self::COMPRESSION) as u8;
        CompressionType::from_id(id).ok_or(BatchError::UnknownCompression { id })
    }

    /// Which clock the timestamps come from.
    pub const fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::LOG_APPEND_TIME != 0 {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// Whether the batch belongs to a transaction.
    pub const fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Whether the batch holds control records.
    pub const fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// Whether the base timestamp field holds a delete horizon (KIP-534).
    pub const fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    /// These bits with another codec.
    #[must_use]
    pub const fn with_compression(self, kind: CompressionType) -> Self {
        Attributes((self.0 & !Self::COMPRESSION) | kind.id() as i16)
    }

    /// These bits with another timestamp type.
    #[must_use]
    pub const fn with_timestamp_type(self, kind: TimestampType) -> Self {
        self.with(Self::LOG_APPEND_TIME, matches!(kind, TimestampType::LogAppendTime))
    }

    /// These bits with the transactional bit set or cleared.
    #[must_use]
    pub const fn with_transactional(self, set: bool) -> Self {
        self.with(Self::TRANSACTIONAL, set)
    }

    /// These bits with the control bit set or cleared.
    #[must_use]
    pub const fn with_control(self, set: bool) -> Self {
        self.with(Self::CONTROL, set)
    }

    /// These bits with the delete horizon bit set or cleared.
    #[must_use]
    pub const fn with_delete_horizon(self, set: bool) -> Self {
        self.with(Self::DELETE_HORIZON, set)
    }

    const fn with(self, bit: i16, set: bool) -> Self {
        Attributes(if set { self.0 | bit } else { self.0 & !bit })
    }
}

/// The header of a batch, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record, whether or not compaction has removed it.
    pub base_offset: i64,
    /// Bytes after the length field.
    pub length: i32,
    /// Epoch of the leader that appended the batch.
    pub partition_leader_epoch: i32,
    /// CRC32C of everything from the attributes on.
    pub crc: u32,
    /// Codec and flags.
    pub attributes: Attributes,
    /// Last offset minus base offset.
    pub last_offset_delta: i32,
    /// What the records' timestamp deltas count from; the delete horizon when there is one.
    pub base_timestamp: i64,
    /// Largest timestamp of the records, or the append time.
    pub max_timestamp: i64,
    /// Idempotent producer, or [`NO_PRODUCER_ID`].
    pub producer_id: i64,
    /// Epoch of the producer.
    pub producer_epoch: i16,
    /// Sequence of the first record.
    pub base_sequence: i32,
    /// Records in the batch.
    pub count: i32,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`. The records need not be there, so that a log can be scanned
    /// header by header.
    ///
    /// # Errors
    /// `Truncated`, `Length`, `Magic` or `OldMagic`. The checksum and the rest of the fields are not judged here.
    pub fn read(bytes: &[u8]) -> Result<Self, BatchError> {
        let size = Self::batch_bytes(bytes)?
            .ok_or(BatchError::Truncated { needed: HEADER_BYTES, available: bytes.len() })?;
        let magic = bytes[MAGIC_AT] as i8;
        if magic != MAGIC {
            return Err(BatchError::OldMagic { magic });
        }
        if size < HEADER_BYTES {
            return Err(BatchError::Length {
                length: (size - LENGTH_OVERHEAD_BYTES) as i32,
                minimum: (HEADER_BYTES - LENGTH_OVERHEAD_BYTES) as i32,
            });
        }
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(BatchError::Truncated { needed: size, available: bytes.len() });
        };
        Ok(Self::decode(header))
    }

    /// The size of the batch (or old message) at the start of `bytes`: the length field and what it does not
    /// count. `None` when fewer than 17 bytes are there.
    ///
    /// # Errors
    /// `Length` when it is too small for any format, `LengthOverflow` when it is too large for any batch, `Magic`
    /// when the format is none.
    pub fn batch_bytes(bytes: &[u8]) -> Result<Option<usize>, BatchError> {
        // Kafka judges the length before it looks for the magic byte, and so reports it first.
        let Some(length) = bytes.get(LENGTH_AT..).and_then(|rest| rest.first_chunk()) else {
            return Ok(None);
        };
        let length = i32::from_be_bytes(*length);
        if length < LENGTH_MIN {
            return Err(BatchError::Length { length, minimum: LENGTH_MIN });
        }
        let Some(&magic) = bytes.get(MAGIC_AT) else {
            return Ok(None);
        };
        let magic = magic as i8;
        if !(0..=MAGIC).contains(&magic) {
            return Err(BatchError::Magic { magic });
        }
        if length > i32::MAX - LENGTH_OVERHEAD_BYTES as i32 {
            return Err(BatchError::LengthOverflow { length });
        }
        Ok(Some(LENGTH_OVERHEAD_BYTES + length as usize))
    }

    /// Decodes a header without judging it.
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Self {
        BatchHeader {
            base_offset: i64::from_be_bytes(field(bytes, 0)),
            length: i32::from_be_bytes(field(bytes, LENGTH_AT)),
            partition_leader_epoch: i32::from_be_bytes(field(bytes, LEADER_EPOCH_AT)),
            crc: u32::from_be_bytes(field(bytes, CRC_AT)),
            attributes: Attributes(i16::from_be_bytes(field(bytes, ATTRIBUTES_AT))),
            last_offset_delta: i32::from_be_bytes(field(bytes, LAST_OFFSET_DELTA_AT)),
            base_timestamp: i64::from_be_bytes(field(bytes, BASE_TIMESTAMP_AT)),
            max_timestamp: i64::from_be_bytes(field(bytes, MAX_TIMESTAMP_AT)),
            producer_id: i64::from_be_bytes(field(bytes, PRODUCER_ID_AT)),
            producer_epoch: i16::from_be_bytes(field(bytes, PRODUCER_EPOCH_AT)),
            base_sequence: i32::from_be_bytes(field(bytes, BASE_SEQUENCE_AT)),
            count: i32::from_be_bytes(field(bytes, COUNT_AT)),
        }
    }

    /// The header's bytes, with the fields as they are.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &self.base_offset.to_be_bytes());
        put(LENGTH_AT, &self.length.to_be_bytes());
        put(LEADER_EPOCH_AT, &self.partition_leader_epoch.to_be_bytes());
        put(MAGIC_AT, &MAGIC.to_be_bytes());
        put(CRC_AT, &self.crc.to_be_bytes());
        put(ATTRIBUTES_AT, &self.attributes.0.to_be_bytes());
        put(LAST_OFFSET_DELTA_AT, &self.last_offset_delta.to_be_bytes());
        put(BASE_TIMESTAMP_AT, &self.base_timestamp.to_be_bytes());
        put(MAX_TIMESTAMP_AT, &self.max_timestamp.to_be_bytes());
        put(PRODUCER_ID_AT, &self.producer_id.to_be_bytes());
        put(PRODUCER_EPOCH_AT, &self.producer_epoch.to_be_bytes());
        put(BASE_SEQUENCE_AT, &self.base_sequence.to_be_bytes());
        put(COUNT_AT, &self.count.to_be_bytes());
        bytes
    }

    /// The batch without its records: what compaction leaves behind where a producer's last sequence or a range of
    /// offsets must be remembered.
    pub fn emptied(&self) -> [u8; HEADER_BYTES] {
        let mut header = BatchHeader {
            length: (HEADER_BYTES - LENGTH_OVERHEAD_BYTES) as i32,
            attributes: self
                .attributes
                .with_compression(CompressionType::None)
                .with_delete_horizon(false),
            base_timestamp: NO_TIMESTAMP,
            count: 0,
            ..*self
        };
        header.crc = crc32c(&header.encode()[ATTRIBUTES_AT..]);
        header.encode()
    }

    /// Bytes of the whole batch.
    pub const fn size(&self) -> usize {
        LENGTH_OVERHEAD_BYTES + self.length as usize
    }

    /// Offset of the last record.
    pub const fn last_offset(&self) -> i64 {
        self.base_offset.wrapping_add(self.last_offset_delta as i64)
    }

    /// Offset after the last record.
    pub const fn next_offset(&self) -> i64 {
        self.last_offset().wrapping_add(1)
    }

    /// Sequence of the last record, or [`NO_SEQUENCE`].
    pub const fn last_sequence(&self) -> i32 {
        if self.base_sequence == NO_SEQUENCE {
            return NO_SEQUENCE;
        }
        increment_sequence(self.base_sequence, self.last_offset_delta)
    }

    /// Whether an idempotent producer wrote the batch.
    pub const fn has_producer_id(&self) -> bool {
        self.producer_id > NO_PRODUCER_ID
    }

    /// When tombstones and markers of this batch may be removed (KIP-534).
    pub const fn delete_horizon_ms(&self) -> Option<i64> {
        if self.attributes.has_delete_horizon() { Some(self.base_timestamp) } else { None }
    }

    /// Whether the batch belongs to a transaction.
    pub const fn is_transactional(&self) -> bool {
        self.attributes.is_transactional()
    }

    /// Whether the batch holds control records.
    pub const fn is_control(&self) -> bool {
        self.attributes.is_control()
    }

    /// Which clock the timestamps come from.
    pub const fn timestamp_type(&self) -> TimestampType {
        self.attributes.timestamp_type()
    }

    /// The timestamp of a record of this batch. A sum beyond the range wraps, as it does in Kafka.
    pub const fn timestamp_of(&self, timestamp_delta: i64) -> i64 {
        match self.timestamp_type() {
            TimestampType::CreateTime => self.base_timestamp.wrapping_add(timestamp_delta),
            TimestampType::LogAppendTime => self.max_timestamp,
        }
    }
}

/// A sequence moved forward by `increment`; sequences wrap from `i32::MAX` to 0.
pub const fn increment_sequence(sequence: i32, increment: i32) -> i32 {
    if sequence > i32::MAX.wrapping_sub(increment) {
        return increment.wrapping_sub(i32::MAX.wrapping_sub(sequence)).wrapping_sub(1);
    }
    sequence.wrapping_add(increment)
}

/// A sequence moved back by `decrement`; sequences wrap from 0 to `i32::MAX`.
pub const fn decrement_sequence(sequence: i32, decrement: i32) -> i32 {
    if sequence < decrement {
        return i32::MAX.wrapping_sub(decrement.wrapping_sub(sequence)).wrapping_add(1);
    }
    sequence.wrapping_sub(decrement)
}

fn field<const N: usize>(bytes: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect("every field ends before the header does")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_round_trips() {
        let header = BatchHeader {
            base_offset: 0x0102_0304_0506_0708,
            length: 0x1112_1314,
            partition_leader_epoch: 0x2122_2324,
            crc: 0x3132_3334,
            attributes: Attributes(0x0043),
            last_offset_delta: 0x4142_4344,
            base_timestamp: 0x5152_5354_5556_5758,
            max_timestamp: 0x6162_6364_6566_6768,
            producer_id: 0x7172_7374_7576_7778,
            producer_epoch: 0x0102,
            base_sequence: 0x0203_0405,
            count: 0x0607_0809,
        };
        assert_eq!(BatchHeader::decode(&header.encode()), header);
        assert_eq!(header.delete_horizon_ms(), Some(header.base_timestamp));
    }

    #[test]
    fn sequences_wrap() {
        let cases = [(0, 1, 1), (i32::MAX, 1, 0), (i32::MAX - 1, 2, 0), (i32::MAX, 10, 9)];
        for (sequence, step, expected) in cases {
            assert_eq!(increment_sequence(sequence, step), expected);
            assert_eq!(decrement_sequence(expected, step), sequence);
        }
    }

    #[test]
    fn attribute_bits() {
        let bits = Attributes::default()
            .with_compression(CompressionType::Zstd)
            .with_timestamp_type(TimestampType::LogAppendTime)
            .with_transactional(true)
            .with_control(true)
            .with_delete_horizon(true);
        assert_eq!(bits.0, 0x7c);
        assert_eq!(bits.compression(), Ok(CompressionType::Zstd));
        assert_eq!(
            bits.with_transactional(false).with_timestamp_type(TimestampType::CreateTime).0,
            0x64
        );
        assert_eq!(Attributes(5).compression(), Err(BatchError::UnknownCompression { id: 5 }));
    }
}
