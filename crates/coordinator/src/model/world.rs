//! The clients, the coordinator, and the checks.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ottla_machine::{Millis, Token};
use ottla_trial::Dice;
use ottla_wire::ErrorCode;
use ottla_wire::messages::leave_group_request::MemberIdentity;
use ottla_wire::messages::sync_group_request::SyncGroupRequestAssignment;
use ottla_wire::messages::{
    HeartbeatRequest, JoinGroupResponse, LeaveGroupRequest, OffsetCommitRequest, SyncGroupRequest,
    SyncGroupResponse,
};

use super::client::{Client, Phase};
use super::committing::{Fetched, Late};
use crate::group::Group;
use crate::trial::{
    GROUP, Trial, code, commit_request, hard_state, heartbeat_request, sync_request,
};
use crate::{Body, Config, GroupCoordinator, Record, Response};

pub(super) const PARTITIONS: i32 = 8;
/// A group has come together when for so many rounds nothing has changed, longer than a session lasts.
const ROUNDS_AT_REST: usize = 30;

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) trial: Trial,
    pub(super) clients: Vec<Client>,
    /// Requests that somebody has sent and not yet seen answered, even if the sender has given up.
    open: BTreeSet<Token>,
    /// Who was told to own a partition: by life of the group, generation and partition.
    pub(super) owners: BTreeMap<(usize, i32, i32), String>,
    /// The highest offset that somebody knows to be committed, by partition.
    pub(super) acknowledged: BTreeMap<i32, i64>,
    /// Commits that are on their way for long.
    pub(super) late: Vec<Late>,
    generations: BTreeSet<i32>,
    pub(super) commits: usize,
    /// Transactions that have committed offsets.
    pub(super) transactions: usize,
}

impl World {
    pub(super) fn new(dice: Dice) -> Self {
        let config = Config { group_initial_rebalance_delay_ms: 1_000, ..Config::default() };
        let clients = (0..3 + dice.below(4))
            .map(|index| {
                let instance = match dice.below(4) {
                    0 => Some(format!("instance-{index}")),
                    1 => Some("double".to_owned()),
                    _ => None,
                };
                let version = if instance.is_some() { 8 } else { 3 } + dice.below(2) as i16;
                Client::new(index as i64, instance, version)
            })
            .collect();
        Self {
            dice,
            trial: Trial::new(config),
            clients,
            open: BTreeSet::new(),
            owners: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            late: Vec::new(),
            generations: BTreeSet::new(),
            commits: 0,
            transactions: 0,
        }
    }

    pub(super) fn crashes(&self) -> usize {
        self.trial.crashes
    }

    /// The bytes of everything that was written.
    pub(super) fn log(&self) -> Vec<(Bytes, Option<Bytes>)> {
        self.trial.log_bytes()
    }

    pub(super) fn generations(&self) -> usize {
        self.generations.len()
    }

    pub(super) fn step_with_faults(&mut self) {
        let pause = self.dice.below(1_500) as i32;
        self.pass(pause);
        let crashes = self.trial.crashes;
        super::disturb(&mut self.trial, &self.dice);
        self.notice_crash(crashes);
        if self.dice.one_in(10) {
            self.deliver_late();
        }
        if self.dice.one_in(4) {
            let index = self.dice.below(self.clients.len() as u64) as usize;
            self.end_transaction(index);
        }
        let index = self.dice.below(self.clients.len() as u64) as usize;
        let now = self.trial.now;
        let client = &mut self.clients[index];
        if client.is_dead || client.asleep_until > now {
            return;
        }
        if self.dice.one_in(20) {
            client.asleep_until = now + self.dice.below(40_000) as Millis;
            return;
        }
        if self.dice.one_in(15) {
            // The connection is lost: whatever was asked may still be answered, to nobody.
            if matches!(client.phase, Phase::Joining(_) | Phase::Syncing { .. }) {
                client.phase = Phase::Out;
            }
        } else if self.dice.one_in(40) {
            self.leave(index);
        } else if self.dice.one_in(20) {
            self.lie(index);
        } else {
            self.act(index, true);
        }
        self.check();
    }

