//! Markers on their way: late, twice, in any order, and of coordinators that are no longer.

use ottla_wire::ErrorCode;

use super::world::{GROUPS, World, partition, places_of};
use crate::EndedTransaction;
use crate::transaction::{Markers, Partitions, ProducerEpoch};

#[derive(Clone)]
pub(super) struct Flying {
    markers: Markers,
    place: usize,
    /// Of who has sent it.
    coordinator_epoch: i32,
}

impl World {
    /// One marker arrives somewhere, now and then twice. False when there is none.
    pub(super) fn deliver_marker(&mut self, faults: bool) -> bool {
        let coordinator_epoch = self.ledger.epoch();
        for markers in self.ledger.take_markers() {
            for place in places_of(&markers.partitions) {
                self.markers.push(Flying { markers: markers.clone(), place, coordinator_epoch });
            }
            if markers.partitions.is_empty() {
                self.ledger.written(&markers, Partitions::new());
            }
        }
        if self.markers.is_empty() {
            return false;
        }
        let at = self.dice.below(self.markers.len() as u64) as usize;
        let is_repeated = faults && self.dice.one_in(8);
        let flying =
            if is_repeated { self.markers[at].clone() } else { self.markers.swap_remove(at) };
        let is_ours = flying.coordinator_epoch == coordinator_epoch;
        // Before KIP-890 nothing tells a marker that comes when its transaction is complete from one of the next
        // transaction, but that a place has heard of a newer coordinator: none may come elsewhere, in Kafka neither.
        let is_over =
            flying.markers.transaction_version < 2 && !self.ledger.awaits(&flying.markers);
        if is_over && !self.knows_newer(&flying) {
            return true;
        }
        match self.mark(&flying) {
            true if is_ours => self.ledger.written(&flying.markers, partition(flying.place)),
            // Nobody waits for this answer any more.
            true => {}
            // The broker of the place is gone, or nobody knows: its writer tries again.
            false if is_ours && !is_repeated => self.markers.push(flying),
            false => {}
        }
        true
    }

    /// Whether a later coordinator has written to the place for the same producer.
    fn knows_newer(&self, flying: &Flying) -> bool {
        let log = match flying.place {
            group @ 0..GROUPS => self.groups[group].log(),
            place => &self.partitions[place - GROUPS],
        };
        let known = log.coordinator_epoch(flying.markers.producer_id);
        known.is_some_and(|known| known > flying.coordinator_epoch)
    }

    /// Whether the place has the marker, or a later one.
    fn mark(&mut self, flying: &Flying) -> bool {
        let markers = &flying.markers;
        let ended = EndedTransaction {
            producer: ProducerEpoch {
                producer_id: markers.producer_id,
                producer_epoch: markers.producer_epoch,
            },
            is_commit: markers.is_commit,
            coordinator_epoch: flying.coordinator_epoch,
            transaction_version: markers.transaction_version,
        };
        let marked = match flying.place {
            group @ 0..GROUPS => self.groups[group].mark(ended),
            place => self.partitions[place - GROUPS].mark(ended).map(|taken| taken.is_committed),
        };
        match marked {
            Ok(is_committed) => is_committed,
            Err(ErrorCode::InvalidProducerEpoch) => true,
            Err(ErrorCode::TransactionCoordinatorFenced) => {
                assert!(flying.coordinator_epoch < self.ledger.epoch(), "a leader is fenced");
                false
            }
            Err(other) => panic!("no coordinator would expect {other:?}"),
        }
    }
}
