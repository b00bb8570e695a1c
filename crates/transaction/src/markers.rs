//! Markers: what tells every partition of a transaction how it ended.
//!
//! They may be written once the decision is committed, in any order and more than once. When all of them are, the
//! transaction is complete. After a reload all of them are written again: the partitions know a marker they have.

use ottla_machine::{Decision, Millis, Offset, Token};

use super::coordinator::{Change, Touch, TransactionCoordinator};
use super::request::{Partitions, Response};
use super::state::State;

/// Markers that are to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Markers {
    pub transactional_id: String,
    /// The offset of the record that decided the end, which names this ending of this transaction.
    pub prepared_at: Offset,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub is_commit: bool,
    /// The `transaction.version` by which the transaction has ended.
    pub transaction_version: i16,
    /// May be empty: then there is nothing to write, and only to say so.
    pub partitions: Partitions,
}

impl TransactionCoordinator {
    /// The markers of all transactions whose end was decided at an offset in `from..to`.
    #[must_use]
    pub fn markers(&self, from: Offset, to: Offset) -> Vec<Markers> {
        if from >= to {
            return Vec::new();
        }
        let decided = self.preparing.range(from..to);
        let markers = decided.filter_map(|(offset, transactional_id)| {
            let transaction = self.find(transactional_id)?;
            Some(Markers {
                transactional_id: transactional_id.clone(),
                prepared_at: *offset,
                producer_id: transaction.producer_id,
                producer_epoch: transaction.producer_epoch,
                is_commit: transaction.state == State::PrepareCommit,
                transaction_version: transaction.client_version,
                partitions: transaction.unmarked.clone(),
            })
        });
        markers.collect()
    }

    pub(super) fn markers_written(
        &self,
        token: Token,
        transactional_id: String,
        prepared_at: Offset,
        partitions: Partitions,
        now: Millis,
    ) -> Decision<Self> {
        let decision = Decision::answer(token, Response::Noted);
        let transaction = self
            .find(&transactional_id)
            .filter(|transaction| transaction.state.is_preparing())
            .filter(|transaction| transaction.recorded_at == prepared_at);
        // Otherwise the news are of an ending that is complete, or of a log that was loaded again since.
        let Some(transaction) = transaction else { return decision };
        let mut unmarked = transaction.unmarked.clone();
        remove(&mut unmarked, &partitions);
        if unmarked.is_empty() {
            let mut complete = self.write(&transactional_id, &transaction.completed(now));
            complete.extend(decision);
            return complete;
        }
        let touches = vec![Touch(Change::Marked { transactional_id, partitions })];
        Decision { touches, ..decision }
    }
}

pub(super) fn remove(from: &mut Partitions, partitions: &Partitions) {
    for (topic, indices) in partitions {
        if let Some(known) = from.get_mut(topic) {
            known.retain(|index| !indices.contains(index));
            if known.is_empty() {
                from.remove(topic);
            }
        }
    }
}
