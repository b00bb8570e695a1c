use ottla_wire::ErrorCode;
use ottla_wire::messages::ConsumerGroupHeartbeatRequest;

use super::{Consumer, trial, trial_with};
use crate::config::ConsumerConfig;
use crate::trial::{GROUP, code};
use crate::{Body, Config, Record, Response};

fn join(member_id: &str) -> ConsumerGroupHeartbeatRequest {
    Consumer::new(member_id, &["a"]).full()
}

/// Codes and words of Apache Kafka 4.3.1.
#[test]
fn what_a_beat_must_say() {
    let request = join("m");
    let without_id = ConsumerGroupHeartbeatRequest { member_id: " ".to_owned(), ..request.clone() };
    let cases = [
        (1, without_id.clone(), ErrorCode::InvalidRequest, "MemberId can't be empty."),
        (
            0,
            ConsumerGroupHeartbeatRequest { member_epoch: 1, ..without_id.clone() },
            ErrorCode::InvalidRequest,
            "MemberId can't be empty.",
        ),
        (
            1,
            ConsumerGroupHeartbeatRequest { group_id: String::new(), ..request.clone() },
            ErrorCode::InvalidRequest,
            "GroupId can't be empty.",
        ),
        (
            1,
            ConsumerGroupHeartbeatRequest { instance_id: Some(String::new()), ..request.clone() },
            ErrorCode::InvalidRequest,
            "InstanceId can't be empty.",
        ),
        (
            1,
            ConsumerGroupHeartbeatRequest { rack_id: Some(" ".to_owned()), ..request.clone() },
            ErrorCode::InvalidRequest,
            "RackId can't be empty.",
        ),
        (
            1,
            ConsumerGroupHeartbeatRequest { rebalance_timeout_ms: -1, ..request.clone() },
            ErrorCode::InvalidRequest,
            "RebalanceTimeoutMs must be provided in first request.",
        ),
        (
            1,
            ConsumerGroupHeartbeatRequest { topic_partitions: None, ..request.clone() },
            ErrorCode::InvalidRequest,
            "TopicPartitions must be empty when (re-)joining.",
        ),
        (
            1,
            ConsumerGroupHeartbeatRequest { subscribed_topic_names: None, ..request.clone() },
            ErrorCode::InvalidRequest,
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
        ),
        (
            1,
            ConsumerGroupHeartbeatRequest { member_epoch: -2, ..request.clone() },
            ErrorCode::InvalidRequest,
            "InstanceId can't be null.",
        ),
        (
            1,
            ConsumerGroupHeartbeatRequest { member_epoch: -3, ..request.clone() },
            ErrorCode::InvalidRequest,
            "MemberEpoch is invalid.",
        ),
        (
            1,
            ConsumerGroupHeartbeatRequest {
                server_assignor: Some("mine".to_owned()),
                ..request.clone()
            },
            ErrorCode::UnsupportedAssignor,
            "ServerAssignor mine is not supported. Supported assignors: uniform, range.",
        ),
        (
            1,
            ConsumerGroupHeartbeatRequest { member_epoch: 1, ..request.clone() },
            ErrorCode::GroupIdNotFound,
            "Consumer group group not found.",
        ),
        (
            1,
            ConsumerGroupHeartbeatRequest { member_epoch: -1, ..request.clone() },
            ErrorCode::GroupIdNotFound,
            "Group group not found.",
        ),
    ];
    for (version, request, expected, message) in cases {
        let mut trial = trial();
        let answer = trial.call(version, Body::ConsumerGroupHeartbeat(request));
        let Response::ConsumerGroupHeartbeat(response) = answer else { panic!("{answer:?}") };
        assert_eq!(code(response.error_code), expected, "{message}");
        assert_eq!(response.error_message.as_deref(), Some(message));
        assert!(trial.log.is_empty(), "{message}");
    }
}

