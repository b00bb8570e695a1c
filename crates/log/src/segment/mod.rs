//! One file of records and its indexes.
//!
//! # Layout
//! - `file`: opened when needed; `entries`: fixed-size entries, below both indexes
//! - `offset_index`, `time_index`, `transaction_index`: the three indexes
//! - `scan`: walking over batches; `search`: finding offsets and timestamps
//!
//! Both indexes are hints: a search that starts where an entry says checks what it finds there.
mod entries;
mod file;
mod offset_index;
mod scan;
mod search;
mod time_index;
mod transaction_index;

use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ottla_world::Disk;

pub(crate) use file::LazyFile;
use offset_index::OffsetIndex;
pub(crate) use scan::{Found, Located, Scan};
pub(crate) use search::{DECOMPRESSED_BYTES_MAX, Place, TimestampedRecord};
use time_index::TimeIndex;
pub(crate) use time_index::TimestampAt;
pub(crate) use transaction_index::AbortedRange;
use transaction_index::TransactionIndex;

use crate::config::LogConfig;
use crate::error::{Error, Result};
use crate::names::{FileKind, with_suffix};

/// What the log knows of a batch that it appends to a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AppendedBatch {
    pub(crate) last_offset: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) bytes: u64,
}

/// One file of records and its indexes.
#[derive(Debug)]
pub(crate) struct Segment {
    base_offset: i64,
    records: LazyFile,
    bytes: u64,
    offset_index: OffsetIndex,
    time_index: TimeIndex,
    transaction_index: TransactionIndex,
    bytes_since_index_entry: u64,
    /// Largest timestamp and the last offset of its batch; from the time index once asked for.
    largest: OnceLock<TimestampAt>,
    /// Largest timestamp of the first batch, from which the segment's age counts.
    first_timestamp: Option<i64>,
    created_ms: i64,
    /// Taken from `segment.ms` for this segment.
    jitter_ms: i64,
}

/// Where a segment lies and how it is kept.
pub(crate) struct SegmentPlace<'a> {
    pub(crate) disk: &'a Arc<dyn Disk>,
    pub(crate) directory: &'a Path,
    pub(crate) base_offset: i64,
    /// After the files' names, while compaction writes them; else nothing.
    pub(crate) suffix: &'static str,
}

impl SegmentPlace<'_> {
    fn file(&self, kind: FileKind) -> LazyFile {
        let path = with_suffix(&kind.path(self.directory, self.base_offset), self.suffix);
        LazyFile::new(Arc::clone(self.disk), path)
    }
}

impl Segment {
    /// A segment that is on disk.
    pub(crate) fn open(
        place: &SegmentPlace<'_>,
        config: &LogConfig,
        now_ms: i64,
    ) -> Result<Segment> {
        let records = place.file(FileKind::Records);
        let index_bytes = index_bytes(config);
        let base = place.base_offset;
        Ok(Segment {
            base_offset: base,
            bytes: records.len()?,
            records,
            offset_index: OffsetIndex::open(place.file(FileKind::OffsetIndex), base, index_bytes)?,
            time_index: TimeIndex::open(place.file(FileKind::TimeIndex), base, index_bytes)?,
            transaction_index: TransactionIndex::open(place.file(FileKind::TransactionIndex))?,
            bytes_since_index_entry: 0,
            largest: OnceLock::new(),
            first_timestamp: None,
            created_ms: now_ms,
            jitter_ms: 0,
        })
    }

    /// A new, empty segment with room for its indexes. Left-over files of that name are emptied.
    pub(crate) fn create(
        place: &SegmentPlace<'_>,
        config: &LogConfig,
        now_ms: i64,
    ) -> Result<Segment> {
        let records = place.file(FileKind::Records);
        records.set_len(0)?;
        if config.preallocate {
            records.allocate(u64::try_from(config.segment_bytes).unwrap_or(0))?;
        }
        let index_bytes = index_bytes(config);
        let base = place.base_offset;
        let mut transaction_index = TransactionIndex::open(place.file(FileKind::TransactionIndex))?;
        transaction_index.clear()?;
        Ok(Segment {
            base_offset: base,
            bytes: 0,
            records,
            offset_index: OffsetIndex::create(
                place.file(FileKind::OffsetIndex),
                base,
                index_bytes,
            )?,
            time_index: TimeIndex::create(place.file(FileKind::TimeIndex), base, index_bytes)?,
            transaction_index,
            bytes_since_index_entry: 0,
            largest: OnceLock::from(TimestampAt { timestamp: -1, offset: base }),
            first_timestamp: None,
            created_ms: now_ms,
            jitter_ms: 0,
        })
    }

