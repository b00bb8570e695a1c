//! The producers, the coordinator, the partitions, and the checks.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_machine::Millis;
use ottla_wire::ErrorCode;

use super::partition::{Partition, Tag};
use super::producer::{Open, ProducerClient};
use crate::request::{InitProducerId, Partitions};
use crate::state::{NO_EPOCH, State, Transaction};
use crate::trial::{Crash, Trial, named, topic};
use crate::{Body, Config, Markers, ProducerEpoch, Response, TransactionCoordinator};

const PARTITIONS: usize = 4;
const TIMEOUT_MS: i32 = 20_000;

/// The numbers of a seed (splitmix64).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % end
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

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

pub(super) struct World {
    random: Random,
    trial: Trial,
    clients: Vec<ProducerClient>,
    partitions: Vec<Partition>,
    /// Markers on their way, one partition each.
    markers: Vec<(Markers, usize)>,
    outcomes: BTreeMap<Tag, Outcome>,
    /// Which transaction has an id and epoch, for producers that come back to it.
    tags: BTreeMap<ProducerEpoch, Tag>,
    pub(super) kept: usize,
    pub(super) commits: usize,
    pub(super) fenced: usize,
}

impl World {
    pub(super) fn new(mut random: Random) -> Self {
        let version = if random.one_in(2) { 2 } else { 0 };
        let config = Config { transaction_version: version, ..Config::default() };
        let clients = (0..3 + random.below(3))
            .map(|_| ProducerClient::new(format!("id-{}", random.below(2)), version))
            .collect();
        Self {
            random,
            trial: Trial::new(config),
            clients,
            partitions: (0..PARTITIONS).map(|_| Partition::default()).collect(),
            markers: Vec::new(),
            outcomes: BTreeMap::new(),
            tags: BTreeMap::new(),
            kept: 0,
            commits: 0,
            fenced: 0,
        }
    }

    pub(super) fn crashes(&self) -> usize {
        self.trial.crashes
    }

    /// The bytes of everything that was written.
    pub(super) fn log(&self) -> Vec<(Bytes, Option<Bytes>)> {
        let encode = |record: &crate::Record| record.encode().expect("records encode");
        self.trial.log.iter().map(encode).collect()
    }

    pub(super) fn step_with_faults(&mut self) {
        let pause = self.random.below(800) as i32;
        self.trial.pass(pause);
        if self.random.one_in(25) {
            let after = self.random.below(4);
            self.trial.crash = Some(Crash { after, keeps_records: self.random.one_in(2) });
        }
        for _ in 0..self.random.below(4) {
            self.deliver_marker(true);
        }
        let index = self.random.below(self.clients.len() as u64) as usize;
        if self.clients[index].asleep_until <= self.trial.now {
            match self.random.below(60) {
                0 => {
                    self.clients[index].asleep_until =
                        self.trial.now + self.random.below(30_000) as Millis
                }
                1 => self.clients[index].restart(),
                _ => self.act(index, true),
            }
        }
        // Loading a whole log is much work for every step.
        if self.random.one_in(50) {
            self.check_reload();
        }
    }

    /// No more faults: what is open ends, and everything must be decided.
    pub(super) fn heal(&mut self) {
        self.trial.crash = None;
        for round in 0.. {
            assert!(round < 500, "it never comes to rest: {:?}", self.clients);
            self.trial.pass(1_000);
            while self.deliver_marker(false) {}
            for index in 0..self.clients.len() {
                if self.clients[index].open.is_some() {
                    self.act(index, false);
                }
            }
            let machine = self.trial.runner.machine();
            let is_at_rest = machine.transactions.values().all(|each| each.state.may_expire());
            if is_at_rest && self.clients.iter().all(|client| client.open.is_none()) {
                break;
            }
        }
        while self.deliver_marker(false) {}
        self.check_reload();
        assert!(self.partitions.iter().all(|partition| !partition.has_open()), "it hangs");
        for (tag, outcome) in &self.outcomes {
            let committed = self.partitions.iter().any(|each| each.committed.contains(tag));
            let aborted = self.partitions.iter().any(|each| each.aborted.contains(tag));
            assert!(!(committed && aborted), "transaction {tag} is neither all nor nothing");
            match outcome {
                Outcome::Committed => assert!(!aborted, "transaction {tag} was committed"),
                Outcome::Aborted | Outcome::NotCommitted => {
                    assert!(!committed, "transaction {tag} was not committed: {outcome:?}");
                }
                Outcome::Unknown => {}
            }
        }
    }

