//! Producers, coordinators, logs, and their faults.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ottla_machine::Millis;
use ottla_trial::{Crash, Dice};

use super::delivering::Flight;
use super::ledger::Ledger;
use super::markers::Flying;
use super::offsets::Offsets;
use super::producer::{Producer, Tag};
use super::records::Records;
use super::verdict::{Message, Outcome};
use crate::transaction::{Config, Partitions, ProducerEpoch};

pub(super) const GROUPS: usize = 2;
pub(super) const PARTITIONS: usize = 3;
pub(super) const PLACES: usize = GROUPS + PARTITIONS;
pub(super) const IDS: u64 = 2;

/// See the module. Places are groups first, then partitions.
pub(in crate::model) struct World {
    pub(super) dice: Dice,
    /// The `transaction.version` of everybody.
    pub(super) version: i16,
    /// Transactional ids are forgotten when nobody has used them for a while.
    pub(super) forgets_ids: bool,
    pub(super) ledger: Ledger,
    pub(super) producers: Vec<Producer>,
    pub(super) groups: Vec<Offsets>,
    pub(super) partitions: Vec<Records>,
    /// Batches on their way.
    pub(super) flights: Vec<Flight>,
    /// Markers on their way, one place each.
    pub(super) markers: Vec<Flying>,
    /// What was sent; a message's number is its place here.
    pub(super) messages: Vec<Message>,
    pub(super) outcomes: Vec<Outcome>,
    /// Groups whose offsets a transaction was told it has written.
    pub(super) written_groups: BTreeMap<Tag, BTreeSet<usize>>,
    /// Which transaction has an id and epoch, for producers that come back to it.
    pub(super) tags: BTreeMap<ProducerEpoch, Tag>,
    pub(super) lives: u64,
    /// Lives whose transactional id is somebody else's: nothing of them may be accepted any more.
    pub(super) superseded: BTreeSet<u64>,
    pub(super) lives_of: BTreeMap<u64, BTreeSet<u64>>,
    pub(in crate::model) commits: usize,
    pub(in crate::model) fenced: usize,
    pub(in crate::model) kept: usize,
    pub(in crate::model) duplicates: usize,
    pub(in crate::model) lies: usize,
    leaders: usize,
}

impl World {
    pub(in crate::model) fn new(seed: u64) -> Self {
        let dice = Dice::new(seed);
        let version = if dice.one_in(2) { 2 } else { dice.below(2) as i16 };
        let mut config = Config { transaction_version: version, ..Config::default() };
        let forgets_ids = dice.one_in(4);
        if forgets_ids {
            (config.id_expiration_ms, config.expiry_interval_ms) = (15_000, 5_000);
        }
        let mut ledger = Ledger::new(config);
        for id in (0..IDS).filter(|_| dice.one_in(4)) {
            ledger.wear_out(&name(id), i16::MAX - 2 - dice.below(10) as i16);
        }
        let now = ledger.now;
        let mut world = Self {
            version,
            forgets_ids,
            producers: Vec::new(),
            groups: (0..GROUPS).map(|_| Offsets::new()).collect(),
            partitions: (0..PARTITIONS).map(|_| Records::new(now)).collect(),
            flights: Vec::new(),
            markers: Vec::new(),
            messages: Vec::new(),
            outcomes: Vec::new(),
            written_groups: BTreeMap::new(),
            tags: BTreeMap::new(),
            lives: 0,
            superseded: BTreeSet::new(),
            lives_of: BTreeMap::new(),
            commits: 0,
            fenced: 0,
            kept: 0,
            duplicates: 0,
            lies: 0,
            leaders: 0,
            ledger,
            dice,
        };
        for _ in 0..2 + world.dice.below(3) {
            let id = world.dice.below(IDS);
            let life = world.new_life(Some(id));
            world.producers.push(Producer::new(Some(id), life));
        }
        let life = world.new_life(None);
        world.producers.push(Producer::new(None, life));
        world
    }

    /// How often a leader has changed.
    pub(in crate::model) fn crashes(&self) -> usize {
        let of_groups = self.groups.iter().map(|group| group.trial.crashes).sum::<usize>();
        self.ledger.crashes + of_groups + self.leaders
    }

    /// The bytes of everything that coordinators have written, and the messages in the partitions.
    pub(in crate::model) fn log(&self) -> Vec<(Bytes, Option<Bytes>)> {
        let groups = self.groups.iter().flat_map(|group| group.trial.log_bytes());
        let found = self.partitions.iter().map(|partition| format!("{:?}", partition.all()));
        let found = found.map(|found| (Bytes::from(found), None));
        self.ledger.log_bytes().into_iter().chain(groups).chain(found).collect()
    }

