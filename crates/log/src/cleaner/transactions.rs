//! Which batches belong to aborted transactions, and which markers nobody needs any more.
//!
//! Told every batch in order. The records of an aborted transaction go; its marker, and that of a
//! committed one, may go once no record of the transaction is left.
use std::collections::{HashMap, HashSet, VecDeque};

use ottla_wire::records::BatchHeader;

use crate::producers::Marker;
use crate::segment::AbortedRange;

#[derive(Debug, Default)]
pub(super) struct CleanedTransactions {
    /// Aborted transactions that have not begun, by first offset.
    coming: VecDeque<AbortedRange>,
    /// By producer: the aborted transaction it is in, and whether a batch of it was seen.
    aborted: HashMap<i64, (AbortedRange, bool)>,
    /// Producers in a transaction that was not aborted.
    committed: HashSet<i64>,
    /// Aborted transactions of which batches are left, for the new index.
    kept: Vec<AbortedRange>,
}

impl CleanedTransactions {
    pub(super) fn new(mut aborted: Vec<AbortedRange>) -> CleanedTransactions {
        aborted.sort_by_key(|range| range.first_offset);
        CleanedTransactions { coming: aborted.into(), ..CleanedTransactions::default() }
    }

    fn begin_up_to(&mut self, offset: i64) {
        while let Some(range) = self.coming.pop_front_if(|range| range.first_offset <= offset) {
            self.aborted.entry(range.producer_id).or_insert((range, false));
        }
    }

    /// Whether the records of a data batch are void.
    pub(super) fn is_void(&mut self, header: &BatchHeader) -> bool {
        self.begin_up_to(header.last_offset());
        if !header.is_transactional() {
            return false;
        }
        if let Some((_, seen)) = self.aborted.get_mut(&header.producer_id) {
            *seen = true;
            return true;
        }
        self.committed.insert(header.producer_id);
        false
    }

    /// Whether no batch of the transaction that a marker ends is left.
    pub(super) fn is_needless(&mut self, header: &BatchHeader, marker: Option<Marker>) -> bool {
        self.begin_up_to(header.last_offset());
        let Some(marker) = marker else { return true };
        if marker.marker.is_commit {
            return !self.committed.remove(&header.producer_id);
        }
        match self.aborted.remove(&header.producer_id) {
            Some((range, true)) => {
                self.kept.push(range);
                false
            }
            _ => true,
        }
    }

    /// Aborted transactions that the index has to name, since the last call.
    pub(super) fn take_kept(&mut self) -> Vec<AbortedRange> {
        std::mem::take(&mut self.kept)
    }
}
