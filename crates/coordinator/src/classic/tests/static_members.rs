use bytes::Bytes;
use ottla_machine::Token;
use ottla_wire::ErrorCode;
use ottla_wire::messages::leave_group_request::MemberIdentity;
use ottla_wire::messages::{HeartbeatRequest, JoinGroupResponse, LeaveGroupRequest};

use crate::trial::{GROUP, SESSION_MS, Trial, code, join_request, protocol};
use crate::{Body, Config, Response};

fn join_as(trial: &mut Trial, version: i16, instance: &str, member_id: &str) -> Token {
    let mut request = join_request(member_id);
    request.group_instance_id = Some(instance.to_owned());
    trial.ask(version, Body::JoinGroup(request))
}

/// A stable group of static members; what each was told when it joined, the leader first.
fn stable(instances: &[&str]) -> (Trial, Vec<JoinGroupResponse>) {
    let mut trial = Trial::new(Config::default());
    let joins: Vec<_> =
        instances.iter().map(|instance| join_as(&mut trial, 9, instance, "")).collect();
    trial.await_answer(joins[0]);
    let mut members: Vec<_> = joins.into_iter().map(|join| trial.joined(join)).collect();
    members.sort_by_key(|member| member.member_id != member.leader);
    let ids: Vec<String> = members.iter().map(|member| member.member_id.clone()).collect();
    trial.sync_all(&ids, 1);
    (trial, members)
}

/// The instance id that a member id begins with.
fn instance_of(member: &JoinGroupResponse) -> String {
    member.member_id[..1].to_owned()
}

#[test]
fn a_static_follower_comes_back_without_a_rebalance() {
    let (mut trial, members) = stable(&["a", "b"]);
    let records = trial.log.len();
    let join = join_as(&mut trial, 9, &instance_of(&members[1]), "");
    let response = trial.joined(join);
    assert_eq!(code(response.error_code), ErrorCode::None);
    assert_eq!(response.generation_id, 1);
    assert_ne!(response.member_id, members[1].member_id);
    assert_eq!(response.leader, members[0].member_id);
    assert!(!response.skip_assignment);
    assert_eq!(trial.state(), "Stable");
    assert_eq!(trial.log.len(), records + 1, "the new id is recorded");
    let sync = trial.sync(&response.member_id, 1, &[]);
    assert_eq!(trial.synced(sync).assignment, members[1].member_id.as_bytes());
    assert_eq!(trial.heartbeat(&members[1].member_id, 1), ErrorCode::UnknownMemberId);
}

#[test]
fn a_static_leader_that_comes_back_need_not_assign() {
    let (mut trial, members) = stable(&["a", "b"]);
    let instance = instance_of(&members[0]);
    let join = join_as(&mut trial, 9, &instance, "");
    let response = trial.joined(join);
    assert_eq!(response.leader, response.member_id);
    assert!(response.skip_assignment);
    assert_eq!(response.members.len(), 2);

    // A client that doesn't know of this is told of the leader before, so that it doesn't assign.
    let former = response.member_id;
    let join = join_as(&mut trial, 8, &instance, "");
    let response = trial.joined(join);
    assert_eq!(response.leader, former);
    assert!(!response.skip_assignment);
    assert_eq!(response.members.len(), 0);
}

#[test]
fn a_change_of_the_chosen_protocol_rebalances() {
    let (mut trial, members) = stable(&["a"]);
    let mut request = join_request("");
    request.group_instance_id = Some(instance_of(&members[0]));
    request.protocols.insert(0, protocol("sticky", Bytes::new()));
    let join = trial.ask(9, Body::JoinGroup(request));
    let response = trial.joined(join);
    assert_eq!((response.generation_id, response.protocol_name.as_deref()), (2, Some("sticky")));
}

