//! LeaveGroup.
//!
//! v3: several members at once, and static ones by their instance id, which is how an administrator removes them.
//! v5: a reason. Up to v2 there is one member, and its error is the answer's.

use ottla_machine::{Decision, Millis, Token};
use ottla_wire::ErrorCode;
use ottla_wire::messages::leave_group_request::MemberIdentity;
use ottla_wire::messages::leave_group_response::MemberResponse;
use ottla_wire::messages::{LeaveGroupRequest, LeaveGroupResponse};

use super::{Draft, State};
use crate::coordinator::GroupCoordinator;
use crate::request::{Caller, Response};

const FIRST_VERSION_WITH_MEMBERS: i16 = 3;

impl GroupCoordinator {
    pub(crate) fn leave_group(
        &self,
        token: Token,
        caller: &Caller,
        mut request: LeaveGroupRequest,
        now: Millis,
    ) -> Decision<Self> {
        if caller.api_version < FIRST_VERSION_WITH_MEMBERS {
            let member_id = std::mem::take(&mut request.member_id);
            request.members = vec![MemberIdentity { member_id, ..MemberIdentity::default() }];
        }
        if request.group_id.is_empty() {
            return Decision::answer(token, refusal(ErrorCode::InvalidGroupId));
        }
        let Some(group) = self.group(&request.group_id) else {
            let unknown = |member| response_for(member, Err(ErrorCode::UnknownMemberId));
            let members = request.members.iter().map(unknown).collect();
            return Decision::answer(token, answer(caller, members));
        };
        let mut draft = self.draft(group.clone(), now);
        let members = draft.leave(&request.members);
        draft.into_decision().and_answer(token, answer(caller, members))
    }
}

fn refusal(error: ErrorCode) -> Response {
    Response::LeaveGroup(LeaveGroupResponse {
        error_code: error.code(),
        ..LeaveGroupResponse::default()
    })
}

fn answer(caller: &Caller, members: Vec<MemberResponse>) -> Response {
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
    fn leave(&mut self, members: &[MemberIdentity]) -> Vec<MemberResponse> {
        let mut has_left = false;
        let mut responses = Vec::with_capacity(members.len());
        for member in members {
            let left = self.leave_one(member);
            has_left |= left.is_ok();
            responses.push(response_for(member, left));
        }
        if has_left && self.group.state != State::Empty {
            self.rebalance();
        }
        responses
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
        self.remove_member(&member_id);
        Ok(())
    }
}
