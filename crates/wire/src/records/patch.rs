//! Pure. What a leader changes in a batch it was sent, in place.
//!
//! Offsets and leader epoch lie outside the checksum. Timestamps lie inside, so the checksum is computed again,
//! but only when they change.
use super::batch::crc32c;
use super::header::{
    ATTRIBUTES_AT, CRC_AT, HEADER_BYTES, LEADER_EPOCH_AT, MAX_TIMESTAMP_AT, TimestampType,
};
use super::{BatchError, BatchHeader, BatchView};

/// A whole batch in bytes that may be changed.
#[derive(Debug)]
pub struct BatchMut<'a> {
    bytes: &'a mut [u8],
}

impl<'a> BatchMut<'a> {
    /// The batch at the start of `bytes`; more may follow.
    ///
    /// # Errors
    /// As [`BatchView::first`].
    pub fn first(bytes: &'a mut [u8]) -> Result<Self, BatchError> {
        let size = BatchView::first(bytes)?.bytes().len();
        Ok(BatchMut { bytes: &mut bytes[..size] })
    }

    /// The header as it is now.
    pub fn header(&self) -> BatchHeader {
        BatchHeader::decode(
            self.bytes
                .first_chunk::<HEADER_BYTES>()
                .expect("a complete batch has a complete header"),
        )
    }

    /// Moves the batch, so that its first record has this offset.
    pub fn set_base_offset(&mut self, offset: i64) {
        self.put(0, &offset.to_be_bytes());
    }

    /// Moves the batch, so that its last record has this offset.
    pub fn set_last_offset(&mut self, offset: i64) {
        let delta = i64::from(self.header().last_offset_delta);
        self.set_base_offset(offset.wrapping_sub(delta));
    }

    /// Sets the epoch of the leader that appends.
    pub fn set_partition_leader_epoch(&mut self, epoch: i32) {
        self.put(LEADER_EPOCH_AT, &epoch.to_be_bytes());
    }

    /// Sets timestamp type and maximum timestamp; computes the checksum again when that changes anything.
    pub fn set_max_timestamp(&mut self, kind: TimestampType, timestamp: i64) {
        let header = self.header();
        if header.timestamp_type() == kind && header.max_timestamp == timestamp {
            return;
        }
        let attributes = header.attributes.with_timestamp_type(kind);
        self.put(ATTRIBUTES_AT, &attributes.0.to_be_bytes());
        self.put(MAX_TIMESTAMP_AT, &timestamp.to_be_bytes());
        let crc = crc32c(&self.bytes[ATTRIBUTES_AT..]);
        self.put(CRC_AT, &crc.to_be_bytes());
    }

    fn put(&mut self, at: usize, value: &[u8]) {
        self.bytes[at..at + value.len()].copy_from_slice(value);
    }
}
