//! One file of records and its indexes.
//!
//! # Layout
//! - `file`: opened when needed; `entries`: fixed-size entries, below both indexes
//! - `offset_index`, `time_index`, `transaction_index`: the three indexes
//! - `room`: zeros ahead of a file that grows fast
//! - `scan`: walking over batches; `search`: finding offsets and timestamps
//!
//! Both indexes are hints: a search that starts where an entry says checks what it finds there.
mod entries;
mod file;
mod offset_index;
mod room;
mod scan;
mod search;
mod time_index;
mod transaction_index;

use std::io::IoSlice;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

pub(crate) use file::{FileName, Home, LazyFile};
use offset_index::OffsetIndex;
use room::{Room, ZEROS};
pub(crate) use scan::{Found, Located, Scan};
pub(crate) use search::{DECOMPRESSED_BYTES_MAX, Place, TimestampedRecord};
use time_index::TimeIndex;
pub(crate) use time_index::TimestampAt;
pub(crate) use transaction_index::AbortedRange;
use transaction_index::TransactionIndex;

use crate::config::LogConfig;
use crate::error::{Error, Result};
use crate::names::FileKind;

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
    room: Room,
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

impl Segment {
    /// A segment that is on disk. Nothing but its size is looked at now.
    pub(crate) fn open(
        home: &Arc<Home>,
        base_offset: i64,
        config: &LogConfig,
        now_ms: i64,
    ) -> Result<Segment> {
        let mut segment = Segment::without_files(home, base_offset, config, now_ms);
        segment.bytes = segment.records.len()?;
        Ok(segment)
    }

    /// A segment of which there are no files, or nobody knows.
    pub(crate) fn without_files(
        home: &Arc<Home>,
        base_offset: i64,
        config: &LogConfig,
        now_ms: i64,
    ) -> Segment {
        let file = |kind| LazyFile::new(home, base_offset, kind);
        let (base, index_bytes) = (base_offset, index_bytes(config));
        let records = file(FileKind::Records);
        Segment {
            base_offset,
            bytes: 0,
            room: Room::default(),
            records,
            offset_index: OffsetIndex::open(file(FileKind::OffsetIndex), base, index_bytes),
            time_index: TimeIndex::open(file(FileKind::TimeIndex), base, index_bytes),
            transaction_index: TransactionIndex::open(file(FileKind::TransactionIndex)),
            bytes_since_index_entry: 0,
            largest: OnceLock::new(),
            first_timestamp: None,
            created_ms: now_ms,
            jitter_ms: 0,
        }
    }

    /// A new, empty segment. Left-over files of that name are emptied.
    pub(crate) fn create(
        home: &Arc<Home>,
        base_offset: i64,
        config: &LogConfig,
        now_ms: i64,
    ) -> Result<Segment> {
        let file = |kind| LazyFile::new(home, base_offset, kind);
        let (base, index_bytes) = (base_offset, index_bytes(config));
        let records = file(FileKind::Records);
        records.create()?;
        let mut room = Room::default();
        if config.preallocate {
            let bytes = u64::try_from(config.segment_bytes).unwrap_or(0);
            records.allocate(bytes)?;
            room = Room::preallocated(bytes);
        }
        let mut transaction_index = TransactionIndex::open(file(FileKind::TransactionIndex));
        transaction_index.clear()?;
        Ok(Segment {
            base_offset,
            bytes: 0,
            room,
            records,
            offset_index: OffsetIndex::create(file(FileKind::OffsetIndex), base, index_bytes)?,
            time_index: TimeIndex::create(file(FileKind::TimeIndex), base, index_bytes)?,
            transaction_index,
            bytes_since_index_entry: 0,
            largest: OnceLock::from(TimestampAt { timestamp: -1, offset: base }),
            first_timestamp: None,
            created_ms: now_ms,
            jitter_ms: 0,
        })
    }

    /// It is known that no transaction was aborted in it.
    pub(crate) fn has_no_aborted(&mut self) {
        self.transaction_index.is_absent();
    }

