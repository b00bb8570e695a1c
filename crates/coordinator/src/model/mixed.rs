//! Clients of both protocols, the coordinator, and the checks.
//!
//! Whatever happens, no partition is two members', and what a member believes to own is its own as far as the
//! coordinator goes: who is told to own something has it, and keeps it until it has said that it let go.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ottla_machine::{Millis, Token};
use ottla_trial::Dice;
use ottla_wire::ErrorCode;
use ottla_wire::messages::consumer_group_heartbeat_request::TopicPartitions;
use ottla_wire::messages::leave_group_request::MemberIdentity;
use ottla_wire::messages::sync_group_request::SyncGroupRequestAssignment;
use ottla_wire::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, HeartbeatRequest,
    JoinGroupResponse, LeaveGroupRequest,
};

use super::mixed_commits::Late;
use super::speaker::{Classic, Protocol, Speaker, TOPIC, read, write};
use crate::group::Group;
use crate::trial::{GROUP, Trial, code, hard_state, sync_request, topic_id};
use crate::{Body, Config, Record, Response};

const PARTITIONS: i32 = 8;
/// A group has come together when for so many rounds nothing has changed, longer than a session lasts.
const ROUNDS_AT_REST: usize = 100;

pub(super) struct Mixed {
    pub(super) dice: Dice,
    /// Nobody speaks the classic protocol.
    only_consumers: bool,
    pub(super) trial: Trial,
    pub(super) clients: Vec<Speaker>,
    /// The highest offset that was acknowledged, by partition.
    pub(super) acknowledged: BTreeMap<i32, i64>,
    pub(super) late: Vec<Late>,
    pub(super) commits: usize,
    pub(super) refused: usize,
}

impl Mixed {
    pub(super) fn new(dice: Dice, only_consumers: bool) -> Self {
        let config = Config { group_initial_rebalance_delay_ms: 1_000, ..Config::default() };
        let clients = (0..2 + dice.below(4))
            .map(|index| {
                let instance = (dice.below(4) == 0).then(|| format!("instance-{index}"));
                let mut client = Speaker::new(instance);
                client.restart(index as usize, only_consumers || dice.one_in(2));
                client
            })
            .collect();
        let mut trial = Trial::new(config);
        trial.set_topics(&[(TOPIC, PARTITIONS)]);
        let acknowledged = BTreeMap::new();
        let late = Vec::new();
        Self { dice, only_consumers, trial, clients, acknowledged, late, commits: 0, refused: 0 }
    }

    pub(super) fn commits(&self) -> usize {
        self.commits
    }

    /// How many commits came too late.
    pub(super) fn refused(&self) -> usize {
        self.refused
    }

    pub(super) fn crashes(&self) -> usize {
        self.trial.crashes
    }

    /// The bytes of everything that was written.
    pub(super) fn log(&self) -> Vec<(Bytes, Option<Bytes>)> {
        self.trial.log_bytes()
    }

    pub(super) fn epochs(&self) -> usize {
        let is_epoch = |record: &&Record| match record {
            Record::Consumer(crate::ConsumerRecord::Group(entry)) => entry.value.is_some(),
            _ => false,
        };
        self.trial.log.iter().filter(is_epoch).count()
    }

    /// How often the log tells of the end of one kind of group.
    pub(super) fn migrations(&self) -> usize {
        let is_end = |record: &&Record| match record {
            Record::GroupMetadata { value, .. } => value.is_none(),
            Record::Consumer(crate::ConsumerRecord::Group(entry)) => entry.value.is_none(),
            _ => false,
        };
        self.trial.log.iter().filter(is_end).count()
    }

    pub(super) fn step_with_faults(&mut self) {
        let pause = self.dice.below(1_500) as i32;
        self.pass(pause);
        let crashes = self.trial.crashes;
        super::disturb(&mut self.trial, &self.dice);
        self.notice_crash(crashes);
        if self.dice.one_in(60) {
            let partitions = PARTITIONS + self.dice.below(3) as i32;
            self.trial.set_topics(&[(TOPIC, partitions)]);
        }
        let index = self.dice.below(self.clients.len() as u64) as usize;
        if self.dice.one_in(8) {
            self.deliver_late();
        }
        if self.clients[index].asleep_until > self.trial.now {
            return;
        }
        if self.dice.one_in(25) {
            let until = self.trial.now + self.dice.below(60_000) as Millis;
            self.clients[index].asleep_until = until;
        } else if self.dice.one_in(30) {
            self.leave(index);
            let as_consumer = self.only_consumers || self.dice.one_in(2);
            self.clients[index].restart(index, as_consumer);
        } else if self.dice.one_in(20) {
            self.lie(index);
        } else if self.dice.one_in(4) {
            self.commit(index, true);
        } else {
            self.act(index, true);
        }
        self.check();
    }

