//! One transactional id: its producer, its transaction, and the steps between its states.
//!
//! A step makes a copy as it will be; the record of that copy makes it true. Of all fields the last epoch alone is
//! not in the record: as in Kafka, a producer that repeats InitProducerId over a change of coordinators is fenced.

use ottla_machine::{Millis, Offset};
use ottla_wire::messages::TransactionLogValue;
use ottla_wire::messages::transaction_log_value::PartitionsSchema;

use super::EPOCH_PER_TRANSACTION;
use super::request::{Partitions, ProducerEpoch};

pub(super) const NO_ID: i64 = -1;
pub(super) const NO_EPOCH: i16 = -1;

/// Where a transactional id is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    Empty,
    Ongoing,
    PrepareCommit,
    PrepareAbort,
    CompleteCommit,
    CompleteAbort,
    /// Kafka's name for an id that is being removed; known to filters alone.
    Dead,
    /// Kafka's name for an epoch that is being bumped; known to filters alone.
    PrepareEpochFence,
}

impl State {
    /// Every state there is, by its number in records.
    pub const ALL: [Self; 8] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
        Self::Dead,
        Self::PrepareEpochFence,
    ];

    /// The state with this number in a record.
    #[must_use]
    pub fn from_id(id: i8) -> Option<Self> {
        usize::try_from(id).ok().and_then(|id| Self::ALL.get(id)).copied()
    }

    /// The state's number in a record.
    #[must_use]
    pub fn id(self) -> i8 {
        self as i8
    }

    /// The state as Kafka's tools show it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
            Self::Dead => "Dead",
            Self::PrepareEpochFence => "PrepareEpochFence",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether records tell of this state.
    #[must_use]
    pub fn is_recorded(self) -> bool {
        !matches!(self, Self::Dead | Self::PrepareEpochFence)
    }

    /// Decided, and its markers are not all written: nothing else may happen until they are.
    pub(super) fn is_preparing(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }

    /// Whether nothing is lost when the id is forgotten.
    pub(super) fn may_expire(self) -> bool {
        matches!(self, Self::Empty | Self::CompleteCommit | Self::CompleteAbort)
    }
}

/// A transactional id.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Transaction {
    pub(super) producer_id: i64,
    pub(super) previous_producer_id: i64,
    /// What replaces the producer id when the transaction completes: the epochs of this one are used up, or the
    /// producer that completes a kept transaction has another one (KIP-939).
    pub(super) next_producer_id: i64,
    /// The epoch of that. Without one it is a new id's first.
    pub(super) next_producer_epoch: i16,
    pub(super) producer_epoch: i16,
    /// Soft: the epoch before this one, when the producer itself has asked for the new one.
    pub(super) last_epoch: i16,
    pub(super) timeout_ms: i32,
    pub(super) state: State,
    pub(super) partitions: Partitions,
    /// -1 before the first transaction.
    pub(super) started_at: Millis,
    pub(super) updated_at: Millis,
    /// The `transaction.version` by which the client lives.
    pub(super) client_version: i16,
    /// Where the record lies that says all this.
    pub(super) recorded_at: Offset,
    /// Soft: partitions whose marker is not known to be written.
    pub(super) unmarked: Partitions,
}

impl Transaction {
    pub(super) fn new(producer_id: i64) -> Self {
        Self {
            producer_id,
            previous_producer_id: NO_ID,
            next_producer_id: NO_ID,
            next_producer_epoch: NO_EPOCH,
            producer_epoch: NO_EPOCH,
            last_epoch: NO_EPOCH,
            timeout_ms: 0,
            state: State::Empty,
            partitions: Partitions::new(),
            started_at: -1,
            updated_at: 0,
            client_version: 0,
            recorded_at: -1,
            unmarked: Partitions::new(),
        }
    }

    /// The transaction that a record tells of. Records of states that are never recorded are not decoded.
    pub(super) fn from_record(offset: Offset, value: &TransactionLogValue) -> Self {
        let state = State::from_id(value.transaction_status).unwrap_or(State::Empty);
        let topics = value.transaction_partitions.iter().flatten();
        let partitions: Partitions = topics
            .map(|topic| (topic.topic.clone(), topic.partition_ids.iter().copied().collect()))
            .collect();
        Self {
            producer_id: value.producer_id,
            previous_producer_id: value.previous_producer_id,
            next_producer_id: value.next_producer_id,
            next_producer_epoch: value.next_producer_epoch,
            producer_epoch: value.producer_epoch,
            last_epoch: NO_EPOCH,
            timeout_ms: value.transaction_timeout_ms,
            state,
            unmarked: if state.is_preparing() { partitions.clone() } else { Partitions::new() },
            partitions,
            started_at: value.transaction_start_timestamp_ms,
            updated_at: value.transaction_last_update_timestamp_ms,
            client_version: value.client_transaction_version,
            recorded_at: offset,
        }
    }

    pub(super) fn to_record(&self) -> TransactionLogValue {
        let topics = self.partitions.iter().map(|(topic, partitions)| PartitionsSchema {
            topic: topic.clone(),
            partition_ids: partitions.iter().copied().collect(),
            ..PartitionsSchema::default()
        });
        TransactionLogValue {
            producer_id: self.producer_id,
            previous_producer_id: self.previous_producer_id,
            next_producer_id: self.next_producer_id,
            next_producer_epoch: self.next_producer_epoch,
            producer_epoch: self.producer_epoch,
            transaction_timeout_ms: self.timeout_ms,
            transaction_status: self.state.id(),
            transaction_partitions: (self.state != State::Empty).then(|| topics.collect()),
            transaction_last_update_timestamp_ms: self.updated_at,
            transaction_start_timestamp_ms: self.started_at,
            client_transaction_version: self.client_version,
            ..TransactionLogValue::default()
        }
    }