    /// One marker arrives somewhere, in any order, now and then twice. False when there is none.
    fn deliver_marker(&mut self, faults: bool) -> bool {
        for markers in self.trial.markers() {
            let places = markers.partitions.get("topic").into_iter().flatten();
            let places: Vec<usize> = places.map(|index| *index as usize).collect();
            self.markers.extend(places.into_iter().map(|index| (markers.clone(), index)));
            if markers.partitions.is_empty() {
                self.tell_written(&markers, Partitions::new());
            }
        }
        if self.markers.is_empty() {
            return false;
        }
        let at = self.random.below(self.markers.len() as u64) as usize;
        let is_repeated = faults && self.random.one_in(8);
        let (marker, index) =
            if is_repeated { self.markers[at].clone() } else { self.markers.swap_remove(at) };
        // Before KIP-890 nothing tells an old marker from a new one but that its writer waits for it: none may be on its
        // way when the transaction is complete.
        let is_awaited = self.trial.runner.machine().preparing.contains_key(&marker.prepared_at);
        if marker.transaction_version < 2 && !is_awaited {
            return true;
        }
        self.partitions[index].mark(&marker);
        // The news may be lost with the coordinator's broker; then the next one writes the marker again.
        self.tell_written(&marker, topic(&[index as i32]));
        true
    }

    fn tell_written(&mut self, markers: &Markers, partitions: Partitions) {
        self.trial.ask(Body::MarkersWritten {
            transactional_id: markers.transactional_id.clone(),
            prepared_at: markers.prepared_at,
            partitions,
        });
    }

    /// The answer, if it isn't lost on its way; now and then the request arrives twice.
    fn ask(&mut self, body: Body, faults: bool) -> Option<Response> {
        if faults && self.random.one_in(12) {
            self.trial.ask(body.clone());
        }
        let answer = self.trial.ask(body)?;
        (!(faults && self.random.one_in(15))).then_some(answer)
    }

