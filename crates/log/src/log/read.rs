//! Finding records. What is found is read later, without the log's lock.
use std::sync::Arc;

use bytes::Bytes;
use ottla_world::File;
use ottla_world::disk::read_up_to;

use super::{Log, Offsets};
use crate::error::{ReadError, Result};
use crate::segment::{FileName, Place, Segment};

/// How far a read may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Everything (followers).
    LogEnd,
    /// To the high watermark (`read_uncommitted`).
    HighWatermark,
    /// To the last stable offset (`read_committed`), with the aborted transactions.
    TransactionCommitted,
}

/// What to read.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// First offset wanted; the slice starts with the batch that holds it.
    pub start_offset: i64,
    /// At most so many bytes; the last batch may be cut, the first one is left out instead.
    pub max_bytes: usize,
    /// At least one whole batch, however large.
    pub min_one_batch: bool,
    /// How far.
    pub isolation: Isolation,
}

/// What a read found: at most one segment's worth.
#[derive(Debug)]
pub struct LogRead {
    /// Where the records are; `len` 0 when there are none yet.
    pub slice: FileSlice,
    /// The four offsets at the time of the read.
    pub offsets: Offsets,
    /// Aborted transactions in the range, for [`Isolation::TransactionCommitted`] only.
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
}

/// A transaction that a reader must skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Producer id.
    pub producer_id: i64,
    /// First offset of the transaction.
    pub first_offset: i64,
}

/// A range of a file. Holding it keeps the file open, even when its segment is deleted.
#[derive(Clone, Debug)]
pub struct FileSlice(Option<Range>);

#[derive(Clone, Debug)]
struct Range {
    file: Arc<dyn File>,
    name: FileName,
    position: u64,
    len: usize,
}

impl FileSlice {
    /// A slice of nothing.
    pub const EMPTY: FileSlice = FileSlice(None);

    /// The file, for `sendfile`; `None` when the slice is empty.
    pub fn file(&self) -> Option<&Arc<dyn File>> {
        self.0.as_ref().map(|range| &range.file)
    }

    /// Where the slice starts in the file.
    pub fn position(&self) -> u64 {
        self.0.as_ref().map_or(0, |range| range.position)
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |range| range.len)
    }

    /// True when there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first `len` bytes of it.
    #[must_use]
    pub fn truncated(mut self, len: usize) -> FileSlice {
        match &mut self.0 {
            Some(range) if len > 0 => range.len = range.len.min(len),
            range => *range = None,
        }
        self
    }

    /// Reads the bytes. Fewer than [`FileSlice::len`] only when the log was truncated meanwhile.
    pub fn read(&self) -> Result<Bytes> {
        let Some(range) = &self.0 else { return Ok(Bytes::new()) };
        let mut bytes = vec![0; range.len];
        let filled = read_up_to(range.file.as_ref(), &mut bytes, range.position)
            .map_err(range.name.fault("read"))?;
        bytes.truncate(filled);
        Ok(bytes.into())
    }
}

impl Log {
    /// Finds records; what it returns is read without the lock.
    pub fn read(&self, options: ReadOptions) -> std::result::Result<LogRead, ReadError> {
        let offsets = self.offsets();
        let start = options.start_offset;
        if start < offsets.log_start || start > offsets.log_end {
            return Err(ReadError::OutOfRange {
                offset: start,
                log_start_offset: offsets.log_start,
                log_end_offset: offsets.log_end,
            });
        }
        let committed_only = options.isolation == Isolation::TransactionCommitted;
        let bound = match options.isolation {
            Isolation::LogEnd => offsets.log_end,
            Isolation::HighWatermark => offsets.high_watermark,
            Isolation::TransactionCommitted => offsets.last_stable,
        };
        let (slice, next_base) = self.find_slice(&options, bound)?;
        let aborted_transactions =
            if committed_only { Some(self.aborted_in(start, &slice, next_base)?) } else { None };
        Ok(LogRead { slice, offsets, aborted_transactions })
    }

    /// The records from the start offset to `bound`, and the base offset of the segment they are in.
    fn find_slice(&self, options: &ReadOptions, bound: i64) -> Result<(FileSlice, i64)> {
        let start = options.start_offset;
        let first = self.floor_base(start);
        if start >= bound {
            return Ok((FileSlice::EMPTY, first));
        }
        for (base_offset, segment) in self.segments.range(first..) {
            let Some(place) = self.find_in(segment, start)? else { continue };
            // A first batch that does not fit is not handed out in part: nobody could use it.
            if !options.min_one_batch && options.max_bytes < place.bytes as usize {
                return Ok((FileSlice::EMPTY, *base_offset));
            }
            let end = self.position_of(segment, bound)?;
            let max_bytes = if options.min_one_batch {
                options.max_bytes.max(place.bytes as usize)
            } else {
                options.max_bytes
            };
            let len = (end.saturating_sub(place.position) as usize).min(max_bytes);
            if len == 0 {
                return Ok((FileSlice::EMPTY, *base_offset));
            }
            let records = segment.records();
            let range = Range {
                file: records.handle()?,
                name: records.name().clone(),
                position: place.position,
                len,
            };
            return Ok((FileSlice(Some(range)), *base_offset));
        }
        Ok((FileSlice::EMPTY, first))
    }

    fn find_in(&self, segment: &Segment, offset: i64) -> Result<Option<Place>> {
        if segment.base_offset() == self.active().base_offset()
            && let Some(place) = self.recent.find(offset)
        {
            return Ok(Some(place));
        }
        segment.find_offset(offset)
    }

    /// Where in the segment the records before `bound` end.
    fn position_of(&self, segment: &Segment, bound: i64) -> Result<u64> {
        let is_active = segment.base_offset() == self.active().base_offset();
        if is_active && bound >= self.log_end {
            return Ok(segment.bytes());
        }
        if !is_active {
            let next = self.segments.range(segment.base_offset() + 1..).next();
            if next.is_some_and(|(base_offset, _)| *base_offset <= bound) {
                return Ok(segment.bytes());
            }
        }
        let place = self.find_in(segment, bound)?;
        Ok(place.map_or(segment.bytes(), |place| place.position))
    }

    fn aborted_in(
        &self,
        start: i64,
        slice: &FileSlice,
        base_offset: i64,
    ) -> Result<Vec<AbortedTransaction>> {
        if slice.is_empty() {
            return Ok(Vec::new());
        }
        let bound = match self.segments.get(&base_offset) {
            Some(segment) => segment.bound_at(slice.position() + slice.len() as u64)?,
            None => None,
        };
        let next = self.segments.range(base_offset + 1..).next().map(|(next, _)| *next);
        let bound = bound.or(next).unwrap_or(self.log_end);
        let mut aborted = Vec::new();
        for segment in self.segments.range(base_offset..).map(|(_, segment)| segment) {
            for range in segment.aborted()? {
                if range.last_offset >= start && range.first_offset < bound {
                    let (producer_id, first_offset) = (range.producer_id, range.first_offset);
                    aborted.push(AbortedTransaction { producer_id, first_offset });
                }
                // Every later entry is of a transaction that began after what was read.
                if range.last_stable_offset >= bound {
                    return Ok(aborted);
                }
            }
        }
        Ok(aborted)
    }
}
