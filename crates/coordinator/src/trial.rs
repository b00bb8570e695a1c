//! A coordinator of groups on trial: what tests ask of it, and what they send.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use bytes::Bytes;
use ottla_machine::{Millis, Token};
use ottla_metadata::MetadataImage;
use ottla_trial::Subject;
use ottla_wire::messages::join_group_request::JoinGroupRequestProtocol;
use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_wire::messages::sync_group_request::SyncGroupRequestAssignment;
use ottla_wire::messages::{
    DescribeGroupsRequest, GroupMetadataValue, HeartbeatRequest, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, MetadataRecord, OffsetCommitRequest,
    OffsetFetchRequest, OffsetFetchResponse, PartitionRecord, SyncGroupRequest, SyncGroupResponse,
    TopicRecord,
};
use ottla_wire::{ErrorCode, Uuid};

use crate::classic::State;
use crate::consumer::ConsumerGroup;
use crate::group::Group;
use crate::{
    Body, Caller, CommittedOffset, Config, GroupCoordinator, Metadata, Record, Request, Response,
    TopicChanges,
};

/// The group of most tests.
pub(crate) const GROUP: &str = "group";
pub(crate) const SESSION_MS: i32 = 10_000;
pub(crate) const REBALANCE_MS: i32 = 60_000;
/// Where the clock of a trial begins.
pub(crate) const BEGIN: Millis = 1_700_000_000_000;

/// What is tried: the groups of one partition.
pub(crate) struct Groups {
    config: Config,
    pub(crate) metadata: Metadata,
}

impl Subject for Groups {
    type Machine = GroupCoordinator;

    fn start(&self) -> GroupCoordinator {
        GroupCoordinator::new(self.config.clone(), self.metadata.clone())
    }

    fn reread(record: &Record) -> Record {
        let (key, value) = record.encode().expect("records encode");
        // What a transaction's batch and a marker's are known by is not in their bytes.
        match record {
            Record::EndTransaction(_) => record.clone(),
            Record::TransactionalOffset { producer, .. } => {
                Record::decode(key, value).expect("records decode").in_transaction(*producer)
            }
            _ => Record::decode(key, value).expect("records decode"),
        }
    }
}

/// A trial, and what tests ask of it.
pub(crate) struct Trial(ottla_trial::Trial<Groups>);

impl Deref for Trial {
    type Target = ottla_trial::Trial<Groups>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Trial {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Trial {
    pub(crate) fn new(config: Config) -> Self {
        let metadata = Metadata::new(Arc::new(MetadataImage::empty()));
        Self(ottla_trial::Trial::new(Groups { config, metadata }, BEGIN))
    }

    /// The bytes of the log.
    pub(crate) fn log_bytes(&self) -> Vec<(Bytes, Option<Bytes>)> {
        self.log.iter().map(|record| record.encode().expect("records encode")).collect()
    }

    pub(crate) fn ask(&mut self, api_version: i16, body: Body) -> Token {
        let caller = |token: Token| Caller {
            api_version,
            client_id: "client".to_owned(),
            client_host: "/127.0.0.1".to_owned(),
            random: u128::from(token.0) << 80 | u128::from(token.0),
        };
        self.0.ask(|token| Request { caller: caller(token), body })
    }

    /// Asks, and expects the answer at once.
    pub(crate) fn call(&mut self, api_version: i16, body: Body) -> Response {
        let token = self.ask(api_version, body);
        self.answer(token).expect("answered at once")
    }

    /// The topics that there are from now on, with their partitions.
    pub(crate) fn set_topics(&mut self, topics: &[(&str, i32)]) {
        let before = &self.subject.metadata;
        let is_new = topics.iter().any(|(name, _)| before.id_of(name).is_none());
        let changes = if is_new { TopicChanges::New } else { TopicChanges::Known };
        let image = Arc::new(image_of(topics, before.version() + 1));
        let metadata = before.next(image, changes);
        self.subject.metadata = metadata.clone();
        self.ask(0, Body::MetadataChanged(metadata));
    }

    /// How many partitions a topic has.
    pub(crate) fn partitions(&self, topic: &str) -> i32 {
        {
            let metadata = &self.subject.metadata;
            metadata.id_of(topic).map_or(0, |id| metadata.partition_count(id))
        }
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
        let request = heartbeat_request(member_id, generation);
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
        let Response::OffsetFetch(response) = self.call(7, Body::OffsetFetch(fetch_request()))
        else {
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

/// What the log is to bring back.
#[derive(Debug, PartialEq)]
pub(crate) enum Hard<'a> {
    Classic(State, &'a str, Box<GroupMetadataValue>),
    Consumer(Box<ConsumerGroup>),
    Offset(CommittedOffset<'a>),
}

/// Every group as its record would say, and every offset.
pub(crate) fn hard_state(coordinator: &GroupCoordinator) -> Vec<Hard<'_>> {
    let groups = coordinator.groups().map(|group| match group {
        Group::Classic(group) => {
            let mut record = group.to_record();
            if !group.is_empty() {
                // The moment a group became stable is not recorded, as in Kafka.
                record.current_state_timestamp = -1;
            }
            Hard::Classic(group.state(), &group.id, Box::new(record))
        }
        Group::Consumer(group) => Hard::Consumer(Box::new(group.hard_state())),
    });
    groups.chain(coordinator.committed_offsets().map(Hard::Offset)).collect()
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

pub(crate) fn heartbeat_request(member_id: &str, generation: i32) -> HeartbeatRequest {
    HeartbeatRequest {
        group_id: GROUP.to_owned(),
        generation_id: generation,
        member_id: member_id.to_owned(),
        ..HeartbeatRequest::default()
    }
}

/// Asks for everything that the group has committed.
pub(crate) fn fetch_request() -> OffsetFetchRequest {
    OffsetFetchRequest { group_id: GROUP.to_owned(), topics: None, ..OffsetFetchRequest::default() }
}

/// The offsets of the one topic, by partition.
pub(crate) fn offsets_of(response: &OffsetFetchResponse) -> BTreeMap<i32, i64> {
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|each| (each.partition_index, each.committed_offset)).collect()
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
