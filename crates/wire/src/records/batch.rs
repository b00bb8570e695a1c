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

/// CRC32C (Castagnoli), the checksum of batches.
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}
