//! What producers do: begin, write, commit, abort, and begin anew.

use std::collections::{BTreeMap, BTreeSet};

use ottla_wire::ErrorCode;

use super::delivering::Flight;
use super::offsets::Write;
use super::producer::{Open, Tag};
use super::verdict::{Message, Outcome};
use super::world::{GROUPS, PLACES, World, name, partition};
use crate::transaction::request::InitProducerId;
use crate::transaction::{Body, Producer as Named, ProducerEpoch, Response};

const TIMEOUT_MS: i32 = 20_000;

impl World {
    /// The answer, if it isn't lost on its way; now and then the request arrives twice.
    pub(super) fn ask(&mut self, body: Body, faults: bool) -> Option<Response> {
        if faults && self.dice.one_in(12) {
            self.ledger.request(body.clone());
        }
        let answer = self.ledger.request(body)?;
        (!(faults && self.dice.one_in(15))).then_some(answer)
    }

    pub(super) fn act(&mut self, index: usize, faults: bool) {
        let Some(id) = self.producers[index].id else { return self.act_alone(index, faults) };
        let Some(producer) = self.producers[index].producer else {
            return self.init(index, id, faults);
        };
        let Some(open) = &self.producers[index].open else {
            let tag = self.outcomes.len() as Tag;
            self.outcomes.push(Outcome::NotCommitted);
            self.producers[index].open = Some(Open { tag, added: BTreeSet::new(), ending: None });
            return;
        };
        match open.ending {
            Some(is_commit) => self.end(index, producer, is_commit, faults),
            None if open.added.is_empty() || (faults && !self.dice.one_in(3)) => {
                let place = self.dice.below(PLACES as u64) as usize;
                self.write(index, producer, place, faults);
            }
            None => {
                let is_commit = !self.dice.one_in(3);
                let waits = self.producers[index].waits_for();
                match waits.filter(|_| is_commit) {
                    Some(partition) => self.send(index, producer, partition, faults),
                    None => self.end(index, producer, is_commit, faults),
                }
            }
        }
    }

    /// A producer that is idempotent and no more.
    fn act_alone(&mut self, index: usize, faults: bool) {
        let Some(producer) = self.producers[index].producer else {
            let producer_id = self.ledger.fresh_producer_id();
            return self.producers[index].begin(ProducerEpoch { producer_id, producer_epoch: 0 });
        };
        let waits = self.producers[index].waits_for();
        let any = self.dice.below((PLACES - GROUPS) as u64) as usize;
        self.send(index, producer, waits.filter(|_| !faults).unwrap_or(any), faults);
    }

    fn init(&mut self, index: usize, id: u64, faults: bool) {
        let expected = self.producers[index].expected;
        let keep_prepared = self.version >= 2 && expected.is_none() && self.dice.one_in(4);
        let request = InitProducerId {
            transactional_id: name(id),
            timeout_ms: TIMEOUT_MS,
            expected,
            enable_two_phase_commit: false,
            keep_prepared,
        };
        match self.ask(Body::InitProducerId(request), faults) {
            Some(Response::Kept { producer, ongoing }) => {
                self.kept += 1;
                self.producers[index].begin(producer);
                self.producers[index].is_heir = true;
                let life = self.producers[index].life;
                self.superseded.remove(&life);
                // It has decided elsewhere how this is to end.
                let ending = Some(self.dice.one_in(2));
                let open = Open { tag: self.tags[&ongoing], added: BTreeSet::new(), ending };
                self.producers[index].open = Some(open);
            }
            Some(Response::Producer(Ok(producer))) => {
                // Of an id that was forgotten meanwhile nobody knows whose it was.
                let is_fenced = self.producers[index].is_fenced && !self.forgets_ids;
                assert!(!is_fenced, "{expected:?} goes on, fenced as it is");
                self.supersede(index);
                self.producers[index].begin(producer);
            }
            Some(Response::Producer(Err(ErrorCode::ConcurrentTransactions))) | None => {}
            Some(Response::Producer(Err(ErrorCode::ProducerFenced))) if expected.is_some() => {
                self.restart(index);
            }
            other => panic!("no producer would expect {other:?}"),
        }
    }

    fn write(&mut self, index: usize, producer: ProducerEpoch, place: usize, faults: bool) {
        let own = &self.producers[index];
        let Some(open) = &own.open else { return };
        self.tags.insert(producer, open.tag);
        // Old clients say where they write, once a transaction; of new ones the broker says it.
        if self.version < 2 && !open.added.contains(&place) && !self.add(index, place, faults) {
            return;
        }
        match place {
            group @ 0..GROUPS => self.commit_offsets(index, producer, group, faults),
            place => self.send(index, producer, place - GROUPS, faults),
        }
        if let Some(open) = &mut self.producers[index].open {
            open.added.insert(place);
        }
    }

    /// Has a place added to the transaction; false when that has failed.
    fn add(&mut self, index: usize, place: usize, faults: bool) -> bool {
        let own = &self.producers[index];
        let (Some(id), Some(producer)) = (own.id, own.producer) else { return false };
        let body = Body::AddPartitions {
            producer: named(id, producer),
            partitions: partition(place),
            client_version: if self.version >= 2 { 2 } else { 0 },
        };
        match self.ask(body, faults) {
            Some(Response::Added(ErrorCode::None)) => {
                if self.producers[index].is_heir {
                    self.supersede(index);
                }
                true
            }
            Some(Response::Added(code)) => {
                self.failed(index, code);
                false
            }
            _ => false,
        }
    }

