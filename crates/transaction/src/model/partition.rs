//! A partition as transactions see it: who has what open, and what a reader of committed records finds.

use std::collections::{BTreeMap, BTreeSet};

use ottla_wire::ErrorCode;

use crate::{Markers, ProducerEpoch};

/// One transaction of one producer, as the model counts them.
pub(super) type Tag = u64;

#[derive(Debug, Default)]
pub(super) struct Partition {
    epochs: BTreeMap<i64, i16>,
    open: BTreeMap<i64, BTreeSet<Tag>>,
    pub(super) committed: BTreeSet<Tag>,
    pub(super) aborted: BTreeSet<Tag>,
}

impl Partition {
    /// Whether the producer's transaction has begun here, so that nobody need be asked.
    pub(super) fn is_open(&self, producer: ProducerEpoch) -> bool {
        self.open.contains_key(&producer.producer_id)
            && self.epochs.get(&producer.producer_id) == Some(&producer.producer_epoch)
    }

    pub(super) fn append(&mut self, producer: ProducerEpoch, tag: Tag) -> Result<(), ErrorCode> {
        let ProducerEpoch { producer_id, producer_epoch } = producer;
        let current = self.epochs.entry(producer_id).or_insert(producer_epoch);
        if producer_epoch < *current {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        let is_newer = producer_epoch > *current;
        let open = self.open.get(&producer_id);
        assert!(!is_newer || open.is_none(), "{producer:?} writes into a transaction of {current}");
        *current = producer_epoch;
        self.open.entry(producer_id).or_default().insert(tag);
        Ok(())
    }

    /// Takes a marker, or knows it already.
    pub(super) fn mark(&mut self, marker: &Markers) {
        let current = self.epochs.entry(marker.producer_id).or_insert(-1);
        let open = self.open.get(&marker.producer_id);
        let is_stale = match marker.transaction_version >= 2 {
            true => marker.producer_epoch <= *current,
            false => marker.producer_epoch < *current,
        };
        if is_stale {
            // A repetition. What is open is of a later transaction, and the marker must leave it alone.
            return;
        }
        let tags = open.cloned().unwrap_or_default();
        *current = marker.producer_epoch;
        self.open.remove(&marker.producer_id);
        if marker.is_commit { self.committed.extend(tags) } else { self.aborted.extend(tags) }
    }

    pub(super) fn has_open(&self) -> bool {
        !self.open.is_empty()
    }
}
