//! The transaction coordinator on a log in memory that commits at once, and dies at an append if it is to.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_machine::{Millis, Runner, Step, Token};

use crate::transaction::{
    Body, Config, Markers, Partitions, Record, Request, Response, TransactionCoordinator,
};
use crate::trial::BEGIN;

pub(super) struct Ledger {
    config: Config,
    runner: Runner<TransactionCoordinator>,
    log: Vec<Record>,
    pub(super) now: Millis,
    next_token: u64,
    next_producer_id: i64,
    answers: BTreeMap<Token, Response>,
    /// How many appends go well before it dies, and whether the records of that one survive.
    pub(super) crash: Option<(u64, bool)>,
    pub(super) crashes: usize,
    /// Markers that are decided before this offset were handed out.
    handed_out: i64,
}

impl Ledger {
    pub(super) fn new(config: Config) -> Self {
        let runner = Runner::new(TransactionCoordinator::new(config.clone()), 10_000);
        let mut ledger = Self {
            config,
            runner,
            log: Vec::new(),
            now: BEGIN,
            next_token: 0,
            next_producer_id: 1_000,
            answers: BTreeMap::new(),
            crash: None,
            crashes: 0,
            handed_out: 0,
        };
        ledger.tick();
        ledger
    }

    pub(super) fn log_bytes(&self) -> Vec<(Bytes, Option<Bytes>)> {
        self.log.iter().map(|record| record.encode().expect("records encode")).collect()
    }

    /// The answer; none when the coordinator crashed over the request.
    pub(super) fn ask(&mut self, body: Body) -> Option<Response> {
        let answer = self.submit(Request::from(body.clone()))?;
        if answer != Response::NeedsProducerId {
            return Some(answer);
        }
        self.next_producer_id += 1;
        self.submit(Request { body, fresh_producer_id: Some(self.next_producer_id) })
    }

    /// Lets time pass, deadline by deadline.
    pub(super) fn pass(&mut self, duration_ms: i32) {
        let end = self.now + Millis::from(duration_ms);
        while let Some(deadline) = self.runner.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(deadline);
            self.tick();
        }
        self.now = end;
    }

    /// Markers that may be written and were not handed out since the last reload.
    pub(super) fn markers(&mut self) -> Vec<Markers> {
        let end = self.log.len() as i64;
        let markers = self.runner.machine().markers(self.handed_out, end);
        self.handed_out = end;
        markers
    }

    /// Whether the transaction is not complete yet.
    pub(super) fn awaits(&self, marker: &Markers) -> bool {
        let at = marker.prepared_at;
        !self.runner.machine().markers(at, at + 1).is_empty()
    }

    pub(super) fn written(&mut self, markers: &Markers, partitions: Partitions) {
        self.ask(Body::MarkersWritten {
            transactional_id: markers.transactional_id.clone(),
            prepared_at: markers.prepared_at,
            partitions,
        });
    }

    /// Whether no transaction is open or being ended.
    pub(super) fn is_at_rest(&self) -> bool {
        let states = self.runner.machine().transactions_by_state();
        states
            .keys()
            .all(|state| matches!(state.name(), "Empty" | "CompleteCommit" | "CompleteAbort"))
    }

    fn submit(&mut self, request: Request) -> Option<Response> {
        let token = Token(self.next_token);
        self.next_token += 1;
        let crashes = self.crashes;
        let step = self.runner.submit(token, request, self.now).expect("the runner has room");
        self.take(step);
        if self.crashes > crashes {
            return None;
        }
        Some(self.answers.remove(&token).expect("everything is answered at once"))
    }

    fn tick(&mut self) {
        let step = self.runner.tick(self.now);
        self.take(step);
    }

    fn take(&mut self, step: Step<TransactionCoordinator>) {
        let mut replies = step.replies;
        if !step.records.is_empty() {
            match &mut self.crash {
                Some((0, keeps_records)) => {
                    if *keeps_records {
                        self.log.extend(step.records);
                    }
                    self.crash = None;
                    self.crashes += 1;
                    return self.reload();
                }
                Some((after, _)) => *after -= 1,
                None => {}
            }
            self.log.extend(step.records);
            let end = self.log.len() as i64;
            self.runner.appended(end);
            replies.extend(self.runner.committed(end));
        }
        self.answers.extend(replies.into_iter().map(|answer| (answer.token, answer.response)));
    }

    /// Comes back from the log. The bytes of the records are what survives.
    fn reload(&mut self) {
        self.runner = Runner::new(TransactionCoordinator::new(self.config.clone()), 10_000);
        for (offset, record) in (0..).zip(&self.log) {
            let (key, value) = record.encode().expect("records encode");
            self.runner.replay(offset, &Record::decode(key, value).expect("records decode"));
        }
        self.answers.clear();
        self.handed_out = 0;
        self.tick();
    }
}
