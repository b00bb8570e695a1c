//! What time does: transactions that take too long are aborted, ids that nobody uses are forgotten.

use ottla_machine::{Decision, Millis};

use super::coordinator::{Change, Touch, TransactionCoordinator};
use super::record::Record;
use super::state::{State, Transaction};

/// How many records one decision may hold: they are appended as one batch. The rest is due again at once.
const RECORDS_MAX: usize = 1_000;

/// The time-out that stands for none (KIP-939).
const NO_TIMEOUT: i32 = i32::MAX;

impl TransactionCoordinator {
    pub(super) fn expire_due(&self, now: Millis) -> Decision<Self> {
        let Some(next_abort_check) = self.next_abort_check else {
            let aborts = Touch(Change::CheckAbortsAt(self.config.next_abort_check(now)));
            let expiry = Touch(Change::CheckExpiryAt(self.config.next_expiry_check(now)));
            return Decision { touches: vec![aborts, expiry], ..Decision::nothing() };
        };
        if next_abort_check <= now {
            return self.abort_timed_out(now);
        }
        if self.next_expiry_check <= now {
            return self.forget_unused(now);
        }
        Decision::nothing()
    }

    /// The producer's epoch is over too: whatever it sends of this transaction comes too late.
    fn abort_timed_out(&self, now: Millis) -> Decision<Self> {
        let mut decision = Decision::nothing();
        let timed_out = self.transactions.iter().filter(|(_, open)| is_timed_out(open, now));
        for (transactional_id, transaction) in timed_out.take(RECORDS_MAX) {
            if let Some(next) = transaction.fenced(self.transaction_version, now) {
                decision.extend(self.write(transactional_id, &next));
            }
        }
        let has_more = decision.records.len() >= RECORDS_MAX;
        let next = if has_more { now } else { self.config.next_abort_check(now) };
        decision.touches.push(Touch(Change::CheckAbortsAt(next)));
        decision
    }

    fn forget_unused(&self, now: Millis) -> Decision<Self> {
        let unused_since = now.saturating_sub(Millis::from(self.config.id_expiration_ms));
        let unused = self.transactions.iter().filter(|(_, transaction)| {
            transaction.state.may_expire() && transaction.updated_at <= unused_since
        });
        let tombstones = unused.map(|(transactional_id, _)| Record::tombstone(transactional_id));
        let records: Vec<Record> = tombstones.take(RECORDS_MAX).collect();
        let has_more = records.len() >= RECORDS_MAX;
        let next = if has_more { now } else { self.config.next_expiry_check(now) };
        let touches = vec![Touch(Change::CheckExpiryAt(next))];
        Decision { records, touches, ..Decision::nothing() }
    }
}

fn is_timed_out(transaction: &Transaction, now: Millis) -> bool {
    let ends_at = transaction.started_at.saturating_add(Millis::from(transaction.timeout_ms));
    transaction.state == State::Ongoing && transaction.timeout_ms != NO_TIMEOUT && ends_at < now
}
