//! Coordinators: found, waited for, joined.

use crate::peer::{PATIENCE, Peer};
use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use ottla_wire::ErrorCode;
use ottla_wire::api::Request;
use ottla_wire::codec::encode_numbered;
use ottla_wire::messages::consumer_protocol_assignment::TopicPartition;
use ottla_wire::messages::join_group_request::JoinGroupRequestProtocol;
use ottla_wire::messages::sync_group_request::SyncGroupRequestAssignment;
use ottla_wire::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerProtocolAssignment, ConsumerProtocolSubscription,
    FindCoordinatorRequest, JoinGroupRequest, JoinGroupResponse, SyncGroupRequest,
};
use std::thread;
use std::time::{Duration, Instant};

const FIND_VERSION: i16 = 3;
const JOIN_VERSION: i16 = 9;
const SYNC_VERSION: i16 = 5;
const CONSUMER_HEARTBEAT_VERSION: i16 = 1;
/// How often a coordinator that is not ready is asked again.
const PAUSE: Duration = Duration::from_millis(2);
/// The longest that brokers allow by themselves: nobody has to beat.
const SESSION_MS: i32 = 1_800_000;

/// Which protocol the members of a group speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    Classic,
    Consumer,
}

/// The one member of a group.
#[derive(Clone, Debug)]
pub struct Member {
    pub group: String,
    pub id: String,
    /// Its generation or epoch.
    pub epoch: i32,
}

/// What a coordinator looks after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Group = 0,
    Transaction = 1,
}

/// Waits until somebody coordinates this.
pub fn find(peer: &mut Peer, kind: Kind, key: &str) -> Result<()> {
    let request = FindCoordinatorRequest {
        key: key.to_owned(),
        key_type: kind as i8,
        ..FindCoordinatorRequest::default()
    };
    ask(peer, &request, FIND_VERSION, |response| response.error_code).map(|_| ())
}

/// Asks until the coordinator is ready. `code` is the error code of an answer.
pub fn ask<R: Request>(
    peer: &mut Peer,
    request: &R,
    version: i16,
    code: impl Fn(&R::Response) -> i16,
) -> Result<R::Response> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let response = peer.call(request, version)?;
        match ErrorCode::try_from_code(code(&response)) {
            Some(ErrorCode::None) => return Ok(response),
            Some(
                ErrorCode::CoordinatorNotAvailable
                | ErrorCode::CoordinatorLoadInProgress
                | ErrorCode::NotCoordinator
                | ErrorCode::ConcurrentTransactions,
            ) => thread::sleep(PAUSE),
            refused => bail!("{:?} is refused: {refused:?}", R::API_KEY),
        }
        ensure!(Instant::now() < deadline, "no coordinator within {PATIENCE:?}");
    }
}

/// Does something for each of `names`, over so many connections at once; in their order.
pub fn for_each<T: Send>(
    bootstrap: &str,
    connections: usize,
    names: &[String],
    each: impl Fn(&mut Peer, &str) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let share = names.len().div_ceil(connections.max(1)).max(1);
    let some = |names: &[String]| -> Result<Vec<T>> {
        let mut peer = Peer::connect(bootstrap)?;
        names.iter().map(|name| each(&mut peer, name)).collect()
    };
    let some = &some;
    thread::scope(|scope| {
        let threads: Vec<_> =
            names.chunks(share).map(|names| scope.spawn(move || some(names))).collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().unwrap_or_else(|_| bail!("a thread panicked"))?);
        }
        Ok(all)
    })
}

/// Joins a group as its only member, and is assigned partition 0 of `topic`.
pub fn join(peer: &mut Peer, protocol: Protocol, group: &str, topic: &str) -> Result<Member> {
    match protocol {
        Protocol::Classic => join_classic(peer, group, topic),
        Protocol::Consumer => join_consumer(peer, group, topic),
    }
}

fn join_classic(peer: &mut Peer, group: &str, topic: &str) -> Result<Member> {
    let subscription = ConsumerProtocolSubscription {
        topics: vec![topic.to_owned()],
        ..ConsumerProtocolSubscription::default()
    };
    let mut request = JoinGroupRequest {
        group_id: group.to_owned(),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: SESSION_MS,
        protocol_type: "consumer".to_owned(),
        protocols: vec![JoinGroupRequestProtocol {
            name: "range".to_owned(),
            metadata: encode_numbered(1, 1, &subscription)?,
            ..JoinGroupRequestProtocol::default()
        }],
        ..JoinGroupRequest::default()
    };
    // The first answer brings the id to join with.
    let needs_id = ErrorCode::MemberIdRequired.code();
    let code = |response: &JoinGroupResponse| match response.error_code {
        code if code == needs_id => 0,
        code => code,
    };
    let mut joined = ask(peer, &request, JOIN_VERSION, code)?;
    if joined.error_code == needs_id {
        request.member_id = joined.member_id;
        joined = ask(peer, &request, JOIN_VERSION, |response| response.error_code)?;
    }
    let assigned = TopicPartition { topic: topic.to_owned(), partitions: vec![0] };
    let assignment =
        ConsumerProtocolAssignment { assigned_partitions: vec![assigned], user_data: None };
    let request = SyncGroupRequest {
        group_id: group.to_owned(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        protocol_type: Some("consumer".to_owned()),
        protocol_name: Some("range".to_owned()),
        assignments: vec![SyncGroupRequestAssignment {
            member_id: joined.member_id.clone(),
            assignment: encode_numbered(1, 1, &assignment)?,
            ..SyncGroupRequestAssignment::default()
        }],
        ..SyncGroupRequest::default()
    };
    ask(peer, &request, SYNC_VERSION, |response| response.error_code)?;
    Ok(Member { group: group.to_owned(), id: joined.member_id, epoch: joined.generation_id })
}

fn join_consumer(peer: &mut Peer, group: &str, topic: &str) -> Result<Member> {
    let id = format!("member-of-{group}");
    let request = ConsumerGroupHeartbeatRequest {
        group_id: group.to_owned(),
        member_id: id.clone(),
        rebalance_timeout_ms: SESSION_MS,
        subscribed_topic_names: Some(vec![topic.to_owned()]),
        topic_partitions: Some(Vec::new()),
        ..ConsumerGroupHeartbeatRequest::default()
    };
    let joined = ask(peer, &request, CONSUMER_HEARTBEAT_VERSION, |response| response.error_code)?;
    joined.assignment.context("whoever joins is told its assignment")?;
    Ok(Member { group: group.to_owned(), id, epoch: joined.member_epoch })
}
