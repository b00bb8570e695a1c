//! Producers from batches: what a snapshot does not know yet, or does not tell.
use ottla_wire::records::BatchView;

use super::Log;
use crate::append::transaction_marker;
use crate::error::{Error, Result};
use crate::producers::Producers;
use crate::segment::{Scan, Segment};

/// Bytes of records before a snapshot that are read back for batches that may be sent again. What a producer
/// has on its way was written close together, with what all others wrote meanwhile.
const READ_BACK_BYTES: u64 = 64 << 20;

impl Log {
    /// Loads the newest snapshot and replays what follows it up to the log end. Producers that have
    /// seen all of the log stay as they are: a snapshot has the last batch of each alone, and whoever
    /// asks again after a crash may do so for several.
    pub(super) fn reload_producers(&mut self, now_ms: i64) -> Result<()> {
        if self.producers.end_offset() == self.log_end {
            self.producers.remove_snapshots_outside(self.log_start, self.log_end)?;
            self.producers.log_start_moved(self.log_start);
            self.producers.expire(now_ms);
            return Ok(());
        }
        self.producers.reload(self.log_start, self.log_end, now_ms)?;
        if self.producers.end_offset() >= self.log_end {
            return Ok(());
        }
        let from = self.floor_base(self.producers.end_offset());
        for segment in self.segments.range(from..).map(|(_, segment)| segment) {
            replay(&mut self.producers, segment, self.log_end)?;
        }
        self.producers.set_end_offset(self.log_end);
        Ok(())
    }

    /// Reads back the batches before the snapshot at `end`, for what it did not tell of producers that have
    /// several on their way. That is seldom needed, so nobody does it at a start; once is enough.
    pub(super) fn read_back_producers(&mut self, end: i64) -> Result<()> {
        let earlier = match self.read_back(end) {
            Err(error @ Error::Corrupt { .. }) => {
                tracing::warn!(partition = %self.name, %error, "producers' earlier batches can't be read");
                self.producers.beginning_at(end)
            }
            read => read?,
        };
        self.producers.remember_earlier(&earlier);
        Ok(())
    }

    /// What the records before `end` tell of producers.
    fn read_back(&self, end: i64) -> Result<Producers> {
        let start = self.read_back_from(end, READ_BACK_BYTES)?;
        let mut earlier = self.producers.beginning_at(start);
        let from = self.floor_base(start);
        for segment in self.segments.range(from..end.max(from)).map(|(_, segment)| segment) {
            replay(&mut earlier, segment, end)?;
        }
        Ok(earlier)
    }

    /// The offset from which about so many bytes of records lie before `end`.
    pub(super) fn read_back_from(&self, end: i64, bytes_max: u64) -> Result<i64> {
        let (mut start, mut left) = (end, bytes_max);
        for (base_offset, segment) in self.segments.range(..end).rev() {
            let bytes = segment.find_offset(end)?.map_or(segment.bytes(), |place| place.position);
            if bytes > left {
                let bound = segment.bound_at(bytes - left)?;
                start = bound.map_or(start, |bound| bound.min(start));
                break;
            }
            (start, left) = (*base_offset, left - bytes);
        }
        Ok(start.max(self.log_start))
    }
}

/// Takes the batches of a segment into account that the producers have not seen, up to `end`.
pub(super) fn replay(producers: &mut Producers, segment: &Segment, end: i64) -> Result<()> {
    let start = producers.end_offset().max(segment.base_offset());
    let Some(place) = segment.find_offset(start)? else { return Ok(()) };
    let mut scan = Scan::headers(segment.records(), place.position, segment.bytes());
    while let Some(located) = scan.next()? {
        let header = located.header;
        if header.base_offset >= end {
            break;
        }
        let damaged =
            |detail: String| segment.corrupt(format!("batch at {}: {detail}", located.position));
        let marker = if header.is_control() && header.has_producer_id() {
            let bytes = scan.borrow(&located)?;
            let batch = BatchView::first(bytes).map_err(|error| damaged(error.to_string()))?;
            transaction_marker(&batch).map_err(damaged)?
        } else {
            None
        };
        // The transaction index has the aborted ones already.
        let _ = producers.apply(&header, marker);
    }
    Ok(())
}