    pub(in crate::model) fn step_with_faults(&mut self) {
        self.pass(self.dice.below(800) as i32);
        if self.dice.one_in(12) {
            self.fail_somewhere();
        }
        self.lag_or_commit();
        for _ in 0..self.dice.below(4) {
            self.deliver_marker(true);
        }
        for _ in 0..self.dice.below(4) {
            self.deliver(true);
        }
        let index = self.dice.below(self.producers.len() as u64) as usize;
        if self.producers[index].asleep_until <= self.ledger.now {
            match self.dice.below(50) {
                0 => {
                    let until = self.ledger.now + self.dice.below(30_000) as Millis;
                    self.producers[index].asleep_until = until;
                }
                1 => self.restart(index),
                2 => self.lie(),
                _ => self.act(index, true),
            }
        }
        // Loading and reading whole logs is much work for every step.
        if self.dice.one_in(50) {
            self.check();
        }
    }

    /// No more faults: what is open ends, and everything must be decided.
    pub(in crate::model) fn heal(&mut self) {
        self.ledger.crash = None;
        self.groups.iter_mut().for_each(|group| group.trial.crash = None);
        for round in 0.. {
            assert!(round < 500, "it never comes to rest: {:?}", self.producers);
            self.pass(1_000);
            self.commit_all();
            while self.deliver_marker(false) {}
            while self.deliver(false) {}
            for index in 0..self.producers.len() {
                let producer = &self.producers[index];
                if producer.open.is_some() || producer.waits_for().is_some() {
                    self.act(index, false);
                }
            }
            let is_idle = |each: &Producer| each.open.is_none() && each.waits_for().is_none();
            if self.producers.iter().all(is_idle) && self.ledger.is_at_rest() {
                break;
            }
        }
        while self.deliver_marker(false) {}
        while self.deliver(false) {}
        self.commit_all();
        self.check();
        self.check_verdict();
    }

    fn pass(&mut self, duration_ms: i32) {
        self.ledger.pass(duration_ms);
        self.groups.iter_mut().for_each(|group| group.pass(duration_ms));
        let now = self.ledger.now;
        self.partitions.iter_mut().for_each(|partition| partition.set_now(now));
    }

    /// Somebody dies at one of the next appends, or loses the leadership now.
    fn fail_somewhere(&mut self) {
        let crash =
            Crash { after: self.dice.below(4), kept: self.dice.pick(&[0, 1, 2, usize::MAX]) };
        let is_now = self.dice.one_in(3);
        match self.dice.below(1 + PLACES as u64) as usize {
            0 if is_now => self.ledger.depose(crash.kept),
            0 => self.ledger.crash = Some(crash),
            place @ 1..=GROUPS if is_now => self.groups[place - 1].depose(crash.kept),
            place @ 1..=GROUPS => self.groups[place - 1].trial.crash = Some(crash),
            place => {
                self.leaders += 1;
                let (kept, restarts) = (self.dice.below(4) as i64, self.dice.one_in(2));
                // What a broker has verified and not appended goes with it.
                let partition = place - 1 - GROUPS;
                self.flights.retain(|flight| {
                    !restarts || flight.partition != partition || flight.verification.is_none()
                });
                self.partitions[place - 1 - GROUPS].depose(kept, restarts);
            }
        }
    }

    /// Replicas fall behind somewhere, or catch up.
    fn lag_or_commit(&mut self) {
        let lags = self.dice.one_in(3);
        match self.dice.below(1 + PLACES as u64) as usize {
            0 => {
                self.ledger.lags = lags;
                if !lags {
                    self.ledger.commit_all();
                }
            }
            place @ 1..=GROUPS => {
                let trial = &mut self.groups[place - 1].trial;
                trial.lags = lags;
                if !lags {
                    trial.commit_all();
                }
            }
            place => {
                let partition = &mut self.partitions[place - 1 - GROUPS];
                partition.lags = lags;
                if !lags {
                    partition.commit();
                }
            }
        }
    }

    fn commit_all(&mut self) {
        self.ledger.lags = false;
        self.ledger.commit_all();
        for group in &mut self.groups {
            group.trial.lags = false;
            group.trial.commit_all();
        }
        for partition in &mut self.partitions {
            partition.lags = false;
            partition.commit();
        }
    }

    pub(super) fn new_life(&mut self, id: Option<u64>) -> u64 {
        self.lives += 1;
        if let Some(id) = id {
            self.lives_of.entry(id).or_default().insert(self.lives);
        }
        self.lives
    }

    pub(super) fn restart(&mut self, index: usize) {
        let life = self.new_life(self.producers[index].id);
        self.producers[index].restart(life);
    }

    /// The transactional id is this producer's from now on.
    pub(super) fn supersede(&mut self, index: usize) {
        let producer = &mut self.producers[index];
        producer.is_heir = false;
        let Some(id) = producer.id else { return };
        let others = self.lives_of[&id].iter().filter(|life| **life != producer.life);
        self.superseded.extend(others);
        self.superseded.remove(&producer.life);
    }
}

pub(super) fn name(id: u64) -> String {
    format!("id-{id}")
}

/// The name of a place: groups are partitions of the offsets' topic.
pub(super) fn partition(place: usize) -> Partitions {
    let topic = if place < GROUPS { "__consumer_offsets" } else { "topic" };
    Partitions::from([(topic.to_owned(), BTreeSet::from([place as i32]))])
}

pub(super) fn places_of(partitions: &Partitions) -> Vec<usize> {
    partitions.values().flatten().map(|index| *index as usize).collect()
}
