use ottla_wire::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use ottla_wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use ottla_wire::messages::{
    JoinGroupRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
};
use ottla_wire::{ErrorCode, Uuid};

use crate::trial::{GROUP, SESSION_MS, Trial, code, commit_request, join_request};
use crate::{Body, Config, DeletedTopic, Response};

const HOUR_MS: i32 = 3_600_000;
const TOPIC_ID: Uuid = Uuid::from_bytes([7; 16]);

fn commit_error(trial: &mut Trial, version: i16, request: OffsetCommitRequest) -> ErrorCode {
    match trial.call(version, Body::OffsetCommit(request)) {
        Response::OffsetCommit(response) => code(response.topics[0].partitions[0].error_code),
        other => panic!("not a commit answer: {other:?}"),
    }
}

fn delete(trial: &mut Trial, group_id: &str, topic: &str) -> (ErrorCode, Vec<ErrorCode>) {
    let partitions = vec![OffsetDeleteRequestPartition::default()];
    let topic = OffsetDeleteRequestTopic { name: topic.to_owned(), partitions };
    let request = OffsetDeleteRequest { group_id: group_id.to_owned(), topics: vec![topic] };
    let Response::OffsetDelete(response) = trial.call(0, Body::OffsetDelete(request)) else {
        panic!("not a delete answer")
    };
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let errors = partitions.map(|partition| code(partition.error_code)).collect();
    (code(response.error_code), errors)
}

#[test]
fn commits_are_checked_against_the_group() {
    let instance = |request: OffsetCommitRequest| OffsetCommitRequest {
        group_instance_id: Some("instance".into()),
        ..request
    };
    let (mut trial, members) = Trial::stable(1);
    let member = members[0].as_str();
    for (name, version, request, expected) in [
        ("member", 9, commit_request(member, 1, "topic", 5), ErrorCode::None),
        ("old generation", 9, commit_request(member, 0, "topic", 5), ErrorCode::IllegalGeneration),
        ("no generation", 9, commit_request(member, -1, "topic", 5), ErrorCode::IllegalGeneration),
        ("stranger", 9, commit_request("nobody", 1, "topic", 5), ErrorCode::UnknownMemberId),
        ("nobody", 9, commit_request("", -1, "topic", 5), ErrorCode::UnknownMemberId),
        (
            "unknown instance",
            9,
            instance(commit_request(member, 1, "topic", 5)),
            ErrorCode::UnknownMemberId,
        ),
    ] {
        assert_eq!(commit_error(&mut trial, version, request), expected, "{name}");
    }

    trial.rejoin(member);
    assert_eq!(trial.state(), "CompletingRebalance");
    assert_eq!(trial.commit(member, 2, 6), ErrorCode::RebalanceInProgress);
    trial.pass(SESSION_MS);
    assert_eq!(trial.state(), "Empty");
    assert_eq!(trial.commit("", -1, 7), ErrorCode::None, "an empty group is anybody's");
    assert_eq!(trial.commit(member, 3, 8), ErrorCode::UnknownMemberId);
    assert_eq!(trial.committed(), [("topic".to_owned(), 0, 7)]);
}

#[test]
fn a_commit_may_finish_while_others_join() {
    let (mut trial, members) = Trial::stable(2);
    trial.rejoin(&members[0]);
    assert_eq!(trial.commit(&members[1], 1, 5), ErrorCode::None);
}

#[test]
fn a_group_that_is_not_there() {
    for (version, generation, expected) in [
        (9, 1, ErrorCode::GroupIdNotFound),
        (8, 1, ErrorCode::IllegalGeneration),
        (8, -1, ErrorCode::None),
        (2, -1, ErrorCode::None),
    ] {
        let mut trial = Trial::new(Config::default());
        let request = commit_request("", generation, "topic", 5);
        assert_eq!(commit_error(&mut trial, version, request), expected);
        let state = if expected == ErrorCode::None { "Empty" } else { "Dead" };
        assert_eq!(trial.state(), state);
    }
}

#[test]
fn metadata_has_a_limit_in_java_characters() {
    let mut trial = Trial::new(Config::default());
    for (metadata, expected) in [
        ("x".repeat(4_096), ErrorCode::None),
        ("x".repeat(4_097), ErrorCode::OffsetMetadataTooLarge),
        ("ä".repeat(4_096), ErrorCode::None),
        ("🦀".repeat(2_048), ErrorCode::None),
        ("🦀".repeat(2_049), ErrorCode::OffsetMetadataTooLarge),
    ] {
        let mut request = commit_request("", -1, "topic", 5);
        request.topics[0].partitions[0].committed_metadata = Some(metadata);
        assert_eq!(commit_error(&mut trial, 9, request), expected);
    }
}

