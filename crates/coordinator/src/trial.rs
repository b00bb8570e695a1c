//! A coordinator on a log in memory that commits at once, with a clock that tests move.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use ottla_machine::{Answer, Millis, Runner, Step, Token};
use ottla_metadata::MetadataImage;
use ottla_wire::messages::join_group_request::JoinGroupRequestProtocol;
use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_wire::messages::sync_group_request::SyncGroupRequestAssignment;
use ottla_wire::messages::{
    DescribeGroupsRequest, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, MetadataRecord, OffsetCommitRequest, OffsetFetchRequest,
    PartitionRecord, SyncGroupRequest, SyncGroupResponse, TopicRecord,
};
use ottla_wire::{ErrorCode, Uuid};

use crate::group::Group;
use crate::{
    Body, Caller, Config, GroupCoordinator, Metadata, Record, Request, Response, TopicChanges,
};

/// The group of most tests.
pub(crate) const GROUP: &str = "group";
pub(crate) const SESSION_MS: i32 = 10_000;
pub(crate) const REBALANCE_MS: i32 = 60_000;
/// Where the clock of a trial begins.
pub(crate) const BEGIN: Millis = 1_700_000_000_000;

pub(crate) struct Trial {
    config: Config,
    pub(crate) metadata: Metadata,
    pub(crate) runner: Runner<GroupCoordinator>,
    pub(crate) log: Vec<Record>,
    pub(crate) now: Millis,
    next_token: u64,
    answers: BTreeMap<Token, Response>,
    /// What happens to one of the next appends.
    pub(crate) crash: Option<Crash>,
    pub(crate) crashes: usize,
}

/// The coordinator's broker dies at an append.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    /// How many appends go well before it.
    pub(crate) after: u64,
    /// Whether the records of that append survive; nobody learns of them either way.
    pub(crate) keeps_records: bool,
}

impl Trial {
    pub(crate) fn new(config: Config) -> Self {
        let metadata = Metadata::new(Arc::new(MetadataImage::empty()));
        let machine = GroupCoordinator::new(config.clone(), metadata.clone());
        let mut trial = Self {
            config,
            metadata,
            runner: Runner::new(machine, 10_000),
            log: Vec::new(),
            now: BEGIN,
            next_token: 0,
            answers: BTreeMap::new(),
            crash: None,
            crashes: 0,
        };
        trial.tick();
        trial
    }

    /// Crashes and comes back from the log. The bytes of the records are what survives.
    pub(crate) fn reload(&mut self) {
        self.runner = self.loaded();
        self.answers.clear();
        self.tick();
    }

    /// A coordinator that knows what the log says, and no more.
    pub(crate) fn loaded(&self) -> Runner<GroupCoordinator> {
        let machine = GroupCoordinator::new(self.config.clone(), self.metadata.clone());
        let mut runner = Runner::new(machine, 10_000);
        for (offset, record) in (0..).zip(&self.log) {
            let (key, value) = record.encode().expect("records encode");
            // What a transaction's batch and a marker's are known by is not in their bytes.
            let decoded = match record {
                Record::EndTransaction(_) => record.clone(),
                Record::TransactionalOffset { producer, .. } => {
                    let decoded = Record::decode(key, value).expect("records decode");
                    decoded.in_transaction(*producer)
                }
                _ => Record::decode(key, value).expect("records decode"),
            };
            runner.replay(offset, &decoded);
        }
        runner
    }

    /// The bytes of the log.
    pub(crate) fn log_bytes(&self) -> Vec<(Bytes, Option<Bytes>)> {
        self.log.iter().map(|record| record.encode().expect("records encode")).collect()
    }

    pub(crate) fn ask(&mut self, api_version: i16, body: Body) -> Token {
        let token = Token(self.next_token);
        self.next_token += 1;
        let caller = Caller {
            api_version,
            client_id: "client".to_owned(),
            client_host: "/127.0.0.1".to_owned(),
            random: u128::from(token.0) << 80 | u128::from(token.0),
        };
        let step = self.runner.submit(token, Request { caller, body }, self.now);
        self.take(step.expect("the runner has room"));
        self.tick_while_due();
        token
    }

