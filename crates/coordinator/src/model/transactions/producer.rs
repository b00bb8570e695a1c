//! A producer as its application sees it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ottla_machine::Millis;

use super::records::Sent;
use crate::transaction::ProducerEpoch;

/// One transaction of one producer, as the model counts them.
pub(super) type Tag = u64;

/// How many batches a producer sends from the oldest on that is not acknowledged: as many as a log remembers.
const IN_FLIGHT_MAX: i32 = 5;

/// The transaction that a producer is in.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) tag: Tag,
    /// Places that it has written to; the coordinator of transactions knows them.
    pub(super) added: BTreeSet<usize>,
    /// What was decided and is being asked for, until it is answered.
    pub(super) ending: Option<bool>,
}

/// What a producer sends to one partition: sequences without a gap, and what is not acknowledged.
#[derive(Clone, Debug, Default)]
pub(super) struct Sender {
    next_sequence: i32,
    pub(super) unacknowledged: VecDeque<Sent>,
}

impl Sender {
    pub(super) fn has_room(&self) -> bool {
        // A log that knows nothing of a producer takes any sequence for its first, as Kafka's does: the first batch must
        // not be overtaken.
        let follows = |oldest: &Sent| {
            oldest.sequence > 0 && self.next_sequence - oldest.sequence < IN_FLIGHT_MAX
        };
        self.unacknowledged.front().is_none_or(follows)
    }

    pub(super) fn add(
        &mut self,
        producer: ProducerEpoch,
        message: u64,
        is_transactional: bool,
    ) -> Sent {
        let sent = Sent { producer, sequence: self.next_sequence, is_transactional, message };
        self.next_sequence += 1;
        self.unacknowledged.push_back(sent);
        sent
    }

    pub(super) fn is_oldest(&self, sent: &Sent) -> bool {
        self.unacknowledged.front().is_some_and(|oldest| oldest.message == sent.message)
    }

    pub(super) fn waits_for(&self, sent: &Sent) -> bool {
        self.unacknowledged.iter().any(|waiting| waiting.message == sent.message)
    }

    pub(super) fn acknowledge(&mut self, sent: &Sent) {
        self.unacknowledged.retain(|waiting| waiting.message != sent.message);
    }
}

#[derive(Debug)]
pub(super) struct Producer {
    /// None: it is idempotent and no more.
    pub(super) id: Option<u64>,
    /// Counts up with every start of the application, over all producers.
    pub(super) life: u64,
    pub(super) producer: Option<ProducerEpoch>,
    /// What it had before an error over which it goes on (KIP-360).
    pub(super) expected: Option<ProducerEpoch>,
    /// It goes on though its transactional id is somebody else's by now.
    pub(super) is_fenced: bool,
    pub(super) open: Option<Open>,
    pub(super) senders: BTreeMap<usize, Sender>,
    pub(super) asleep_until: Millis,
    /// It has come back to an open transaction. Who had that before can't be kept from writing to partitions that are
    /// in it, until they have its marker (KIP-939): from the next transaction on it is superseded.
    pub(super) is_heir: bool,
}

impl Producer {
    pub(super) fn new(id: Option<u64>, life: u64) -> Self {
        Self {
            id,
            life,
            producer: None,
            expected: None,
            is_fenced: false,
            open: None,
            senders: BTreeMap::new(),
            asleep_until: 0,
            is_heir: false,
        }
    }

    /// The application starts anew.
    pub(super) fn restart(&mut self, life: u64) {
        *self = Self { asleep_until: self.asleep_until, ..Self::new(self.id, life) };
    }

    /// Goes on with another id or epoch: sequences begin at 0.
    pub(super) fn begin(&mut self, producer: ProducerEpoch) {
        if self.producer != Some(producer) {
            self.senders.clear();
        }
        (self.producer, self.expected) = (Some(producer), None);
    }

    /// A partition to which something is not acknowledged.
    pub(super) fn waits_for(&self) -> Option<usize> {
        let waits = |(_, sender): &(&usize, &Sender)| !sender.unacknowledged.is_empty();
        self.senders.iter().find(waits).map(|(partition, _)| *partition)
    }
}
