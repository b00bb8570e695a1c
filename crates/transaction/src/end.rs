//! EndTxn: commit or abort.
//!
//! Until version 1 a producer keeps its epoch, and a repeated request looks like the first one. From version 2 on
//! (KIP-890) the end of a transaction raises the epoch: what has the old one is a repetition, and a producer may abort
//! without knowing whether anything of its transaction has arrived.

use ottla_machine::{Decision, Millis, Token};
use ottla_wire::ErrorCode;

use super::EPOCH_PER_TRANSACTION;
use super::coordinator::TransactionCoordinator;
use super::request::{Producer, ProducerEpoch, Response};
use super::state::{NO_EPOCH, State, Transaction};

/// What is asked for.
pub(super) struct End {
    pub(super) producer: Producer,
    pub(super) is_commit: bool,
    pub(super) client_version: i16,
}

/// What becomes of the request.
enum Step {
    Prepare(Transaction),
    /// It was done before.
    Done(ProducerEpoch),
    NeedsProducerId,
}

impl TransactionCoordinator {
    pub(super) fn end(
        &self,
        token: Token,
        end: &End,
        fresh_producer_id: Option<i64>,
        now: Millis,
    ) -> Decision<Self> {
        let step = if end.client_version >= EPOCH_PER_TRANSACTION {
            self.end_with_epoch(end, fresh_producer_id, now)
        } else {
            self.end_in_epoch(end, now)
        };
        match step {
            Err(code) => Decision::answer(token, Response::Producer(Err(code))),
            Ok(Step::NeedsProducerId) => Decision::answer(token, Response::NeedsProducerId),
            Ok(Step::Done(producer)) => Decision::answer(token, Response::Producer(Ok(producer))),
            Ok(Step::Prepare(next)) => {
                let producer = match end.client_version >= EPOCH_PER_TRANSACTION {
                    true => next.producer_once_completed(),
                    false => ProducerEpoch::NONE,
                };
                let decision = self.write(&end.producer.transactional_id, &next);
                decision.and_answer(token, Response::Producer(Ok(producer)))
            }
        }
    }

    /// Versions 0 and 1.
    fn end_in_epoch(&self, end: &End, now: Millis) -> Result<Step, ErrorCode> {
        let transaction = self.mapped(&end.producer.transactional_id)?;
        super::partitions::check_producer(transaction, &end.producer)?;
        match (transaction.state, end.is_commit) {
            (State::PrepareCommit | State::PrepareAbort, _) => {
                Err(ErrorCode::ConcurrentTransactions)
            }
            (State::Ongoing, is_commit) => prepare(transaction.prepared(is_commit, 0, now)),
            (State::CompleteCommit, true) | (State::CompleteAbort, false) => {
                Ok(Step::Done(ProducerEpoch::NONE))
            }
            _ => Err(ErrorCode::InvalidTxnState),
        }
    }

    /// Version 2.
    fn end_with_epoch(
        &self,
        end: &End,
        fresh: Option<i64>,
        now: Millis,
    ) -> Result<Step, ErrorCode> {
        let transaction = self.mapped(&end.producer.transactional_id)?;
        // First, since the producer may already have the id that its transaction is about to complete with.
        if transaction.state.is_preparing() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        let (asked_id, asked_epoch) = (end.producer.producer_id, end.producer.producer_epoch);
        let client = transaction.client();
        let is_current = asked_epoch == client.producer_epoch;
        let follows_versions = transaction.client_version >= EPOCH_PER_TRANSACTION;
        let repeats_over_new_id = follows_versions
            && transaction.previous_producer_id == asked_id
            && asked_epoch == i16::MAX - 1
            && transaction.producer_epoch == 0;
        let repeats = repeats_over_new_id
            || (follows_versions && asked_epoch.checked_add(1) == Some(transaction.producer_epoch));
        if client.producer_id != asked_id && !repeats_over_new_id {
            // The transaction was kept for another one, who has a new id.
            if transaction.is_kept() && transaction.producer_id == asked_id {
                return Err(ErrorCode::ProducerFenced);
            }
            return Err(ErrorCode::InvalidProducerIdMapping);
        }
        let is_complete = matches!(transaction.state, State::CompleteCommit | State::CompleteAbort);
        if !(is_current || (is_complete && repeats)) {
            return Err(ErrorCode::ProducerFenced);
        }
        let is_done = match transaction.state {
            State::CompleteCommit => repeats && end.is_commit,
            State::CompleteAbort => repeats && !end.is_commit,
            _ => false,
        };
        if is_done && transaction.producer_epoch == i16::MAX {
            // The coordinator's abort has taken the last epoch, which no producer may have.
            let Some(fresh) = fresh else { return Ok(Step::NeedsProducerId) };
            let timeout_ms = transaction.timeout_ms;
            return Ok(Step::Prepare(transaction.rotated(fresh, asked_epoch, timeout_ms, now)));
        }
        if is_done {
            return Ok(Step::Done(transaction.producer()));
        }
        if repeats && is_complete || transaction.state != State::Ongoing && end.is_commit {
            return Err(ErrorCode::InvalidTxnState);
        }
        let next_producer_id = match (transaction.is_exhausted(), fresh) {
            (true, None) => return Ok(Step::NeedsProducerId),
            (true, Some(fresh)) => Some(fresh),
            (false, _) => None,
        };
        let next = transaction.prepared(end.is_commit, end.client_version, now).map(|next| {
            match next_producer_id {
                Some(fresh) => {
                    Transaction { next_producer_id: fresh, next_producer_epoch: NO_EPOCH, ..next }
                }
                None => next,
            }
        });
        prepare(next)
    }
}

fn prepare(next: Option<Transaction>) -> Result<Step, ErrorCode> {
    next.map(Step::Prepare).ok_or(ErrorCode::UnknownServerError)
}
