//! What a segment is made of, and what it says of itself.
use std::sync::{Arc, OnceLock};

use ottla_world::room::Room;

use super::file::{Home, LazyFile};
use super::offset_index::OffsetIndex;
use super::scan::{Located, Scan};
use super::time_index::{TimeIndex, TimestampAt};
use super::transaction_index::{AbortedRange, TransactionIndex};
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
    pub(super) base_offset: i64,
    pub(super) records: LazyFile,
    pub(super) bytes: u64,
    pub(super) room: Room,
    pub(super) offset_index: OffsetIndex,
    pub(super) time_index: TimeIndex,
    pub(super) transaction_index: TransactionIndex,
    pub(super) bytes_since_index_entry: u64,
    /// Largest timestamp and the last offset of its batch; from the time index once asked for.
    pub(super) largest: OnceLock<TimestampAt>,
    /// Largest timestamp of the first batch, from which the segment's age counts.
    pub(super) first_timestamp: Option<i64>,
    pub(super) created_ms: i64,
    /// Taken from `segment.ms` for this segment.
    pub(super) jitter_ms: i64,
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

    pub(crate) fn corrupt(&self, detail: impl Into<String>) -> Error {
        Error::corrupt(&self.records.path(), detail)
    }
}

pub(super) fn index_bytes(config: &LogConfig) -> usize {
    usize::try_from(config.segment_index_bytes).unwrap_or(0)
}
