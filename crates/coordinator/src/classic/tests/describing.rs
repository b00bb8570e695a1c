use ottla_wire::ErrorCode;
use ottla_wire::messages::{DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest};

use crate::trial::{GROUP, Trial, code, commit_request, join_request, subscription};
use crate::{Body, Config, Response};

fn list(trial: &mut Trial, states: &[&str], types: &[&str]) -> Vec<(String, String, String)> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let request = ListGroupsRequest {
        states_filter: owned(states),
        types_filter: owned(types),
        ..ListGroupsRequest::default()
    };
    let Response::ListGroups(response) = trial.call(5, Body::ListGroups(request.into())) else {
        panic!("not a list answer")
    };
    let groups = response.groups.into_iter();
    groups
        .map(|group| {
            assert_eq!(group.group_type, "classic");
            (group.group_id, group.protocol_type, group.group_state)
        })
        .collect()
}

#[test]
fn groups_are_listed_by_state_and_type() {
    let (mut trial, _) = Trial::stable(1);
    let mut request = commit_request("", -1, "topic", 5);
    request.group_id = "simple".to_owned();
    trial.call(9, Body::OffsetCommit(request));
    let stable = (GROUP.to_owned(), "consumer".to_owned(), "Stable".to_owned());
    let simple = ("simple".to_owned(), String::new(), "Empty".to_owned());
    for (states, types, expected) in [
        (&[][..], &[][..], vec![stable.clone(), simple.clone()]),
        (&["Stable"], &[], vec![stable.clone()]),
        (&[" sTABLE "], &[], vec![stable.clone()]),
        (&["Stable", "Empty"], &[], vec![stable.clone(), simple.clone()]),
        (&["Dead"], &[], vec![]),
        (&["nonsense"], &[], vec![]),
        (&[], &["Classic"], vec![stable.clone(), simple]),
        (&[], &["consumer"], vec![]),
        (&[], &["nonsense"], vec![]),
        (&["Stable"], &["share", "classic"], vec![stable]),
    ] {
        assert_eq!(list(&mut trial, states, types), expected, "{states:?} {types:?}");
    }
}

#[test]
fn a_stable_group_shows_its_protocol_and_assignments() {
    let (mut trial, members) = Trial::stable(1);
    let request = DescribeGroupsRequest { groups: vec![GROUP.into()], ..Default::default() };
    let Response::DescribeGroups(response) = trial.call(6, Body::DescribeGroups(request.clone()))
    else {
        panic!("not a describe answer")
    };
    let group = &response.groups[0];
    assert_eq!(code(group.error_code), ErrorCode::None);
    assert_eq!((group.protocol_type.as_str(), group.protocol_data.as_str()), ("consumer", "range"));
    let member = &group.members[0];
    assert_eq!(member.member_id, members[0]);
    assert_eq!((member.client_id.as_str(), member.client_host.as_str()), ("client", "/127.0.0.1"));
    assert_eq!(member.member_metadata, subscription(&["topic"]));
    assert_eq!(member.member_assignment, members[0].as_bytes());

    trial.rejoin(&members[0]);
    let Response::DescribeGroups(response) = trial.call(6, Body::DescribeGroups(request)) else {
        panic!("not a describe answer")
    };
    let group = &response.groups[0];
    assert_eq!(
        (group.group_state.as_str(), group.protocol_data.as_str()),
        ("CompletingRebalance", "")
    );
    assert_eq!(group.members[0].member_metadata, "");
}

#[test]
fn a_group_that_is_not_there_is_dead() {
    let mut trial = Trial::new(Config::default());
    for (version, error, message) in [
        (5, ErrorCode::None, None),
        (6, ErrorCode::GroupIdNotFound, Some("Group other not found.".to_owned())),
    ] {
        let request = DescribeGroupsRequest { groups: vec!["other".into()], ..Default::default() };
        let Response::DescribeGroups(response) = trial.call(version, Body::DescribeGroups(request))
        else {
            panic!("not a describe answer")
        };
        let group = &response.groups[0];
        assert_eq!((code(group.error_code), group.group_state.as_str()), (error, "Dead"));
        assert_eq!(group.error_message, message);
    }
}

#[test]
fn only_empty_groups_are_deleted() {
    let (mut trial, members) = Trial::stable(1);
    trial.commit(&members[0], 1, 5);
    let delete = |trial: &mut Trial| {
        let groups_names = vec![GROUP.to_owned(), "other".to_owned(), GROUP.to_owned()];
        let request = DeleteGroupsRequest { groups_names, ..DeleteGroupsRequest::default() };
        let Response::DeleteGroups(response) = trial.call(2, Body::DeleteGroups(request)) else {
            panic!("not a delete answer")
        };
        response.results.iter().map(|result| code(result.error_code)).collect::<Vec<_>>()
    };
    assert_eq!(delete(&mut trial), [ErrorCode::NonEmptyGroup, ErrorCode::GroupIdNotFound]);
    trial.pass(10_000);
    assert_eq!(trial.state(), "Empty");
    assert_eq!(trial.committed().len(), 1);
    assert_eq!(delete(&mut trial), [ErrorCode::None, ErrorCode::GroupIdNotFound]);
    assert_eq!(trial.state(), "Dead");
    assert_eq!(trial.committed(), []);
    trial.reload();
    assert_eq!(trial.state(), "Dead");
    assert_eq!(trial.committed(), []);
}

#[test]
fn a_refused_first_join_leaves_an_empty_group_behind() {
    let mut trial = Trial::new(Config::default());
    let mut request = join_request("");
    request.protocols.clear();
    trial.ask(9, Body::JoinGroup(request));
    assert_eq!(trial.state(), "Empty");
    trial.reload();
    assert_eq!(trial.state(), "Empty", "a record says that it exists");
}