    /// No more faults: every client does what it should until the group has come together.
    pub(super) fn heal(&mut self) {
        super::calm(&mut self.trial);
        let (mut rest, mut at_rest) = (None, 0);
        for round in 0.. {
            let history = self.trial.machine().history_of(GROUP);
            assert!(round < 2_000, "never at rest: {:?} {history:?}", self.clients);
            self.pass(500);
            for index in 0..self.clients.len() {
                self.end_transaction(index);
                if !self.clients[index].is_dead {
                    self.act(index, false);
                }
            }
            self.check();
            let now = self.is_settled().then(|| self.generation());
            at_rest = if now.is_some() && now == rest { at_rest + 1 } else { 0 };
            rest = now;
            if at_rest == ROUNDS_AT_REST {
                break;
            }
        }
        for index in 0..self.clients.len() {
            let before = self.commits;
            self.commit(index, false);
            let has_work = matches!(&self.clients[index].phase,
                Phase::Working { positions, .. } if !positions.is_empty());
            assert!(self.commits > before || !has_work, "a settled member can commit");
        }
        // Whoever gave up is answered too, at the latest when sessions and rebalances have run out of time.
        self.pass(600_000);
        self.collect_abandoned();
        assert!(self.open.is_empty(), "never answered: {:?}", self.open);
        let pending = self.trial.machine().offsets().pending().of_group(GROUP).next();
        assert_eq!(pending, None, "every transaction has ended");
    }

    fn generation(&self) -> Option<i32> {
        match self.trial.machine().group(GROUP)? {
            Group::Classic(group) => Some(group.generation()),
            Group::Consumer(_) => None,
        }
    }

    fn is_settled(&self) -> bool {
        let mut owned: BTreeSet<i32> = BTreeSet::new();
        let mut generation = None;
        for client in self.clients.iter().filter(|client| !client.is_dead) {
            let Phase::Working { generation: own, positions } = &client.phase else {
                return false;
            };
            if *generation.get_or_insert(*own) != *own {
                return false;
            }
            owned.extend(positions.keys());
        }
        let alive = self.clients.iter().filter(|client| !client.is_dead);
        let alive: BTreeSet<&str> = alive.map(|client| client.member_id.as_str()).collect();
        let group = self.trial.runner.machine().group(GROUP);
        let has_ghosts = matches!(group, Some(Group::Classic(group))
            if !group.members().map(|member| member.id.as_str()).eq(alive.iter().copied()));
        let is_busy =
            group.is_some_and(|group| !matches!(group.state().name(), "Stable" | "Empty"));
        !has_ghosts && !is_busy && (owned.len() == PARTITIONS as usize || generation.is_none())
    }

    /// After a crash nobody is answered any more; the clients look for the new coordinator and ask again.
    fn notice_crash(&mut self, crashes_before: usize) -> bool {
        if self.trial.crashes == crashes_before {
            return false;
        }
        self.open.clear();
        for client in &mut self.clients {
            if matches!(client.phase, Phase::Joining(_) | Phase::Syncing { .. }) {
                client.phase = Phase::Out;
            }
        }
        true
    }

    fn pass(&mut self, duration_ms: i32) {
        let crashes = self.trial.crashes;
        self.trial.pass(duration_ms);
        self.notice_crash(crashes);
    }

    /// None when the coordinator crashed over it.
    fn ask(&mut self, version: i16, body: Body) -> Option<Token> {
        let crashes = self.trial.crashes;
        let token = self.trial.ask(version, body);
        if self.notice_crash(crashes) {
            return None;
        }
        self.open.insert(token);
        Some(token)
    }

    pub(super) fn call(&mut self, version: i16, body: Body) -> Option<Response> {
        let token = self.ask(version, body)?;
        self.take(token)
    }

    /// Sends a request whose answer may take long, now and then twice.
    fn ask_maybe_twice(&mut self, version: i16, body: Body, faults: bool) -> Option<Token> {
        if faults && self.dice.one_in(10) {
            self.ask(version, body.clone())?;
        }
        self.ask(version, body)
    }

    fn take(&mut self, token: Token) -> Option<Response> {
        let response = self.trial.answer(token)?;
        self.open.remove(&token);
        Some(response)
    }

