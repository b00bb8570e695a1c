//! Transactions over partitions and groups at once: the transaction coordinator, coordinators of groups and partitions
//! of records, each of which loses its broker now and then; producers that stall, repeat themselves and fence each
//! other; markers that come late, twice and in any order. Every transaction is all or nothing everywhere.

use std::collections::{BTreeMap, BTreeSet};

use ottla_machine::Millis;
use ottla_wire::ErrorCode;

use super::ledger::Ledger;
use super::place::{Place, Tag, Write};
use super::world::Random;
use crate::transaction::{
    Body, Config, Markers, Partitions, Producer, ProducerEpoch, Response, request::InitProducerId,
};

const GROUPS: usize = 2;
const PLACES: usize = GROUPS + 3;
const IDS: u64 = 2;
const TIMEOUT_MS: i32 = 20_000;

/// What the application of a transaction knows of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It was never asked to be committed.
    NotCommitted,
    /// A commit was asked for and the answer never came.
    Unknown,
    Committed,
    Aborted,
}

#[derive(Clone, Debug)]
struct Open {
    tag: Tag,
    /// Where a write was acknowledged.
    written: BTreeSet<usize>,
    /// What was decided and is being asked for, until it is answered.
    ending: Option<bool>,
}

#[derive(Debug)]
struct Client {
    id: u64,
    producer: Option<ProducerEpoch>,
    open: Option<Open>,
    asleep_until: Millis,
    /// Another client has its transactional id: nothing of it may be accepted any more.
    is_superseded: bool,
}

pub(super) struct Atomic {
    random: Random,
    version: i16,
    ledger: Ledger,
    clients: Vec<Client>,
    places: Vec<Place>,
    /// Markers on their way, one place each.
    markers: Vec<(Markers, usize)>,
    outcomes: BTreeMap<Tag, (Outcome, BTreeSet<usize>)>,
    pub(super) commits: usize,
    pub(super) fenced: usize,
}

impl Atomic {
    pub(super) fn new(mut random: Random) -> Self {
        let version = if random.one_in(2) { 2 } else { 0 };
        let client =
            |id| Client { id, producer: None, open: None, asleep_until: 0, is_superseded: false };
        let clients = (0..2 + random.below(3)).map(|_| client(random.below(IDS))).collect();
        let place = |index| if index < GROUPS { Place::group() } else { Place::records() };
        Self {
            random,
            version,
            ledger: Ledger::new(Config { transaction_version: version, ..Config::default() }),
            clients,
            places: (0..PLACES).map(place).collect(),
            markers: Vec::new(),
            outcomes: BTreeMap::new(),
            commits: 0,
            fenced: 0,
        }
    }

    pub(super) fn crashes(&self) -> usize {
        let of_groups = self.places.iter().map(Place::crashes).sum::<usize>();
        self.ledger.crashes + of_groups
    }

    /// The bytes of everything that coordinators have written.
    pub(super) fn log(&self) -> Vec<(bytes::Bytes, Option<bytes::Bytes>)> {
        let groups = self.places.iter().flat_map(Place::log_bytes);
        self.ledger.log_bytes().into_iter().chain(groups).collect()
    }

    pub(super) fn step_with_faults(&mut self) {
        let pause = self.random.below(800) as i32;
        self.pass(pause);
        if self.random.one_in(25) {
            let (after, keeps_records) = (self.random.below(4), self.random.one_in(2));
            match self.random.below(1 + GROUPS as u64) as usize {
                0 => self.ledger.crash = Some((after, keeps_records)),
                group => self.places[group - 1].crash_after(after, keeps_records),
            }
        }
        for _ in 0..self.random.below(4) {
            self.deliver_marker(true);
        }
        let index = self.random.below(self.clients.len() as u64) as usize;
        if self.clients[index].asleep_until <= self.ledger.now {
            match self.random.below(50) {
                0 => {
                    let until = self.ledger.now + self.random.below(30_000) as Millis;
                    self.clients[index].asleep_until = until;
                }
                1 => self.restart(index),
                _ => self.act(index, true),
            }
        }
        if self.random.one_in(50) {
            self.places.iter().for_each(Place::check_reload);
        }
    }