    /// No more faults: every client does what it should until the group has come together.
    pub(super) fn heal(&mut self) {
        super::calm(&mut self.trial);
        self.trial.set_topics(&[(TOPIC, PARTITIONS + 3)]);
        let (mut rest, mut at_rest) = (None, 0);
        for round in 0.. {
            let history = self.trial.machine().history_of(GROUP);
            assert!(round < 2_000, "never at rest: {:?} {history:?}", self.clients);
            self.pass(500);
            for index in 0..self.clients.len() {
                self.act(index, false);
                self.check();
            }
            let now = self.is_settled().then(|| self.epoch());
            at_rest = if now.is_some() && now == rest { at_rest + 1 } else { 0 };
            rest = now;
            if at_rest == ROUNDS_AT_REST {
                break;
            }
        }
        for index in 0..self.clients.len() {
            let (before, works) = (self.commits, !self.clients[index].owned.is_empty());
            self.commit(index, false);
            assert!(self.commits > before || !works, "a settled member can commit");
        }
        self.check_offsets();
    }

    fn epoch(&self) -> Option<i32> {
        self.trial.machine().group(GROUP).map(|group| match group {
            Group::Classic(group) => group.generation(),
            Group::Consumer(group) => group.epoch(),
        })
    }

    fn is_settled(&mut self) -> bool {
        let mut owned = BTreeSet::new();
        for client in &self.clients {
            match &client.protocol {
                Protocol::Classic(Classic::Working) | Protocol::Consumer { target: None, .. } => {}
                _ => return false,
            }
            if client.owned.iter().any(|partition| !owned.insert(*partition)) {
                return false;
            }
        }
        let group = self.trial.runner.machine().group(GROUP);
        if group.is_some_and(|group| group.state().name() != "Stable") {
            return false;
        }
        let members: BTreeSet<&str> =
            self.clients.iter().map(|client| client.id.as_str()).collect();
        // Nobody here tells the leader of a classic group that the topic has grown.
        let (is_whole, wanted) = match group {
            Some(Group::Classic(group)) => {
                let known = group.members().map(|member| member.id.as_str());
                (known.eq(members.iter().copied()), PARTITIONS)
            }
            Some(Group::Consumer(group)) => {
                (group.owners().into_keys().eq(members.iter().copied()), PARTITIONS + 3)
            }
            None => (members.is_empty(), 0),
        };
        is_whole && owned.len() >= wanted as usize
    }

    fn pass(&mut self, duration_ms: i32) {
        let crashes = self.trial.crashes;
        self.trial.pass(duration_ms);
        self.notice_crash(crashes);
    }

    /// After a crash nobody is answered any more.
    fn notice_crash(&mut self, crashes_before: usize) -> bool {
        if self.trial.crashes == crashes_before {
            return false;
        }
        for client in &mut self.clients {
            if let Protocol::Classic(phase @ (Classic::Joining(_) | Classic::Syncing(_))) =
                &mut client.protocol
            {
                *phase = Classic::Out;
            }
        }
        true
    }

    fn ask(&mut self, version: i16, body: Body) -> Option<Token> {
        let crashes = self.trial.crashes;
        let token = self.trial.ask(version, body);
        (!self.notice_crash(crashes)).then_some(token)
    }

    pub(super) fn call(&mut self, version: i16, body: Body) -> Option<Response> {
        let token = self.ask(version, body)?;
        self.trial.answer(token)
    }

    fn act(&mut self, index: usize, faults: bool) {
        match self.clients[index].protocol.clone() {
            Protocol::Consumer { target, must_tell } => {
                self.act_consumer(index, target, must_tell, faults);
            }
            Protocol::Classic(phase) => self.act_classic(index, phase, faults),
        }
    }

