//! A transaction coordinator on a log in memory that commits at once, with a clock that tests move.

use std::collections::BTreeMap;

use ottla_machine::{Millis, Runner, Step, Token};
use ottla_wire::ErrorCode;

use super::request::{InitProducerId, Partitions};
use super::{
    Body, Config, Markers, Producer, ProducerEpoch, Record, Request, Response,
    TransactionCoordinator,
};

/// Where the clock of a trial begins.
pub(super) const BEGIN: Millis = 1_700_000_000_000;
pub(super) const TIMEOUT_MS: i32 = 60_000;

/// The coordinator's broker dies at an append.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crash {
    /// How many appends go well before it.
    pub(super) after: u64,
    /// Whether the records of that append survive; nobody learns of them either way.
    pub(super) keeps_records: bool,
}

pub(super) struct Trial {
    config: Config,
    pub(super) runner: Runner<TransactionCoordinator>,
    pub(super) log: Vec<Record>,
    pub(super) now: Millis,
    next_token: u64,
    next_producer_id: i64,
    answers: BTreeMap<Token, Response>,
    /// What happens to one of the next appends.
    pub(super) crash: Option<Crash>,
    pub(super) crashes: usize,
    /// Markers that are decided before this offset were handed out.
    handed_out: i64,
}

impl Trial {
    pub(super) fn new(config: Config) -> Self {
        let runner = Runner::new(TransactionCoordinator::new(config.clone()), 10_000);
        let mut trial = Self {
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
        trial.tick();
        trial
    }

    /// Crashes and comes back from the log. The bytes of the records are what survives.
    pub(super) fn reload(&mut self) {
        self.runner = self.loaded();
        self.answers.clear();
        self.handed_out = 0;
        self.tick();
    }

    /// A coordinator that knows what the log says, and no more.
    pub(super) fn loaded(&self) -> Runner<TransactionCoordinator> {
        let mut runner = Runner::new(TransactionCoordinator::new(self.config.clone()), 10_000);
        for (offset, record) in (0..).zip(&self.log) {
            let (key, value) = record.encode().expect("records encode");
            runner.replay(offset, &Record::decode(key, value).expect("records decode"));
        }
        runner
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

    /// Lets time pass, deadline by deadline.
    pub(super) fn pass(&mut self, duration_ms: i32) {
        let end = self.now + Millis::from(duration_ms);
        while let Some(deadline) = self.runner.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(deadline);
            self.tick();
        }
        self.now = end;
    }

    fn tick(&mut self) {
        let step = self.runner.tick(self.now);
        self.take(step);
    }

    fn take(&mut self, step: Step<TransactionCoordinator>) {
        let mut replies = step.replies;
        if !step.records.is_empty() {
            match &mut self.crash {
                Some(crash) if crash.after == 0 => {
                    if crash.keeps_records {
                        self.log.extend(step.records);
                    }
                    self.crash = None;
                    self.crashes += 1;
                    return self.reload();
                }
                Some(crash) => crash.after -= 1,
                None => {}
            }
            self.log.extend(step.records);
            let end = i64::try_from(self.log.len()).expect("a small log");
            self.runner.appended(end);
            replies.extend(self.runner.committed(end));
        }
        self.answers.extend(replies.into_iter().map(|answer| (answer.token, answer.response)));
    }

    /// Markers that may be written and were not handed out since the last reload.
    pub(super) fn markers(&mut self) -> Vec<Markers> {
        let end = i64::try_from(self.log.len()).expect("a small log");
        let markers = self.runner.machine().markers(self.handed_out, end);
        self.handed_out = end;
        markers
    }

    /// Has every marker written that may be.
    pub(super) fn write_markers(&mut self) -> Vec<Markers> {
        let markers = self.markers();
        for each in &markers {
            let written = Body::MarkersWritten {
                transactional_id: each.transactional_id.clone(),
                prepared_at: each.prepared_at,
                partitions: each.partitions.clone(),
            };
            assert_eq!(self.ask(written), Some(Response::Noted));
        }
        markers
    }

    pub(super) fn init(
        &mut self,
        id: &str,
        expected: Option<ProducerEpoch>,
    ) -> Result<ProducerEpoch, ErrorCode> {
        let request = InitProducerId {
            transactional_id: id.to_owned(),
            timeout_ms: TIMEOUT_MS,
            expected,
            enable_two_phase_commit: false,
            keep_prepared: false,
        };
        producer_of(self.ask(Body::InitProducerId(request)))
    }

    /// InitProducerId of a producer that wants to end what is open.
    pub(super) fn keep(&mut self, id: &str) -> Response {
        let request = InitProducerId {
            transactional_id: id.to_owned(),
            timeout_ms: TIMEOUT_MS,
            expected: None,
            enable_two_phase_commit: false,
            keep_prepared: true,
        };
        self.ask(Body::InitProducerId(request)).expect("answered")
    }

    pub(super) fn add(
        &mut self,
        id: &str,
        producer: ProducerEpoch,
        client_version: i16,
        partitions: &[i32],
    ) -> ErrorCode {
        let (producer, partitions) = (named(id, producer), topic(partitions));
        match self.ask(Body::AddPartitions { producer, partitions, client_version }) {
            Some(Response::Added(code)) => code,
            other => panic!("not an answer to AddPartitions: {other:?}"),
        }
    }

    pub(super) fn end(
        &mut self,
        id: &str,
        producer: ProducerEpoch,
        client_version: i16,
        is_commit: bool,
    ) -> Result<ProducerEpoch, ErrorCode> {
        let producer = named(id, producer);
        producer_of(self.ask(Body::End { producer, is_commit, client_version }))
    }

    pub(super) fn state(&self, id: &str) -> Option<&'static str> {
        self.runner.machine().find(id).map(|transaction| transaction.state.name())
    }
}

pub(super) fn named(id: &str, producer: ProducerEpoch) -> Producer {
    Producer {
        transactional_id: id.to_owned(),
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch,
    }
}

/// These partitions of the one topic of most tests.
pub(super) fn topic(partitions: &[i32]) -> Partitions {
    Partitions::from([("topic".to_owned(), partitions.iter().copied().collect())])
}

fn producer_of(response: Option<Response>) -> Result<ProducerEpoch, ErrorCode> {
    match response {
        Some(Response::Producer(answer)) => answer,
        other => panic!("no producer in {other:?}"),
    }
}
