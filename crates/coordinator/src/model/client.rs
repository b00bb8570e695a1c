//! A consumer as the coordinator sees it.

use std::collections::BTreeMap;

use ottla_machine::{Millis, Token};
use ottla_wire::messages::JoinGroupRequest;

use crate::transaction::ProducerEpoch;
use crate::trial::join_request;

/// What a client believes about its membership.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    Out,
    Joining(Token),
    Joined { generation: i32, members: Vec<String> },
    Syncing { token: Token, generation: i32 },
    Working { generation: i32, positions: BTreeMap<i32, i64> },
}

#[derive(Debug)]
pub(super) struct Client {
    /// A static member has one; two clients with the same fence each other.
    pub(super) instance: Option<String>,
    pub(super) member_id: String,
    pub(super) phase: Phase,
    pub(super) asleep_until: Millis,
    /// Fenced: the application has stopped.
    pub(super) is_dead: bool,
    pub(super) join_version: i16,
    /// Its next transaction's.
    pub(super) producer: ProducerEpoch,
    pub(super) transaction: Option<Transaction>,
}

/// Offsets that a client is committing together with what it has produced.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    pub(super) positions: BTreeMap<i32, i64>,
    /// It was told that they are there. A transaction of which it wasn't is aborted.
    pub(super) was_told: bool,
}

impl Transaction {
    /// How its application decides: most of them are committed.
    pub(super) fn is_commit(&self) -> bool {
        self.positions.values().sum::<i64>() % 4 != 0
    }
}

impl Client {
    pub(super) fn new(index: i64, instance: Option<String>, join_version: i16) -> Self {
        Self {
            instance,
            member_id: String::new(),
            phase: Phase::Out,
            asleep_until: 0,
            is_dead: false,
            join_version,
            producer: ProducerEpoch { producer_id: 1_000 + index, producer_epoch: 0 },
            transaction: None,
        }
    }

    pub(super) fn join_request(&self) -> JoinGroupRequest {
        let mut request = join_request(&self.member_id);
        request.rebalance_timeout_ms = 20_000;
        request.group_instance_id.clone_from(&self.instance);
        request
    }

    /// Who owns what this client is assigned: a static member keeps it under a new member id.
    pub(super) fn owner(&self) -> String {
        self.instance.clone().unwrap_or_else(|| self.member_id.clone())
    }

    pub(super) fn forget_membership(&mut self) {
        self.member_id.clear();
        self.phase = Phase::Out;
    }
}