    /// Asks, and expects the answer at once.
    pub(crate) fn call(&mut self, api_version: i16, body: Body) -> Response {
        let token = self.ask(api_version, body);
        self.answer(token).expect("answered at once")
    }

    pub(crate) fn answer(&mut self, token: Token) -> Option<Response> {
        self.answers.remove(&token)
    }

    /// Lets time pass, deadline by deadline.
    pub(crate) fn pass(&mut self, duration_ms: i32) {
        let end = self.now + Millis::from(duration_ms);
        while let Some(deadline) = self.runner.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(deadline);
            self.tick();
        }
        self.now = end;
    }

    /// Lets time pass until the request is answered.
    pub(crate) fn await_answer(&mut self, token: Token) {
        while !self.answers.contains_key(&token) {
            let deadline = self.runner.next_deadline().expect("offsets are always checked again");
            assert!(deadline < self.now + 1_000_000, "never answered: {token:?}");
            self.now = self.now.max(deadline);
            self.tick();
        }
    }

    fn tick(&mut self) {
        let step = self.runner.tick(self.now);
        self.take(step);
    }

    fn tick_while_due(&mut self) {
        while self.runner.next_deadline().is_some_and(|at| at <= self.now) {
            self.tick();
        }
    }

    fn take(&mut self, step: Step<GroupCoordinator>) {
        let mut replies = step.replies;
        if !step.records.is_empty() {
            if self.crash.is_some_and(|crash| crash.after == 0) {
                return self.crash_with(step.records);
            }
            if let Some(crash) = &mut self.crash {
                crash.after -= 1;
            }
            self.log.extend(step.records);
            let end = self.log.len() as i64;
            self.runner.appended(end);
            replies.extend(self.runner.committed(end));
        }
        for Answer { token, response } in replies {
            assert!(self.answers.insert(token, response).is_none(), "answered twice: {token:?}");
        }
    }

    fn crash_with(&mut self, records: Vec<Record>) {
        if self.crash.take().is_some_and(|crash| crash.keeps_records) {
            self.log.extend(records);
        }
        self.crashes += 1;
        self.reload();
    }

    /// The topics that there are from now on, with their partitions.
    pub(crate) fn set_topics(&mut self, topics: &[(&str, i32)]) {
        let before = &self.metadata;
        let is_new = topics.iter().any(|(name, _)| before.id_of(name).is_none());
        let changes = if is_new { TopicChanges::New } else { TopicChanges::Known };
        let image = Arc::new(image_of(topics, before.version() + 1));
        self.metadata = before.next(image, changes);
        self.call(0, Body::MetadataChanged(self.metadata.clone()));
    }

    /// How many partitions a topic has.
    pub(crate) fn partitions(&self, topic: &str) -> i32 {
        self.metadata.id_of(topic).map_or(0, |id| self.metadata.partition_count(id))
    }

    pub(crate) fn joined(&mut self, token: Token) -> JoinGroupResponse {
        match self.answer(token) {
            Some(Response::JoinGroup(response)) => response,
            other => panic!("not a join answer: {other:?}"),
        }
    }

    pub(crate) fn synced(&mut self, token: Token) -> SyncGroupResponse {
        match self.answer(token) {
            Some(Response::SyncGroup(response)) => response,
            other => panic!("not a sync answer: {other:?}"),
        }
    }

    pub(crate) fn heartbeat(&mut self, member_id: &str, generation: i32) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: GROUP.to_owned(),
            generation_id: generation,
            member_id: member_id.to_owned(),
            ..HeartbeatRequest::default()
        };
        match self.call(4, Body::Heartbeat(request)) {
            Response::Heartbeat(response) => code(response.error_code),
            other => panic!("not a heartbeat answer: {other:?}"),
        }
    }

    pub(crate) fn leave(&mut self, request: LeaveGroupRequest) -> LeaveGroupResponse {
        match self.call(5, Body::LeaveGroup(request)) {
            Response::LeaveGroup(response) => response,
            other => panic!("not a leave answer: {other:?}"),
        }
    }

    /// Commits one offset of `topic` partition 0; the error of that partition.
    pub(crate) fn commit(&mut self, member_id: &str, generation: i32, offset: i64) -> ErrorCode {
        let request = commit_request(member_id, generation, "topic", offset);
        match self.call(9, Body::OffsetCommit(request)) {
            Response::OffsetCommit(response) => code(response.topics[0].partitions[0].error_code),
            other => panic!("not a commit answer: {other:?}"),
        }
    }

    /// What the group has committed, as topic, partition and offset.
    pub(crate) fn committed(&mut self) -> Vec<(String, i32, i64)> {
        let request = OffsetFetchRequest {
            group_id: GROUP.to_owned(),
            topics: None,
            ..OffsetFetchRequest::default()
        };
        let Response::OffsetFetch(response) = self.call(7, Body::OffsetFetch(request)) else {
            panic!("not a fetch answer")
        };
        let partitions = response.topics.into_iter().flat_map(|topic| {
            let name = topic.name;
            topic.partitions.into_iter().map(move |partition| {
                (name.clone(), partition.partition_index, partition.committed_offset)
            })
        });
        partitions.collect()
    }

    /// The state that tools see.
    pub(crate) fn state(&mut self) -> String {
        let request = DescribeGroupsRequest {
            groups: vec![GROUP.to_owned()],
            ..DescribeGroupsRequest::default()
        };
        match self.call(5, Body::DescribeGroups(request)) {
            Response::DescribeGroups(response) => response.groups[0].group_state.clone(),
            other => panic!("not a describe answer: {other:?}"),
        }
    }

    /// A dynamic member's first join: asks for an id and joins with it.
    pub(crate) fn join_new(&mut self) -> (String, Token) {
        let token = self.ask(9, Body::JoinGroup(join_request("")));
        let refusal = self.joined(token);
        assert_eq!(code(refusal.error_code), ErrorCode::MemberIdRequired);
        let token = self.ask(9, Body::JoinGroup(join_request(&refusal.member_id)));
        (refusal.member_id, token)
    }

    pub(crate) fn rejoin(&mut self, member_id: &str) -> Token {
        self.ask(9, Body::JoinGroup(join_request(member_id)))
    }

    pub(crate) fn sync(
        &mut self,
        member_id: &str,
        generation: i32,
        assignments: &[(&str, &str)],
    ) -> Token {
        self.ask(5, Body::SyncGroup(sync_request(member_id, generation, assignments)))
    }

    /// A stable group of `size` members, the leader first.
    pub(crate) fn stable(size: usize) -> (Self, Vec<String>) {
        let mut trial = Self::new(Config::default());
        let members = trial.fill(size);
        (trial, members)
    }

    fn fill(&mut self, size: usize) -> Vec<String> {
        let joins: Vec<(String, Token)> = (0..size).map(|_| self.join_new()).collect();
        self.await_answer(joins[0].1);
        let mut leader = None;
        for (member_id, token) in &joins {
            let response = self.joined(*token);
            assert_eq!(code(response.error_code), ErrorCode::None);
            assert_eq!(response.generation_id, 1);
            assert_eq!(
                response.members.len(),
                if response.leader == *member_id { size } else { 0 }
            );
            leader = Some(response.leader);
        }
        let leader = leader.expect("somebody joined");
        let mut members: Vec<String> = joins.into_iter().map(|(member_id, _)| member_id).collect();
        members.sort_by_key(|member_id| *member_id != leader);
        self.sync_all(&members, 1);
        members
    }

    /// Everyone syncs, the leader last; each is assigned its own id.
    pub(crate) fn sync_all(&mut self, members: &[String], generation: i32) {
        let assignments: Vec<(&str, &str)> =
            members.iter().map(|id| (id.as_str(), id.as_str())).collect();
        let (leader, followers) = members.split_first().expect("a leader");
        let waiting: Vec<Token> =
            followers.iter().map(|id| self.sync(id, generation, &[])).collect();
        let own = self.sync(leader, generation, &assignments);
        for (member_id, token) in members.iter().zip(std::iter::once(own).chain(waiting)) {
            let response = self.synced(token);
            assert_eq!(code(response.error_code), ErrorCode::None);
            assert_eq!(response.assignment, member_id.as_bytes());
        }
    }
}

