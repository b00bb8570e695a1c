//! What groups tell of themselves, asked from outside.

use ottla_wire::GroupExplanation;
use ottla_wire::group_explanation::{ExplainedOffset, Rebalance};
use ottla_wire::messages::leave_group_request::MemberIdentity;
use ottla_wire::messages::{
    ConsumerGroupHeartbeatRequest, DeleteGroupsRequest, HeartbeatRequest, LeaveGroupRequest,
};

use crate::trial::{BEGIN, GROUP, SESSION_MS, Trial, commit_request, join_request};
use crate::{Body, Config, Response, Work};

const HOUR_MS: i64 = 3_600_000;

fn explained(trial: &mut Trial) -> GroupExplanation {
    match trial.call(0, Body::ExplainGroup(GROUP.to_owned())) {
        Response::GroupExplained(Some(explanation)) => *explanation,
        other => panic!("not explained: {other:?}"),
    }
}

/// Generation, duration, members and causes of each rebalance.
fn told(trial: &mut Trial) -> Vec<(i32, i64, i32, Vec<String>)> {
    let one = |rebalance: Rebalance| {
        let causes = rebalance.causes.into_iter().map(|cause| cause.kind).collect();
        (rebalance.generation, rebalance.took_ms, rebalance.members, causes)
    };
    explained(trial).rebalances.into_iter().map(one).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn leave(member_id: &str, reason: &str) -> LeaveGroupRequest {
    let member = MemberIdentity {
        member_id: member_id.to_owned(),
        reason: Some(reason.to_owned()),
        ..MemberIdentity::default()
    };
    LeaveGroupRequest { group_id: GROUP.to_owned(), members: vec![member], ..Default::default() }
}

#[test]
fn a_classic_group_tells_who_made_it_rebalance() {
    let (mut trial, members) = Trial::stable(2);
    let joined = words(&["member-joined", "member-joined"]);
    let took = trial.now - BEGIN;
    assert!(took >= 3_000, "the first rebalance waits for others: {took}");
    assert_eq!(told(&mut trial), [(1, took, 2, joined)]);
    trial.leave(leave(&members[1], "it is closed"));
    trial.pass(500);
    assert_eq!(told(&mut trial)[1..], [(-1, -1, 0, words(&["member-left"]))]);
    let rejoin = trial.rejoin(&members[0]);
    assert_eq!(trial.joined(rejoin).generation_id, 2);
    trial.sync_all(&members[..1], 2);
    let last = explained(&mut trial).rebalances.pop().expect("two rebalances");
    assert_eq!((last.generation, last.took_ms, last.members), (2, 500, 1));
    let cause = &last.causes[0];
    assert_eq!(cause.member_id, members[1]);
    assert_eq!((&*cause.client_id, &*cause.host), ("client", "/127.0.0.1"));
    assert_eq!(cause.reason, "it is closed");
    // The leader sees that its topic has grown.
    let mut request = join_request(&members[0]);
    request.reason = Some("topics have grown".to_owned());
    trial.ask(9, Body::JoinGroup(request));
    trial.pass(SESSION_MS * 2);
    let after = &told(&mut trial)[2..];
    assert_eq!(after[0].3, words(&["member-rejoined"]), "{after:?}");
    // It never asked for its assignment, and nothing was heard of it: the group is empty.
    assert_eq!((&after[1].3, after[1].2), (&words(&["session-expired"]), 0), "{after:?}");
    assert_eq!(trial.runner.machine().work().classic_rebalances, 2);
}

#[test]
fn a_history_ends_with_its_group_or_its_coordinator() {
    let (mut trial, members) = Trial::stable(1);
    assert_eq!(explained(&mut trial).known_since_ms, BEGIN);
    trial.reload();
    let now = trial.now;
    let explanation = explained(&mut trial);
    assert_eq!((explanation.known_since_ms, explanation.rebalances), (now, Vec::new()));
    trial.leave(leave(&members[0], ""));
    assert_eq!(told(&mut trial).len(), 1);
    let request =
        DeleteGroupsRequest { groups_names: vec![GROUP.to_owned()], ..Default::default() };
    trial.call(2, Body::DeleteGroups(request));
    assert_eq!(trial.call(0, Body::ExplainGroup(GROUP.to_owned())), Response::GroupExplained(None));
    trial.commit("", -1, 5);
    assert_eq!(told(&mut trial), []);
}

#[test]
fn a_member_that_does_not_ask_for_its_assignment_is_named() {
    let mut trial = Trial::new(Config::default());
    let (member_id, token) = trial.join_new();
    trial.await_answer(token);
    // It beats, and never syncs.
    for _ in 0..20 {
        trial.pass(SESSION_MS / 2);
        let beat = HeartbeatRequest {
            group_id: GROUP.to_owned(),
            generation_id: 1,
            member_id: member_id.clone(),
            ..HeartbeatRequest::default()
        };
        trial.call(4, Body::Heartbeat(beat));
    }
    let all = told(&mut trial);
    let causes: Vec<&String> = all.iter().flat_map(|one| &one.3).collect();
    assert_eq!(causes, ["member-joined", "sync-timed-out"], "{all:?}");
    assert!(explained(&mut trial).rebalances[0].is_superseded);
}

fn beat(member_id: &str, epoch: i32, topics: &[&str]) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: GROUP.to_owned(),
        member_id: member_id.to_owned(),
        member_epoch: epoch,
        rebalance_timeout_ms: 60_000,
        subscribed_topic_names: Some(topics.iter().map(|topic| (*topic).to_owned()).collect()),
        topic_partitions: Some(Vec::new()),
        ..ConsumerGroupHeartbeatRequest::default()
    }
}

