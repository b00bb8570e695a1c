use ottla_wire::ErrorCode;
use ottla_wire::messages::LeaveGroupRequest;
use ottla_wire::messages::leave_group_request::MemberIdentity;

use crate::trial::{GROUP, Trial, code, join_request};
use crate::{Body, Config, Response};

fn leaving(members: &[(&str, Option<&str>)]) -> LeaveGroupRequest {
    LeaveGroupRequest {
        group_id: GROUP.to_owned(),
        members: members
            .iter()
            .map(|(member_id, instance_id)| MemberIdentity {
                member_id: (*member_id).to_owned(),
                group_instance_id: instance_id.map(str::to_owned),
                ..MemberIdentity::default()
            })
            .collect(),
        ..LeaveGroupRequest::default()
    }
}

fn errors(trial: &mut Trial, members: &[(&str, Option<&str>)]) -> Vec<ErrorCode> {
    let response = trial.leave(leaving(members));
    assert_eq!(code(response.error_code), ErrorCode::None);
    response.members.iter().map(|member| code(member.error_code)).collect()
}

fn static_group(instances: &[&str]) -> (Trial, Vec<String>) {
    let mut trial = Trial::new(Config::default());
    let joins: Vec<_> = instances
        .iter()
        .map(|instance| {
            let mut request = join_request("");
            request.group_instance_id = Some((*instance).to_owned());
            trial.ask(9, Body::JoinGroup(request))
        })
        .collect();
    trial.await_answer(joins[0]);
    let responses: Vec<_> = joins.into_iter().map(|join| trial.joined(join)).collect();
    let leader = responses[0].leader.clone();
    trial.sync(&leader, 1, &[]);
    (trial, responses.into_iter().map(|response| response.member_id).collect())
}

#[test]
fn the_last_to_leave_makes_the_group_empty() {
    let (mut trial, members) = Trial::stable(2);
    assert_eq!(errors(&mut trial, &[(&members[1], None)]), [ErrorCode::None]);
    assert_eq!(trial.state(), "PreparingRebalance");
    let records = trial.log.len();
    assert_eq!(errors(&mut trial, &[(&members[0], None)]), [ErrorCode::None]);
    assert_eq!(trial.state(), "Empty");
    assert_eq!(trial.log.len(), records + 1, "becoming empty is recorded");
}

#[test]
fn several_leave_at_once_each_with_its_own_error() {
    let (mut trial, members) = Trial::stable(3);
    let left = errors(
        &mut trial,
        &[(&members[0], None), ("nobody", None), (&members[0], None), ("", None)],
    );
    let unknown = ErrorCode::UnknownMemberId;
    assert_eq!(left, [ErrorCode::None, unknown, unknown, unknown]);
}

#[test]
fn static_members_leave_by_instance() {
    let (mut trial, members) = static_group(&["a", "b", "c"]);
    let left = errors(
        &mut trial,
        &[
            ("", Some("a")),
            ("", Some("nobody")),
            (&members[2], Some("b")),
            (&members[1], Some("b")),
        ],
    );
    let fenced = ErrorCode::FencedInstanceId;
    assert_eq!(left, [ErrorCode::None, ErrorCode::UnknownMemberId, fenced, ErrorCode::None]);
}

#[test]
fn leaving_answers_the_join_that_waits() {
    let (mut trial, members) = Trial::stable(2);
    let waiting = trial.rejoin(&members[0]);
    errors(&mut trial, &[(&members[0], None)]);
    let response = trial.joined(waiting);
    assert_eq!(code(response.error_code), ErrorCode::UnknownMemberId);
    assert_eq!(response.member_id, "");
}

#[test]
fn leaving_lets_the_others_go_on() {
    let (mut trial, members) = Trial::stable(2);
    let waiting = trial.rejoin(&members[0]);
    errors(&mut trial, &[(&members[1], None)]);
    assert_eq!(trial.joined(waiting).members.len(), 1);
}

#[test]
fn somebody_who_only_holds_an_id_can_leave() {
    let (mut trial, members) = Trial::stable(1);
    let token = trial.ask(9, Body::JoinGroup(join_request("")));
    let pending = trial.joined(token).member_id;
    let waiting = trial.rejoin(&members[0]);
    assert!(trial.answer(waiting).is_none());
    assert_eq!(errors(&mut trial, &[(&pending, None)]), [ErrorCode::None]);
    assert_eq!(trial.joined(waiting).members.len(), 1);
}

#[test]
fn groups_that_are_not_there() {
    let mut trial = Trial::new(Config::default());
    assert_eq!(errors(&mut trial, &[("a", None), ("b", None)]), [ErrorCode::UnknownMemberId; 2]);
    let response = trial.leave(LeaveGroupRequest::default());
    assert_eq!(code(response.error_code), ErrorCode::InvalidGroupId);
}

#[test]
fn up_to_version_2_the_error_is_the_answers() {
    let (mut trial, members) = Trial::stable(1);
    for (member_id, expected) in
        [("nobody", ErrorCode::UnknownMemberId), (members[0].as_str(), ErrorCode::None)]
    {
        let request = LeaveGroupRequest {
            group_id: GROUP.to_owned(),
            member_id: member_id.to_owned(),
            ..LeaveGroupRequest::default()
        };
        let Response::LeaveGroup(response) = trial.call(2, Body::LeaveGroup(request)) else {
            panic!("not a leave answer")
        };
        assert_eq!(code(response.error_code), expected);
        assert_eq!(response.members, []);
    }
    assert_eq!(trial.state(), "Empty");
}
