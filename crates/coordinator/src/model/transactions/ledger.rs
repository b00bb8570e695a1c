//! The transaction coordinator on trial.

use std::ops::{Deref, DerefMut};

use bytes::Bytes;
use ottla_machine::{Machine, Token};
use ottla_trial::Subject;
use ottla_wire::messages::{TransactionLogKey, TransactionLogValue};

use crate::transaction::request::InitProducerId;
use crate::transaction::{
    Body, Config, Markers, Partitions, Record, Request, Response, TransactionCoordinator,
};
use crate::trial::BEGIN;

pub(super) struct Transactions(Config);

impl Subject for Transactions {
    type Machine = TransactionCoordinator;

    fn start(&self) -> TransactionCoordinator {
        TransactionCoordinator::new(self.0.clone())
    }

    fn reread(record: &Record) -> Record {
        let (key, value) = record.encode().expect("records encode");
        Record::decode(key, value).expect("records decode")
    }
}

pub(super) struct Ledger {
    trial: ottla_trial::Trial<Transactions>,
    next_producer_id: i64,
    /// Markers that were decided before this offset are handed out, in this term of the coordinator.
    handed_out: i64,
    term: i32,
}

impl Deref for Ledger {
    type Target = ottla_trial::Trial<Transactions>;

    fn deref(&self) -> &Self::Target {
        &self.trial
    }
}

impl DerefMut for Ledger {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.trial
    }
}

impl Ledger {
    pub(super) fn new(config: Config) -> Self {
        let trial = ottla_trial::Trial::new(Transactions(config), BEGIN);
        Self { trial, next_producer_id: 1_000, handed_out: 0, term: 0 }
    }

    pub(super) fn log_bytes(&self) -> Vec<(Bytes, Option<Bytes>)> {
        self.log.iter().map(|record| record.encode().expect("records encode")).collect()
    }

    /// A transactional id that has had so many epochs before anything happens here.
    pub(super) fn wear_out(&mut self, id: &str, producer_epoch: i16) {
        let value = TransactionLogValue {
            producer_id: self.fresh_producer_id(),
            producer_epoch,
            transaction_timeout_ms: 1,
            transaction_partitions: None,
            transaction_last_update_timestamp_ms: self.now,
            transaction_start_timestamp_ms: -1,
            ..TransactionLogValue::default()
        };
        let key = TransactionLogKey { transactional_id: id.to_owned() };
        self.trial.log.push(Record::Transaction { key, value: Some(value), value_version: 0 });
        self.trial.reload();
    }

    /// The epoch of the coordinator: every leader has its own.
    pub(super) fn epoch(&self) -> i32 {
        self.crashes as i32
    }

    pub(super) fn fresh_producer_id(&mut self) -> i64 {
        self.next_producer_id += 1;
        self.next_producer_id
    }

    /// The answer, if there is one: the coordinator may be gone, or wait for its replicas.
    pub(super) fn request(&mut self, body: Body) -> Option<Response> {
        let answer = self.submit(Request::from(body.clone()))?;
        if answer != Response::NeedsProducerId {
            return Some(answer);
        }
        let fresh_producer_id = Some(self.fresh_producer_id());
        self.submit(Request { body, fresh_producer_id })
    }

    fn submit(&mut self, request: Request) -> Option<Response> {
        let token = self.trial.ask(|_| request);
        self.trial.answer(token)
    }

    /// Markers that may be written and were not handed out in this term.
    pub(super) fn take_markers(&mut self) -> Vec<Markers> {
        if self.term != self.epoch() {
            (self.term, self.handed_out) = (self.epoch(), 0);
        }
        let end = self.committed_end() as i64;
        let markers = self.machine().markers(self.handed_out, end);
        self.handed_out = end;
        markers
    }

    /// Whether the transaction is not complete yet.
    pub(super) fn awaits(&self, marker: &Markers) -> bool {
        let at = marker.prepared_at;
        !self.machine().markers(at, at + 1).is_empty()
    }

    pub(super) fn written(&mut self, markers: &Markers, partitions: Partitions) {
        self.request(Body::MarkersWritten {
            transactional_id: markers.transactional_id.clone(),
            prepared_at: markers.prepared_at,
            partitions,
        });
    }

    /// Whether no transaction is open or being ended.
    pub(super) fn is_at_rest(&self) -> bool {
        let states = self.machine().transactions_by_state();
        states
            .keys()
            .all(|state| matches!(state.name(), "Empty" | "CompleteCommit" | "CompleteAbort"))
    }

    /// A coordinator that was loaded from the log says and decides what the living one does.
    pub(super) fn check_reload(&self, ids: u64) {
        let loaded = self.loaded();
        let (living, loaded) = (self.machine(), loaded.machine());
        assert_eq!(living.transactions_by_state(), loaded.transactions_by_state());
        let init = |id: &str, keep_prepared| {
            Body::InitProducerId(InitProducerId {
                transactional_id: id.to_owned(),
                timeout_ms: 1,
                expected: None,
                enable_two_phase_commit: false,
                keep_prepared,
            })
        };
        for id in (0..ids).map(super::world::name) {
            let describe = Body::Describe { transactional_id: id.clone() };
            for body in [describe, init(&id, false), init(&id, true)] {
                let decide = |machine: &TransactionCoordinator| {
                    let fresh_producer_id = Some(7);
                    let request = Request { body: body.clone(), fresh_producer_id };
                    let decision = machine.decide(Token(0), request, self.now);
                    (decision.records, decision.answers)
                };
                assert_eq!(decide(loaded), decide(living), "a reload changes nothing");
            }
        }
    }
}
