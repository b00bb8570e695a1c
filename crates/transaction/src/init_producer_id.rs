//! InitProducerId of transactional producers: a new id, a new epoch, or the fence for whoever has the old one.
//!
//! KIP-360: a producer that goes on after an error names the id and epoch it had. An open transaction is aborted first;
//! the producer is told to come again, and then gets an epoch above the one that the abort has taken.
//!
//! KIP-939: a producer that keeps the open transaction is told what that has, and gets an id and epoch of its own, so
//! that whoever had the transaction before is fenced. What it has moves on when it comes back once more.

use ottla_machine::{Decision, Millis, Token};
use ottla_wire::ErrorCode;

use super::coordinator::TransactionCoordinator;
use super::request::{InitProducerId, ProducerEpoch, Response};
use super::state::{NO_EPOCH, State, Transaction, is_exhausted};

/// What becomes of the request.
enum Step {
    /// The producer gets what this transaction says.
    Begin(Transaction),
    /// The open transaction stays, for the producer to end it.
    Keep(Transaction),
    /// The producer comes again when the open transaction is aborted.
    Abort(Transaction),
    NeedsProducerId,
}

impl TransactionCoordinator {
    pub(super) fn init_producer_id(
        &self,
        token: Token,
        request: &InitProducerId,
        fresh_producer_id: Option<i64>,
        now: Millis,
    ) -> Decision<Self> {
        let refuse = |code| Decision::answer(token, Response::Producer(Err(code)));
        let id = &request.transactional_id;
        match self.init_step(request, fresh_producer_id, now) {
            Err(code) => refuse(code),
            Ok(Step::NeedsProducerId) => Decision::answer(token, Response::NeedsProducerId),
            Ok(Step::Begin(next)) => {
                let response = Response::Producer(Ok(next.producer()));
                self.write(id, &next).and_answer(token, response)
            }
            Ok(Step::Keep(next)) => {
                let (producer, ongoing) = (next.client(), next.producer());
                self.write(id, &next).and_answer(token, Response::Kept { producer, ongoing })
            }
            Ok(Step::Abort(next)) => {
                let response = Response::Producer(Err(ErrorCode::ConcurrentTransactions));
                self.write(id, &next).and_answer(token, response)
            }
        }
    }

    fn init_step(
        &self,
        request: &InitProducerId,
        fresh: Option<i64>,
        now: Millis,
    ) -> Result<Step, ErrorCode> {
        // A transaction of two phases has no time-out.
        let timeout_ms = match request.enable_two_phase_commit {
            true => i32::MAX,
            false => request.timeout_ms,
        };
        let Some(transaction) = self.find(&request.transactional_id) else {
            let Some(producer_id) = fresh else { return Ok(Step::NeedsProducerId) };
            let new = Transaction::new(producer_id);
            return begin(&new, request.expected, timeout_ms, now).map(Step::Begin);
        };
        // While markers are written nobody is judged: the producer id may be about to change.
        if transaction.state.is_preparing() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        if !request.expected.is_none_or(|expected| is_known(transaction, expected)) {
            return Err(ErrorCode::ProducerFenced);
        }
        // What was kept for one is not to be aborted by another who had it before.
        let client = transaction.client();
        if transaction.is_kept() && request.expected.is_some_and(|expected| expected != client) {
            return Err(ErrorCode::ProducerFenced);
        }
        if transaction.state == State::Ongoing && request.keep_prepared {
            return Ok(keep(transaction, timeout_ms, fresh, now));
        }
        if transaction.state == State::Ongoing {
            let fenced = transaction.fenced(self.transaction_version, now);
            return fenced.map(Step::Abort).ok_or(ErrorCode::UnknownServerError);
        }
        // Its own epoch, or the one before an abort by the coordinator that has taken the last one.
        let is_own = |expected: ProducerEpoch| {
            let (epoch, current) = (expected.producer_epoch, transaction.producer_epoch);
            epoch == current || current == i16::MAX && epoch == transaction.last_epoch
        };
        if transaction.is_exhausted() && request.expected.is_none_or(is_own) {
            let Some(producer_id) = fresh else { return Ok(Step::NeedsProducerId) };
            let last_epoch = request.expected.map_or(NO_EPOCH, |own| own.producer_epoch);
            return Ok(Step::Begin(transaction.rotated(producer_id, last_epoch, timeout_ms, now)));
        }
        begin(transaction, request.expected, timeout_ms, now).map(Step::Begin)
    }
}

/// The open transaction, for a producer with the next epoch or with a new id.
fn keep(transaction: &Transaction, timeout_ms: i32, fresh: Option<i64>, now: Millis) -> Step {
    let ProducerEpoch { producer_id, producer_epoch } = transaction.client();
    let client = match (transaction.is_exhausted(), fresh) {
        (true, None) => return Step::NeedsProducerId,
        (true, Some(producer_id)) => ProducerEpoch { producer_id, producer_epoch: 0 },
        (false, _) => ProducerEpoch { producer_id, producer_epoch: producer_epoch + 1 },
    };
    Step::Keep(transaction.kept(client, timeout_ms, now))
}

/// Whether a producer that names what it had may be the one that has this id.
fn is_known(transaction: &Transaction, expected: ProducerEpoch) -> bool {
    let ProducerEpoch { producer_id, producer_epoch } = expected;
    // The id was replaced because its epochs were used up, and the answer was lost.
    let repeats = producer_id == transaction.previous_producer_id && is_exhausted(producer_epoch);
    let is_client = producer_id == transaction.client().producer_id;
    transaction.producer_epoch == NO_EPOCH || is_client || repeats
}

/// The next epoch; the same again for a producer that repeats its request.
fn begin(
    transaction: &Transaction,
    expected: Option<ProducerEpoch>,
    timeout_ms: i32,
    now: Millis,
) -> Result<Transaction, ErrorCode> {
    let current = transaction.producer_epoch;
    let expected = expected.map(|expected| expected.producer_epoch);
    let (epoch, last_epoch) = match expected {
        None => (current.checked_add(1), NO_EPOCH),
        Some(epoch) if current == NO_EPOCH || epoch == current => (current.checked_add(1), current),
        Some(epoch) if epoch == transaction.last_epoch => (Some(current), epoch),
        Some(_) => return Err(ErrorCode::ProducerFenced),
    };
    let epoch = epoch.ok_or(ErrorCode::UnknownServerError)?;
    Ok(transaction.initialized(epoch, last_epoch, timeout_ms, now))
}