fn epoch_after(trial: &mut Trial, request: ConsumerGroupHeartbeatRequest) -> i32 {
    match trial.call(1, Body::ConsumerGroupHeartbeat(request)) {
        Response::ConsumerGroupHeartbeat(response) => {
            assert_eq!(response.error_code, 0, "{:?}", response.error_message);
            response.member_epoch
        }
        other => panic!("not a heartbeat answer: {other:?}"),
    }
}

#[test]
fn a_group_of_the_consumer_protocol_tells_it_as_well() {
    let mut trial = Trial::new(Config::default());
    trial.set_topics(&[("a", 1)]);
    let epoch = epoch_after(&mut trial, beat("one", 0, &["a"]));
    assert_eq!(told(&mut trial), [(epoch, 0, 1, words(&["member-joined"]))]);
    trial.set_topics(&[("a", 2)]);
    trial.pass(2_000);
    let epoch = epoch_after(&mut trial, beat("one", epoch, &["a"]));
    assert_eq!(told(&mut trial)[1..], [(epoch, 0, 1, words(&["topics-changed"]))]);
    trial.pass(2_000);
    let epoch = epoch_after(&mut trial, beat("one", epoch, &["a", "b"]));
    assert_eq!(told(&mut trial)[2..], [(epoch, 0, 1, words(&["subscription-changed"]))]);
    // What changes nothing is no rebalance.
    epoch_after(&mut trial, beat("one", epoch, &["a", "b"]));
    assert_eq!(told(&mut trial).len(), 3);
    trial.pass(60_000);
    assert_eq!(told(&mut trial)[3..], [(epoch + 1, 0, 0, words(&["session-expired"]))]);
    assert_eq!(trial.runner.machine().work().consumer_rebalances, 4);
}

#[test]
fn a_group_keeps_its_history_when_it_goes_over() {
    let (mut trial, members) = Trial::stable(1);
    trial.set_topics(&[("topic", 2)]);
    // Its assignment is no consumer's, so the classic member gives it back first.
    trial.leave(leave(&members[0], ""));
    let epoch = epoch_after(&mut trial, beat("one", 0, &["topic"]));
    let all = told(&mut trial);
    assert_eq!(all.len(), 3, "{all:?}");
    assert_eq!(all[2], (epoch, 0, 1, words(&["member-joined"])), "{all:?}");
}

fn offset(trial: &mut Trial) -> ExplainedOffset {
    explained(trial).topics[0].offsets[0].clone()
}

#[test]
fn an_offset_tells_when_it_expires() {
    let mut trial = Trial::new(Config { offsets_retention_minutes: 60, ..Config::default() });
    trial.commit("", -1, 5);
    let alone = offset(&mut trial);
    assert_eq!((alone.offset, alone.committed_at_ms), (5, trial.now));
    assert_eq!(alone.expires_at_ms, trial.now + HOUR_MS);
    let (member_id, join) = trial.join_new();
    trial.await_answer(join);
    assert_eq!(trial.joined(join).generation_id, 1);
    assert_eq!(offset(&mut trial).expires_at_ms, -1, "a group that rebalances uses everything");
    trial.sync_all(std::slice::from_ref(&member_id), 1);
    assert_eq!(offset(&mut trial).expires_at_ms, -1, "a member subscribes to it");
    trial.leave(leave(&member_id, ""));
    let expires_at = offset(&mut trial).expires_at_ms;
    assert_eq!(expires_at, trial.now + HOUR_MS, "the group is empty");
    // It says what happens: offsets are looked through every ten minutes.
    let until = |at: i64, now: i64| i32::try_from(at - now).expect("an hour");
    let wait = until(expires_at, trial.now) - 1;
    trial.pass(wait);
    assert_eq!(trial.committed().len(), 1);
    trial.pass(600_000);
    assert_eq!(trial.committed(), []);
    // A commit of an old version brings its own end.
    let mut request = commit_request("", -1, "topic", 5);
    request.retention_time_ms = 1_000;
    trial.call(4, Body::OffsetCommit(request));
    assert_eq!(offset(&mut trial).expires_at_ms, trial.now + 1_000);
}

#[test]
fn an_offset_tells_how_fast_it_moves() {
    let mut trial = Trial::new(Config::default());
    for step in 0..5 {
        trial.commit("", -1, step * 500);
        trial.pass(5_000);
    }
    assert_eq!(offset(&mut trial).rate_millis, 100_000);
    // The log tells it again.
    trial.reload();
    assert_eq!(offset(&mut trial).rate_millis, 100_000);
    trial.pass(60_000);
    assert_eq!(offset(&mut trial).rate_millis, 0);
    let expected = Work { offset_commits: 0, ..Work::default() };
    assert_eq!(trial.runner.machine().work(), expected, "what is loaded was not done now");
    trial.commit("", -1, 1);
    assert_eq!(trial.runner.machine().work().offset_commits, 1);
}