    /// No more faults: what is open ends, and everything must be decided.
    pub(super) fn heal(&mut self) {
        self.ledger.crash = None;
        self.places.iter_mut().for_each(Place::calm);
        for round in 0.. {
            assert!(round < 500, "it never comes to rest: {:?}", self.clients);
            self.pass(1_000);
            while self.deliver_marker(false) {}
            for index in 0..self.clients.len() {
                if self.clients[index].open.is_some() {
                    self.act(index, false);
                }
            }
            let is_idle = self.clients.iter().all(|client| client.open.is_none());
            if is_idle && self.ledger.is_at_rest() {
                break;
            }
        }
        while self.deliver_marker(false) {}
        for place in &self.places {
            place.check_reload();
            place.check_rest();
        }
        for (tag, (outcome, written)) in &self.outcomes {
            let is_committed = |place: &Place| place.committed.contains(tag);
            let committed = self.places.iter().any(is_committed);
            let aborted = self.places.iter().any(|place| place.aborted.contains(tag));
            assert!(!(committed && aborted), "transaction {tag} is neither all nor nothing");
            match outcome {
                Outcome::Committed => {
                    let lost = written.iter().find(|place| !is_committed(&self.places[**place]));
                    assert_eq!(lost, None, "transaction {tag} was committed");
                }
                Outcome::Aborted | Outcome::NotCommitted => {
                    assert!(!committed, "transaction {tag} was not committed: {outcome:?}");
                }
                Outcome::Unknown => {}
            }
        }
    }

    fn pass(&mut self, duration_ms: i32) {
        self.ledger.pass(duration_ms);
        self.places.iter_mut().for_each(|place| place.pass(duration_ms));
    }

    fn restart(&mut self, index: usize) {
        let client = &mut self.clients[index];
        (client.producer, client.open) = (None, None);
    }

    /// One marker arrives somewhere, now and then twice. False when there is none.
    fn deliver_marker(&mut self, faults: bool) -> bool {
        for markers in self.ledger.markers() {
            for place in places_of(&markers.partitions) {
                self.markers.push((markers.clone(), place));
            }
            if markers.partitions.is_empty() {
                self.ledger.written(&markers, Partitions::new());
            }
        }
        if self.markers.is_empty() {
            return false;
        }
        let at = self.random.below(self.markers.len() as u64) as usize;
        let is_repeated = faults && self.random.one_in(8);
        let (marker, index) =
            if is_repeated { self.markers[at].clone() } else { self.markers.swap_remove(at) };
        // Before KIP-890 nothing tells an old marker from a new one but that its writer waits for it: none may be on
        // its way when the transaction is complete.
        if marker.transaction_version < 2 && !self.ledger.awaits(&marker) {
            return true;
        }
        match self.places[index].mark(&marker) {
            true => self.ledger.written(&marker, partition(index)),
            // The broker of the place is gone: its writer tries again.
            false if !is_repeated => self.markers.push((marker, index)),
            false => {}
        }
        true
    }

    /// The answer, if it isn't lost on its way; now and then the request arrives twice.
    fn ask(&mut self, body: Body, faults: bool) -> Option<Response> {
        if faults && self.random.one_in(12) {
            self.ledger.ask(body.clone());
        }
        let answer = self.ledger.ask(body)?;
        (!(faults && self.random.one_in(15))).then_some(answer)
    }

    fn act(&mut self, index: usize, faults: bool) {
        let Some(producer) = self.clients[index].producer else { return self.init(index, faults) };
        let Some(open) = &self.clients[index].open else {
            let tag = self.outcomes.len() as Tag;
            self.outcomes.insert(tag, (Outcome::NotCommitted, BTreeSet::new()));
            let open = Open { tag, written: BTreeSet::new(), ending: None };
            self.clients[index].open = Some(open);
            return;
        };
        match open.ending {
            Some(is_commit) => self.end(index, producer, is_commit, faults),
            None if open.written.is_empty() || (faults && !self.random.one_in(3)) => {
                self.write(index, producer, faults);
            }
            None => {
                let is_commit = !self.random.one_in(3);
                self.end(index, producer, is_commit, faults);
            }
        }
    }

    fn init(&mut self, index: usize, faults: bool) {
        let id = self.clients[index].id;
        let request = InitProducerId {
            transactional_id: name(id),
            timeout_ms: TIMEOUT_MS,
            expected: None,
            enable_two_phase_commit: false,
            keep_prepared: false,
        };
        match self.ask(Body::InitProducerId(request), faults) {
            Some(Response::Producer(Ok(producer))) => {
                for other in self.clients.iter_mut().filter(|other| other.id == id) {
                    other.is_superseded = true;
                }
                self.clients[index].producer = Some(producer);
                self.clients[index].is_superseded = false;
            }
            Some(Response::Producer(Err(ErrorCode::ConcurrentTransactions))) | None => {}
            other => panic!("no producer would expect {other:?}"),
        }
    }

