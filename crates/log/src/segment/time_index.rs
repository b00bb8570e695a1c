//! `.timeindex`: the largest timestamp so far and the last offset of its batch.
//!
//! An entry is the timestamp (eight bytes) and the offset relative to the segment's base (four).
//! Timestamps ascend strictly; a closed segment's last entry is its largest timestamp.
use std::sync::OnceLock;

use super::entries::EntryFile;
use super::file::LazyFile;
use crate::error::Result;

const ENTRY_BYTES: usize = 12;

/// A timestamp and the last offset of the batch that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimestampAt {
    pub(crate) timestamp: i64,
    pub(crate) offset: i64,
}

#[derive(Debug)]
pub(super) struct TimeIndex {
    base_offset: i64,
    entries: EntryFile<ENTRY_BYTES>,
    /// Decoded last entry, once known: every append compares with it.
    last: Option<TimestampAt>,
    /// Whether what the file holds can be an index, once somebody asked.
    is_plausible: OnceLock<bool>,
}

impl TimeIndex {
    pub(super) fn open(file: LazyFile, base_offset: i64, bytes_max: usize) -> TimeIndex {
        let entries = EntryFile::open(file, bytes_max);
        TimeIndex { base_offset, entries, last: None, is_plausible: OnceLock::new() }
    }

    pub(super) fn create(file: LazyFile, base_offset: i64, bytes_max: usize) -> Result<TimeIndex> {
        let entries = EntryFile::create(file, bytes_max)?;
        Ok(TimeIndex { base_offset, entries, last: None, is_plausible: OnceLock::from(true) })
    }

    /// The entries, for what changes them as a whole.
    pub(super) fn entries(&mut self) -> &mut EntryFile<ENTRY_BYTES> {
        self.last = None;
        &mut self.entries
    }

    /// An empty file, whatever it held.
    pub(super) fn clear(&mut self) -> Result<()> {
        self.is_plausible = OnceLock::from(true);
        self.entries().clear()
    }

    pub(super) fn bytes(&self) -> Result<u64> {
        Ok((self.entries.len()? * ENTRY_BYTES) as u64)
    }

    pub(super) fn file(&self) -> &LazyFile {
        &self.entries.file
    }

    /// True when only the place for the segment's last entry is left.
    pub(super) fn is_full(&self) -> Result<bool> {
        Ok(self.entries.len()? + 1 >= self.entries.room())
    }

    /// Adds an entry if it is later than the last one. `closing` may take the last place.
    pub(super) fn append_if_later(&mut self, at: TimestampAt, closing: bool) -> Result<()> {
        let last = match self.last {
            Some(last) => last,
            None => self.last()?,
        };
        self.last = Some(last);
        if at.timestamp <= last.timestamp || (self.is_full()? && !closing) {
            return Ok(());
        }
        let mut entry = [0; ENTRY_BYTES];
        entry[..8].copy_from_slice(&at.timestamp.to_be_bytes());
        entry[8..].copy_from_slice(&((at.offset - self.base_offset) as u32).to_be_bytes());
        self.entries.push(entry)?;
        self.last = Some(at);
        Ok(())
    }

    /// The last entry; no timestamp at the base offset when there is none, or none that can be right.
    pub(super) fn last(&self) -> Result<TimestampAt> {
        let none = TimestampAt { timestamp: -1, offset: self.base_offset };
        if !self.is_plausible()? {
            return Ok(none);
        }
        Ok(self.entries.last()?.map_or(none, |entry| self.decode(&entry)))
    }

    /// The last entry at or before `timestamp`; the base offset when there is none.
    pub(super) fn lookup(&self, timestamp: i64) -> Result<TimestampAt> {
        let start = TimestampAt { timestamp: -1, offset: self.base_offset };
        if !self.is_plausible()? {
            return Ok(start);
        }
        let found = self.entries.floor(|entry| self.decode(entry).timestamp <= timestamp)?;
        Ok(found.map_or(start, |(_, entry)| self.decode(&entry)))
    }

    /// Drops entries at `offset` and later.
    pub(super) fn truncate_to(&mut self, offset: i64) -> Result<()> {
        let kept = self.entries.floor(|entry| self.decode(entry).offset < offset)?;
        self.last = None;
        self.entries.truncate(kept.map_or(0, |(index, _)| index + 1))
    }

    /// True when the file could be an index when it was first looked at.
    pub(super) fn is_plausible(&self) -> Result<bool> {
        if let Some(known) = self.is_plausible.get() {
            return Ok(*known);
        }
        let found = self.looks_plausible()?;
        if !found {
            let file = self.file().path();
            tracing::warn!(file = %file.display(), "a time index that can't be one is passed over");
        }
        Ok(*self.is_plausible.get_or_init(|| found))
    }

    fn looks_plausible(&self) -> Result<bool> {
        if self.entries.is_ragged()? {
            return Ok(false);
        }
        let Some(last) = self.entries.last()?.map(|entry| self.decode(&entry)) else {
            return Ok(true);
        };
        let first = self.decode(&self.entries.get(0)?);
        // They ascend strictly: a file of zeros is none.
        let ascends = self.entries.len()? == 1 || last.timestamp > first.timestamp;
        Ok(ascends && last.offset >= self.base_offset && first.timestamp >= 0)
    }

    fn decode(&self, entry: &[u8; ENTRY_BYTES]) -> TimestampAt {
        let (timestamp, relative) = entry.split_at(8);
        let timestamp: [u8; 8] = timestamp.try_into().expect("split at eight");
        let relative: [u8; 4] = relative.try_into().expect("four of twelve remain");
        TimestampAt {
            timestamp: i64::from_be_bytes(timestamp),
            offset: self.base_offset.saturating_add(i64::from(u32::from_be_bytes(relative))),
        }
    }
}