    fn act_consumer(
        &mut self,
        index: usize,
        target: Option<BTreeSet<i32>>,
        must_tell: bool,
        faults: bool,
    ) {
        if let Some(target) = target
            && !(faults && self.dice.one_in(3))
        {
            // It lets go and takes hold, and tells of it.
            let client = &mut self.clients[index];
            client.own(target);
            client.protocol = Protocol::Consumer { target: None, must_tell: true };
            return;
        }
        if must_tell {
            // What it says it owns is without what it was told before and has not brought about: an answer that is
            // lost may have taken that away again.
            self.clients[index].protocol = Protocol::Consumer { target: None, must_tell };
        }
        let mut request = self.clients[index].beat(must_tell);
        if faults && self.dice.one_in(10) {
            // The first answer is lost, and with it what it has told: whoever hears nothing tells all again.
            let lost = self.call(1, Body::ConsumerGroupHeartbeat(request));
            if let Protocol::Consumer { must_tell, .. } = &mut self.clients[index].protocol {
                *must_tell = true;
            }
            if lost.is_none() || self.dice.one_in(2) {
                return;
            }
            self.clients[index].protocol = Protocol::Consumer { target: None, must_tell: true };
            request = self.clients[index].beat(true);
        }
        match self.call(1, Body::ConsumerGroupHeartbeat(request)) {
            Some(Response::ConsumerGroupHeartbeat(response)) => self.heard(index, &response),
            Some(other) => panic!("not a heartbeat answer: {other:?}"),
            // It does not know what the coordinator knows, and tells all again.
            None => {
                if let Protocol::Consumer { must_tell, .. } = &mut self.clients[index].protocol {
                    *must_tell = true;
                }
            }
        }
    }

    fn heard(&mut self, index: usize, response: &ConsumerGroupHeartbeatResponse) {
        let client = &mut self.clients[index];
        match code(response.error_code) {
            ErrorCode::None => {}
            ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId => return client.abandon(),
            // The group became a classic one behind its back, or somebody has its instance: it comes again.
            ErrorCode::GroupIdNotFound
            | ErrorCode::UnreleasedInstanceId
            | ErrorCode::FencedInstanceId => return client.abandon(),
            other => panic!("no client would expect {other:?}: {:?}", response.error_message),
        }
        client.epoch = response.member_epoch;
        let Protocol::Consumer { target, must_tell } = &mut client.protocol else { return };
        *must_tell = false;
        if let Some(assignment) = &response.assignment {
            let topics = assignment.topic_partitions.iter();
            let told: BTreeSet<i32> =
                topics.flat_map(|topic| topic.partitions.iter().copied()).collect();
            *target = (told != client.owned).then_some(told);
        }
    }

    fn act_classic(&mut self, index: usize, phase: Classic, faults: bool) {
        match phase {
            Classic::Out => {
                // Who is eager lets go before it joins.
                self.clients[index].own(BTreeSet::new());
                let request = self.clients[index].join();
                if let Some(token) = self.ask(9, Body::JoinGroup(request)) {
                    self.clients[index].protocol = Protocol::Classic(Classic::Joining(token));
                }
            }
            Classic::Joining(token) => match self.trial.answer(token) {
                Some(Response::JoinGroup(response)) => self.joined(index, response),
                Some(other) => panic!("not a join answer: {other:?}"),
                None => {}
            },
            Classic::Syncing(token) => match self.trial.answer(token) {
                Some(Response::SyncGroup(response)) => match code(response.error_code) {
                    ErrorCode::None => {
                        let client = &mut self.clients[index];
                        client.own(read(&response.assignment));
                        client.protocol = Protocol::Classic(Classic::Working);
                    }
                    error => self.failed(index, error),
                },
                Some(other) => panic!("not a sync answer: {other:?}"),
                None => {}
            },
            Classic::Working if faults && self.dice.one_in(20) => {
                self.clients[index].protocol = Protocol::Classic(Classic::Out);
            }
            Classic::Working => {
                let client = &self.clients[index];
                let request = HeartbeatRequest {
                    group_id: GROUP.to_owned(),
                    generation_id: client.epoch,
                    member_id: client.id.clone(),
                    group_instance_id: client.instance.clone(),
                    ..HeartbeatRequest::default()
                };
                if let Some(Response::Heartbeat(response)) = self.call(4, Body::Heartbeat(request))
                    && response.error_code != 0
                {
                    self.failed(index, code(response.error_code));
                }
            }
        }
    }

    fn joined(&mut self, index: usize, response: JoinGroupResponse) {
        let client = &mut self.clients[index];
        client.protocol = Protocol::Classic(Classic::Out);
        match code(response.error_code) {
            ErrorCode::None => {}
            ErrorCode::MemberIdRequired => {
                client.id = response.member_id;
                return;
            }
            error => return self.failed(index, error),
        }
        client.id = response.member_id;
        client.epoch = response.generation_id;
        let mut request = sync_request(&client.id, response.generation_id, &[]);
        request.group_instance_id.clone_from(&client.instance);
        if !response.skip_assignment {
            let members = response.members.len() as i32;
            for (place, member) in (0..).zip(&response.members) {
                let count = self.trial.partitions(TOPIC);
                let partitions = (0..count).filter(|partition| partition % members == place);
                request.assignments.push(SyncGroupRequestAssignment {
                    member_id: member.member_id.clone(),
                    assignment: write(partitions),
                    ..SyncGroupRequestAssignment::default()
                });
            }
        }
        if let Some(token) = self.ask(5, Body::SyncGroup(request)) {
            self.clients[index].protocol = Protocol::Classic(Classic::Syncing(token));
        }
    }

