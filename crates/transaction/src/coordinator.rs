//! The machine: one partition of `__transaction_state` and its transactional ids.
//!
//! Records are hard state; what else there is (the last epoch, markers that are written) is touched. Kafka answers
//! CONCURRENT_TRANSACTIONS while a record is on its way; here the answer waits for the record instead.

use std::collections::BTreeMap;

use ottla_machine::{Decision, Machine, Millis, Offset, Token};
use ottla_wire::ErrorCode;

use super::config::Config;
use super::record::Record;
use super::request::{Body, Partitions, Request, Response};
use super::state::{NO_EPOCH, State, Transaction};

/// Decides the transactions of one partition of `__transaction_state`.
#[derive(Debug)]
pub struct TransactionCoordinator {
    pub(super) config: Config,
    pub(super) transactions: BTreeMap<String, Transaction>,
    /// Transactions whose markers are to be written, by the offset of the record that decided their end.
    pub(super) preparing: BTreeMap<Offset, String>,
    /// When open transactions are next searched for those that took too long. None until the first `expire`.
    pub(super) next_abort_check: Option<Millis>,
    /// When ids are next searched for those that nobody uses.
    pub(super) next_expiry_check: Millis,
    pub(super) transaction_version: i16,
}

/// A change of soft state.
#[derive(Debug)]
pub struct Touch(pub(super) Change);

#[derive(Debug)]
pub(super) enum Change {
    LastEpoch { transactional_id: String, epoch: i16 },
    Marked { transactional_id: String, partitions: Partitions },
    CheckAbortsAt(Millis),
    CheckExpiryAt(Millis),
    TransactionVersion(i16),
}

impl Machine for TransactionCoordinator {
    type Request = Request;
    type Response = Response;
    type Record = Record;
    type Touch = Touch;

    fn decide(&self, token: Token, request: Request, now: Millis) -> Decision<Self> {
        let Request { body, fresh_producer_id } = request;
        if let Some(refusal) = body.refusal(&self.config, self.transaction_version) {
            return Decision::answer(token, refusal);
        }
        match body {
            Body::InitProducerId(request) => {
                self.init_producer_id(token, &request, fresh_producer_id, now)
            }
            Body::AddPartitions { producer, partitions, client_version } => {
                self.add_partitions(token, &producer, partitions, client_version, now)
            }
            Body::VerifyPartitions { producer, partitions } => {
                self.verify_partitions(token, &producer, partitions)
            }
            Body::End { producer, is_commit, client_version } => {
                let end = super::end::End { producer, is_commit, client_version };
                self.end(token, &end, fresh_producer_id, now)
            }
            Body::MarkersWritten { transactional_id, prepared_at, partitions } => {
                self.markers_written(token, transactional_id, prepared_at, partitions, now)
            }
            Body::Describe { transactional_id } => self.describe(token, transactional_id),
            Body::List(request) => self.list(token, &request, now),
            Body::TransactionVersion(level) => Decision {
                touches: vec![Touch(Change::TransactionVersion(level))],
                ..Decision::answer(token, Response::Noted)
            },
        }
    }

    fn expire(&self, now: Millis) -> Decision<Self> {
        self.expire_due(now)
    }

    fn next_deadline(&self) -> Option<Millis> {
        let Some(next_abort_check) = self.next_abort_check else { return Some(Millis::MIN) };
        Some(next_abort_check.min(self.next_expiry_check))
    }

    fn apply(&mut self, offset: Offset, record: &Record) {
        let Record::Transaction { key, value, .. } = record else { return };
        if let Some(before) = self.transactions.remove(&key.transactional_id) {
            self.preparing.remove(&before.recorded_at);
        }
        let Some(value) = value else { return };
        let transaction = Transaction::from_record(offset, value);
        if transaction.state.is_preparing() {
            self.preparing.insert(offset, key.transactional_id.clone());
        }
        self.transactions.insert(key.transactional_id.clone(), transaction);
    }

    fn touch(&mut self, touch: Touch) {
        match touch.0 {
            Change::LastEpoch { transactional_id, epoch } => {
                if let Some(transaction) = self.transactions.get_mut(&transactional_id) {
                    transaction.last_epoch = epoch;
                }
            }
            Change::Marked { transactional_id, partitions } => {
                if let Some(transaction) = self.transactions.get_mut(&transactional_id) {
                    super::markers::remove(&mut transaction.unmarked, &partitions);
                }
            }
            Change::CheckAbortsAt(at) => self.next_abort_check = Some(at),
            Change::CheckExpiryAt(at) => self.next_expiry_check = at,
            Change::TransactionVersion(level) => self.transaction_version = level,
        }
    }
}

impl TransactionCoordinator {
    /// A coordinator that knows of nothing yet: records are replayed into it.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            transaction_version: config.transaction_version,
            config,
            transactions: BTreeMap::new(),
            preparing: BTreeMap::new(),
            next_abort_check: None,
            next_expiry_check: Millis::MAX,
        }
    }

    /// How many transactional ids are in each state.
    #[must_use]
    pub fn transactions_by_state(&self) -> BTreeMap<State, usize> {
        let mut counts = BTreeMap::new();
        for transaction in self.transactions.values() {
            *counts.entry(transaction.state).or_default() += 1;
        }
        counts
    }

    pub(super) fn find(&self, transactional_id: &str) -> Option<&Transaction> {
        self.transactions.get(transactional_id)
    }

    /// The transaction of a producer that names its id; who else does is told that the id is not its own.
    pub(super) fn mapped(&self, transactional_id: &str) -> Result<&Transaction, ErrorCode> {
        self.find(transactional_id).ok_or(ErrorCode::InvalidProducerIdMapping)
    }

    /// The decision that makes a transactional id what `next` says.
    pub(super) fn write(&self, transactional_id: &str, next: &Transaction) -> Decision<Self> {
        let mut decision = Decision::nothing();
        let value = next.to_record();
        decision.records.push(Record::transaction(
            transactional_id,
            value,
            self.transaction_version,
        ));
        if next.last_epoch != NO_EPOCH {
            let transactional_id = transactional_id.to_owned();
            let touch = Change::LastEpoch { transactional_id, epoch: next.last_epoch };
            decision.touches.push(Touch(touch));
        }
        decision
    }
}
