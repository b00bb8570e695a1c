//! Why a request about a consumer group is refused.

use ottla_wire::ErrorCode;
use ottla_wire::messages::ConsumerGroupHeartbeatResponse;

use crate::request::Response;

/// An error code, and what it says to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub code: ErrorCode,
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn group_not_found(group_id: &str) -> Self {
        Self::new(ErrorCode::GroupIdNotFound, format!("Consumer group {group_id} not found."))
    }

    pub(super) fn not_a_consumer_group(group_id: &str) -> Self {
        let message = format!("Group {group_id} is not a consumer group.");
        Self::new(ErrorCode::GroupIdNotFound, message)
    }

    pub(super) fn unknown_member(group_id: &str, member_id: &str) -> Self {
        let message = format!("Member {member_id} is not a member of group {group_id}.");
        Self::new(ErrorCode::UnknownMemberId, message)
    }

    pub(crate) fn into_heartbeat(self) -> Response {
        Response::ConsumerGroupHeartbeat(ConsumerGroupHeartbeatResponse {
            error_code: self.code.code(),
            error_message: Some(self.message),
            ..ConsumerGroupHeartbeatResponse::default()
        })
    }
}
