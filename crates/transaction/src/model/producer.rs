//! A transactional producer as its application sees it.

use std::collections::BTreeSet;

use ottla_machine::Millis;

use super::partition::Tag;
use crate::ProducerEpoch;

/// The transaction that a producer is in.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) tag: Tag,
    pub(super) written: BTreeSet<usize>,
    /// What was decided and is being asked for, until it is answered.
    pub(super) ending: Option<bool>,
}

#[derive(Debug)]
pub(super) struct ProducerClient {
    pub(super) id: String,
    /// The `transaction.version` of the client.
    pub(super) version: i16,
    pub(super) producer: Option<ProducerEpoch>,
    /// What it had before an error over which it goes on (KIP-360).
    pub(super) expected: Option<ProducerEpoch>,
    pub(super) open: Option<Open>,
    pub(super) asleep_until: Millis,
    /// Another producer has its transactional id: nothing of it may be accepted any more.
    pub(super) is_superseded: bool,
    /// It has come back to an open transaction. Who had that before can't be kept from writing to partitions that are
    /// in it, until they have its marker (KIP-939): from the next transaction on it is superseded.
    pub(super) is_heir: bool,
}

impl ProducerClient {
    pub(super) fn new(id: String, version: i16) -> Self {
        Self {
            id,
            version,
            producer: None,
            expected: None,
            open: None,
            asleep_until: 0,
            is_superseded: false,
            is_heir: false,
        }
    }

    /// The application starts anew, as after a restart.
    pub(super) fn restart(&mut self) {
        self.producer = None;
        self.expected = None;
        self.open = None;
        self.is_heir = false;
    }
}
