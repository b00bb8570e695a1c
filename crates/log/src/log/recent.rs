//! Where the batches that were appended last lie, for readers at the end of the log.
use std::collections::VecDeque;

use crate::segment::Place;

/// Batches that are remembered.
const BATCHES_MAX: usize = 64;

#[derive(Clone, Copy, Debug)]
struct RecentBatch {
    base_offset: i64,
    last_offset: i64,
    place: Place,
}

/// Consecutive batches at the end of the active segment.
#[derive(Debug, Default)]
pub(super) struct RecentBatches(VecDeque<RecentBatch>);

impl RecentBatches {
    pub(super) fn push(&mut self, base_offset: i64, last_offset: i64, place: Place) {
        if self.0.len() == BATCHES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(RecentBatch { base_offset, last_offset, place });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The first batch whose last offset is `offset` or later, if it is among these.
    pub(super) fn find(&self, offset: i64) -> Option<Place> {
        if self.0.front()?.base_offset > offset {
            return None;
        }
        let index = self.0.partition_point(|batch| batch.last_offset < offset);
        self.0.get(index).map(|batch| batch.place)
    }
}
