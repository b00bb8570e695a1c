//! What becomes of batches on their way: they are lost, come late, twice and in any order, and are verified before they
//! are appended, as brokers do it (KIP-890).

use ottla_log::Verification;
use ottla_wire::ErrorCode;

use super::producing::{named, single};
use super::records::Sent;
use super::world::{GROUPS, World, partition};
use crate::transaction::{Body, Response};

/// A batch of a producer in one of its lives.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) index: usize,
    pub(super) life: u64,
    pub(super) id: Option<u64>,
    pub(super) partition: usize,
    pub(super) sent: Sent,
    /// Once the coordinator of transactions has been asked.
    pub(super) verification: Option<Verification>,
}

impl World {
    /// One batch goes on. False when there is none.
    pub(super) fn deliver(&mut self, faults: bool) -> bool {
        if self.flights.is_empty() {
            return false;
        }
        let at = self.dice.below(self.flights.len() as u64) as usize;
        if faults && self.dice.one_in(15) {
            self.flights.swap_remove(at);
            return true;
        }
        let is_repeated = faults && self.dice.one_in(10);
        let mut flight =
            if is_repeated { self.flights[at].clone() } else { self.flights.swap_remove(at) };
        let verification = match flight.verification {
            Some(verification) => verification,
            None => match self.verify(&flight, faults) {
                Some(Ok(verification)) => verification,
                Some(Err(code)) => {
                    self.refused(&flight, code);
                    return true;
                }
                None => return true,
            },
        };
        if flight.verification.is_none() && faults && self.dice.one_in(3) {
            // Much may happen before it is appended.
            flight.verification = Some(verification);
            self.flights.push(flight);
            return true;
        }
        self.append(&flight, verification, faults);
        true
    }

    /// None: the coordinator does not answer.
    fn verify(&mut self, flight: &Flight, faults: bool) -> Option<Result<Verification, ErrorCode>> {
        let Some(id) = flight.id else { return Some(Ok(Verification::NotRequired)) };
        let adds = self.version >= 2;
        let guard = self.partitions[flight.partition].verify(&flight.sent, adds);
        if guard.is_none() {
            return Some(Ok(Verification::Required(None)));
        }
        let partitions = partition(GROUPS + flight.partition);
        let producer = named(id, flight.sent.producer);
        if !adds {
            let body = Body::VerifyPartitions { producer, partitions };
            let Some(Response::Verified(codes)) = self.ask(body, faults) else { return None };
            return Some(match single(&codes) {
                ErrorCode::None => Ok(Verification::Required(guard)),
                code => Err(code),
            });
        }
        let body = Body::AddPartitions { producer, partitions, client_version: 2 };
        match self.ask(body, faults) {
            Some(Response::Added(ErrorCode::None)) => {}
            Some(Response::Added(code)) => return Some(Err(code)),
            _ => return None,
        }
        if self.is_current(flight) && self.producers[flight.index].is_heir {
            self.supersede(flight.index);
        }
        // The marker of the transaction before may have taken the guard meanwhile.
        let guard = self.partitions[flight.partition].verify(&flight.sent, adds);
        Some(Ok(Verification::Required(guard)))
    }

    fn append(&mut self, flight: &Flight, verification: Verification, faults: bool) {
        match self.partitions[flight.partition].append(&flight.sent, verification) {
            Ok(taken) => {
                let message = &mut self.messages[flight.sent.message as usize];
                if taken.is_duplicate {
                    self.duplicates += 1;
                    assert_eq!(message.offset, Some(taken.offset), "{flight:?} was elsewhere");
                }
                message.offset = Some(taken.offset);
                let is_fenced = self.superseded.contains(&flight.life);
                assert!(taken.is_duplicate || !is_fenced, "a fenced producer wrote {flight:?}");
                if taken.is_committed && !(faults && self.dice.one_in(12)) {
                    self.acknowledge(flight);
                }
            }
            Err(code) => self.refused(flight, code),
        }
    }

    /// Whether who has sent it still lives by the same epoch.
    fn is_current(&self, flight: &Flight) -> bool {
        let own = &self.producers[flight.index];
        own.life == flight.life && own.producer == Some(flight.sent.producer)
    }

    fn acknowledge(&mut self, flight: &Flight) {
        if !self.is_current(flight) {
            return;
        }
        if let Some(sender) = self.producers[flight.index].senders.get_mut(&flight.partition) {
            sender.acknowledge(&flight.sent);
            self.messages[flight.sent.message as usize].is_acknowledged = true;
        }
    }

    /// Of a batch that was acknowledged already nobody hears any more.
    fn refused(&mut self, flight: &Flight, code: ErrorCode) {
        if !self.is_current(flight) {
            return;
        }
        let Some(sender) = self.producers[flight.index].senders.get(&flight.partition) else {
            return;
        };
        if !sender.waits_for(&flight.sent) {
            return;
        }
        if code == ErrorCode::OutOfOrderSequenceNumber {
            let is_next = sender.is_oldest(&flight.sent);
            assert!(!is_next, "{flight:?} comes next, and is out of order");
            return;
        }
        assert!(flight.id.is_some(), "{flight:?} is refused with {code:?}");
        self.failed(flight.index, code);
    }
}
