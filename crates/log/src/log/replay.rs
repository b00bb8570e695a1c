//! Producers from batches: what a snapshot does not know yet.
use ottla_wire::records::BatchView;

use super::Log;
use crate::append::transaction_marker;
use crate::error::Result;
use crate::producers::Producers;
use crate::segment::{Scan, Segment};

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
