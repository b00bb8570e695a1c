//! Heartbeat.
//!
//! v3: static members.

use ottla_coordinator::{Body, Response};
use ottla_wire::ErrorCode;
use ottla_wire::messages::{HeartbeatRequest, HeartbeatResponse};

use super::group_call::ask;
use crate::broker::Broker;
use crate::request::Caller;

pub(crate) async fn heartbeat(
    broker: &Broker,
    caller: &Caller,
    request: HeartbeatRequest,
) -> HeartbeatResponse {
    let group_id = request.group_id.clone();
    match ask(broker, caller, &group_id, Body::Heartbeat(request)).await {
        Ok(Response::Heartbeat(response)) => response,
        Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
        // Whoever beats while its group is loaded is not to blame: every member begins a new session then.
        Err(ErrorCode::CoordinatorLoadInProgress) => HeartbeatResponse::default(),
        Err(code) => HeartbeatResponse { error_code: code.code(), ..HeartbeatResponse::default() },
    }
}
