//! A client that speaks either protocol, and what it believes to own.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ottla_machine::{Millis, Token};
use ottla_wire::codec::{decode_numbered, encode_numbered};
use ottla_wire::messages::consumer_group_heartbeat_request::TopicPartitions;
use ottla_wire::messages::consumer_protocol_assignment::TopicPartition as Assigned;
use ottla_wire::messages::consumer_protocol_subscription::TopicPartition as Owned;
use ottla_wire::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerProtocolAssignment, ConsumerProtocolSubscription,
    JoinGroupRequest,
};

use crate::trial::{GROUP, join_request, protocol, topic_id};

/// The one topic that everybody subscribes to.
pub(super) const TOPIC: &str = "t";

/// Where a client is with its classic protocol.
#[derive(Clone, Debug)]
pub(super) enum Classic {
    Out,
    Joining(Token),
    Syncing(Token),
    Working,
}

#[derive(Clone, Debug)]
pub(super) enum Protocol {
    Classic(Classic),
    /// `target`: what it was told to own and has not brought about yet.
    Consumer {
        target: Option<BTreeSet<i32>>,
        must_tell: bool,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Speaker {
    pub(super) id: String,
    pub(super) instance: Option<String>,
    pub(super) protocol: Protocol,
    /// Its epoch or generation.
    pub(super) epoch: i32,
    /// What it works on.
    pub(super) owned: BTreeSet<i32>,
    /// The epoch in which it came to own each of them.
    pub(super) since: BTreeMap<i32, i32>,
    /// Up to where it has consumed what it owns; it learns of the others' work when it first commits.
    pub(super) positions: BTreeMap<i32, i64>,
    pub(super) asleep_until: Millis,
    pub(super) lives: usize,
    /// How often it has given up everything.
    pub(super) falls: usize,
}

impl Speaker {
    pub(super) fn new(instance: Option<String>) -> Self {
        Self {
            id: String::new(),
            instance,
            protocol: Protocol::Classic(Classic::Out),
            epoch: 0,
            owned: BTreeSet::new(),
            since: BTreeMap::new(),
            positions: BTreeMap::new(),
            asleep_until: 0,
            lives: 0,
            falls: 0,
        }
    }

    /// Begins anew, as a process that was started again does.
    pub(super) fn restart(&mut self, name: usize, as_consumer: bool) {
        self.lives += 1;
        self.abandon();
        if as_consumer {
            self.id = format!("consumer-{name}-{}", self.lives);
            self.protocol = Protocol::Consumer { target: None, must_tell: true };
        } else {
            self.id.clear();
            self.protocol = Protocol::Classic(Classic::Out);
        }
    }

    /// Gives up everything: it is no member any more.
    pub(super) fn abandon(&mut self) {
        self.falls += 1;
        self.epoch = 0;
        self.own(BTreeSet::new());
        match &mut self.protocol {
            Protocol::Classic(phase) => *phase = Classic::Out,
            Protocol::Consumer { target, must_tell } => (*target, *must_tell) = (None, true),
        }
    }

    /// Lets go and takes hold.
    pub(super) fn own(&mut self, owned: BTreeSet<i32>) {
        self.positions.retain(|partition, _| owned.contains(partition));
        self.since.retain(|partition, _| owned.contains(partition));
        for partition in &owned {
            self.since.entry(*partition).or_insert(self.epoch);
        }
        self.owned = owned;
    }

    pub(super) fn beat(&self, must_tell: bool) -> ConsumerGroupHeartbeatRequest {
        let owned = TopicPartitions {
            topic_id: topic_id(TOPIC),
            partitions: self.owned.iter().copied().collect(),
            ..TopicPartitions::default()
        };
        let owned = if self.owned.is_empty() { Vec::new() } else { vec![owned] };
        ConsumerGroupHeartbeatRequest {
            group_id: GROUP.to_owned(),
            member_id: self.id.clone(),
            member_epoch: self.epoch,
            instance_id: self.instance.clone(),
            rebalance_timeout_ms: if must_tell { 20_000 } else { -1 },
            subscribed_topic_names: must_tell.then(|| vec![TOPIC.to_owned()]),
            topic_partitions: must_tell.then_some(owned),
            ..ConsumerGroupHeartbeatRequest::default()
        }
    }

    pub(super) fn join(&self) -> JoinGroupRequest {
        let owned =
            Owned { topic: TOPIC.to_owned(), partitions: self.owned.iter().copied().collect() };
        let subscription = ConsumerProtocolSubscription {
            topics: vec![TOPIC.to_owned()],
            owned_partitions: if self.owned.is_empty() { Vec::new() } else { vec![owned] },
            ..ConsumerProtocolSubscription::default()
        };
        let metadata = encode_numbered(1, 1, &subscription).expect("encodes");
        JoinGroupRequest {
            rebalance_timeout_ms: 20_000,
            group_instance_id: self.instance.clone(),
            protocols: vec![protocol("range", metadata)],
            ..join_request(&self.id)
        }
    }
}

pub(super) fn write(partitions: impl Iterator<Item = i32>) -> Bytes {
    let topic = Assigned { topic: TOPIC.to_owned(), partitions: partitions.collect() };
    let assignment =
        ConsumerProtocolAssignment { assigned_partitions: vec![topic], user_data: None };
    encode_numbered(1, 1, &assignment).expect("encodes")
}

pub(super) fn read(assignment: &Bytes) -> BTreeSet<i32> {
    if assignment.is_empty() {
        return BTreeSet::new();
    }
    let assignment: ConsumerProtocolAssignment = decode_numbered(assignment).expect("decodes");
    assignment.assigned_partitions.into_iter().flat_map(|topic| topic.partitions).collect()
}