/// What the log is to bring back: every group as its record would say, and every offset.
pub(crate) fn hard_state(coordinator: &GroupCoordinator) -> Vec<String> {
    let groups = coordinator.groups().map(|group| match group {
        Group::Classic(group) => {
            let mut record = group.to_record();
            if !group.is_empty() {
                // The moment a group became stable is not recorded, as in Kafka.
                record.current_state_timestamp = -1;
            }
            format!("{} {:?} {record:?}", group.id, group.state())
        }
        Group::Consumer(group) => group.hard_state(),
    });
    let offsets = coordinator.committed_offsets().map(|committed| format!("{committed:?}"));
    groups.chain(offsets).collect()
}

/// An image with these topics, whose ids are made from their names.
pub(crate) fn image_of(topics: &[(&str, i32)], version: i64) -> MetadataImage {
    let mut image = MetadataImage::empty();
    image.provenance.offset = version;
    for (name, partitions) in topics {
        let topic_id = topic_id(name);
        let topic = TopicRecord { name: (*name).to_owned(), topic_id, ..Default::default() };
        image.apply(&MetadataRecord::Topic(topic)).expect("a topic");
        for partition_id in 0..*partitions {
            let partition = PartitionRecord { partition_id, topic_id, ..Default::default() };
            image.apply(&MetadataRecord::Partition(partition)).expect("a partition");
        }
    }
    image
}