#[test]
fn offsets_are_fetched_by_group_and_topic() {
    let mut trial = Trial::new(Config::default());
    let mut request = commit_request("", -1, "topic", 5);
    request.topics[0].partitions[0].committed_leader_epoch = 3;
    request.topics[0].topic_id = TOPIC_ID;
    commit_error(&mut trial, 10, request);
    let topic = |name: &str, id| OffsetFetchRequestTopics {
        name: name.to_owned(),
        topic_id: id,
        partition_indexes: vec![0, 1],
        ..OffsetFetchRequestTopics::default()
    };
    for (group_id, topics, expected) in [
        (GROUP, Some(vec![topic("topic", Uuid::ZERO)]), vec![(0, 5, 3, "note"), (1, -1, -1, "")]),
        (GROUP, Some(vec![topic("topic", TOPIC_ID)]), vec![(0, 5, 3, "note"), (1, -1, -1, "")]),
        (GROUP, Some(vec![topic("topic", Uuid::ONE)]), vec![(0, -1, -1, ""), (1, -1, -1, "")]),
        (GROUP, Some(vec![topic("other", Uuid::ZERO)]), vec![(0, -1, -1, ""), (1, -1, -1, "")]),
        ("other", Some(vec![topic("topic", Uuid::ZERO)]), vec![(0, -1, -1, ""), (1, -1, -1, "")]),
        (GROUP, Some(vec![]), vec![]),
        (GROUP, None, vec![(0, 5, 3, "note")]),
        ("other", None, vec![]),
    ] {
        let group = OffsetFetchRequestGroup {
            group_id: group_id.to_owned(),
            topics: topics.clone(),
            ..OffsetFetchRequestGroup::default()
        };
        let request = OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() };
        let Response::OffsetFetch(response) = trial.call(8, Body::OffsetFetch(request)) else {
            panic!("not a fetch answer")
        };
        assert_eq!(response.groups.len(), 1);
        assert_eq!(code(response.groups[0].error_code), ErrorCode::None);
        let partitions = response.groups[0].topics.iter().flat_map(|topic| &topic.partitions);
        let found: Vec<_> = partitions
            .map(|partition| {
                let metadata = partition.metadata.as_deref().expect("never null");
                let epoch = partition.committed_leader_epoch;
                (partition.partition_index, partition.committed_offset, epoch, metadata)
            })
            .collect();
        assert_eq!(found, expected, "{group_id} {topics:?}");
    }
}

#[test]
fn offsets_are_deleted_unless_members_need_them() {
    let (mut trial, members) = Trial::stable(1);
    trial.commit(&members[0], 1, 5);
    commit_error(&mut trial, 9, commit_request(&members[0], 1, "other", 6));
    let none = ErrorCode::None;
    for (group_id, topic, expected) in [
        ("", "topic", (ErrorCode::InvalidGroupId, vec![])),
        ("nobody", "topic", (ErrorCode::GroupIdNotFound, vec![])),
        (GROUP, "topic", (none, vec![ErrorCode::GroupSubscribedToTopic])),
        (GROUP, "other", (none, vec![none])),
        (GROUP, "never committed", (none, vec![none])),
    ] {
        assert_eq!(delete(&mut trial, group_id, topic), expected, "{group_id} {topic}");
    }
    assert_eq!(trial.committed(), [("topic".to_owned(), 0, 5)]);
}

#[test]
fn other_protocols_keep_all_their_offsets_while_they_have_members() {
    let mut trial = Trial::new(Config::default());
    let request = JoinGroupRequest { protocol_type: "connect".into(), ..join_request("") };
    trial.ask(3, Body::JoinGroup(request));
    assert_eq!(delete(&mut trial, GROUP, "topic"), (ErrorCode::NonEmptyGroup, vec![]));
}

#[test]
fn unused_offsets_expire_and_the_group_with_them() {
    let config = Config { offsets_retention_minutes: 120, ..Config::default() };
    let mut trial = Trial::new(config);
    trial.commit("", -1, 5);
    trial.pass(HOUR_MS);
    trial.commit("", -1, 6);
    trial.pass(HOUR_MS);
    assert_eq!(trial.committed().len(), 1, "the later commit counts");
    trial.pass(HOUR_MS + 600_000);
    assert_eq!(trial.committed(), []);
    assert_eq!(trial.state(), "Dead");
    trial.reload();
    assert_eq!(trial.state(), "Dead");
}