#[test]
fn a_member_joins_beats_and_leaves() {
    let mut trial = trial();
    let mut member = Consumer::new("m", &["a"]);
    let response = trial.beat(member.full());
    assert_eq!((response.member_epoch, response.heartbeat_interval_ms), (2, 5_000));
    assert!(member.take(&response));
    assert_eq!(member.owns("a"), [0, 1, 2, 3, 4, 5]);
    let records = trial.log.len();
    let response = trial.beat(member.short());
    assert!(!member.take(&response), "nothing has changed, so nothing is told");
    assert_eq!(trial.log.len(), records, "nor written");
    assert!(member.take(&trial.beat(member.full())), "who tells all is told all");
    trial.check_reload();
    let leaving = ConsumerGroupHeartbeatRequest { member_epoch: -1, ..member.short() };
    let response = trial.beat(leaving);
    assert_eq!((code(response.error_code), response.member_epoch), (ErrorCode::None, -1));
    assert_eq!(trial.describe().group_state, "Empty");
    trial.check_reload();
}

#[test]
fn partitions_move_only_when_they_were_given_up() {
    let mut trial = trial();
    let (mut one, mut two) = (Consumer::new("one", &["a"]), Consumer::new("two", &["a"]));
    trial.join(&mut one);
    trial.pass(1_000);
    trial.join(&mut two);
    assert_eq!(two.owns("a"), [0; 0], "the first one still has them");
    assert_eq!(trial.describe().group_state, "Reconciling");
    let kept = trial.beat(one.short());
    assert_eq!(kept.member_epoch, 2, "it has to give up before it goes on");
    one.take(&kept);
    assert_eq!(one.owns("a").len(), 3);
    two.take(&trial.beat(two.short()));
    assert_eq!(two.owns("a"), [0; 0], "it was told, and has not said that it did");
    trial.check_reload();
    one.take(&trial.beat(one.full()));
    assert_eq!(one.epoch, 3);
    two.take(&trial.beat(two.short()));
    assert_eq!(two.owns("a").len(), 3);
    assert_eq!(trial.describe().group_state, "Stable");
    trial.check_reload();
}

#[test]
fn stale_and_foreign_epochs_are_fenced() {
    let mut trial = trial();
    let mut member = Consumer::new("m", &["a"]);
    trial.join(&mut member);
    let at = |epoch| ConsumerGroupHeartbeatRequest { member_epoch: epoch, ..member.full() };
    let response = trial.beat(at(3));
    assert_eq!(code(response.error_code), ErrorCode::FencedMemberEpoch);
    assert_eq!(
        response.error_message.as_deref(),
        Some(
            "The consumer group member has a greater member epoch (3) than the one known by the group coordinator \
             (2). The member must abandon all its partitions and rejoin."
        )
    );
    assert_eq!(code(trial.beat(at(1)).error_code), ErrorCode::FencedMemberEpoch);
    let stranger = ConsumerGroupHeartbeatRequest { member_id: "other".to_owned(), ..at(2) };
    let response = trial.beat(stranger);
    assert_eq!(code(response.error_code), ErrorCode::UnknownMemberId);
    assert_eq!(
        response.error_message.as_deref(),
        Some("Member other is not a member of group group.")
    );
    // The answer that brought epoch 2 was lost: the member still has the one before.
    let lost = ConsumerGroupHeartbeatRequest { member_epoch: 0, ..member.full() };
    let lost = ConsumerGroupHeartbeatRequest { topic_partitions: Some(Vec::new()), ..lost };
    assert_eq!(trial.beat(lost).member_epoch, 2);
}

#[test]
fn a_silent_member_is_out_when_its_session_ends() {
    let mut trial = trial();
    let (mut one, mut two) = (Consumer::new("one", &["a"]), Consumer::new("two", &["a"]));
    trial.join(&mut one);
    trial.pass(1_000);
    trial.join(&mut two);
    trial.settle(&mut [&mut one, &mut two]);
    trial.pass(44_000);
    one.take(&trial.beat(one.short()));
    trial.pass(2_000);
    let members = trial.describe().members;
    assert_eq!(members.len(), 1);
    trial.settle(&mut [&mut one]);
    assert_eq!(one.owns("a").len(), 6);
    trial.check_reload();
    trial.pass(600_000);
    assert!(trial.runner.machine().group(GROUP).is_none(), "no members, no offsets, no group");
    let is_tombstone = |record: &&Record| record.is_tombstone();
    assert!(trial.log.iter().filter(is_tombstone).count() > 5);
}