    /// Adds a place to the transaction and writes to it, as producer and broker do it together.
    fn write(&mut self, index: usize, producer: ProducerEpoch, faults: bool) {
        let at = self.random.below(PLACES as u64) as usize;
        let client = &self.clients[index];
        let id = client.id;
        let is_open = self.places[at].is_open(producer);
        // Old clients say where they write, once a transaction; of new ones the broker says it, when nothing is open.
        let is_added = match self.version < 2 {
            true => client.open.as_ref().is_some_and(|open| open.written.contains(&at)),
            false => is_open,
        };
        if !is_added {
            let body = Body::AddPartitions {
                producer: named(id, producer),
                partitions: partition(at),
                client_version: self.version,
            };
            match self.ask(body, faults) {
                Some(Response::Added(ErrorCode::None)) => {}
                Some(Response::Added(code)) => return self.failed(index, code),
                _ => return,
            }
        }
        if self.version < 2 && !self.places[at].is_open(producer) {
            let (producer, partitions) = (named(id, producer), partition(at));
            match self.ask(Body::VerifyPartitions { producer, partitions }, faults) {
                Some(Response::Verified(codes)) => {
                    let code = codes.values().flat_map(BTreeMap::values).copied().next();
                    match code.expect("a code for the one partition") {
                        ErrorCode::None => {}
                        code => return self.failed(index, code),
                    }
                }
                _ => return,
            }
        }
        let Some(tag) = self.clients[index].open.as_ref().map(|open| open.tag) else { return };
        let superseded = self.clients[index].is_superseded;
        match self.places[at].write(producer, (id, tag)) {
            Write::Done => {
                assert!(!superseded, "a fenced producer wrote");
                if let Some(open) = &mut self.clients[index].open {
                    open.written.insert(at);
                }
            }
            Write::Lost => {}
            Write::Refused(code) => self.failed(index, code),
        }
    }

    fn end(&mut self, index: usize, producer: ProducerEpoch, is_commit: bool, faults: bool) {
        let client = &mut self.clients[index];
        let Some(open) = &mut client.open else { return };
        open.ending = Some(is_commit);
        let (tag, written) = (open.tag, open.written.clone());
        if is_commit {
            self.outcomes.insert(tag, (Outcome::Unknown, written.clone()));
        }
        let body = Body::End {
            producer: named(client.id, producer),
            is_commit,
            client_version: self.version,
        };
        match self.ask(body, faults) {
            Some(Response::Producer(Ok(next))) => {
                self.commits += usize::from(is_commit);
                let outcome = if is_commit { Outcome::Committed } else { Outcome::Aborted };
                self.outcomes.insert(tag, (outcome, written));
                let client = &mut self.clients[index];
                client.open = None;
                if self.version >= 2 {
                    client.producer = Some(next);
                }
            }
            Some(Response::Producer(Err(code))) => self.failed(index, code),
            _ => {}
        }
    }

    /// What producers do about errors: come again, or start anew.
    fn failed(&mut self, index: usize, code: ErrorCode) {
        match code {
            ErrorCode::ConcurrentTransactions => {}
            ErrorCode::ProducerFenced
            | ErrorCode::InvalidProducerEpoch
            | ErrorCode::InvalidProducerIdMapping
            | ErrorCode::InvalidTxnState
            | ErrorCode::TransactionAbortable => {
                self.fenced += 1;
                self.restart(index);
            }
            other => panic!("no producer would expect {other:?}"),
        }
    }
}

fn name(id: u64) -> String {
    format!("id-{id}")
}

fn named(id: u64, producer: ProducerEpoch) -> Producer {
    let ProducerEpoch { producer_id, producer_epoch } = producer;
    Producer { transactional_id: name(id), producer_id, producer_epoch }
}

/// The name of a place: groups are partitions of the offsets' topic.
fn partition(place: usize) -> Partitions {
    let topic = if place < GROUPS { "__consumer_offsets" } else { "topic" };
    Partitions::from([(topic.to_owned(), BTreeSet::from([place as i32]))])
}

fn places_of(partitions: &Partitions) -> impl Iterator<Item = usize> {
    partitions.values().flatten().map(|index| *index as usize)
}