#[test]
fn the_former_self_is_fenced() {
    let (mut trial, members) = stable(&["a", "b"]);
    let instance = instance_of(&members[1]);
    let join = join_as(&mut trial, 9, &instance, "");
    trial.joined(join);
    let rejoin = join_as(&mut trial, 9, &instance, &members[1].member_id);
    assert_eq!(code(trial.joined(rejoin).error_code), ErrorCode::FencedInstanceId);
    let request = HeartbeatRequest {
        group_id: GROUP.to_owned(),
        generation_id: 1,
        member_id: members[1].member_id.clone(),
        group_instance_id: Some(instance),
        ..HeartbeatRequest::default()
    };
    let Response::Heartbeat(response) = trial.call(4, Body::Heartbeat(request)) else {
        panic!("not a heartbeat answer")
    };
    assert_eq!(code(response.error_code), ErrorCode::FencedInstanceId);
}

#[test]
fn a_double_that_waits_is_fenced() {
    let mut trial = Trial::new(Config::default());
    let first = join_as(&mut trial, 9, "a", "");
    let second = join_as(&mut trial, 9, "a", "");
    let fenced = trial.joined(first);
    assert_eq!(code(fenced.error_code), ErrorCode::FencedInstanceId);
    assert!(fenced.member_id.starts_with("a-"));
    trial.pass(3_000);
    assert_eq!(trial.joined(second).members.len(), 1);
}

#[test]
fn a_double_between_join_and_sync_rebalances() {
    let (mut trial, members) = stable(&["a", "b"]);
    for member in &members {
        join_as(&mut trial, 9, &instance_of(member), &member.member_id);
    }
    assert_eq!(trial.state(), "CompletingRebalance");
    let waiting = trial.sync(&members[1].member_id, 2, &[]);
    join_as(&mut trial, 9, &instance_of(&members[1]), "");
    assert_eq!(code(trial.synced(waiting).error_code), ErrorCode::FencedInstanceId);
    assert_eq!(trial.state(), "PreparingRebalance");
}

#[test]
fn a_group_that_waits_for_static_members_does_not_spin() {
    let mut trial = Trial::new(Config::default());
    let mut requests: Vec<_> = ["a", "b"].map(|_| join_request("")).into();
    for (request, instance) in requests.iter_mut().zip(["a", "b"]) {
        request.rebalance_timeout_ms = 0;
        request.group_instance_id = Some(instance.to_owned());
    }
    let joins: Vec<_> =
        requests.into_iter().map(|join| trial.ask(9, Body::JoinGroup(join))).collect();
    trial.await_answer(joins[0]);
    let leader = trial.joined(joins[0]).leader;
    trial.sync(&leader, 1, &[]);
    // A third one falls out of the group, and nobody else says a word.
    let (dynamic, _) = trial.join_new();
    assert_eq!(trial.state(), "PreparingRebalance");
    trial.leave(LeaveGroupRequest {
        group_id: GROUP.to_owned(),
        members: vec![MemberIdentity { member_id: dynamic, ..MemberIdentity::default() }],
        ..LeaveGroupRequest::default()
    });
    let mut looks = 0;
    while trial.state() != "Empty" {
        let deadline = trial.runner.next_deadline().expect("sessions end");
        assert!(looks < 200, "looks again and again");
        let left = (deadline - trial.now).max(0) as i32;
        trial.pass(left);
        looks += 1;
    }
}

#[test]
fn static_members_keep_their_place_until_their_session_ends() {
    let (mut trial, members) = stable(&["a", "b"]);
    let mut request = join_request(&members[0].member_id);
    request.group_instance_id = Some(instance_of(&members[0]));
    request.rebalance_timeout_ms = 5_000;
    let join = trial.ask(9, Body::JoinGroup(request));
    trial.pass(SESSION_MS - 1);
    assert!(trial.answer(join).is_none(), "the other one has 60 s to join");
    trial.pass(1);
    assert_eq!(trial.joined(join).members.len(), 1, "its session has ended");
}