    fn commit_offsets(
        &mut self,
        index: usize,
        producer: ProducerEpoch,
        group: usize,
        faults: bool,
    ) {
        let own = &self.producers[index];
        let (Some(id), Some(tag)) = (own.id, own.open.as_ref().map(|open| open.tag)) else {
            return;
        };
        let life = own.life;
        let mut guard = self.groups[group].verify(producer);
        if guard.is_some() && self.version >= 2 {
            if !self.add(index, group, faults) {
                return;
            }
            guard = self.groups[group].verify(producer);
        } else if guard.is_some() {
            let (producer, partitions) = (named(id, producer), partition(group));
            match self.ask(Body::VerifyPartitions { producer, partitions }, faults) {
                Some(Response::Verified(codes)) => match single(&codes) {
                    ErrorCode::None => {}
                    code => return self.failed(index, code),
                },
                _ => return,
            }
        }
        match self.groups[group].write(producer, (id, tag), guard) {
            Write::Done => {
                assert!(!self.superseded.contains(&life), "a fenced producer commits offsets");
                self.written_groups.entry(tag).or_default().insert(group);
            }
            Write::Unknown => {}
            Write::Refused(code) => self.failed(index, code),
        }
    }

    /// Sends a message, or once more one that is not acknowledged.
    fn send(&mut self, index: usize, producer: ProducerEpoch, partition: usize, faults: bool) {
        let number = self.messages.len() as u64;
        let own = &mut self.producers[index];
        let tag = own.open.as_ref().map(|open| open.tag);
        let sender = own.senders.entry(partition).or_default();
        let waiting = sender.unacknowledged.len();
        let is_new = sender.has_room() && (waiting == 0 || (faults && !self.dice.one_in(3)));
        let sent = match is_new {
            true => {
                self.messages.push(Message {
                    tag,
                    partition,
                    offset: None,
                    is_acknowledged: false,
                });
                sender.add(producer, number, tag.is_some())
            }
            false if faults && self.dice.one_in(4) => {
                sender.unacknowledged[self.dice.below(waiting as u64) as usize]
            }
            false => sender.unacknowledged[0],
        };
        let (id, life) = (own.id, own.life);
        self.flights.push(Flight { index, life, id, partition, sent, verification: None });
    }

    fn end(&mut self, index: usize, producer: ProducerEpoch, is_commit: bool, faults: bool) {
        let own = &mut self.producers[index];
        let (Some(id), Some(open)) = (own.id, &mut own.open) else { return };
        open.ending = Some(is_commit);
        let tag = open.tag as usize;
        if is_commit {
            self.outcomes[tag] = Outcome::Unknown;
        }
        let client_version = if self.version >= 2 { 2 } else { 0 };
        let body = Body::End { producer: named(id, producer), is_commit, client_version };
        match self.ask(body, faults) {
            Some(Response::Producer(Ok(next))) => {
                self.commits += usize::from(is_commit);
                self.outcomes[tag] = if is_commit { Outcome::Committed } else { Outcome::Aborted };
                let own = &mut self.producers[index];
                own.open = None;
                if client_version >= 2 {
                    own.begin(next);
                } else if own.waits_for().is_some() {
                    // What becomes of its last batches is not known: it goes on in another epoch (KIP-360).
                    own.senders.clear();
                    (own.producer, own.expected) = (None, Some(producer));
                }
            }
            Some(Response::Producer(Err(code))) => self.failed(index, code),
            _ => {}
        }
    }

    /// What producers do about errors: come again, go on with a new epoch, or start anew.
    pub(super) fn failed(&mut self, index: usize, code: ErrorCode) {
        match code {
            ErrorCode::ConcurrentTransactions => {}
            ErrorCode::ProducerFenced
            | ErrorCode::InvalidProducerEpoch
            | ErrorCode::InvalidProducerIdMapping
            | ErrorCode::InvalidTxnState
            | ErrorCode::TransactionAbortable => {
                self.fenced += 1;
                let own = &self.producers[index];
                let (before, is_fenced) = (own.producer, self.superseded.contains(&own.life));
                let goes_on = self.dice.one_in(if is_fenced { 4 } else { 2 });
                self.restart(index);
                if goes_on {
                    let own = &mut self.producers[index];
                    (own.expected, own.is_fenced) = (before, is_fenced);
                }
            }
            other => panic!("no producer would expect {other:?}"),
        }
    }
}

/// A producer and its transactional id.
pub(super) fn named(id: u64, producer: ProducerEpoch) -> Named {
    let ProducerEpoch { producer_id, producer_epoch } = producer;
    Named { transactional_id: name(id), producer_id, producer_epoch }
}

/// The code of the one partition that was asked for.
pub(super) fn single(codes: &BTreeMap<String, BTreeMap<i32, ErrorCode>>) -> ErrorCode {
    let mut codes = codes.values().flat_map(BTreeMap::values);
    *codes.next().expect("a code for the one partition")
}
