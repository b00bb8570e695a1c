//! `.txnindex`: the aborted transactions whose marker is in the segment.
//!
//! The file exists only once there is one. An entry is a version (two bytes, 0) and four numbers of
//! eight bytes: producer id, first offset, last offset, last stable offset.
use std::io::IoSlice;
use std::sync::OnceLock;

use super::file::LazyFile;
use crate::error::{Error, Result};

const ENTRY_BYTES: usize = 34;
const VERSION: i16 = 0;

/// An aborted transaction, as the index keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AbortedRange {
    pub(crate) producer_id: i64,
    pub(crate) first_offset: i64,
    /// Offset of the abort marker.
    pub(crate) last_offset: i64,
    /// The last stable offset once the marker was written.
    pub(crate) last_stable_offset: i64,
}

#[derive(Debug)]
pub(super) struct TransactionIndex {
    file: LazyFile,
    /// The file's size, once somebody asked; 0 when there is none.
    bytes: OnceLock<u64>,
    /// It was cut, and may be longer on disk.
    is_cut: bool,
}

impl TransactionIndex {
    /// The file of that name, if there is one.
    pub(super) fn open(file: LazyFile) -> TransactionIndex {
        TransactionIndex { file, bytes: OnceLock::new(), is_cut: false }
    }

    /// It is known that there is no file.
    pub(super) fn is_absent(&mut self) {
        self.bytes = OnceLock::from(0);
    }

    pub(super) fn file(&self) -> &LazyFile {
        &self.file
    }

    fn bytes(&self) -> Result<u64> {
        if let Some(bytes) = self.bytes.get() {
            return Ok(*bytes);
        }
        let bytes = self.file.len()?;
        Ok(*self.bytes.get_or_init(|| bytes))
    }

    pub(super) fn is_ragged(&self) -> Result<bool> {
        Ok(!self.bytes()?.is_multiple_of(ENTRY_BYTES as u64))
    }

    pub(super) fn is_empty(&self) -> Result<bool> {
        Ok(self.bytes()? == 0)
    }

    /// Whether the disk has anything to learn of the file.
    pub(super) fn has_to_be_synced(&self) -> Result<bool> {
        Ok(self.is_cut || !self.is_empty()?)
    }

    /// Has the next sync cut the file to what it holds.
    pub(super) fn cut_again(&mut self) -> Result<()> {
        if self.file.exists()? { self.cut_to(self.bytes()?) } else { Ok(()) }
    }

    pub(super) fn append(&mut self, aborted: AbortedRange) -> Result<()> {
        let mut entry = [0; ENTRY_BYTES];
        entry[..2].copy_from_slice(&VERSION.to_be_bytes());
        let numbers = [
            aborted.producer_id,
            aborted.first_offset,
            aborted.last_offset,
            aborted.last_stable_offset,
        ];
        for (bytes, number) in entry[2..].chunks_exact_mut(8).zip(numbers) {
            bytes.copy_from_slice(&number.to_be_bytes());
        }
        let bytes = self.bytes()?;
        self.file.write(&mut [IoSlice::new(&entry)], bytes)?;
        self.bytes = OnceLock::from(bytes + ENTRY_BYTES as u64);
        Ok(())
    }

    pub(super) fn clear(&mut self) -> Result<()> {
        self.cut(0)
    }

    /// Drops transactions whose marker is at `offset` or later.
    pub(super) fn truncate_to(&mut self, offset: i64) -> Result<()> {
        let kept = self.read()?.iter().take_while(|aborted| aborted.last_offset < offset).count();
        self.cut((kept * ENTRY_BYTES) as u64)
    }

    fn cut(&mut self, bytes: u64) -> Result<()> {
        if self.bytes()? > bytes { self.cut_to(bytes) } else { Ok(()) }
    }

    fn cut_to(&mut self, bytes: u64) -> Result<()> {
        self.file.set_len(bytes)?;
        self.is_cut = true;
        self.bytes = OnceLock::from(bytes);
        Ok(())
    }

    /// Every entry, in the order of their markers.
    pub(super) fn read(&self) -> Result<Vec<AbortedRange>> {
        let bytes = self.bytes()?;
        if bytes == 0 {
            return Ok(Vec::new());
        }
        if !bytes.is_multiple_of(ENTRY_BYTES as u64) {
            return Err(Error::corrupt(&self.file.path(), "its size is no multiple of an entry's"));
        }
        let mut bytes = vec![0; bytes as usize];
        self.file.read_exact(&mut bytes, 0)?;
        bytes.chunks_exact(ENTRY_BYTES).map(|entry| self.decode(entry)).collect()
    }

    fn decode(&self, entry: &[u8]) -> Result<AbortedRange> {
        let version = i16::from_be_bytes([entry[0], entry[1]]);
        if version != VERSION {
            return Err(Error::corrupt(
                &self.file.path(),
                format!("unknown entry version {version}"),
            ));
        }
        let mut numbers = entry[2..]
            .chunks_exact(8)
            .map(|bytes| i64::from_be_bytes(bytes.try_into().expect("chunks are of eight bytes")));
        let mut next = || numbers.next().expect("an entry holds four numbers");
        let aborted = AbortedRange {
            producer_id: next(),
            first_offset: next(),
            last_offset: next(),
            last_stable_offset: next(),
        };
        if aborted.first_offset > aborted.last_offset {
            return Err(Error::corrupt(&self.file.path(), "a transaction ends before it starts"));
        }
        Ok(aborted)
    }
}