    pub(crate) fn base_offset(&self) -> i64 {
        self.base_offset
    }

    /// Bytes of records.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn records(&self) -> &LazyFile {
        &self.records
    }

    pub(crate) fn set_jitter(&mut self, jitter_ms: i64) {
        self.jitter_ms = jitter_ms;
    }

    /// True when `offset` can be said relative to the base offset.
    pub(crate) fn can_hold(&self, offset: i64) -> bool {
        (0..=i64::from(i32::MAX)).contains(&(offset - self.base_offset))
    }

    /// Writes batches at the end and notes them in the indexes. `slices` are the batches' bytes.
    pub(crate) fn append(
        &mut self,
        slices: &mut [IoSlice<'_>],
        batches: &[AppendedBatch],
        index_interval_bytes: u64,
    ) -> Result<()> {
        if batches.is_empty() {
            return Ok(());
        }
        self.records.write(slices, self.bytes)?;
        if self.bytes == 0 {
            self.first_timestamp = Some(batches[0].max_timestamp);
        }
        for batch in batches {
            self.note(batch, index_interval_bytes)?;
        }
        Ok(())
    }

    /// Notes a batch that lies at the end of what is noted: size, timestamps, indexes.
    pub(crate) fn note(&mut self, batch: &AppendedBatch, index_interval_bytes: u64) -> Result<()> {
        let mut largest = self.largest()?;
        if batch.max_timestamp > largest.timestamp {
            largest = TimestampAt { timestamp: batch.max_timestamp, offset: batch.last_offset };
            self.largest = OnceLock::from(largest);
        }
        if self.bytes_since_index_entry > index_interval_bytes {
            self.offset_index.append(batch.last_offset, self.bytes)?;
            self.time_index.append_if_later(largest, false)?;
            self.bytes_since_index_entry = 0;
        }
        self.bytes += batch.bytes;
        self.bytes_since_index_entry += batch.bytes;
        Ok(())
    }

    pub(crate) fn append_aborted(&mut self, aborted: AbortedRange) -> Result<()> {
        self.transaction_index.append(aborted)
    }

    /// Bytes that the larger of the two indexes takes.
    pub(crate) fn index_bytes(&self) -> u64 {
        self.offset_index.bytes().max(self.time_index.bytes())
    }

    /// Every aborted transaction whose marker is in this segment.
    pub(crate) fn aborted(&self) -> Result<Vec<AbortedRange>> {
        self.transaction_index.read()
    }

    /// Largest timestamp and the last offset of its batch; -1 at the base offset when there is none.
    pub(crate) fn largest(&self) -> Result<TimestampAt> {
        if let Some(largest) = self.largest.get() {
            return Ok(*largest);
        }
        let last = self.time_index.last()?;
        Ok(*self.largest.get_or_init(|| last))
    }

    /// The time that retention goes by: the largest timestamp, or the file's when there is none.
    pub(crate) fn age_timestamp(&self) -> Result<i64> {
        let largest = self.largest()?;
        if largest.timestamp >= 0 { Ok(largest.timestamp) } else { self.records.modified_ms() }
    }

    /// True when no more than `room` bytes, or nothing at all because an index is full, still fit.
    pub(crate) fn is_full_for(&self, bytes: u64, last_offset: i64, config: &LogConfig) -> bool {
        self.bytes + bytes > u64::try_from(config.segment_bytes).unwrap_or(0)
            || self.offset_index.is_full()
            || self.time_index.is_full()
            || !self.can_hold(last_offset)
    }

    /// The first batch's largest timestamp, or the file's time when there is none.
    pub(crate) fn first_timestamp(&self) -> Result<i64> {
        let first = match self.first_timestamp {
            Some(first) => Some(first),
            None => {
                let first = Scan::headers(&self.records, 0, self.bytes).next()?;
                first.map(|located| located.header.max_timestamp)
            }
        };
        match first {
            Some(first) if first >= 0 => Ok(first),
            _ => self.records.modified_ms(),
        }
    }

    /// How long the segment has waited to be closed, at `now_ms` and before records with this timestamp.
    pub(crate) fn waited_ms(&mut self, now_ms: i64, timestamp: i64) -> Result<i64> {
        if self.first_timestamp.is_none() && self.bytes > 0 {
            let first = Scan::headers(&self.records, 0, self.bytes).next()?;
            self.first_timestamp = first.map(|located| located.header.max_timestamp);
        }
        Ok(match self.first_timestamp {
            Some(first) if first >= 0 => timestamp.saturating_sub(first),
            _ => now_ms.saturating_sub(self.created_ms),
        })
    }

    /// True when it holds something and has waited for `segment.ms`.
    pub(crate) fn is_due(
        &mut self,
        now_ms: i64,
        timestamp: i64,
        config: &LogConfig,
    ) -> Result<bool> {
        if self.bytes == 0 {
            return Ok(false);
        }
        Ok(self.waited_ms(now_ms, timestamp)? > config.roll_ms().saturating_sub(self.jitter_ms))
    }

    /// No more records will come: the time index gets its last entry, the indexes are cut to size.
    pub(crate) fn seal(&mut self) -> Result<()> {
        let largest = self.largest()?;
        self.time_index.append_if_later(largest, true)?;
        self.time_index.entries().trim()?;
        self.offset_index.entries().trim()?;
        if self.records.len()? > self.bytes {
            self.records.set_len(self.bytes)?;
        }
        Ok(())
    }

    /// Becomes the active segment again: its indexes get room.
    pub(crate) fn unseal(&mut self, config: &LogConfig) -> Result<()> {
        let bytes_max = index_bytes(config);
        self.offset_index.entries().set_room(bytes_max);
        self.time_index.entries().set_room(bytes_max);
        self.offset_index.entries().reserve()?;
        self.time_index.entries().reserve()
    }

    /// Forgets the indexes and what is known of the records, before they are scanned again.
    pub(crate) fn reset(&mut self) -> Result<()> {
        self.offset_index.entries().clear()?;
        self.time_index.entries().clear()?;
        self.transaction_index.clear()?;
        self.largest = OnceLock::from(TimestampAt { timestamp: -1, offset: self.base_offset });
        self.bytes = 0;
        self.bytes_since_index_entry = 0;
        self.first_timestamp = None;
        Ok(())
    }

    /// Cuts the file to what has been noted.
    pub(crate) fn cut_to_noted(&mut self) -> Result<()> {
        self.records.set_len(self.bytes)
    }

    /// Drops batches from the one that holds `offset` on.
    pub(crate) fn truncate_to(&mut self, offset: i64, now_ms: i64) -> Result<()> {
        let Some(place) = self.find_offset(offset)? else { return Ok(()) };
        self.offset_index.truncate_to(offset)?;
        self.time_index.truncate_to(offset)?;
        self.transaction_index.truncate_to(offset)?;
        self.records.set_len(place.position)?;
        self.bytes = place.position;
        self.bytes_since_index_entry = 0;
        self.largest = OnceLock::from(self.time_index.last()?);
        if self.bytes == 0 {
            self.created_ms = now_ms;
            self.first_timestamp = None;
        }
        Ok(())
    }

    /// True when index files are there and can be what they should be.
    pub(crate) fn indexes_are_plausible(&self) -> Result<bool> {
        Ok(self.offset_index.file().exists()?
            && self.offset_index.is_plausible(self.bytes)?
            && self.time_index.is_plausible()?)
    }

    /// Writes what waits in memory, and lists the files whose bytes must reach the disk. `indexes`
    /// too, once the segment is closed: recovery will not look at it again.
    pub(crate) fn files_to_sync(&mut self, indexes: bool) -> Result<Vec<&LazyFile>> {
        if !indexes {
            return Ok(vec![&self.records]);
        }
        self.offset_index.entries().write_tail()?;
        self.time_index.entries().write_tail()?;
        let mut files = vec![&self.records, self.offset_index.file(), self.time_index.file()];
        if !self.transaction_index.is_empty() {
            files.push(self.transaction_index.file());
        }
        Ok(files)
    }

    /// Paths of the files, existing or not.
    pub(crate) fn paths(&self) -> [PathBuf; 4] {
        let directory = self.records.path().parent().expect("a segment's file is in a directory");
        FileKind::SEGMENT.map(|kind| kind.path(directory, self.base_offset))
    }

    /// Gives descriptors back.
    pub(crate) fn release(&self) {
        self.records.release();
        self.offset_index.file().release();
        self.time_index.file().release();
        self.transaction_index.file().release();
    }

    pub(crate) fn corrupt(&self, detail: impl Into<String>) -> Error {
        Error::corrupt(self.records.path(), detail)
    }
}

fn index_bytes(config: &LogConfig) -> usize {
    usize::try_from(config.segment_index_bytes).unwrap_or(0)
}
