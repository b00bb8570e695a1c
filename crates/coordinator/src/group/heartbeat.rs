//! Heartbeat.
//!
//! Keeps the member's session alive, and is how members learn that they must join again. v3: static members.

use ottla_machine::{Decision, Millis, Token};
use ottla_wire::ErrorCode;
use ottla_wire::messages::{HeartbeatRequest, HeartbeatResponse};

use super::State;
use crate::coordinator::{GroupCoordinator, Touch};
use crate::request::Response;

impl GroupCoordinator {
    pub(crate) fn heartbeat(
        &self,
        token: Token,
        request: &HeartbeatRequest,
        now: Millis,
    ) -> Decision<Self> {
        let (error, touch) = match self.beat(request, now) {
            Ok((error, touch)) => (error, Some(touch)),
            Err(error) => (error, None),
        };
        let response =
            HeartbeatResponse { error_code: error.code(), ..HeartbeatResponse::default() };
        let mut decision = Decision::answer(token, Response::Heartbeat(response));
        decision.touches.extend(touch);
        decision
    }

    fn beat(
        &self,
        request: &HeartbeatRequest,
        now: Millis,
    ) -> Result<(ErrorCode, Touch), ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        let group = self.group(&request.group_id).ok_or(ErrorCode::UnknownMemberId)?;
        let member =
            group.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != group.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        let error = match group.state() {
            State::Empty => return Err(ErrorCode::UnknownMemberId),
            State::PreparingRebalance => ErrorCode::RebalanceInProgress,
            State::CompletingRebalance | State::Stable => ErrorCode::None,
        };
        Ok((error, Touch::renew_session(&group.id, member, now)))
    }
}
