//! A transaction coordinator on trial: what tests ask of it.

use std::ops::{Deref, DerefMut};

use ottla_machine::Millis;
use ottla_trial::Subject;
use ottla_wire::ErrorCode;

use super::request::{InitProducerId, Partitions};
use super::{
    Body, Config, Markers, Producer, ProducerEpoch, Record, Request, Response,
    TransactionCoordinator,
};

/// Where the clock of a trial begins.
pub(super) const BEGIN: Millis = 1_700_000_000_000;
pub(super) const TIMEOUT_MS: i32 = 60_000;

/// What is tried: the transactional ids of one partition.
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

/// A trial, and what tests ask of it.
pub(super) struct Trial {
    trial: ottla_trial::Trial<Transactions>,
    next_producer_id: i64,
}

impl Deref for Trial {
    type Target = ottla_trial::Trial<Transactions>;

    fn deref(&self) -> &Self::Target {
        &self.trial
    }
}

impl DerefMut for Trial {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.trial
    }
}

impl Trial {
    pub(super) fn new(config: Config) -> Self {
        let trial = ottla_trial::Trial::new(Transactions(config), BEGIN);
        Self { trial, next_producer_id: 1_000 }
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
        let token = self.trial.ask(|_| request);
        self.answer(token)
    }

    /// Every marker that may be written.
    pub(super) fn markers(&self) -> Vec<Markers> {
        self.machine().markers(0, self.committed_end() as i64)
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
        self.machine().find(id).map(|transaction| transaction.state.name())
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