#[test]
fn an_empty_group_keeps_its_offsets_from_when_it_became_empty() {
    let (mut trial, members) = Trial::stable(1);
    trial.commit(&members[0], 1, 5);
    let week_in_hours = 7 * 24;
    for _ in 0..2 * week_in_hours {
        for _ in 0..HOUR_MS / 9_000 {
            trial.pass(9_000);
            trial.heartbeat(&members[0], 1);
        }
    }
    assert_eq!(trial.committed().len(), 1, "in use, however old");
    trial.pass(SESSION_MS);
    for _ in 0..week_in_hours - 1 {
        trial.pass(HOUR_MS);
    }
    trial.reload();
    assert_eq!(trial.committed().len(), 1);
    trial.pass(HOUR_MS + 600_000);
    assert_eq!(trial.committed(), []);
}

#[test]
fn a_topic_nobody_subscribes_to_any_more_loses_its_offsets() {
    let config = Config { offsets_retention_minutes: 60, ..Config::default() };
    let mut trial = Trial::new(config);
    commit_error(&mut trial, 9, commit_request("", -1, "left", 5));
    trial.commit("", -1, 6);
    let (member_id, join) = trial.join_new();
    trial.pass(3_000);
    assert_eq!(trial.joined(join).generation_id, 1);
    trial.sync_all(std::slice::from_ref(&member_id), 1);
    for _ in 0..2 * HOUR_MS / 9_000 {
        trial.pass(9_000);
        trial.heartbeat(&member_id, 1);
    }
    assert_eq!(trial.committed(), [("topic".to_owned(), 0, 6)]);
}

#[test]
fn a_commit_may_bring_its_own_end() {
    let mut trial = Trial::new(Config::default());
    let mut request = commit_request("", -1, "topic", 5);
    request.retention_time_ms = 1_000;
    commit_error(&mut trial, 4, request);
    trial.reload();
    assert_eq!(trial.committed().len(), 1);
    trial.pass(600_000);
    assert_eq!(trial.committed(), []);
}

#[test]
fn many_offsets_expire_in_batches() {
    let mut trial = Trial::new(Config::default());
    let mut request = commit_request("", -1, "topic", 5);
    request.retention_time_ms = 1_000;
    let partition = request.topics[0].partitions[0].clone();
    for index in 1..2_500 {
        let mut partition = partition.clone();
        partition.partition_index = index;
        request.topics[0].partitions.push(partition);
    }
    commit_error(&mut trial, 4, request);
    assert_eq!(trial.committed().len(), 2_500);
    trial.pass(600_000);
    assert_eq!(trial.committed(), []);
    assert_eq!(trial.state(), "Dead");
}

#[test]
fn offsets_of_topics_that_went_unnoticed_go_once_the_coordinator_is_loaded() {
    let mut trial = Trial::new(Config::default());
    trial.set_topics(&[("kept", 1), ("recreated", 1), ("gone", 1)]);
    let kept = trial.subject.metadata.id_of("kept").expect("a topic");
    let other = Uuid::from_halves(9, 9);
    for (topic, id) in [("kept", kept), ("recreated", other), ("gone", Uuid::ZERO)] {
        let mut request = commit_request("", -1, topic, 5);
        request.topics[0].topic_id = id;
        commit_error(&mut trial, 10, request);
    }
    trial.set_topics(&[("kept", 1), ("recreated", 1)]);
    trial.reload();
    assert_eq!(trial.call(0, Body::ForgetMissingTopics), Response::TopicsDeleted);
    assert_eq!(trial.committed().len(), 3, "metadata that is not there tells nothing");
    trial.set_topics(&[("kept", 1), ("recreated", 1), ("__consumer_offsets", 1)]);
    trial.reload();
    assert_eq!(trial.call(0, Body::ForgetMissingTopics), Response::TopicsDeleted);
    assert_eq!(trial.committed(), [("kept".to_owned(), 0, 5)]);
}

#[test]
fn deleted_topics_take_their_offsets_along() {
    let mut trial = Trial::new(Config::default());
    for (topic, id) in [("by-name", Uuid::ZERO), ("by-id", TOPIC_ID), ("recreated", Uuid::ONE)] {
        let mut request = commit_request("", -1, topic, 5);
        request.topics[0].topic_id = id;
        commit_error(&mut trial, 10, request);
    }
    let deleted = ["by-name", "by-id", "recreated", "unknown"];
    let topics = deleted.map(|name| DeletedTopic { name: name.to_owned(), id: TOPIC_ID });
    assert_eq!(trial.call(0, Body::TopicsDeleted(topics.into())), Response::TopicsDeleted);
    assert_eq!(trial.committed(), [("recreated".to_owned(), 0, 5)]);
}