    fn act(&mut self, index: usize, faults: bool) {
        let Some(producer) = self.clients[index].producer else {
            return self.init(index, faults);
        };
        let Some(open) = &self.clients[index].open else {
            let tag = self.outcomes.len() as Tag;
            self.outcomes.insert(tag, Outcome::NotCommitted);
            let open = Open { tag, written: Default::default(), ending: None };
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
        let client = &self.clients[index];
        let (id, expected) = (client.id.clone(), client.expected);
        let keep_prepared = client.version >= 2 && expected.is_none() && self.random.one_in(3);
        let request = InitProducerId {
            transactional_id: id.clone(),
            timeout_ms: TIMEOUT_MS,
            expected,
            enable_two_phase_commit: false,
            keep_prepared,
        };
        match self.ask(Body::InitProducerId(request), faults) {
            Some(Response::Kept { producer, ongoing }) => {
                self.kept += 1;
                self.clients[index].producer = Some(producer);
                self.clients[index].is_superseded = false;
                self.clients[index].is_heir = true;
                // It has decided elsewhere how this is to end.
                let is_commit = self.random.one_in(2);
                let tag = self.tags[&ongoing];
                let written = Default::default();
                self.clients[index].open = Some(Open { tag, written, ending: Some(is_commit) });
            }
            Some(Response::Producer(Ok(producer))) => self.supersede(index, producer),
            Some(Response::Producer(Err(ErrorCode::ConcurrentTransactions))) | None => {}
            Some(Response::Producer(Err(ErrorCode::ProducerFenced))) if expected.is_some() => {
                self.clients[index].restart();
            }
            other => panic!("no producer would expect {other:?}"),
        }
    }

    /// The transactional id is this client's from now on.
    fn supersede(&mut self, index: usize, producer: ProducerEpoch) {
        let id = self.clients[index].id.clone();
        for other in self.clients.iter_mut().filter(|other| other.id == id) {
            other.is_superseded = true;
        }
        self.clients[index].producer = Some(producer);
        self.clients[index].expected = None;
        self.clients[index].is_superseded = false;
        self.clients[index].is_heir = false;
    }

    /// Adds a partition to the transaction and writes a record, as producer and broker do it together.
    fn write(&mut self, index: usize, producer: ProducerEpoch, faults: bool) {
        let place = self.random.below(PARTITIONS as u64) as usize;
        let client = &self.clients[index];
        let (id, version) = (client.id.clone(), client.version);
        let partitions = topic(&[place as i32]);
        if let Some(open) = &client.open {
            self.tags.insert(producer, open.tag);
        }
        // Old clients say where they write, once a transaction; of new ones the broker says it, when nothing is open.
        let is_added = match version < 2 {
            true => client.open.as_ref().is_some_and(|open| open.written.contains(&place)),
            false => self.partitions[place].is_open(producer),
        };
        if !is_added {
            let body = Body::AddPartitions {
                producer: named(&id, producer),
                partitions: partitions.clone(),
                client_version: version,
            };
            match self.ask(body, faults) {
                Some(Response::Added(ErrorCode::None)) if self.clients[index].is_heir => {
                    self.supersede(index, producer);
                }
                Some(Response::Added(ErrorCode::None)) => {}
                Some(Response::Added(code)) => return self.failed(index, code),
                _ => return,
            }
        }
        if version < 2 && !self.partitions[place].is_open(producer) {
            let producer = named(&id, producer);
            match self.ask(Body::VerifyPartitions { producer, partitions }, faults) {
                Some(Response::Verified(codes)) => match codes["topic"][&(place as i32)] {
                    ErrorCode::None => {}
                    code => return self.failed(index, code),
                },
                _ => return,
            }
        }
        let Some(tag) = self.clients[index].open.as_ref().map(|open| open.tag) else { return };
        match self.partitions[place].append(producer, tag) {
            Ok(()) => {
                assert!(!self.clients[index].is_superseded, "a fenced producer wrote");
                if let Some(open) = &mut self.clients[index].open {
                    open.written.insert(place);
                }
            }
            Err(code) => self.failed(index, code),
        }
    }

    fn end(&mut self, index: usize, producer: ProducerEpoch, is_commit: bool, faults: bool) {
        let client = &mut self.clients[index];
        let Some(open) = &mut client.open else { return };
        open.ending = Some(is_commit);
        let tag = open.tag;
        if is_commit {
            self.outcomes.insert(tag, Outcome::Unknown);
        }
        let body = Body::End {
            producer: named(&client.id, producer),
            is_commit,
            client_version: client.version,
        };
        match self.ask(body, faults) {
            Some(Response::Producer(Ok(next))) => {
                self.commits += usize::from(is_commit);
                let outcome = if is_commit { Outcome::Committed } else { Outcome::Aborted };
                self.outcomes.insert(tag, outcome);
                let client = &mut self.clients[index];
                client.open = None;
                if client.version >= 2 {
                    client.producer = Some(next);
                }
            }
            Some(Response::Producer(Err(code))) => self.failed(index, code),
            _ => {}
        }
    }

    /// What producers do about errors: come again, go on with a new epoch, or start anew.
    fn failed(&mut self, index: usize, code: ErrorCode) {
        match code {
            ErrorCode::ConcurrentTransactions => {}
            ErrorCode::ProducerFenced
            | ErrorCode::InvalidProducerEpoch
            | ErrorCode::InvalidProducerIdMapping
            | ErrorCode::InvalidTxnState
            | ErrorCode::TransactionAbortable => {
                self.fenced += 1;
                let goes_on = self.random.one_in(2) && !self.clients[index].is_superseded;
                let before = self.clients[index].producer;
                self.clients[index].restart();
                if goes_on {
                    self.clients[index].expected = before;
                }
            }
            other => panic!("no producer would expect {other:?}"),
        }
    }

    fn check_reload(&self) {
        let living = hard_state(self.trial.runner.machine());
        let loaded = self.trial.loaded();
        assert_eq!(hard_state(loaded.machine()), living, "a reload changes nothing");
    }
}

/// Everything that the log must be able to bring back.
fn hard_state(machine: &TransactionCoordinator) -> BTreeMap<String, Transaction> {
    let hard = |transaction: &Transaction| Transaction {
        last_epoch: NO_EPOCH,
        unmarked: Partitions::new(),
        ..transaction.clone()
    };
    let known = |state: State| state.is_recorded();
    assert!(machine.transactions.values().all(|each| known(each.state)));
    machine.transactions.iter().map(|(id, each)| (id.clone(), hard(each))).collect()
}
