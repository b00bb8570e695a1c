//! What lets a transaction begin in this log (KIP-890).
//!
//! Whoever wants to append the first batch of a transaction asks for a guard, has the transaction coordinator say that
//! the partition belongs to the transaction, and appends with the guard. A marker or an append in between takes the
//! guard away: what was true before it need not be true any more.
use std::collections::HashMap;

/// Stands for one question to the transaction coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationGuard(u64);

/// Whether the first batch of a transaction must show a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// `transaction.partition.verification.enable` is off, or nobody but a broker appends.
    NotRequired,
    /// With the guard that was given, if any was.
    Required(Option<VerificationGuard>),
}

/// A producer that may be about to begin a transaction.
#[derive(Clone, Copy, Debug)]
pub struct Verifying {
    /// Who.
    pub producer_id: i64,
    /// In which epoch.
    pub producer_epoch: i16,
    /// The sequence of its batch; among several the lowest must come first.
    pub base_sequence: i32,
    /// Its client follows `transaction.version` 2: a producer that is new here begins at sequence 0.
    pub starts_at_zero: bool,
}

#[derive(Debug)]
pub(super) struct Pending {
    guard: VerificationGuard,
    pub(super) epoch: i16,
    pub(super) lowest_sequence: i32,
    pub(super) starts_at_zero: bool,
    since: i64,
}

/// The guards that were given out, by producer.
#[derive(Debug, Default)]
pub(super) struct Verifications {
    pending: HashMap<i64, Pending>,
    last_guard: u64,
}

impl Verifications {
    /// The guard of this producer, which is a new one if it has none.
    pub(super) fn begin(&mut self, wanted: Verifying, now_ms: i64) -> VerificationGuard {
        let last_guard = &mut self.last_guard;
        let pending = self.pending.entry(wanted.producer_id).or_insert_with(|| {
            *last_guard += 1;
            Pending {
                guard: VerificationGuard(*last_guard),
                epoch: wanted.producer_epoch,
                lowest_sequence: wanted.base_sequence,
                starts_at_zero: wanted.starts_at_zero,
                since: now_ms,
            }
        });
        if wanted.producer_epoch > pending.epoch {
            pending.epoch = wanted.producer_epoch;
            pending.lowest_sequence = wanted.base_sequence;
        } else if wanted.producer_epoch == pending.epoch {
            pending.lowest_sequence = pending.lowest_sequence.min(wanted.base_sequence);
        }
        pending.guard
    }

    pub(super) fn of(&self, producer_id: i64) -> Option<&Pending> {
        self.pending.get(&producer_id)
    }

    pub(super) fn accepts(&self, producer_id: i64, guard: Option<VerificationGuard>) -> bool {
        self.of(producer_id).is_some_and(|pending| Some(pending.guard) == guard)
    }

    pub(super) fn end(&mut self, producer_id: i64) {
        self.pending.remove(&producer_id);
    }

    pub(super) fn clear(&mut self) {
        self.pending.clear();
    }

    pub(super) fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.pending.retain(|_, pending| now_ms.saturating_sub(pending.since) < expiration_ms);
    }
}
