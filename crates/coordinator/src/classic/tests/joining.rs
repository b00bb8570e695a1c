use bytes::Bytes;
use ottla_wire::ErrorCode;
use ottla_wire::messages::JoinGroupRequest;

use crate::trial::{SESSION_MS, Trial, code, join_request, protocol, sync_request};
use crate::{Body, Config};

fn join_error(trial: &mut Trial, version: i16, request: JoinGroupRequest) -> (ErrorCode, String) {
    let token = trial.ask(version, Body::JoinGroup(request));
    let response = trial.joined(token);
    (code(response.error_code), response.member_id)
}

#[test]
fn bad_joins_are_refused() {
    let base = join_request("");
    let cases: [(&str, JoinGroupRequest, ErrorCode); 8] = [
        (
            "empty group id",
            JoinGroupRequest { group_id: String::new(), ..base.clone() },
            ErrorCode::InvalidGroupId,
        ),
        (
            "session too short",
            JoinGroupRequest { session_timeout_ms: 5_999, ..base.clone() },
            ErrorCode::InvalidSessionTimeout,
        ),
        (
            "session too long",
            JoinGroupRequest { session_timeout_ms: 1_800_001, ..base.clone() },
            ErrorCode::InvalidSessionTimeout,
        ),
        ("unknown member", join_request("nobody"), ErrorCode::UnknownMemberId),
        (
            "no protocol type",
            JoinGroupRequest { protocol_type: String::new(), ..base.clone() },
            ErrorCode::InconsistentGroupProtocol,
        ),
        (
            "no protocols",
            JoinGroupRequest { protocols: Vec::new(), ..base.clone() },
            ErrorCode::InconsistentGroupProtocol,
        ),
        (
            "unknown member of a static instance",
            JoinGroupRequest {
                group_instance_id: Some("instance".into()),
                ..join_request("nobody")
            },
            ErrorCode::UnknownMemberId,
        ),
        ("member id required", base, ErrorCode::MemberIdRequired),
    ];
    for (name, request, expected) in cases {
        let member_id = request.member_id.clone();
        let mut trial = Trial::new(Config::default());
        let (error, answered) = join_error(&mut trial, 9, request);
        assert_eq!(error, expected, "{name}");
        if expected != ErrorCode::MemberIdRequired {
            assert_eq!(answered, member_id, "{name}");
        }
    }
}

#[test]
fn a_member_must_fit_the_group() {
    let (mut trial, _) = Trial::stable(1);
    let base = join_request("");
    for (name, request) in [
        ("another type", JoinGroupRequest { protocol_type: "connect".into(), ..base.clone() }),
        (
            "no common protocol",
            JoinGroupRequest { protocols: vec![protocol("sticky", Bytes::new())], ..base },
        ),
    ] {
        let (error, _) = join_error(&mut trial, 9, request);
        assert_eq!(error, ErrorCode::InconsistentGroupProtocol, "{name}");
    }
    assert_eq!(trial.state(), "Stable");
}

#[test]
fn a_member_id_is_the_client_id_and_a_random_uuid() {
    let mut trial = Trial::new(Config::default());
    let (error, member_id) = join_error(&mut trial, 4, join_request(""));
    assert_eq!(error, ErrorCode::MemberIdRequired);
    let uuid = member_id.strip_prefix("client-").expect("the client id comes first");
    let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12]);
    assert_eq!(&uuid[14..15], "4", "version");
    assert!("89ab".contains(&uuid[19..20]), "variant");
}

#[test]
fn a_new_group_waits_for_its_members() {
    let mut trial = Trial::new(Config::default());
    let (first, first_join) = trial.join_new();
    trial.pass(2_999);
    let (_, second_join) = trial.join_new();
    assert_eq!(trial.state(), "PreparingRebalance");
    // The second member came during the delay: another one follows.
    trial.pass(1);
    assert!(trial.answer(first_join).is_none());
    trial.pass(3_000);
    let response = trial.joined(first_join);
    assert_eq!(response.generation_id, 1);
    assert_eq!(response.protocol_name.as_deref(), Some("range"));
    assert_eq!(response.protocol_type.as_deref(), Some("consumer"));
    assert_eq!(response.leader, first);
    assert_eq!(response.members.len(), 2);
    assert_eq!(trial.joined(second_join).members.len(), 0);
    assert_eq!(trial.state(), "CompletingRebalance");
}

