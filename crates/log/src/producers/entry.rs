//! One producer.
use std::collections::VecDeque;

use ottla_wire::records::{
    BatchHeader, NO_PRODUCER_EPOCH, NO_SEQUENCE, decrement_sequence, increment_sequence,
};

use super::ActiveProducer;

/// Batches of a producer that are remembered: it may have so many requests under way.
const REMEMBERED_BATCHES: usize = 5;

/// What is remembered of an appended batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RememberedBatch {
    pub(crate) last_sequence: i32,
    pub(crate) last_offset: i64,
    pub(crate) offset_delta: i32,
    pub(crate) timestamp: i64,
}

impl RememberedBatch {
    pub(crate) fn first_offset(&self) -> i64 {
        self.last_offset - i64::from(self.offset_delta)
    }

    fn first_sequence(&self) -> i32 {
        decrement_sequence(self.last_sequence, self.offset_delta)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Producer {
    pub(super) producer_id: i64,
    pub(super) epoch: i16,
    pub(super) coordinator_epoch: i32,
    pub(super) last_timestamp: i64,
    pub(super) transaction_start: Option<i64>,
    /// Where its last batch or marker ends; -1 while that is known from a snapshot alone.
    pub(super) newest_offset: i64,
    batches: VecDeque<RememberedBatch>,
}

impl Producer {
    pub(super) fn new(producer_id: i64) -> Producer {
        Producer {
            producer_id,
            epoch: NO_PRODUCER_EPOCH,
            coordinator_epoch: -1,
            last_timestamp: -1,
            transaction_start: None,
            newest_offset: -1,
            batches: VecDeque::new(),
        }
    }

    /// Takes an appended data batch into account.
    pub(super) fn add(&mut self, header: &BatchHeader) {
        self.bump(header);
        self.remember(RememberedBatch {
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        });
    }

    pub(super) fn remember(&mut self, batch: RememberedBatch) {
        if self.batches.len() == REMEMBERED_BATCHES {
            self.batches.pop_front();
        }
        self.batches.push_back(batch);
    }

    /// Takes into account what every batch tells. A new epoch starts its sequences anew.
    pub(super) fn bump(&mut self, header: &BatchHeader) {
        if self.epoch != header.producer_epoch {
            self.batches.clear();
            self.epoch = header.producer_epoch;
        }
        self.last_timestamp = header.max_timestamp;
        self.newest_offset = header.last_offset();
    }

    /// Whether batches of this epoch may have been forgotten that came before those that are remembered,
    /// and lie before `offset`.
    pub(super) fn may_have_earlier(&self, epoch: i16, offset: i64) -> bool {
        self.epoch == epoch
            && self.batches.len() < REMEMBERED_BATCHES
            && self.batches.front().is_some_and(|first| first.first_offset() < offset)
    }

    /// Remembers what came before, as far as it joins up.
    pub(super) fn remember_earlier(&mut self, earlier: &Producer) {
        if earlier.epoch != self.epoch {
            return;
        }
        for batch in earlier.batches.iter().rev() {
            let Some(first) = self.batches.front() else { return };
            if batch.last_offset >= first.first_offset() {
                continue;
            }
            let joins = increment_sequence(batch.last_sequence, 1) == first.first_sequence();
            if !joins || self.batches.len() == REMEMBERED_BATCHES {
                return;
            }
            self.batches.push_front(*batch);
        }
    }

    pub(super) fn last(&self) -> Option<&RememberedBatch> {
        self.batches.back()
    }

    pub(super) fn last_sequence(&self) -> i32 {
        self.last().map_or(NO_SEQUENCE, |batch| batch.last_sequence)
    }

    /// The remembered batch that is this one, sent before.
    pub(super) fn find_duplicate(&self, header: &BatchHeader) -> Option<RememberedBatch> {
        if header.producer_epoch != self.epoch {
            return None;
        }
        let same = |batch: &&RememberedBatch| {
            batch.first_sequence() == header.base_sequence
                && batch.last_sequence == header.last_sequence()
        };
        self.batches.iter().find(same).copied()
    }

    pub(super) fn describe(&self) -> ActiveProducer {
        ActiveProducer {
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
            last_sequence: self.last_sequence(),
            last_timestamp: self.last_timestamp,
            coordinator_epoch: self.coordinator_epoch,
            current_transaction_start_offset: self.transaction_start.unwrap_or(-1),
        }
    }
}