/// The id that a topic of this name has in trials.
pub(crate) fn topic_id(name: &str) -> Uuid {
    let mut bytes = [0; 16];
    for (byte, letter) in bytes.iter_mut().zip(name.bytes()) {
        *byte = letter;
    }
    Uuid::from_bytes(bytes)
}

pub(crate) fn code(code: i16) -> ErrorCode {
    ErrorCode::try_from_code(code).expect("a code of Kafka")
}

/// What a consumer says of itself when it subscribes to `topics`.
pub(crate) fn subscription(topics: &[&str]) -> Bytes {
    let mut bytes = vec![0, 1];
    bytes.extend((topics.len() as u32).to_be_bytes());
    for topic in topics {
        bytes.extend((topic.len() as u16).to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    bytes.into()
}

pub(crate) fn protocol(name: &str, metadata: Bytes) -> JoinGroupRequestProtocol {
    JoinGroupRequestProtocol {
        name: name.to_owned(),
        metadata,
        ..JoinGroupRequestProtocol::default()
    }
}

pub(crate) fn join_request(member_id: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: GROUP.to_owned(),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: REBALANCE_MS,
        member_id: member_id.to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![protocol("range", subscription(&["topic"]))],
        ..JoinGroupRequest::default()
    }
}

pub(crate) fn sync_request(
    member_id: &str,
    generation: i32,
    assignments: &[(&str, &str)],
) -> SyncGroupRequest {
    SyncGroupRequest {
        group_id: GROUP.to_owned(),
        generation_id: generation,
        member_id: member_id.to_owned(),
        protocol_type: Some("consumer".to_owned()),
        protocol_name: Some("range".to_owned()),
        assignments: assignments
            .iter()
            .map(|(member_id, assignment)| SyncGroupRequestAssignment {
                member_id: (*member_id).to_owned(),
                assignment: Bytes::copy_from_slice(assignment.as_bytes()),
                ..SyncGroupRequestAssignment::default()
            })
            .collect(),
        ..SyncGroupRequest::default()
    }
}

pub(crate) fn commit_request(
    member_id: &str,
    generation: i32,
    topic: &str,
    offset: i64,
) -> OffsetCommitRequest {
    OffsetCommitRequest {
        group_id: GROUP.to_owned(),
        generation_id_or_member_epoch: generation,
        member_id: member_id.to_owned(),
        topics: vec![OffsetCommitRequestTopic {
            name: topic.to_owned(),
            partitions: vec![OffsetCommitRequestPartition {
                committed_offset: offset,
                committed_metadata: Some("note".to_owned()),
                ..OffsetCommitRequestPartition::default()
            }],
            ..OffsetCommitRequestTopic::default()
        }],
        ..OffsetCommitRequest::default()
    }
}
