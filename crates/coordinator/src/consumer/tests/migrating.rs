use bytes::Bytes;
use ottla_wire::ErrorCode;
use ottla_wire::codec::{decode_numbered, encode_numbered};
use ottla_wire::messages::consumer_protocol_assignment::TopicPartition;
use ottla_wire::messages::leave_group_request::MemberIdentity;
use ottla_wire::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerProtocolAssignment, ConsumerProtocolSubscription,
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
};

use super::{Consumer, trial, trial_with};
use crate::config::{ConsumerConfig, Migration};
use crate::trial::{GROUP, Trial, code, join_request, protocol, sync_request};
use crate::{Body, Config, Response};

fn classic_join(member_id: &str, topics: &[&str]) -> JoinGroupRequest {
    JoinGroupRequest {
        protocols: vec![protocol("range", subscribed(topics))],
        ..join_request(member_id)
    }
}

fn subscribed(topics: &[&str]) -> Bytes {
    let subscription = ConsumerProtocolSubscription {
        topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        ..ConsumerProtocolSubscription::default()
    };
    encode_numbered(1, 1, &subscription).expect("encodes")
}

fn assigned(partitions: &[i32]) -> Bytes {
    let topic = TopicPartition { topic: "a".to_owned(), partitions: partitions.to_vec() };
    let assignment =
        ConsumerProtocolAssignment { assigned_partitions: vec![topic], user_data: None };
    encode_numbered(1, 1, &assignment).expect("encodes")
}

fn owned(bytes: &Bytes) -> Vec<i32> {
    let assignment: ConsumerProtocolAssignment = decode_numbered(bytes).expect("decodes");
    assignment.assigned_partitions.into_iter().flat_map(|topic| topic.partitions).collect()
}

impl Trial {
    /// A stable classic group of one that owns every partition of topic `a`.
    fn classic_group(&mut self) -> String {
        let token = self.ask(9, Body::JoinGroup(classic_join("", &["a"])));
        let member_id = self.joined(token).member_id;
        let token = self.ask(9, Body::JoinGroup(classic_join(&member_id, &["a"])));
        self.await_answer(token);
        assert_eq!(self.joined(token).generation_id, 1);
        let mut request = sync_request(&member_id, 1, &[(&member_id, "")]);
        request.assignments[0].assignment = assigned(&[0, 1, 2, 3, 4, 5]);
        let token = self.ask(5, Body::SyncGroup(request));
        assert_eq!(owned(&self.synced(token).assignment).len(), 6);
        member_id
    }

    fn join_as_classic(&mut self, member_id: &str, topics: &[&str]) -> JoinGroupResponse {
        let token = self.ask(9, Body::JoinGroup(classic_join(member_id, topics)));
        self.joined(token)
    }

    fn sync_as_classic(&mut self, member_id: &str, generation: i32) -> (ErrorCode, Vec<i32>) {
        let token = self.sync(member_id, generation, &[]);
        let response = self.synced(token);
        let error = code(response.error_code);
        let partitions =
            if error == ErrorCode::None { owned(&response.assignment) } else { Vec::new() };
        (error, partitions)
    }
}

#[test]
fn a_live_classic_group_goes_over_and_comes_back() {
    let mut trial = trial();
    let classic = trial.classic_group();
    let mut consumer = Consumer::new("new", &["a"]);
    trial.join(&mut consumer);
    let group = trial.describe();
    let types: Vec<i8> = group.members.iter().map(|member| member.member_type).collect();
    assert_eq!((types.len(), types.iter().sum::<i8>()), (2, 1), "one of each protocol");
    assert_eq!(consumer.owns("a"), [0; 0]);
    trial.check_reload();
    // The classic member is told to join again, gives up its half, and joins once more.
    assert_eq!(trial.heartbeat(&classic, 1), ErrorCode::RebalanceInProgress);
    let joined = trial.join_as_classic(&classic, &["a"]);
    assert_eq!(code(joined.error_code), ErrorCode::None);
    assert_eq!((joined.protocol_name.as_deref(), joined.members.len()), (Some("range"), 0));
    let (error, kept) = trial.sync_as_classic(&classic, joined.generation_id);
    assert_eq!((error, kept.len()), (ErrorCode::None, 3));
    let joined = trial.join_as_classic(&classic, &["a"]);
    assert_eq!(
        trial.sync_as_classic(&classic, joined.generation_id),
        (ErrorCode::None, kept.clone())
    );
    assert_eq!(trial.heartbeat(&classic, joined.generation_id), ErrorCode::None);
    consumer.take(&trial.beat(consumer.short()));
    let mut all = [kept, consumer.owns("a")].concat();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3, 4, 5]);
    assert_eq!(trial.describe().group_state, "Stable");
    trial.check_reload();
    // The consumer leaves: the group is a classic one again, and rebalances.
    let leaving = ConsumerGroupHeartbeatRequest { member_epoch: -1, ..consumer.short() };
    assert_eq!(trial.beat(leaving).error_code, 0);
    assert_eq!(trial.state(), "PreparingRebalance");
    let token = trial.ask(9, Body::JoinGroup(classic_join(&classic, &["a"])));
    let joined = trial.joined(token);
    assert_eq!((joined.leader.as_str(), joined.members.len()), (classic.as_str(), 1));
    let mut request = sync_request(&classic, joined.generation_id, &[(&classic, "")]);
    request.assignments[0].assignment = assigned(&[0, 1, 2, 3, 4, 5]);
    let token = trial.ask(5, Body::SyncGroup(request));
    assert_eq!(owned(&trial.synced(token).assignment).len(), 6);
    assert_eq!(trial.state(), "Stable");
    trial.check_reload();
}

