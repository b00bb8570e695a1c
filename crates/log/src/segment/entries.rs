//! A file of fixed-size entries in ascending order, as both indexes are.
//!
//! New entries gather in memory and are written together: an index is a hint that recovery rebuilds,
//! so it need not be newer on disk than the recovery point. Nothing is asked of the disk before it is
//! needed: a start with many segments looks at no index of a closed one. With its first entries the
//! file of an active segment gets room reserved, and is cut to its entries when the segment is closed,
//! as Kafka does.
use std::io::IoSlice;
use std::sync::OnceLock;

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
    /// Entries in the file; by its size until something is known.
    written: OnceLock<usize>,
    /// Entries that follow, not yet in the file.
    tail: Vec<[u8; N]>,
    /// Entries that fit.
    room: usize,
    /// The file gets its room with the next entries that are written.
    is_growing: bool,
}

impl<const N: usize> EntryFile<N> {
    /// The entries that the file holds by its size.
    pub(super) fn open(file: LazyFile, bytes_max: usize) -> EntryFile<N> {
        let room = bytes_max / N;
        EntryFile { file, written: OnceLock::new(), tail: Vec::new(), room, is_growing: false }
    }

    /// An empty file with room to come.
    pub(super) fn create(file: LazyFile, bytes_max: usize) -> Result<EntryFile<N>> {
        file.create()?;
        // It may take long until the first entries are written.
        file.release();
        let room = bytes_max / N;
        Ok(EntryFile { file, written: OnceLock::from(0), tail: Vec::new(), room, is_growing: true })
    }

    fn written(&self) -> Result<usize> {
        if let Some(written) = self.written.get() {
            return Ok(*written);
        }
        let written = usize::try_from(self.file.len()?).unwrap_or(usize::MAX) / N;
        Ok(*self.written.get_or_init(|| written))
    }

    fn set_written(&mut self, written: usize) {
        self.written = OnceLock::from(written);
    }

    pub(super) fn len(&self) -> Result<usize> {
        Ok(self.written()? + self.tail.len())
    }

    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// Becomes an active segment's again: more entries will come.
    pub(super) fn set_room(&mut self, bytes_max: usize) -> Result<()> {
        self.room = (bytes_max / N).max(self.len()?);
        self.is_growing = true;
        Ok(())
    }

    /// True when the file's size is no multiple of an entry's. What it holds is known then.
    pub(super) fn is_ragged(&self) -> Result<bool> {
        let bytes = self.file.len()?;
        let _ = self.written.set(usize::try_from(bytes).unwrap_or(usize::MAX) / N);
        Ok(bytes % N as u64 != 0)
    }

    pub(super) fn get(&self, index: usize) -> Result<[u8; N]> {
        if let Some(in_tail) = index.checked_sub(self.written()?) {
            return Ok(self.tail[in_tail]);
        }
        let mut entry = [0; N];
        self.file.read_exact(&mut entry, (index * N) as u64)?;
        Ok(entry)
    }

    pub(super) fn last(&self) -> Result<Option<[u8; N]>> {
        self.len()?.checked_sub(1).map(|index| self.get(index)).transpose()
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
        let written = self.written()?;
        if std::mem::take(&mut self.is_growing) {
            // Later entries overwrite the zeros.
            self.file.set_len((self.room.max(written + self.tail.len()) * N) as u64)?;
        }
        let bytes = self.tail.as_flattened();
        self.file.write(&mut [IoSlice::new(bytes)], (written * N) as u64)?;
        self.set_written(written + self.tail.len());
        self.tail.clear();
        Ok(())
    }

    /// Keeps the first `len` entries.
    pub(super) fn truncate(&mut self, len: usize) -> Result<()> {
        let written = self.written()?;
        if len <= written {
            self.tail.clear();
            self.set_written(len);
        } else {
            self.tail.truncate(len - written);
        }
        Ok(())
    }

    /// Drops every entry and the file's bytes.
    pub(super) fn clear(&mut self) -> Result<()> {
        self.tail.clear();
        self.set_written(0);
        self.is_growing = false;
        self.file.create()
    }

    /// Writes everything and cuts the file to it.
    pub(super) fn trim(&mut self) -> Result<()> {
        self.is_growing = false;
        self.write_tail()?;
        self.tail.shrink_to_fit();
        let bytes = (self.written()? * N) as u64;
        if self.file.len()? == bytes { Ok(()) } else { self.file.set_len(bytes) }
    }

    /// Index and bytes of the last entry for which `at_or_before` holds. It must hold for a prefix.
    pub(super) fn floor(
        &self,
        at_or_before: impl Fn(&[u8; N]) -> bool,
    ) -> Result<Option<(usize, [u8; N])>> {
        let in_tail = self.tail.partition_point(&at_or_before);
        if let Some(index) = in_tail.checked_sub(1) {
            return Ok(Some((self.written()? + index, self.tail[index])));
        }
        let (mut low, mut high) = (0, self.written()?);
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
    use std::sync::Arc;

    use ottla_world::Descriptors;
    use ottla_world::memory::MemoryDisk;

    use super::super::file::Home;
    use super::*;
    use crate::names::FileKind;

    fn entries(room: usize) -> EntryFile<8> {
        let home = Arc::new(Home {
            disk: Arc::new(MemoryDisk::new(1)),
            descriptors: Arc::new(Descriptors::new(1)),
            directory: "/".into(),
            suffix: "",
        });
        EntryFile::create(LazyFile::new(&home, 0, FileKind::OffsetIndex), room).unwrap()
    }

    #[test]
    fn floor_finds_across_file_and_tail() {
        let mut entries = entries(100_000);
        for number in 0..2000u64 {
            entries.push((number * 10).to_be_bytes()).unwrap();
        }
        assert!(entries.written().unwrap() > 1000 && !entries.tail.is_empty());
        for (target, expected) in
            [(0, Some(0)), (9, Some(0)), (10, Some(1)), (10_235, Some(1023)), (99_999, Some(1999))]
        {
            let found = entries.floor(|entry| u64::from_be_bytes(*entry) <= target).unwrap();
            assert_eq!(found.map(|(index, _)| index), expected, "{target}");
        }
        assert_eq!(entries.floor(|_| false).unwrap(), None);
        entries.truncate(5).unwrap();
        assert_eq!(entries.last().unwrap(), Some(40u64.to_be_bytes()));
        entries.push(77u64.to_be_bytes()).unwrap();
        entries.trim().unwrap();
        assert_eq!(entries.file.len().unwrap(), 48);
        assert_eq!(entries.get(5).unwrap(), 77u64.to_be_bytes());
    }

    #[test]
    fn room_is_reserved_from_the_first_entry_until_trimmed() {
        let mut entries = entries(100);
        assert_eq!((entries.room(), entries.file.len().unwrap()), (12, 0));
        entries.push([1; 8]).unwrap();
        entries.write_tail().unwrap();
        assert_eq!(entries.file.len().unwrap(), 96);
        entries.trim().unwrap();
        assert_eq!(entries.file.len().unwrap(), 8);
        assert!(!entries.is_ragged().unwrap());
        entries.set_room(100).unwrap();
        entries.push([2; 8]).unwrap();
        entries.write_tail().unwrap();
        assert_eq!(entries.file.len().unwrap(), 96);
        entries.file.set_len(9).unwrap();
        assert!(entries.is_ragged().unwrap());
    }
}