#[test]
fn who_does_not_give_up_in_time_is_fenced() {
    let mut trial = trial();
    let (mut one, mut two) = (Consumer::new("one", &["a"]), Consumer::new("two", &["a"]));
    trial.join(&mut one);
    trial.pass(1_000);
    trial.join(&mut two);
    one.take(&trial.beat(one.short()));
    for _ in 0..5 {
        trial.pass(11_000);
        one.take(&trial.beat(one.short()));
        two.take(&trial.beat(two.short()));
    }
    trial.pass(6_000);
    let response = trial.beat(one.short());
    assert_eq!(code(response.error_code), ErrorCode::UnknownMemberId);
    trial.settle(&mut [&mut two]);
    assert_eq!(two.owns("a").len(), 6);
}

#[test]
fn after_a_reload_every_session_is_fresh() {
    let mut trial = trial();
    let mut member = Consumer::new("m", &["a"]);
    trial.join(&mut member);
    trial.pass(40_000);
    trial.reload();
    trial.pass(40_000);
    assert!(!member.take(&trial.beat(member.short())));
    trial.pass(46_000);
    assert_eq!(trial.describe().group_state, "Empty");
}

#[test]
fn topics_that_grow_come_and_go_are_followed() {
    let mut trial = trial();
    let mut member = Consumer::new("m", &["a", "later"]);
    trial.join(&mut member);
    assert_eq!(trial.describe().group_epoch, 2);
    trial.set_topics(&[("a", 8), ("b", 2), ("later", 1)]);
    trial.settle(&mut [&mut member]);
    assert_eq!((member.owns("a").len(), member.owns("later")), (8, vec![0]));
    assert_eq!(trial.describe().group_epoch, 3);
    trial.set_topics(&[("b", 2), ("later", 1)]);
    trial.settle(&mut [&mut member]);
    assert_eq!((member.owns("a").len(), member.owns("later")), (0, vec![0]));
    // A topic that nobody subscribes to moves nothing.
    let epoch = trial.describe().group_epoch;
    trial.set_topics(&[("b", 20), ("later", 1)]);
    trial.settle(&mut [&mut member]);
    assert_eq!(trial.describe().group_epoch, epoch);
    trial.check_reload();
}

#[test]
fn the_members_choose_the_assignor() {
    let mut trial = trial();
    let (mut one, mut two) = (Consumer::new("one", &["a", "b"]), Consumer::new("two", &["a", "b"]));
    for member in [&mut one, &mut two] {
        member.assignor = Some("range".to_owned());
        trial.join(member);
    }
    trial.settle(&mut [&mut one, &mut two]);
    assert_eq!(trial.describe().assignor_name, "range");
    assert_eq!((one.owns("a"), one.owns("b")), (vec![0, 1, 2], vec![0]));
    assert_eq!((two.owns("a"), two.owns("b")), (vec![3, 4, 5], vec![1]));
}

#[test]
fn assignments_keep_their_distance() {
    let mut trial = trial();
    let (mut one, mut two) = (Consumer::new("one", &["a"]), Consumer::new("two", &["a"]));
    trial.join(&mut one);
    trial.join(&mut two);
    assert_eq!(trial.describe().group_state, "Assigning");
    assert_eq!(two.epoch, 2, "it has the epoch of the last assignment");
    trial.pass(999);
    two.take(&trial.beat(two.short()));
    assert_eq!(trial.describe().assignment_epoch, 2);
    trial.pass(1);
    two.take(&trial.beat(two.short()));
    assert_eq!(trial.describe().assignment_epoch, 3);
}

#[test]
fn a_full_group_takes_nobody_else() {
    let consumer = ConsumerConfig { max_size: 1, ..ConsumerConfig::default() };
    let mut trial = trial_with(Config { consumer, ..Config::default() });
    trial.join(&mut Consumer::new("one", &["a"]));
    let response = trial.beat(join("two"));
    assert_eq!(code(response.error_code), ErrorCode::GroupMaxSizeReached);
    assert_eq!(
        response.error_message.as_deref(),
        Some("The consumer group has reached its maximum capacity of 1 members.")
    );
    assert_eq!(trial.beat(join("one")).error_code, 0, "who is in may come again");
}