#[test]
fn an_empty_group_belongs_to_whoever_comes_next() {
    let mut trial = trial();
    let classic = trial.classic_group();
    let identity = MemberIdentity { member_id: classic, ..MemberIdentity::default() };
    let leave = LeaveGroupRequest {
        group_id: GROUP.to_owned(),
        members: vec![identity],
        ..LeaveGroupRequest::default()
    };
    trial.leave(leave);
    let mut consumer = Consumer::new("new", &["a"]);
    trial.join(&mut consumer);
    assert_eq!((consumer.epoch, consumer.owns("a").len()), (2, 6), "it begins anew");
    trial.check_reload();
    let leaving = ConsumerGroupHeartbeatRequest { member_epoch: -1, ..consumer.short() };
    trial.beat(leaving);
    trial.classic_group();
    assert_eq!(trial.state(), "Stable");
    trial.check_reload();
}

#[test]
fn the_policy_decides_who_may_go_where() {
    for (policy, up, down) in [
        (Migration::Bidirectional, true, true),
        (Migration::Upgrade, true, false),
        (Migration::Downgrade, false, true),
        (Migration::Disabled, false, false),
    ] {
        let consumer = ConsumerConfig { migration: policy, ..ConsumerConfig::default() };
        let config = Config { consumer, ..Config::default() };
        let mut trial = trial_with(config.clone());
        trial.classic_group();
        let response = trial.beat(Consumer::new("new", &["a"]).full());
        assert_eq!(response.error_code == 0, up, "{policy:?}");
        if !up {
            assert_eq!(
                response.error_message.as_deref(),
                Some(
                    "Cannot upgrade classic group group to consumer group because online upgrade is disabled."
                )
            );
        }
        let mut trial = trial_with(config);
        let mut member = Consumer::new("new", &["a"]);
        trial.join(&mut member);
        let joined = trial.join_as_classic("classic", &["a"]);
        let may_join = policy != Migration::Disabled;
        assert_eq!(joined.error_code == 0, may_join, "{policy:?}");
        let leaving = ConsumerGroupHeartbeatRequest { member_epoch: -1, ..member.short() };
        trial.beat(leaving);
        let is_classic = trial.state() != "Dead";
        assert_eq!(is_classic, may_join && down, "{policy:?}");
        trial.check_reload_unless_rebalancing();
    }
}

impl Trial {
    fn check_reload_unless_rebalancing(&mut self) {
        if self.state() != "PreparingRebalance" {
            self.check_reload();
        }
    }
}

#[test]
fn what_a_classic_member_may_not_say() {
    let mut trial = trial();
    let mut consumer = Consumer::new("new", &["a"]);
    trial.join(&mut consumer);
    let token = trial.ask(9, Body::JoinGroup(classic_join("", &["a"])));
    assert_eq!(code(trial.joined(token).error_code), ErrorCode::MemberIdRequired);
    let connect =
        JoinGroupRequest { protocol_type: "connect".to_owned(), ..classic_join("c", &["a"]) };
    let token = trial.ask(9, Body::JoinGroup(connect));
    assert_eq!(code(trial.joined(token).error_code), ErrorCode::InconsistentGroupProtocol);
    let garbled = JoinGroupRequest {
        protocols: vec![protocol("range", Bytes::from_static(b"\0"))],
        ..classic_join("c", &["a"])
    };
    let token = trial.ask(9, Body::JoinGroup(garbled));
    assert_eq!(code(trial.joined(token).error_code), ErrorCode::UnknownServerError);
    assert_eq!(trial.heartbeat("new", 2), ErrorCode::UnknownMemberId, "it speaks another protocol");
    let joined = trial.join_as_classic("c", &["a"]);
    assert_eq!(trial.heartbeat("c", joined.generation_id + 1), ErrorCode::IllegalGeneration);
    let (error, _) = trial.sync_as_classic("c", joined.generation_id + 1);
    assert_eq!(error, ErrorCode::IllegalGeneration);
    let mut request = sync_request("c", joined.generation_id, &[]);
    request.protocol_name = Some("roundrobin".to_owned());
    let token = trial.ask(5, Body::SyncGroup(request));
    assert_eq!(code(trial.synced(token).error_code), ErrorCode::InconsistentGroupProtocol);
}