    /// Whether the transaction index is torn, by its size.
    pub(crate) fn transaction_index_is_ragged(&self) -> Result<bool> {
        self.transaction_index.is_ragged()
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

    /// Writes batches at the end and notes them in the indexes. `pieces` together are the batches'
    /// bytes.
    pub(crate) fn append(
        &mut self,
        pieces: [&[u8]; 2],
        batches: &[AppendedBatch],
        index_interval_bytes: u64,
        now_ms: i64,
    ) -> Result<()> {
        if batches.is_empty() {
            return Ok(());
        }
        let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
        let end = self.bytes + bytes as u64;
        let zeros = &ZEROS[..self.room.ahead(end, now_ms)];
        let mut slices = [pieces[0], pieces[1], zeros].map(IoSlice::new);
        let written = self.records.write_needed(&mut slices, bytes, self.bytes)?;
        self.room.written(self.bytes, end, (written - bytes) as u64, now_ms);
        if self.bytes == 0 {
            self.first_timestamp = Some(batches[0].max_timestamp);
        }
        for batch in batches {
            self.note(batch, index_interval_bytes)?;
        }
        Ok(())
    }

    /// Whether zeros lie behind the records.
    pub(crate) fn has_room(&self) -> bool {
        self.room.is_ahead_of(self.bytes)
    }

    /// Whether nothing but zeros written ahead can lie behind what is noted: a process died, and the
    /// disk lost nothing.
    pub(crate) fn ends_in_room(&self) -> Result<bool> {
        let behind = self.records.len()?.saturating_sub(self.bytes);
        if behind > ZEROS.len() as u64 {
            return Ok(false);
        }
        let mut bytes = vec![0; ZEROS.len()];
        let count = self.records.read_up_to(&mut bytes, self.bytes)?;
        Ok(bytes[..count].iter().all(|byte| *byte == 0))
    }

    /// Cuts off the zeros behind the records, unless the segment is being written. False when there
    /// are none any more.
    pub(crate) fn trim_room(&mut self, now_ms: i64) -> Result<bool> {
        match self.room.is_left_over(self.bytes, now_ms) {
            None => return Ok(true),
            Some(false) => {}
            Some(true) => self.cut_to_noted()?,
        }
        Ok(false)
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
    pub(crate) fn index_bytes(&self) -> Result<u64> {
        Ok(self.offset_index.bytes()?.max(self.time_index.bytes()?))
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
        // A closed segment's time index holds at least the largest one.
        let largest = if last.timestamp < 0 { self.scan_for_largest()? } else { last };
        Ok(*self.largest.get_or_init(|| largest))
    }

    fn scan_for_largest(&self) -> Result<TimestampAt> {
        let mut largest = TimestampAt { timestamp: -1, offset: self.base_offset };
        let mut scan = Scan::headers(&self.records, 0, self.bytes);
        while let Some(Located { header, .. }) = scan.next()? {
            if header.max_timestamp > largest.timestamp {
                let (timestamp, offset) = (header.max_timestamp, header.last_offset());
                largest = TimestampAt { timestamp, offset };
            }
        }
        Ok(largest)
    }

    /// The time that retention goes by: the largest timestamp, or the file's when there is none.
    pub(crate) fn age_timestamp(&self) -> Result<i64> {
        let largest = self.largest()?;
        if largest.timestamp >= 0 { Ok(largest.timestamp) } else { self.records.modified_ms() }
    }

    /// True when no more than `room` bytes, or nothing at all because an index is full, still fit.
    pub(crate) fn is_full_for(
        &self,
        bytes: u64,
        last_offset: i64,
        config: &LogConfig,
    ) -> Result<bool> {
        Ok(self.bytes + bytes > u64::try_from(config.segment_bytes).unwrap_or(0)
            || self.offset_index.is_full()?
            || self.time_index.is_full()?
            || !self.can_hold(last_offset))
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
        if self.records.len()? > self.bytes { self.cut_to_noted() } else { Ok(()) }
    }

    /// Becomes the active segment again: its indexes get room.
    pub(crate) fn unseal(&mut self, config: &LogConfig) -> Result<()> {
        let bytes_max = index_bytes(config);
        self.offset_index.entries().set_room(bytes_max)?;
        self.time_index.entries().set_room(bytes_max)
    }

    /// Forgets the indexes and what is known of the records, before they are scanned again.
    pub(crate) fn reset(&mut self) -> Result<()> {
        self.offset_index.entries().clear()?;
        self.time_index.clear()?;
        self.transaction_index.clear()?;
        self.largest = OnceLock::from(TimestampAt { timestamp: -1, offset: self.base_offset });
        self.bytes = 0;
        self.bytes_since_index_entry = 0;
        self.first_timestamp = None;
        Ok(())
    }

    /// Cuts the file to what has been noted.
    pub(crate) fn cut_to_noted(&mut self) -> Result<()> {
        self.room = Room::default();
        self.records.set_len(self.bytes)
    }

    /// Drops batches from the one that holds `offset` on.
    pub(crate) fn truncate_to(&mut self, offset: i64, now_ms: i64) -> Result<()> {
        let Some(place) = self.find_offset(offset)? else { return Ok(()) };
        self.offset_index.truncate_to(offset)?;
        self.time_index.truncate_to(offset)?;
        self.transaction_index.truncate_to(offset)?;
        self.bytes = place.position;
        self.cut_to_noted()?;
        self.bytes_since_index_entry = 0;
        self.largest = OnceLock::from(self.largest_left()?);
        if self.bytes == 0 {
            self.created_ms = now_ms;
            self.first_timestamp = None;
        }
        Ok(())
    }

    /// The largest timestamp of the batches that are left: the index knows it only as of its last entry.
    fn largest_left(&self) -> Result<TimestampAt> {
        let mut largest = self.time_index.last()?;
        let mut scan = self.scan_from(largest.offset)?;
        while let Some(located) = scan.next()? {
            let timestamp = located.header.max_timestamp;
            if timestamp > largest.timestamp {
                largest = TimestampAt { timestamp, offset: located.header.last_offset() };
            }
        }
        Ok(largest)
    }

    /// True when the index files can be what they should be.
    pub(crate) fn indexes_are_plausible(&self) -> Result<bool> {
        Ok(self.offset_index.is_plausible(self.bytes)? && self.time_index.is_plausible()?)
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
        if !self.transaction_index.is_empty()? {
            files.push(self.transaction_index.file());
        }
        Ok(files)
    }

    /// Paths of the files, existing or not.
    pub(crate) fn paths(&self) -> [PathBuf; 4] {
        let files = [&self.records, self.offset_index.file(), self.time_index.file()];
        let [records, offsets, times] = files.map(LazyFile::path);
        [records, offsets, times, self.transaction_index.file().path()]
    }

    /// Gives descriptors back.
    pub(crate) fn release(&self) {
        self.records.release();
        self.offset_index.file().release();
        self.time_index.file().release();
        self.transaction_index.file().release();
    }

    pub(crate) fn corrupt(&self, detail: impl Into<String>) -> Error {
        Error::corrupt(&self.records.path(), detail)
    }
}

fn index_bytes(config: &LogConfig) -> usize {
    usize::try_from(config.segment_index_bytes).unwrap_or(0)
}
