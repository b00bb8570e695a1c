//! LeaveGroup.
//!
//! v3: several members at once, and static ones by their instance id, which is how an administrator removes them.
//! v5: a reason. Up to v2 there is one member, and its error is the answer's.

use ottla_machine::{Decision, Millis};
use ottla_wire::ErrorCode;
use ottla_wire::messages::LeaveGroupResponse;
use ottla_wire::messages::leave_group_request::MemberIdentity;
use ottla_wire::messages::leave_group_response::MemberResponse;

use super::{ClassicGroup, Draft, State};
use crate::coordinator::GroupCoordinator;
use crate::group::CauseKind;
use crate::request::{Caller, Response};

const FIRST_VERSION_WITH_MEMBERS: i16 = 3;

impl GroupCoordinator {
    /// Takes members out. The errors are in the order of `members`.
    pub(crate) fn leave_classic_group(
        &self,
        group: &ClassicGroup,
        members: &[MemberIdentity],
        now: Millis,
    ) -> (Vec<Result<(), ErrorCode>>, Decision<Self>) {
        let mut draft = self.draft(group.clone(), now);
        let results = draft.leave(members);
        (results, draft.into_decision())
    }
}

/// Who leaves, in the shape of the later versions.
pub(crate) fn leaving_members(
    caller: &Caller,
    member_id: String,
    members: Vec<MemberIdentity>,
) -> Vec<MemberIdentity> {
    match caller.api_version {
        ..FIRST_VERSION_WITH_MEMBERS => vec![MemberIdentity { member_id, ..Default::default() }],
        _ => members,
    }
}

/// The answer to a request of which nothing is done.
pub(crate) fn leave_refused(error: ErrorCode) -> Response {
    Response::LeaveGroup(LeaveGroupResponse {
        error_code: error.code(),
        ..LeaveGroupResponse::default()
    })
}

/// What has become of each who leaves.
pub(crate) fn leave_answer(
    caller: &Caller,
    members: &[MemberIdentity],
    results: &[Result<(), ErrorCode>],
) -> Response {
    let responses = members.iter().zip(results).map(|(member, left)| response_for(member, *left));
    let members: Vec<MemberResponse> = responses.collect();
    if caller.api_version < FIRST_VERSION_WITH_MEMBERS {
        let error_code = members.first().map_or(0, |member| member.error_code);
        return Response::LeaveGroup(LeaveGroupResponse {
            error_code,
            ..LeaveGroupResponse::default()
        });
    }
    Response::LeaveGroup(LeaveGroupResponse { members, ..LeaveGroupResponse::default() })
}

fn response_for(member: &MemberIdentity, left: Result<(), ErrorCode>) -> MemberResponse {
    MemberResponse {
        member_id: member.member_id.clone(),
        group_instance_id: member.group_instance_id.clone(),
        error_code: left.err().unwrap_or(ErrorCode::None).code(),
        ..MemberResponse::default()
    }
}

impl Draft<'_> {
    fn leave(&mut self, members: &[MemberIdentity]) -> Vec<Result<(), ErrorCode>> {
        let results: Vec<_> = members.iter().map(|member| self.leave_one(member)).collect();
        if results.iter().any(Result::is_ok) && self.group.state != State::Empty {
            self.rebalance();
        }
        results
    }

    fn leave_one(&mut self, member: &MemberIdentity) -> Result<(), ErrorCode> {
        let instance_id = member.group_instance_id.as_deref();
        let member_id = if member.member_id.is_empty() {
            let known = instance_id.and_then(|id| self.group.static_members.get(id));
            known.cloned().ok_or(ErrorCode::UnknownMemberId)?
        } else if self.group.pending_joins.contains_key(&member.member_id) {
            member.member_id.clone()
        } else {
            self.group.validate_member(&member.member_id, instance_id)?.id.clone()
        };
        let reason = member.reason.as_deref().unwrap_or_default();
        if self.group.member(&member_id).is_some() {
            self.note_member(CauseKind::MemberLeft, &member_id, reason);
        }
        self.remove_member(&member_id);
        Ok(())
    }
}