#[test]
fn a_classic_member_that_does_not_sync_is_out() {
    let mut trial = trial();
    let mut consumer = Consumer::new("new", &["a"]);
    trial.join(&mut consumer);
    let joined = trial.join_as_classic("c", &["a"]);
    for _ in 0..7 {
        assert_ne!(trial.heartbeat("c", joined.generation_id), ErrorCode::UnknownMemberId);
        trial.pass(9_000);
        consumer.take(&trial.beat(consumer.full()));
    }
    assert_eq!(trial.heartbeat("c", joined.generation_id), ErrorCode::UnknownMemberId);
    assert_eq!(trial.describe().members.len(), 1);
}

#[test]
fn a_static_member_of_the_consumer_protocol_comes_back_as_a_classic_one() {
    let mut trial = trial();
    let mut consumer =
        Consumer { instance: Some("instance".to_owned()), ..Consumer::new("new", &["a"]) };
    trial.join(&mut consumer);
    let request = JoinGroupRequest {
        group_instance_id: Some("instance".to_owned()),
        ..classic_join("", &["a"])
    };
    let token = trial.ask(9, Body::JoinGroup(request));
    let joined = trial.joined(token);
    assert_eq!(code(joined.error_code), ErrorCode::None);
    assert_eq!(trial.state(), "Stable", "the group is a classic one, and need not rebalance");
    let mut request = sync_request(&joined.member_id, joined.generation_id, &[]);
    request.group_instance_id = Some("instance".to_owned());
    let token = trial.ask(5, Body::SyncGroup(request));
    assert_eq!(owned(&trial.synced(token).assignment).len(), 6);
    assert!(matches!(trial.call(4, Body::Heartbeat(Default::default())), Response::Heartbeat(_)));
    trial.check_reload();
}

/// Else what one member has not given up yet would be another's already.
#[test]
fn a_group_that_is_not_reconciled_rebalances_when_it_goes_back() {
    let mut trial = trial();
    let mut consumer =
        Consumer { instance: Some("instance".to_owned()), ..Consumer::new("new", &["a"]) };
    trial.join(&mut consumer);
    assert_eq!(consumer.owns("a").len(), 6);
    trial.join_as_classic("c", &["a"]);
    trial.pass(1_500);
    trial.beat(consumer.short());
    assert_eq!(trial.describe().group_state, "Reconciling");
    let request = JoinGroupRequest {
        group_instance_id: Some("instance".to_owned()),
        ..classic_join("", &["a"])
    };
    let token = trial.ask(9, Body::JoinGroup(request));
    assert_eq!(code(trial.joined(token).error_code), ErrorCode::None);
    assert_eq!(trial.state(), "PreparingRebalance");
    let (error, _) = trial.sync_as_classic("c", 1);
    assert_ne!(error, ErrorCode::None, "nothing is assigned before all have joined");
}

/// The leader of a classic group learns later than its coordinator that a topic has grown.
#[test]
fn what_a_classic_group_has_not_assigned_is_assigned_when_it_goes_over() {
    let mut trial = trial();
    let is_static = |mut request: JoinGroupRequest| {
        request.group_instance_id = Some("instance".to_owned());
        Body::JoinGroup(request)
    };
    let token = trial.ask(9, is_static(classic_join("", &["a"])));
    trial.await_answer(token);
    let joined = trial.joined(token);
    let mut request =
        sync_request(&joined.member_id, joined.generation_id, &[(&joined.member_id, "")]);
    request.group_instance_id = Some("instance".to_owned());
    request.assignments[0].assignment = assigned(&[0, 1, 2, 3]);
    let token = trial.ask(5, Body::SyncGroup(request));
    assert_eq!(owned(&trial.synced(token).assignment).len(), 4);
    let mut consumer =
        Consumer { instance: Some("instance".to_owned()), ..Consumer::new("new", &["a"]) };
    trial.join(&mut consumer);
    assert_eq!(consumer.owns("a"), [0, 1, 2, 3, 4, 5]);
    trial.check_reload();
}
