//! What no producer is told, and somebody sends nevertheless: it must be refused, and change nothing.

use ottla_log::Verification;
use ottla_wire::ErrorCode;

use super::producing::{named, single};
use super::records::Sent;
use super::world::{GROUPS, IDS, PLACES, World, partition};
use crate::transaction::{Body, ProducerEpoch, Response};

impl World {
    pub(super) fn lie(&mut self) {
        let id = self.dice.below(IDS + 1);
        let known = self.producers.iter().filter(|other| other.id == Some(id));
        let Some(known) = known.filter_map(|other| other.producer).next() else { return };
        let ProducerEpoch { producer_id, producer_epoch } = known;
        // An epoch that will not be reached, or an id that is nobody's here.
        let unreached = producer_epoch.checked_add(10_000).filter(|_| self.dice.one_in(2));
        let claimed = match unreached {
            Some(producer_epoch) => ProducerEpoch { producer_id, producer_epoch },
            None => ProducerEpoch { producer_id: producer_id + 10_000, producer_epoch },
        };
        self.lies += 1;
        let place = self.dice.below(PLACES as u64) as usize;
        if place >= GROUPS && self.dice.one_in(4) {
            return self.write_without_asking(claimed, place - GROUPS);
        }
        let (producer, partitions) = (named(id, claimed), partition(place));
        let client_version = if self.version >= 2 { 2 } else { 0 };
        let before = self.ledger.log.len();
        let crashes = self.ledger.crashes;
        let answer = self.ledger.request(match self.dice.below(3) {
            0 => Body::End { producer, is_commit: self.dice.one_in(2), client_version },
            1 => Body::AddPartitions { producer, partitions, client_version },
            _ => Body::VerifyPartitions { producer, partitions },
        });
        let code = match answer {
            None => return,
            Some(Response::Producer(Err(code)) | Response::Added(code)) => code,
            Some(Response::Verified(codes)) => single(&codes),
            other => panic!("a lie is answered {other:?}"),
        };
        assert_ne!(code, ErrorCode::None, "{claimed:?} is believed");
        let has_changed = self.ledger.crashes == crashes && self.ledger.log.len() != before;
        assert!(!has_changed, "a lie changes the log");
    }

    /// A transaction that the coordinator knows nothing of.
    fn write_without_asking(&mut self, producer: ProducerEpoch, index: usize) {
        let sent = Sent { producer, sequence: 0, is_transactional: true, message: 0 };
        let taken = self.partitions[index].append(&sent, Verification::Required(None));
        assert!(taken.is_err(), "{producer:?} writes what nobody will end");
    }
}
