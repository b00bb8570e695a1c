//! A file of fixed-size entries in ascending order, as both indexes are.
//!
//! New entries gather in memory and are written together: an index is a hint that recovery rebuilds,
//! so it need not be newer on disk than the recovery point. The file of an active segment has room
//! reserved and is cut to its entries when the segment is closed, as Kafka does.
use std::io::IoSlice;

use super::file::LazyFile;
use crate::error::Result;

/// Entries that gather in memory before they are written.
const TAIL_ENTRIES_MAX: usize = 512;
/// Entries read at once at the end of a search.
const BLOCK_ENTRIES: usize = 256;

/// A file of `N`-byte entries.
#[derive(Debug)]
pub(super) struct EntryFile<const N: usize> {
    pub(super) file: LazyFile,
    /// Entries in the file.
    written: usize,
    /// Entries that follow, not yet in the file.
    tail: Vec<[u8; N]>,
    /// Entries that fit.
    room: usize,
}

impl<const N: usize> EntryFile<N> {
    /// The entries that the file holds by its size.
    pub(super) fn open(file: LazyFile, bytes_max: usize) -> Result<EntryFile<N>> {
        let written = usize::try_from(file.len()?).unwrap_or(usize::MAX) / N;
        Ok(EntryFile { file, written, tail: Vec::new(), room: bytes_max / N })
    }

    /// An empty file with room reserved.
    pub(super) fn create(file: LazyFile, bytes_max: usize) -> Result<EntryFile<N>> {
        let mut entries = EntryFile { file, written: 0, tail: Vec::new(), room: bytes_max / N };
        entries.clear()?;
        entries.reserve()?;
        Ok(entries)
    }

    pub(super) fn len(&self) -> usize {
        self.written + self.tail.len()
    }

    pub(super) fn room(&self) -> usize {
        self.room
    }

    pub(super) fn set_room(&mut self, bytes_max: usize) {
        self.room = (bytes_max / N).max(self.len());
    }

    /// True when the file's size is no multiple of an entry's.
    pub(super) fn is_ragged(&self) -> Result<bool> {
        Ok(self.file.len()? % N as u64 != 0)
    }

    pub(super) fn get(&self, index: usize) -> Result<[u8; N]> {
        if let Some(in_tail) = index.checked_sub(self.written) {
            return Ok(self.tail[in_tail]);
        }
        let mut entry = [0; N];
        self.file.read_exact(&mut entry, (index * N) as u64)?;
        Ok(entry)
    }

    pub(super) fn last(&self) -> Result<Option<[u8; N]>> {
        self.len().checked_sub(1).map(|index| self.get(index)).transpose()
    }

    pub(super) fn push(&mut self, entry: [u8; N]) -> Result<()> {
        self.tail.push(entry);
        if self.tail.len() >= TAIL_ENTRIES_MAX {
            self.write_tail()?;
        }
        Ok(())
    }

    /// Writes the entries that gathered.
    pub(super) fn write_tail(&mut self) -> Result<()> {
        if self.tail.is_empty() {
            return Ok(());
        }
        let bytes = self.tail.as_flattened();
        self.file.write(&mut [IoSlice::new(bytes)], (self.written * N) as u64)?;
        self.written += self.tail.len();
        self.tail.clear();
        Ok(())
    }

    /// Keeps the first `len` entries.
    pub(super) fn truncate(&mut self, len: usize) {
        if len <= self.written {
            self.tail.clear();
            self.written = len;
        } else {
            self.tail.truncate(len - self.written);
        }
    }

    /// Drops every entry and the file's bytes.
    pub(super) fn clear(&mut self) -> Result<()> {
        self.truncate(0);
        self.file.set_len(0)
    }

    /// Makes the file as large as its room: later entries overwrite the zeros.
    pub(super) fn reserve(&mut self) -> Result<()> {
        self.file.set_len((self.room * N) as u64)
    }

    /// Writes everything and cuts the file to it.
    pub(super) fn trim(&mut self) -> Result<()> {
        self.write_tail()?;
        self.file.set_len((self.written * N) as u64)
    }

    /// Index and bytes of the last entry for which `at_or_before` holds. It must hold for a prefix.
    pub(super) fn floor(
        &self,
        at_or_before: impl Fn(&[u8; N]) -> bool,
    ) -> Result<Option<(usize, [u8; N])>> {
        let in_tail = self.tail.partition_point(&at_or_before);
        if let Some(index) = in_tail.checked_sub(1) {
            return Ok(Some((self.written + index, self.tail[index])));
        }
        let (mut low, mut high) = (0, self.written);
        while high - low > BLOCK_ENTRIES {
            let middle = low + (high - low) / 2;
            if at_or_before(&self.get(middle)?) {
                low = middle;
            } else {
                high = middle;
            }
        }
        let mut block = vec![[0; N]; high - low];
        self.file_block(&mut block, low)?;
        let count = block.partition_point(&at_or_before);
        Ok(count.checked_sub(1).map(|index| (low + index, block[index])))
    }

    fn file_block(&self, block: &mut [[u8; N]], first: usize) -> Result<()> {
        if block.is_empty() {
            return Ok(());
        }
        self.file.read_exact(block.as_flattened_mut(), (first * N) as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use ottla_world::memory::MemoryDisk;

    use super::*;

    fn entries(room: usize) -> EntryFile<8> {
        let file = LazyFile::new(Arc::new(MemoryDisk::new(1)), PathBuf::from("/index"));
        EntryFile::create(file, room).unwrap()
    }

    #[test]
    fn floor_finds_across_file_and_tail() {
        let mut entries = entries(100_000);
        for number in 0..2000u64 {
            entries.push((number * 10).to_be_bytes()).unwrap();
        }
        assert!(entries.written > 1000 && !entries.tail.is_empty());
        for (target, expected) in
            [(0, Some(0)), (9, Some(0)), (10, Some(1)), (10_235, Some(1023)), (99_999, Some(1999))]
        {
            let found = entries.floor(|entry| u64::from_be_bytes(*entry) <= target).unwrap();
            assert_eq!(found.map(|(index, _)| index), expected, "{target}");
        }
        assert_eq!(entries.floor(|_| false).unwrap(), None);
        entries.truncate(5);
        assert_eq!(entries.last().unwrap(), Some(40u64.to_be_bytes()));
        entries.push(77u64.to_be_bytes()).unwrap();
        entries.trim().unwrap();
        assert_eq!(entries.file.len().unwrap(), 48);
        assert_eq!(entries.get(5).unwrap(), 77u64.to_be_bytes());
    }

    #[test]
    fn room_is_reserved_until_trimmed() {
        let mut entries = entries(100);
        assert_eq!((entries.room(), entries.file.len().unwrap()), (12, 96));
        entries.push([1; 8]).unwrap();
        entries.trim().unwrap();
        assert_eq!(entries.file.len().unwrap(), 8);
        assert!(!entries.is_ragged().unwrap());
        entries.file.set_len(9).unwrap();
        assert!(entries.is_ragged().unwrap());
    }
}