#[test]
fn the_delay_ends_at_the_rebalance_timeout() {
    let config = Config { group_initial_rebalance_delay_ms: 50_000, ..Config::default() };
    let mut trial = Trial::new(config);
    let (_, first) = trial.join_new();
    trial.pass(49_999);
    trial.join_new();
    trial.pass(10_000);
    assert!(trial.answer(first).is_none());
    trial.pass(1);
    assert_eq!(trial.joined(first).generation_id, 1);
}

#[test]
fn without_delay_a_group_begins_at_once() {
    let config = Config { group_initial_rebalance_delay_ms: 0, ..Config::default() };
    let mut trial = Trial::new(config);
    let (_, join) = trial.join_new();
    assert_eq!(trial.joined(join).generation_id, 1);
}

#[test]
fn old_versions_join_without_asking_for_an_id() {
    for (version, no_protocol) in [(0, Some("")), (3, Some("")), (7, None)] {
        let mut trial = Trial::new(Config::default());
        if version < 4 {
            let token = trial.ask(version, Body::JoinGroup(join_request("")));
            trial.pass(3_000);
            let response = trial.joined(token);
            assert_eq!(code(response.error_code), ErrorCode::None);
            assert_eq!(response.members.len(), 1);
        }
        let token = trial.ask(version, Body::JoinGroup(join_request("nobody")));
        let refusal = trial.joined(token);
        assert_eq!(refusal.protocol_name.as_deref(), no_protocol, "version {version}");
    }
}

#[test]
fn version_0_rebalances_within_the_session_timeout() {
    let mut trial = Trial::new(Config::default());
    let token = trial.ask(0, Body::JoinGroup(join_request("")));
    trial.pass(3_000);
    let old = trial.joined(token);
    trial.sync(&old.member_id, 1, &[]);
    let (_, joining) = trial.join_new();
    // The old member is out after its session timeout at the latest.
    trial.pass(SESSION_MS);
    assert_eq!(trial.joined(joining).members.len(), 1);
}

#[test]
fn the_protocol_with_most_votes_among_the_common_ones_wins() {
    for (preferences, expected) in [
        (vec![vec!["a", "b"], vec!["b", "a"], vec!["b", "a"]], "b"),
        (vec![vec!["a", "b"], vec!["a", "b"], vec!["b", "a"]], "a"),
        (vec![vec!["c", "b", "a"], vec!["a", "b"], vec!["b", "a"]], "b"),
        (vec![vec!["a"], vec!["b", "a"], vec!["b", "a"]], "a"),
    ] {
        let mut trial = Trial::new(Config::default());
        let joins: Vec<_> = preferences
            .iter()
            .map(|names| {
                let protocols = names.iter().map(|name| protocol(name, Bytes::new())).collect();
                let request = JoinGroupRequest { protocols, ..join_request("") };
                trial.ask(3, Body::JoinGroup(request))
            })
            .collect();
        trial.await_answer(joins[0]);
        for join in joins {
            assert_eq!(trial.joined(join).protocol_name.as_deref(), Some(expected));
        }
    }
}

#[test]
fn a_full_group_refuses() {
    let config = Config { group_max_size: 2, ..Config::default() };
    let mut trial = Trial::new(config);
    let (first, first_join) = trial.join_new();
    let (second, second_join) = trial.join_new();
    let refused = |trial: &mut Trial| {
        assert_eq!(
            join_error(trial, 3, join_request("")),
            (ErrorCode::GroupMaxSizeReached, String::new())
        );
    };
    refused(&mut trial);
    trial.await_answer(first_join);
    assert_eq!(trial.joined(first_join).generation_id, 1);
    assert_eq!(trial.joined(second_join).generation_id, 1);
    refused(&mut trial);
    trial.sync_all(&[first, second], 1);
    refused(&mut trial);
}

#[test]
fn a_group_loaded_above_its_limit_turns_the_last_ones_away() {
    let (big, members) = Trial::stable(3);
    let mut trial = Trial::new(Config { group_max_size: 2, ..Config::default() });
    trial.log.clone_from(&big.log);
    trial.reload();
    assert_eq!(trial.state(), "PreparingRebalance");
    let joins: Vec<_> = members.iter().map(|member_id| trial.rejoin(member_id)).collect();
    let errors: Vec<ErrorCode> =
        joins.into_iter().map(|join| code(trial.joined(join).error_code)).collect();
    assert_eq!(errors, [ErrorCode::None, ErrorCode::None, ErrorCode::GroupMaxSizeReached]);
}

