use ottla_wire::ErrorCode;
use ottla_wire::messages::SyncGroupRequest;

use crate::Body;
use crate::trial::{Trial, code, sync_request};

#[test]
fn bad_syncs_are_refused() {
    let (mut trial, members) = Trial::stable(1);
    let base = sync_request(&members[0], 1, &[]);
    let text = |text: &str| Some(text.to_owned());
    let cases: [(&str, i16, SyncGroupRequest, ErrorCode); 10] = [
        ("fine", 5, base.clone(), ErrorCode::None),
        (
            "no group id",
            5,
            SyncGroupRequest { group_id: String::new(), ..base.clone() },
            ErrorCode::InvalidGroupId,
        ),
        (
            "unknown group",
            5,
            SyncGroupRequest { group_id: "other".into(), ..base.clone() },
            ErrorCode::UnknownMemberId,
        ),
        (
            "unknown member",
            5,
            SyncGroupRequest { member_id: "nobody".into(), ..base.clone() },
            ErrorCode::UnknownMemberId,
        ),
        (
            "unknown instance",
            5,
            SyncGroupRequest { group_instance_id: text("instance"), ..base.clone() },
            ErrorCode::UnknownMemberId,
        ),
        (
            "old generation",
            5,
            SyncGroupRequest { generation_id: 0, ..base.clone() },
            ErrorCode::IllegalGeneration,
        ),
        (
            "another protocol",
            5,
            SyncGroupRequest { protocol_name: text("sticky"), ..base.clone() },
            ErrorCode::InconsistentGroupProtocol,
        ),
        (
            "another type",
            5,
            SyncGroupRequest { protocol_type: text("connect"), ..base.clone() },
            ErrorCode::InconsistentGroupProtocol,
        ),
        (
            "no protocol in version 5",
            5,
            SyncGroupRequest { protocol_name: None, ..base.clone() },
            ErrorCode::InconsistentGroupProtocol,
        ),
        (
            "no protocol in version 4",
            4,
            SyncGroupRequest { protocol_type: None, protocol_name: None, ..base },
            ErrorCode::None,
        ),
    ];
    for (name, version, request, expected) in cases {
        let token = trial.ask(version, Body::SyncGroup(request));
        assert_eq!(code(trial.synced(token).error_code), expected, "{name}");
    }
}

#[test]
fn followers_wait_for_the_leader() {
    let (mut trial, members) = Trial::stable(3);
    for member_id in &members {
        trial.rejoin(member_id);
    }
    let followers: Vec<_> = members[1..].iter().map(|id| trial.sync(id, 2, &[])).collect();
    assert_eq!(trial.state(), "CompletingRebalance");
    let records = trial.log.len();
    let leader = trial.sync(&members[0], 2, &[(&members[1], "one"), ("stranger", "x")]);
    assert_eq!(trial.log.len(), records + 1, "the assignment is recorded");
    let assignments: Vec<_> =
        [leader, followers[0], followers[1]].map(|token| trial.synced(token).assignment).into();
    assert_eq!(assignments, [&b""[..], b"one", b""], "who is not mentioned gets nothing");
    assert_eq!(trial.state(), "Stable");
}

#[test]
fn a_late_sync_is_answered_with_the_assignment() {
    let (mut trial, members) = Trial::stable(2);
    for member_id in &members {
        trial.rejoin(member_id);
    }
    trial.sync(&members[0], 2, &[(&members[1], "late")]);
    let late = trial.sync(&members[1], 2, &[]);
    let response = trial.synced(late);
    assert_eq!(response.assignment, "late");
    assert_eq!(response.protocol_name.as_deref(), Some("range"));
    assert_eq!(response.protocol_type.as_deref(), Some("consumer"));
}

#[test]
fn a_sync_that_is_repeated_takes_the_place_of_the_first() {
    let (mut trial, members) = Trial::stable(2);
    for member_id in &members {
        trial.rejoin(member_id);
    }
    let lost = trial.sync(&members[1], 2, &[]);
    let again = trial.sync(&members[1], 2, &[]);
    assert_eq!(code(trial.synced(lost).error_code), ErrorCode::RebalanceInProgress);
    trial.sync(&members[0], 2, &[(&members[1], "mine")]);
    assert_eq!(trial.synced(again).assignment, "mine");
}

#[test]
fn a_sync_while_members_join_is_refused() {
    let (mut trial, members) = Trial::stable(2);
    trial.rejoin(&members[0]);
    let sync = trial.sync(&members[1], 1, &[]);
    assert_eq!(code(trial.synced(sync).error_code), ErrorCode::RebalanceInProgress);
}

#[test]
fn heartbeats_tell_members_where_they_are() {
    let (mut trial, members) = Trial::stable(2);
    assert_eq!(trial.heartbeat(&members[0], 1), ErrorCode::None);
    assert_eq!(trial.heartbeat(&members[0], 0), ErrorCode::IllegalGeneration);
    assert_eq!(trial.heartbeat("nobody", 1), ErrorCode::UnknownMemberId);
    trial.rejoin(&members[0]);
    assert_eq!(trial.heartbeat(&members[1], 1), ErrorCode::RebalanceInProgress);
    trial.rejoin(&members[1]);
    assert_eq!(trial.heartbeat(&members[1], 2), ErrorCode::None, "between join and sync");
}