    fn act(&mut self, index: usize, faults: bool) {
        match self.clients[index].phase.clone() {
            Phase::Out => {
                let client = &self.clients[index];
                let (version, request) = (client.join_version, client.join_request());
                let asked = self.ask_maybe_twice(version, Body::JoinGroup(request), faults);
                if let Some(token) = asked {
                    self.clients[index].phase = Phase::Joining(token);
                }
            }
            Phase::Joining(token) => match self.take(token) {
                Some(Response::JoinGroup(response)) => self.joined(index, response),
                Some(other) => panic!("not a join answer: {other:?}"),
                None => {}
            },
            Phase::Joined { generation, members } => {
                let request = self.sync_request(index, generation, &members);
                let asked = self.ask_maybe_twice(5, Body::SyncGroup(request), faults);
                self.clients[index].phase = match asked {
                    Some(token) => Phase::Syncing { token, generation },
                    None => Phase::Out,
                };
            }
            Phase::Syncing { token, generation } => match self.take(token) {
                Some(Response::SyncGroup(response)) => self.synced(index, generation, &response),
                Some(other) => panic!("not a sync answer: {other:?}"),
                None => {}
            },
            Phase::Working { .. } => match self.dice.below(4) {
                0 if faults && self.dice.one_in(4) => self.clients[index].phase = Phase::Out,
                0 | 1 => self.commit(index, faults),
                _ => self.heartbeat(index),
            },
        }
    }

    fn joined(&mut self, index: usize, response: JoinGroupResponse) {
        let client = &mut self.clients[index];
        client.phase = Phase::Out;
        match code(response.error_code) {
            ErrorCode::None => {
                client.member_id = response.member_id;
                let members = if response.skip_assignment {
                    Vec::new()
                } else {
                    response.members.into_iter().map(|member| member.member_id).collect()
                };
                client.phase = Phase::Joined { generation: response.generation_id, members };
            }
            ErrorCode::MemberIdRequired => client.member_id = response.member_id,
            error => self.failed(index, error),
        }
    }

    pub(super) fn failed(&mut self, index: usize, error: ErrorCode) {
        let client = &mut self.clients[index];
        match error {
            ErrorCode::RebalanceInProgress => client.phase = Phase::Out,
            ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration => client.forget_membership(),
            ErrorCode::FencedInstanceId => {
                client.is_dead = true;
                client.phase = Phase::Out;
            }
            // The group is gone, or the client is between two generations: it joins again.
            ErrorCode::GroupIdNotFound => client.forget_membership(),
            other => panic!("no client would expect {other:?}"),
        }
    }

    /// The leader deals the partitions out; each is one byte of an assignment.
    fn sync_request(&self, index: usize, generation: i32, members: &[String]) -> SyncGroupRequest {
        let client = &self.clients[index];
        let mut request = sync_request(&client.member_id, generation, &[]);
        request.group_instance_id.clone_from(&client.instance);
        for (place, member_id) in members.iter().enumerate() {
            let partitions = (0..PARTITIONS as u8)
                .filter(|partition| usize::from(*partition) % members.len() == place);
            request.assignments.push(SyncGroupRequestAssignment {
                member_id: member_id.clone(),
                assignment: partitions.collect::<Bytes>(),
                ..SyncGroupRequestAssignment::default()
            });
        }
        request
    }

    fn synced(&mut self, index: usize, generation: i32, response: &SyncGroupResponse) {
        match code(response.error_code) {
            ErrorCode::None => {}
            error => {
                self.clients[index].phase = Phase::Out;
                return self.failed(index, error);
            }
        }
        self.generations.insert(generation);
        let life = self.life();
        let owner = self.clients[index].owner();
        for partition in response.assignment.iter().map(|byte| i32::from(*byte)) {
            let first = self.owners.entry((life, generation, partition)).or_insert(owner.clone());
            assert_eq!(*first, owner, "partition {partition} of generation {generation}");
        }
        let assigned = response.assignment.iter().map(|byte| i32::from(*byte)).collect();
        self.clients[index].phase = match self.committed(&assigned) {
            Fetched::Offsets(positions) => Phase::Working { generation, positions },
            // It asks again for what it is assigned, and then for the offsets.
            Fetched::Unstable => Phase::Joined { generation, members: Vec::new() },
            Fetched::Nothing => Phase::Out,
        };
    }

    /// How many groups of this name there have been: an empty one without offsets is removed, and begins anew.
    pub(super) fn life(&self) -> usize {
        let is_end = |record: &&Record| matches!(record, Record::GroupMetadata { value: None, .. });
        self.trial.log.iter().filter(is_end).count()
    }

