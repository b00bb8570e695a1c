use ottla_wire::ErrorCode;

use crate::trial::{REBALANCE_MS, SESSION_MS, Trial, code, join_request};
use crate::{Body, Config};

#[test]
fn a_silent_member_is_removed_and_the_others_rebalance() {
    let (mut trial, members) = Trial::stable(2);
    trial.pass(SESSION_MS - 1);
    assert_eq!(trial.heartbeat(&members[0], 1), ErrorCode::None);
    assert_eq!(trial.state(), "Stable");
    trial.pass(1);
    assert_eq!(trial.state(), "PreparingRebalance");
    assert_eq!(trial.heartbeat(&members[1], 1), ErrorCode::UnknownMemberId);
    let join = trial.rejoin(&members[0]);
    let response = trial.joined(join);
    assert_eq!((response.generation_id, response.members.len()), (2, 1));
}

#[test]
fn heartbeats_keep_a_group_alive_for_long() {
    let (mut trial, members) = Trial::stable(3);
    for _ in 0..100 {
        trial.pass(3_000);
        for member_id in &members {
            assert_eq!(trial.heartbeat(member_id, 1), ErrorCode::None);
        }
    }
    assert_eq!(trial.state(), "Stable");
}

#[test]
fn a_group_whose_members_all_fall_silent_is_empty() {
    let (mut trial, _) = Trial::stable(3);
    trial.pass(SESSION_MS);
    assert_eq!(trial.state(), "Empty");
}

#[test]
fn commits_keep_the_session_alive() {
    let (mut trial, members) = Trial::stable(1);
    for offset in 0..5 {
        trial.pass(SESSION_MS - 1);
        assert_eq!(trial.commit(&members[0], 1, offset), ErrorCode::None);
    }
    assert_eq!(trial.state(), "Stable");
}

#[test]
fn who_does_not_join_in_time_is_out() {
    let (mut trial, members) = Trial::stable(3);
    let leader = trial.rejoin(&members[0]);
    let follower = trial.rejoin(&members[1]);
    for _ in 0..(REBALANCE_MS / 5_000) {
        assert_eq!(trial.heartbeat(&members[2], 1), ErrorCode::RebalanceInProgress);
        assert!(trial.answer(leader).is_none());
        trial.pass(5_000);
    }
    assert_eq!(trial.joined(leader).members.len(), 2);
    assert_eq!(trial.joined(follower).generation_id, 2);
    assert_eq!(trial.heartbeat(&members[2], 1), ErrorCode::UnknownMemberId);
}

#[test]
fn a_leader_that_does_not_join_is_replaced() {
    let (mut trial, members) = Trial::stable(2);
    let (_, newcomer) = trial.join_new();
    let follower = trial.rejoin(&members[1]);
    trial.pass(REBALANCE_MS);
    let response = trial.joined(follower);
    assert_ne!(response.leader, members[0]);
    let sizes = response.members.len() + trial.joined(newcomer).members.len();
    assert_eq!(sizes, 2, "one of them leads");
}

#[test]
fn who_waits_in_a_join_stays_alive() {
    let (mut trial, members) = Trial::stable(2);
    let join = trial.rejoin(&members[0]);
    for _ in 0..5 {
        trial.pass(SESSION_MS - 1);
        trial.heartbeat(&members[1], 1);
    }
    assert!(trial.answer(join).is_none());
    trial.rejoin(&members[1]);
    assert_eq!(trial.joined(join).members.len(), 2);
    // The session begins anew with the answer.
    trial.pass(SESSION_MS - 1);
    assert_eq!(trial.heartbeat(&members[0], 2), ErrorCode::None);
}

#[test]
fn a_new_member_may_wait_five_minutes() {
    let config = Config { group_initial_rebalance_delay_ms: 400_000, ..Config::default() };
    let mut trial = Trial::new(config);
    let mut request = join_request("");
    request.rebalance_timeout_ms = 1_000_000;
    let join = trial.ask(3, Body::JoinGroup(request));
    trial.pass(299_999);
    assert!(trial.answer(join).is_none());
    trial.pass(1);
    assert_eq!(code(trial.joined(join).error_code), ErrorCode::UnknownMemberId);
}

#[test]
fn who_does_not_sync_in_time_is_out() {
    let (mut trial, members) = Trial::stable(2);
    for member_id in &members {
        trial.rejoin(member_id);
    }
    let leader = trial.sync(&members[0], 2, &[]);
    assert_eq!(code(trial.synced(leader).error_code), ErrorCode::None);
    assert_eq!(trial.state(), "Stable");
    for _ in 0..(REBALANCE_MS / 5_000) {
        for member_id in &members {
            assert_eq!(trial.heartbeat(member_id, 2), ErrorCode::None);
        }
        trial.pass(5_000);
    }
    assert_eq!(trial.state(), "PreparingRebalance");
    assert_eq!(trial.heartbeat(&members[0], 2), ErrorCode::RebalanceInProgress);
    assert_eq!(trial.heartbeat(&members[1], 2), ErrorCode::UnknownMemberId);
}

#[test]
fn a_leader_that_never_assigns_is_removed() {
    let (mut trial, members) = Trial::stable(2);
    for member_id in &members {
        trial.rejoin(member_id);
    }
    let follower = trial.sync(&members[1], 2, &[]);
    trial.pass(SESSION_MS);
    assert_eq!(code(trial.synced(follower).error_code), ErrorCode::RebalanceInProgress);
    let join = trial.rejoin(&members[1]);
    let response = trial.joined(join);
    assert_eq!((response.leader.as_str(), response.members.len()), (members[1].as_str(), 1));
}

#[test]
fn an_id_that_is_never_used_is_forgotten() {
    let (mut trial, members) = Trial::stable(1);
    let token = trial.ask(9, Body::JoinGroup(join_request("")));
    let pending = trial.joined(token).member_id;
    let waiting = trial.rejoin(&members[0]);
    trial.pass(SESSION_MS - 1);
    assert!(trial.answer(waiting).is_none());
    trial.pass(1);
    assert_eq!(trial.joined(waiting).members.len(), 1);
    let late = trial.rejoin(&pending);
    assert_eq!(code(trial.joined(late).error_code), ErrorCode::UnknownMemberId);
}
