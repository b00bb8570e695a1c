//! Pure. One record batch, in place.
use std::ops::Deref;

use bytes::Bytes;

use super::contents::{RecordViews, Records};
use super::header::{ATTRIBUTES_AT, HEADER_BYTES};
use super::{BatchError, BatchHeader, CompressionType, compression};

/// A whole batch that lies in someone else's bytes. Derefs to its [`BatchHeader`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchView<'a> {
    header: BatchHeader,
    bytes: &'a [u8],
}

impl<'a> BatchView<'a> {
    /// The batch at the start of `bytes`; more may follow.
    ///
    /// # Errors
    /// As [`BatchHeader::read`], and `Truncated` when the batch is not complete. The checksum is not judged:
    /// see [`BatchView::check_crc`].
    pub fn first(bytes: &'a [u8]) -> Result<Self, BatchError> {
        let needed = BatchHeader::batch_bytes(bytes)?.unwrap_or(HEADER_BYTES);
        let Some(bytes) = bytes.get(..needed) else {
            return Err(BatchError::Truncated { needed, available: bytes.len() });
        };
        let header = BatchHeader::read(bytes)?;
        Ok(BatchView { header, bytes })
    }

    /// The decoded header.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The whole batch.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What comes after the header: records, or a compressed stream of them.
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[HEADER_BYTES..]
    }

    /// CRC32C of the bytes the checksum covers.
    pub fn compute_crc(&self) -> u32 {
        crc32c(&self.bytes[ATTRIBUTES_AT..])
    }

    /// Compares the checksum in the header with the bytes.
    ///
    /// # Errors
    /// `Crc`.
    pub fn check_crc(&self) -> Result<(), BatchError> {
        let (stored, computed) = (self.header.crc, self.compute_crc());
        if stored == computed { Ok(()) } else { Err(BatchError::Crc { stored, computed }) }
    }

    /// The records of an uncompressed batch, borrowed. `None` when the batch is compressed.
    ///
    /// # Errors
    /// `UnknownCompression`, `Count`.
    pub fn plain_records(&self) -> Result<Option<RecordViews<'a>>, BatchError> {
        if self.header.attributes.compression()? != CompressionType::None {
            return Ok(None);
        }
        RecordViews::new(&self.header, self.body()).map(Some)
    }

    /// The records, decompressed first where needed. `bytes_max` bounds the size of the decompressed records.
    ///
    /// # Errors
    /// `UnknownCompression`, `Count`, `Compression`.
    pub fn records(&self, bytes_max: usize) -> Result<Records, BatchError> {
        Records::new(&self.header, self.decompress(bytes_max)?)
    }

    fn decompress(&self, bytes_max: usize) -> Result<Bytes, BatchError> {
        let kind = self.header.attributes.compression()?;
        Ok(match kind {
            CompressionType::None => Bytes::copy_from_slice(self.body()),
            _ => compression::decompress(kind, self.body(), bytes_max)?.into(),
        })
    }

    /// The sequence of a record of this batch, or [`super::NO_SEQUENCE`].
    pub fn sequence_of(&self, offset_delta: i32) -> i32 {
        if self.header.base_sequence == super::NO_SEQUENCE {
            return super::NO_SEQUENCE;
        }
        super::increment_sequence(self.header.base_sequence, offset_delta)
    }
}

impl Deref for BatchView<'_> {
    type Target = BatchHeader;

    fn deref(&self) -> &BatchHeader {
        &self.header
    }
}

/// A whole batch that owns its slice of a buffer. Derefs to its [`BatchHeader`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    header: BatchHeader,
    bytes: Bytes,
}

impl Batch {
    /// The batch at the start of `bytes`; more may follow. Nothing is copied.
    ///
    /// # Errors
    /// As [`BatchView::first`].
    pub fn first(bytes: &Bytes) -> Result<Self, BatchError> {
        let view = BatchView::first(bytes)?;
        Ok(Batch { header: view.header, bytes: bytes.slice(..view.bytes.len()) })
    }

    /// The batch, borrowed.
    pub fn view(&self) -> BatchView<'_> {
        BatchView { header: self.header, bytes: &self.bytes }
    }

    /// The whole batch.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Compares the checksum in the header with the bytes.
    ///
    /// # Errors
    /// `Crc`.
    pub fn check_crc(&self) -> Result<(), BatchError> {
        self.view().check_crc()
    }

    /// The records: slices of this batch, or of one decompressed buffer of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// `UnknownCompression`, `Count`, `Compression`.
    pub fn records(&self, bytes_max: usize) -> Result<Records, BatchError> {
        match self.header.attributes.compression()? {
            CompressionType::None => Records::new(&self.header, self.bytes.slice(HEADER_BYTES..)),
            _ => self.view().records(bytes_max),
        }
    }
}

impl Deref for Batch {
    type Target = BatchHeader;

    fn deref(&self) -> &BatchHeader {
        &self.header
    }
}

/// True when `bytes` begin with a whole message of format 0 or 1, by its own checksum: what has an old
/// format's number may as well be half a batch, the rest of which a crash left as zeros.
pub fn is_old_message(bytes: &[u8]) -> bool {
    const SIZE_AT: usize = 8;
    const CRC_AT: usize = 12;
    const MAGIC_AT: usize = 16;
    let Some(size) = bytes.get(SIZE_AT..).and_then(<[u8]>::first_chunk) else { return false };
    let end = usize::try_from(i32::from_be_bytes(*size)).map(|size| CRC_AT + size);
    let Some(message) = end.ok().and_then(|end| bytes.get(CRC_AT..end)) else { return false };
    let (Some(crc), Some(rest)) = (message.first_chunk(), message.get(MAGIC_AT - CRC_AT..)) else {
        return false;
    };
    matches!(rest.first(), Some(0 | 1))
        && u32::from_be_bytes(*crc) == crc_fast::crc32_iso_hdlc(rest)
}

/// CRC32C (Castagnoli), the checksum of batches.
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Neither key nor value, format 1, at time 0.
    fn old_message() -> Vec<u8> {
        let mut message = vec![0; 8];
        message.extend(22i32.to_be_bytes());
        message.extend(0xcc2f_79d9_u32.to_be_bytes());
        message.extend([1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        message.extend([0xff; 8]);
        message
    }

    #[test]
    fn an_old_message_is_one_as_a_whole_alone() {
        let message = old_message();
        assert!(is_old_message(&message));
        assert!(is_old_message(&[&message[..], &[7; 9]].concat()), "more may follow");
        for len in 0..message.len() {
            assert!(!is_old_message(&message[..len]), "{len} bytes");
        }
        for at in 8..message.len() {
            let mut damaged = message.clone();
            damaged[at] ^= 0x10;
            assert!(!is_old_message(&damaged), "byte {at}");
        }
        assert!(!is_old_message(&[0; 100]), "half a batch");
    }
}