    fn heartbeat(&mut self, index: usize) {
        let client = &self.clients[index];
        let Phase::Working { generation, .. } = client.phase else { return };
        let request = HeartbeatRequest {
            group_id: GROUP.to_owned(),
            generation_id: generation,
            member_id: client.member_id.clone(),
            group_instance_id: client.instance.clone(),
            ..HeartbeatRequest::default()
        };
        if let Some(Response::Heartbeat(response)) = self.call(4, Body::Heartbeat(request)) {
            match code(response.error_code) {
                ErrorCode::None => {}
                error => self.failed(index, error),
            }
        }
    }

    fn leave(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let request = LeaveGroupRequest {
            group_id: GROUP.to_owned(),
            members: vec![MemberIdentity {
                member_id: client.member_id.clone(),
                group_instance_id: client.instance.clone(),
                ..MemberIdentity::default()
            }],
            ..LeaveGroupRequest::default()
        };
        client.forget_membership();
        self.call(5, Body::LeaveGroup(request));
    }

    /// Somebody claims to be a member that there is not, or of a generation that has not been: it is refused, and
    /// nothing changes.
    fn lie(&mut self, index: usize) {
        let client = &self.clients[index];
        let is_stranger = client.member_id.is_empty() || self.dice.one_in(2);
        let member_id = if is_stranger { "stranger".to_owned() } else { client.member_id.clone() };
        let group_instance_id = client.instance.clone();
        // A stranger may know the right generation, and the name of an instance.
        let generation = match &client.phase {
            Phase::Working { generation, .. } if is_stranger && self.dice.one_in(2) => *generation,
            _ => self.dice.pick(&[1_000_000, i32::MAX]),
        };
        let before = (self.trial.log.len(), self.trial.crashes);
        let answer = match self.dice.below(4) {
            0 => {
                let request = heartbeat_request(&member_id, generation);
                self.call(4, Body::Heartbeat(HeartbeatRequest { group_instance_id, ..request }))
            }
            1 => {
                let request = sync_request(&member_id, generation, &[]);
                self.call(5, Body::SyncGroup(SyncGroupRequest { group_instance_id, ..request }))
            }
            2 => {
                let request = commit_request(&member_id, generation, "topic", 0);
                let request = OffsetCommitRequest { group_instance_id, ..request };
                self.call(9, Body::OffsetCommit(request))
            }
            _ => {
                let stranger = MemberIdentity {
                    member_id: "stranger".to_owned(),
                    ..MemberIdentity::default()
                };
                let request = LeaveGroupRequest {
                    group_id: GROUP.to_owned(),
                    members: vec![stranger],
                    ..LeaveGroupRequest::default()
                };
                self.call(5, Body::LeaveGroup(request))
            }
        };
        let told = match answer {
            None => return,
            Some(Response::Heartbeat(response)) => response.error_code,
            Some(Response::SyncGroup(response)) => response.error_code,
            Some(Response::OffsetCommit(response)) => response.topics[0].partitions[0].error_code,
            Some(Response::LeaveGroup(response)) => {
                response.error_code | response.members[0].error_code
            }
            Some(other) => panic!("a lie is answered {other:?}"),
        };
        assert_ne!(code(told), ErrorCode::None, "{member_id} of {generation} is believed");
        assert_eq!((self.trial.log.len(), self.trial.crashes), before, "a lie changes the log");
    }

    fn collect_abandoned(&mut self) {
        let trial = &mut self.trial;
        self.open.retain(|token| trial.answer(*token).is_none());
    }

    fn check(&self) {
        self.check_offsets();
        let machine = self.trial.runner.machine();
        if let Some(Group::Classic(group)) = machine.group(GROUP) {
            let instances = group.members().filter_map(|member| member.instance_id.as_ref());
            let mut seen = BTreeSet::new();
            instances.for_each(|id| assert!(seen.insert(id), "{id} is two members"));
        }
        let is_at_rest = machine.groups().all(|group| {
            !matches!(group.state().name(), "PreparingRebalance" | "CompletingRebalance")
        });
        if is_at_rest {
            let loaded = self.trial.loaded();
            assert_eq!(
                hard_state(loaded.machine()),
                hard_state(machine),
                "a reload changes nothing"
            );
            let pending = |machine: &GroupCoordinator| machine.offsets().pending().clone();
            assert_eq!(pending(loaded.machine()), pending(machine), "nor what is pending");
        }
    }
}