    pub(super) fn producer(&self) -> ProducerEpoch {
        ProducerEpoch { producer_id: self.producer_id, producer_epoch: self.producer_epoch }
    }

    /// What the producer has: another id or epoch than its transaction, if that was kept for it.
    pub(super) fn client(&self) -> ProducerEpoch {
        match self.is_kept() {
            true => ProducerEpoch {
                producer_id: self.next_producer_id,
                producer_epoch: self.next_producer_epoch,
            },
            false => self.producer(),
        }
    }

    /// Whether the open transaction is one that a producer has found when it came back, and can only be ended.
    pub(super) fn is_kept(&self) -> bool {
        self.state == State::Ongoing && self.next_producer_epoch != NO_EPOCH
    }

    /// The last epoch of an id is the coordinator's alone: it must always be able to fence.
    pub(super) fn is_exhausted(&self) -> bool {
        is_exhausted(self.client().producer_epoch)
    }

    /// The transaction stays as it is, for a producer with this id and epoch: whoever had it before is fenced.
    pub(super) fn kept(&self, client: ProducerEpoch, timeout_ms: i32, now: Millis) -> Self {
        Self {
            next_producer_id: client.producer_id,
            next_producer_epoch: client.producer_epoch,
            last_epoch: NO_EPOCH,
            timeout_ms,
            updated_at: now,
            ..self.clone()
        }
    }

    /// The producer begins anew with this epoch.
    pub(super) fn initialized(
        &self,
        epoch: i16,
        last_epoch: i16,
        timeout_ms: i32,
        now: Millis,
    ) -> Self {
        Self {
            previous_producer_id: self.producer_id,
            next_producer_id: NO_ID,
            next_producer_epoch: NO_EPOCH,
            producer_epoch: epoch,
            last_epoch,
            timeout_ms,
            state: State::Empty,
            partitions: Partitions::new(),
            started_at: -1,
            updated_at: now,
            ..self.clone()
        }
    }

    /// The producer begins anew under another id: its epochs are used up.
    pub(super) fn rotated(
        &self,
        producer_id: i64,
        last_epoch: i16,
        timeout_ms: i32,
        now: Millis,
    ) -> Self {
        Self { producer_id, ..self.initialized(0, last_epoch, timeout_ms, now) }
    }

    /// The transaction writes to these too.
    pub(super) fn with_partitions(
        &self,
        added: Partitions,
        client_version: i16,
        now: Millis,
    ) -> Self {
        let mut next = Self {
            previous_producer_id: self.producer_id,
            state: State::Ongoing,
            started_at: if self.state == State::Ongoing { self.started_at } else { now },
            updated_at: now,
            client_version,
            ..self.clone()
        };
        for (topic, partitions) in added {
            next.partitions.entry(topic).or_default().extend(partitions);
        }
        next
    }

    /// The end is decided. From version 2 on every transaction ends in an epoch of its own, so that what comes late
    /// of it is known; `None` when there is no such epoch left.
    pub(super) fn prepared(
        &self,
        is_commit: bool,
        client_version: i16,
        now: Millis,
    ) -> Option<Self> {
        let bumps = client_version >= EPOCH_PER_TRANSACTION;
        let bumped = |epoch: i16| epoch.checked_add(i16::from(bumps));
        // The producer that ends a kept transaction goes on from its own epoch.
        let (next_producer_id, next_producer_epoch) = match self.is_kept() {
            true => (self.next_producer_id, bumped(self.next_producer_epoch)?),
            false => (NO_ID, NO_EPOCH),
        };
        Some(Self {
            previous_producer_id: self.producer_id,
            next_producer_id,
            next_producer_epoch,
            producer_epoch: bumped(self.producer_epoch)?,
            last_epoch: if bumps { self.client().producer_epoch } else { self.last_epoch },
            state: if is_commit { State::PrepareCommit } else { State::PrepareAbort },
            // An abort of nothing has begun just now.
            started_at: if self.state == State::Ongoing { self.started_at } else { now },
            updated_at: now,
            client_version,
            unmarked: self.partitions.clone(),
            ..self.clone()
        })
    }

    /// Aborted over the producer's head: its epoch is over, whatever the version. `None` as for [`Self::prepared`].
    pub(super) fn fenced(&self, transaction_version: i16, now: Millis) -> Option<Self> {
        if transaction_version >= EPOCH_PER_TRANSACTION {
            return self.prepared(false, transaction_version, now);
        }
        let producer_epoch = self.producer_epoch.checked_add(1)?;
        Some(Self { producer_epoch, last_epoch: NO_EPOCH, ..self.prepared(false, 0, now)? })
    }

    /// Every marker is written.
    pub(super) fn completed(&self, now: Millis) -> Self {
        let next = Self {
            previous_producer_id: self.producer_id,
            next_producer_id: NO_ID,
            next_producer_epoch: NO_EPOCH,
            state: match self.state {
                State::PrepareCommit => State::CompleteCommit,
                _ => State::CompleteAbort,
            },
            partitions: Partitions::new(),
            unmarked: Partitions::new(),
            updated_at: now,
            ..self.clone()
        };
        let ProducerEpoch { producer_id, producer_epoch } = self.producer_once_completed();
        Self { producer_id, producer_epoch, ..next }
    }

    /// What the producer uses after the transaction that is being ended.
    pub(super) fn producer_once_completed(&self) -> ProducerEpoch {
        match self.next_producer_id {
            NO_ID => self.producer(),
            producer_id => {
                ProducerEpoch { producer_id, producer_epoch: self.next_producer_epoch.max(0) }
            }
        }
    }
}

pub(super) fn is_exhausted(epoch: i16) -> bool {
    epoch >= i16::MAX - 1
}
