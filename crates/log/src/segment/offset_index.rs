//! `.index`: where in the file the batch with a given last offset starts.
//!
//! An entry is the offset relative to the segment's base and the position, four bytes each. Sparse:
//! one every `index.interval.bytes`.
use super::entries::EntryFile;
use super::file::LazyFile;
use crate::error::Result;

const ENTRY_BYTES: usize = 8;

/// A batch's last offset and where the batch starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OffsetPosition {
    pub(super) offset: i64,
    pub(super) position: u64,
}

#[derive(Debug)]
pub(super) struct OffsetIndex {
    base_offset: i64,
    entries: EntryFile<ENTRY_BYTES>,
}

impl OffsetIndex {
    pub(super) fn open(file: LazyFile, base_offset: i64, bytes_max: usize) -> OffsetIndex {
        OffsetIndex { base_offset, entries: EntryFile::open(file, bytes_max) }
    }

    pub(super) fn create(
        file: LazyFile,
        base_offset: i64,
        bytes_max: usize,
    ) -> Result<OffsetIndex> {
        Ok(OffsetIndex { base_offset, entries: EntryFile::create(file, bytes_max)? })
    }

    pub(super) fn entries(&mut self) -> &mut EntryFile<ENTRY_BYTES> {
        &mut self.entries
    }

    pub(super) fn bytes(&self) -> Result<u64> {
        Ok((self.entries.len()? * ENTRY_BYTES) as u64)
    }

    pub(super) fn file(&self) -> &LazyFile {
        &self.entries.file
    }

    pub(super) fn is_full(&self) -> Result<bool> {
        Ok(self.entries.len()? >= self.entries.room())
    }

    /// Notes where the batch with this last offset starts. Offsets ascend.
    pub(super) fn append(&mut self, offset: i64, position: u64) -> Result<()> {
        let relative = (offset - self.base_offset) as u32;
        let mut entry = [0; ENTRY_BYTES];
        entry[..4].copy_from_slice(&relative.to_be_bytes());
        entry[4..].copy_from_slice(&(position as u32).to_be_bytes());
        self.entries.push(entry)
    }

    /// The last entry at or before `offset`; the start of the segment when there is none.
    pub(super) fn lookup(&self, offset: i64) -> Result<OffsetPosition> {
        let found = self.entries.floor(|entry| self.decode(entry).offset <= offset)?;
        let start = OffsetPosition { offset: self.base_offset, position: 0 };
        Ok(found.map_or(start, |(_, entry)| self.decode(&entry)))
    }

    /// The first entry whose batch starts at or after `position`: an upper bound for what is read up to there.
    pub(super) fn first_from_position(&self, position: u64) -> Result<Option<OffsetPosition>> {
        let before = self.entries.floor(|entry| self.decode(entry).position < position)?;
        let next = before.map_or(0, |(index, _)| index + 1);
        if next >= self.entries.len()? {
            return Ok(None);
        }
        Ok(Some(self.decode(&self.entries.get(next)?)))
    }

    /// Drops entries at `offset` and later.
    pub(super) fn truncate_to(&mut self, offset: i64) -> Result<()> {
        let kept = self.entries.floor(|entry| self.decode(entry).offset < offset)?;
        self.entries.truncate(kept.map_or(0, |(index, _)| index + 1))
    }

    pub(super) fn last(&self) -> Result<Option<OffsetPosition>> {
        Ok(self.entries.last()?.map(|entry| self.decode(&entry)))
    }

    /// True when the file can be an index of a segment of `records_bytes`.
    pub(super) fn is_plausible(&self, records_bytes: u64) -> Result<bool> {
        if self.entries.is_ragged()? {
            return Ok(false);
        }
        Ok(match self.last()? {
            None => true,
            Some(last) => last.offset > self.base_offset && last.position < records_bytes,
        })
    }

    fn decode(&self, entry: &[u8; ENTRY_BYTES]) -> OffsetPosition {
        let (relative, position) = entry.split_at(4);
        let number = |bytes: &[u8]| {
            u32::from_be_bytes(bytes.try_into().expect("an entry is two times four bytes"))
        };
        OffsetPosition {
            offset: self.base_offset.saturating_add(i64::from(number(relative))),
            position: u64::from(number(position)),
        }
    }
}
