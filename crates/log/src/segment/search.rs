//! Finding offsets and timestamps in a segment.
use ottla_wire::records::{BatchHeader, BatchView};

use super::{Found, Located, Scan, Segment};
use crate::error::Result;

/// A decompressed batch above this size is refused rather than held in memory.
pub(crate) const DECOMPRESSED_BYTES_MAX: usize = 512 << 20;

/// Where a batch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) position: u64,
    /// Size of the batch.
    pub(crate) bytes: u64,
}

/// A record found by its timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimestampedRecord {
    pub(crate) timestamp: i64,
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
}

impl Segment {
    /// The first batch whose last offset is `offset` or later; `None` when the segment ends before.
    pub(crate) fn find_offset(&self, offset: i64) -> Result<Option<Place>> {
        let mut scan = Scan::headers(self.records(), self.hint(offset)?, self.bytes);
        while let Some(located) = scan.next()? {
            if located.header.last_offset() >= offset {
                let bytes = located.header.size() as u64;
                return Ok(Some(Place { position: located.position, bytes }));
            }
        }
        Ok(None)
    }

    /// Whether batches lie here from one that begins with `base_offset` to one that ends with `last_offset`
    /// and is of this leader epoch.
    pub(crate) fn holds_batches(
        &self,
        (base_offset, last_offset): (i64, i64),
        leader_epoch: i32,
    ) -> Result<bool> {
        let mut scan = self.scan_from(base_offset)?;
        let mut has_begun = false;
        while let Some(Located { header, .. }) = scan.next()? {
            if header.last_offset() < base_offset {
                continue;
            }
            has_begun |= header.base_offset == base_offset;
            if !has_begun || header.last_offset() >= last_offset {
                let is_last = header.last_offset() == last_offset;
                return Ok(has_begun && is_last && header.partition_leader_epoch == leader_epoch);
            }
        }
        Ok(false)
    }

    /// The headers from the batch that holds `offset`, or from one before it.
    pub(super) fn scan_from(&self, offset: i64) -> Result<Scan<'_>> {
        Ok(Scan::headers(self.records(), self.hint(offset)?, self.bytes))
    }

    /// The offset after the last record.
    pub(crate) fn next_offset(&self) -> Result<i64> {
        let last_indexed = self.offset_index.last()?.map_or(self.base_offset, |last| last.offset);
        let mut scan = Scan::headers(self.records(), self.hint(last_indexed)?, self.bytes);
        let mut next = self.base_offset;
        while let Some(located) = scan.next()? {
            next = located.header.next_offset();
        }
        Ok(next)
    }

    /// An offset that is not below any in the bytes before `position`; `None` when the index can't say.
    pub(crate) fn bound_at(&self, position: u64) -> Result<Option<i64>> {
        Ok(self.offset_index.first_from_position(position)?.map(|found| found.offset))
    }

    /// The first record at `start_offset` or later whose timestamp is `timestamp` or later.
    pub(crate) fn find_timestamp(
        &self,
        timestamp: i64,
        start_offset: i64,
    ) -> Result<Option<TimestampedRecord>> {
        let hint = self.time_index.lookup(timestamp)?;
        let start = self.hint(hint.offset.max(start_offset))?;
        self.first_record(
            start,
            |header| header.max_timestamp >= timestamp,
            |record| record.timestamp >= timestamp && record.offset >= start_offset,
        )
    }

    /// The first record that has the segment's largest timestamp.
    pub(crate) fn find_largest_timestamp(&self) -> Result<Option<TimestampedRecord>> {
        let largest = self.largest()?;
        if largest.timestamp < 0 {
            return Ok(None);
        }
        let start = self.hint(largest.offset)?;
        self.first_record(
            start,
            |header| header.max_timestamp == largest.timestamp,
            |record| record.timestamp == largest.timestamp,
        )
    }

    fn first_record(
        &self,
        start: u64,
        batch_may: impl Fn(&BatchHeader) -> bool,
        wanted: impl Fn(&TimestampedRecord) -> bool,
    ) -> Result<Option<TimestampedRecord>> {
        let mut scan = Scan::headers(self.records(), start, self.bytes);
        while let Some(located) = scan.next()? {
            if !batch_may(&located.header) {
                continue;
            }
            let found = self.record_in(&mut scan, &located, &wanted)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn record_in(
        &self,
        scan: &mut Scan<'_>,
        located: &Located,
        wanted: impl Fn(&TimestampedRecord) -> bool,
    ) -> Result<Option<TimestampedRecord>> {
        let bytes = scan.borrow(located)?;
        let damaged = |error| self.corrupt(format!("batch at {}: {error}", located.position));
        let batch = BatchView::first(bytes).map_err(damaged)?;
        let records = batch.records(DECOMPRESSED_BYTES_MAX).map_err(damaged)?;
        for record in records.views() {
            let record = record.map_err(damaged)?;
            let found = TimestampedRecord {
                timestamp: record.timestamp,
                offset: record.offset,
                leader_epoch: located.header.partition_leader_epoch,
            };
            if wanted(&found) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// A position at or before the batch that holds `offset`, where a batch starts. An index that
    /// says something impossible is not believed.
    fn hint(&self, offset: i64) -> Result<u64> {
        let entry = self.offset_index.lookup(offset)?;
        if entry.position == 0 {
            return Ok(0);
        }
        if entry.position < self.bytes
            && let Found::Batch(located) =
                Scan::headers(self.records(), entry.position, self.bytes).find()?
            && located.header.last_offset() == entry.offset
        {
            return Ok(entry.position);
        }
        tracing::warn!(
            file = %self.offset_index.file().path().display(),
            entry.offset, entry.position,
            "an index entry points to no such batch; searching from the start of the segment"
        );
        Ok(0)
    }
}