#[test]
fn a_follower_that_joins_again_unchanged_disturbs_nobody() {
    let (mut trial, members) = Trial::stable(2);
    let join = trial.rejoin(&members[1]);
    let response = trial.joined(join);
    assert_eq!((response.generation_id, response.members.len()), (1, 0));
    assert_eq!(trial.state(), "Stable");
}

#[test]
fn a_change_or_the_leader_rebalances() {
    let (mut trial, members) = Trial::stable(2);
    let leader = trial.rejoin(&members[0]);
    assert_eq!(trial.state(), "PreparingRebalance");
    assert_eq!(trial.heartbeat(&members[1], 1), ErrorCode::RebalanceInProgress);
    let follower = trial.rejoin(&members[1]);
    assert_eq!(trial.joined(leader).generation_id, 2);
    assert_eq!(trial.joined(follower).generation_id, 2);
    trial.sync_all(&members, 2);

    let mut request = join_request(&members[1]);
    request.protocols.push(protocol("sticky", Bytes::new()));
    trial.ask(9, Body::JoinGroup(request));
    assert_eq!(trial.state(), "PreparingRebalance");
}

#[test]
fn a_lost_join_answer_is_repeated_before_the_assignment() {
    let (mut trial, members) = Trial::stable(2);
    let joins: Vec<_> = members.iter().map(|member_id| trial.rejoin(member_id)).collect();
    for join in joins {
        assert_eq!(trial.joined(join).generation_id, 2);
    }
    for (member_id, size) in members.iter().zip([2, 0]) {
        let again = trial.rejoin(member_id);
        let response = trial.joined(again);
        assert_eq!((response.generation_id, response.members.len()), (2, size));
    }
    assert_eq!(trial.state(), "CompletingRebalance");
}

#[test]
fn a_join_that_is_repeated_takes_the_place_of_the_first() {
    let (mut trial, members) = Trial::stable(2);
    let lost = trial.rejoin(&members[0]);
    let again = trial.rejoin(&members[0]);
    assert_eq!(code(trial.joined(lost).error_code), ErrorCode::RebalanceInProgress);
    trial.rejoin(&members[1]);
    assert_eq!(trial.joined(again).generation_id, 2);
}

#[test]
fn a_newcomer_makes_everyone_join_again() {
    let (mut trial, members) = Trial::stable(2);
    let (_, newcomer) = trial.join_new();
    assert!(trial.answer(newcomer).is_none());
    let joins: Vec<_> = members.iter().map(|member_id| trial.rejoin(member_id)).collect();
    let sizes: Vec<usize> =
        joins.into_iter().map(|join| trial.joined(join).members.len()).collect();
    assert_eq!(sizes, [3, 0], "the leader stays");
    assert_eq!(trial.joined(newcomer).generation_id, 2);
}

#[test]
fn somebody_who_holds_an_id_is_waited_for() {
    let (mut trial, members) = Trial::stable(1);
    let (error, pending) = join_error(&mut trial, 9, join_request(""));
    assert_eq!(error, ErrorCode::MemberIdRequired);
    assert_eq!(trial.state(), "Stable", "an id alone changes nothing");
    let rejoin = trial.rejoin(&members[0]);
    assert!(trial.answer(rejoin).is_none());
    let join = trial.rejoin(&pending);
    assert_eq!(trial.joined(rejoin).members.len(), 2);
    assert_eq!(trial.joined(join).generation_id, 2);
}

#[test]
fn a_pending_id_belongs_to_a_dynamic_member() {
    let mut trial = Trial::new(Config::default());
    let (_, pending) = join_error(&mut trial, 9, join_request(""));
    let request =
        JoinGroupRequest { group_instance_id: Some("instance".into()), ..join_request(&pending) };
    assert_eq!(join_error(&mut trial, 9, request), (ErrorCode::UnknownServerError, String::new()));
}

#[test]
fn a_join_during_the_sync_phase_withdraws_the_syncs() {
    let (mut trial, members) = Trial::stable(2);
    for member_id in &members {
        trial.rejoin(member_id);
    }
    let waiting = trial.ask(5, Body::SyncGroup(sync_request(&members[1], 2, &[])));
    assert!(trial.answer(waiting).is_none());
    trial.join_new();
    assert_eq!(code(trial.synced(waiting).error_code), ErrorCode::RebalanceInProgress);
    assert_eq!(trial.state(), "PreparingRebalance");
}
