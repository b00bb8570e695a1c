use ottla_wire::ErrorCode;
use ottla_wire::messages::offset_fetch_request::OffsetFetchRequestGroup;
use ottla_wire::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest, OffsetFetchRequest,
};

use super::{Consumer, trial};
use crate::trial::{GROUP, Trial, code, commit_request};
use crate::{Body, Response};

fn commit(trial: &mut Trial, version: i16, member: &str, epoch: i32, topic: &str) -> ErrorCode {
    let request = commit_request(member, epoch, topic, 7);
    match trial.call(version, Body::OffsetCommit(request)) {
        Response::OffsetCommit(response) => code(response.topics[0].partitions[0].error_code),
        other => panic!("not a commit answer: {other:?}"),
    }
}

fn fetch(trial: &mut Trial, member: Option<&str>, epoch: i32) -> ErrorCode {
    let group = OffsetFetchRequestGroup {
        group_id: GROUP.to_owned(),
        member_id: member.map(str::to_owned),
        member_epoch: epoch,
        topics: None,
        ..OffsetFetchRequestGroup::default()
    };
    let request = OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() };
    match trial.call(9, Body::OffsetFetch(request)) {
        Response::OffsetFetch(response) => code(response.groups[0].error_code),
        other => panic!("not a fetch answer: {other:?}"),
    }
}

#[test]
fn commits_and_fetches_show_an_epoch() {
    let mut trial = trial();
    let mut member = Consumer::new("m", &["a"]);
    trial.join(&mut member);
    for (version, id, epoch, expected) in [
        (9, "m", 2, ErrorCode::None),
        (9, "m", 3, ErrorCode::StaleMemberEpoch),
        (9, "m", 1, ErrorCode::StaleMemberEpoch),
        (8, "m", 2, ErrorCode::UnsupportedVersion),
        (9, "other", 2, ErrorCode::UnknownMemberId),
        (9, "", -1, ErrorCode::UnknownMemberId),
    ] {
        assert_eq!(commit(&mut trial, version, id, epoch, "a"), expected, "{version} {id} {epoch}");
    }
    for (id, epoch, expected) in [
        (Some("m"), 2, ErrorCode::None),
        (Some("m"), 1, ErrorCode::StaleMemberEpoch),
        (Some("other"), 2, ErrorCode::UnknownMemberId),
        (None, -1, ErrorCode::None),
    ] {
        assert_eq!(fetch(&mut trial, id, epoch), expected, "{id:?} {epoch}");
    }
}

/// KIP-1251: a member that has moved on may commit what it had before with the epoch it had then.
#[test]
fn an_older_epoch_counts_for_partitions_of_that_time() {
    let mut trial = trial();
    let (mut one, mut two) = (Consumer::new("one", &["a"]), Consumer::new("two", &["a"]));
    trial.join(&mut one);
    trial.pass(1_000);
    trial.join(&mut two);
    trial.settle(&mut [&mut one, &mut two]);
    assert_eq!((one.epoch, one.owns("a")[0]), (3, 0));
    assert_eq!(commit(&mut trial, 9, "one", 2, "a"), ErrorCode::None);
    assert_eq!(commit(&mut trial, 9, "one", 1, "a"), ErrorCode::StaleMemberEpoch);
    assert_eq!(commit(&mut trial, 9, "two", 2, "a"), ErrorCode::StaleMemberEpoch, "not its own");
}

#[test]
fn tools_see_the_group_and_remove_it_when_it_is_empty() {
    let mut trial = trial();
    let mut member = Consumer::new("m", &["a"]);
    trial.join(&mut member);
    assert_eq!(commit(&mut trial, 9, "m", 2, "a"), ErrorCode::None);
    for (states, types, expected) in [
        (&[][..], &[][..], 1),
        (&["stable"], &["Consumer"], 1),
        (&["empty"], &[], 0),
        (&[], &["classic"], 0),
        (&[], &["unheard-of"], 0),
    ] {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let request = ListGroupsRequest {
            states_filter: owned(states),
            types_filter: owned(types),
            ..ListGroupsRequest::default()
        };
        let Response::ListGroups(response) = trial.call(5, Body::ListGroups(request.into())) else {
            panic!("not a list answer")
        };
        assert_eq!(response.groups.len(), expected, "{states:?} {types:?}");
    }
    let request = DescribeGroupsRequest { groups: vec![GROUP.to_owned()], ..Default::default() };
    let Response::DescribeGroups(response) = trial.call(6, Body::DescribeGroups(request)) else {
        panic!("not a describe answer")
    };
    let group = &response.groups[0];
    assert_eq!(
        (code(group.error_code), group.group_state.as_str()),
        (ErrorCode::GroupIdNotFound, "Dead")
    );
    assert_eq!(group.error_message.as_deref(), Some("Group group is not a classic group."));
    assert_eq!(delete(&mut trial), ErrorCode::NonEmptyGroup);
    trial.pass(46_000);
    assert_eq!(delete(&mut trial), ErrorCode::None);
    assert!(trial.runner.machine().group(GROUP).is_none());
    trial.check_reload();
    assert_eq!(trial.describe().error_message.as_deref(), Some("Group group not found."));
}

fn delete(trial: &mut Trial) -> ErrorCode {
    let request =
        DeleteGroupsRequest { groups_names: vec![GROUP.to_owned()], ..Default::default() };
    match trial.call(2, Body::DeleteGroups(request)) {
        Response::DeleteGroups(response) => code(response.results[0].error_code),
        other => panic!("not a delete answer: {other:?}"),
    }
}
