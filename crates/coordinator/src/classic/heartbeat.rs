//! Heartbeat.
//!
//! Keeps the member's session alive, and is how members learn that they must join again. v3: static members.

use ottla_machine::{Decision, Millis};
use ottla_wire::ErrorCode;
use ottla_wire::messages::HeartbeatRequest;

use super::{ClassicGroup, State};
use crate::coordinator::{GroupCoordinator, Touch};

impl GroupCoordinator {
    /// What the member is told, and what becomes of its session.
    pub(crate) fn beat_classic_group(
        &self,
        group: &ClassicGroup,
        request: &HeartbeatRequest,
        now: Millis,
    ) -> Result<(ErrorCode, Decision<Self>), ErrorCode> {
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
        let mut decision = Decision::nothing();
        decision.touches.push(Touch::renew_session(&group.id, member, now));
        Ok((error, decision))
    }
}