    fn failed(&mut self, index: usize, error: ErrorCode) {
        let client = &mut self.clients[index];
        client.protocol = Protocol::Classic(Classic::Out);
        match error {
            ErrorCode::RebalanceInProgress => {}
            ErrorCode::UnknownMemberId
            | ErrorCode::IllegalGeneration
            | ErrorCode::FencedInstanceId => {
                client.abandon();
                client.id.clear();
            }
            other => panic!("no client would expect {other:?}"),
        }
    }

    /// Somebody claims an epoch that has not been, or to be a member that it is not: it is refused, and nothing changes.
    /// A member that claims to own everything is told what it owns, and takes nothing from anybody.
    fn lie(&mut self, index: usize) {
        let client = &self.clients[index];
        let mut request = client.beat(true);
        let claims_all = matches!(client.protocol, Protocol::Consumer { .. })
            && client.epoch > 0
            && self.dice.one_in(3);
        if claims_all {
            let all = TopicPartitions {
                topic_id: topic_id(TOPIC),
                partitions: (0..PARTITIONS + 3).collect(),
                ..TopicPartitions::default()
            };
            request.topic_partitions = Some(vec![all]);
            self.call(1, Body::ConsumerGroupHeartbeat(request));
            // What it was told it has not listened to.
            if let Protocol::Consumer { must_tell, .. } = &mut self.clients[index].protocol {
                *must_tell = true;
            }
            return;
        }
        let is_stranger = request.member_id.is_empty() || self.dice.one_in(2);
        if is_stranger {
            request.member_id = "stranger".to_owned();
        }
        // A stranger may know the right epoch, and the name of an instance.
        if !(is_stranger && request.member_epoch > 0 && self.dice.one_in(2)) {
            request.member_epoch = self.dice.pick(&[1_000_000, i32::MAX]);
        }
        let before = (self.trial.log.len(), self.trial.crashes);
        let Some(answer) = self.call(1, Body::ConsumerGroupHeartbeat(request)) else { return };
        let Response::ConsumerGroupHeartbeat(response) = answer else { panic!("{answer:?}") };
        assert_ne!(code(response.error_code), ErrorCode::None, "a lie is believed");
        assert_eq!((self.trial.log.len(), self.trial.crashes), before, "a lie changes the log");
    }

    fn leave(&mut self, index: usize) {
        let client = self.clients[index].clone();
        let is_static = client.instance.is_some();
        match client.protocol {
            Protocol::Consumer { .. } => {
                let for_a_while = is_static && self.dice.one_in(2);
                let request = ConsumerGroupHeartbeatRequest {
                    member_epoch: if for_a_while { -2 } else { -1 },
                    ..client.beat(false)
                };
                self.call(1, Body::ConsumerGroupHeartbeat(request));
            }
            Protocol::Classic(_) => {
                let identity = MemberIdentity {
                    member_id: client.id.clone(),
                    group_instance_id: client.instance.clone(),
                    ..MemberIdentity::default()
                };
                let request = LeaveGroupRequest {
                    group_id: GROUP.to_owned(),
                    members: vec![identity],
                    ..LeaveGroupRequest::default()
                };
                self.call(5, Body::LeaveGroup(request));
            }
        }
    }

    fn check(&mut self) {
        let reloads = self.dice.one_in(10);
        let machine = self.trial.runner.machine();
        let Some(Group::Consumer(group)) = machine.group(GROUP) else { return };
        if reloads {
            let loaded = self.trial.loaded();
            assert_eq!(
                hard_state(loaded.machine()),
                hard_state(machine),
                "a reload changes nothing"
            );
        }
        let mut taken: BTreeMap<i32, &str> = BTreeMap::new();
        let owners = group.owners();
        for (member, partitions) in &owners {
            for partition in partitions {
                let other = taken.insert(*partition, member);
                assert_eq!(other, None, "partition {partition} is also {member}'s");
            }
        }
        for client in &self.clients {
            if let Some(owned) = owners.get(client.id.as_str()) {
                let foreign: Vec<&i32> = client.owned.difference(owned).collect();
                assert!(foreign.is_empty(), "{} believes to own {foreign:?}", client.id);
            }
        }
    }
}
