//! LeaveGroup.
//!
//! v3: several members at once.  v5: reason (KIP-800).

use ottla_coordinator::{Body, Response};
use ottla_wire::messages::{LeaveGroupRequest, LeaveGroupResponse};

use super::group_call::ask;
use crate::broker::Broker;
use crate::request::Caller;

pub(crate) async fn leave_group(
    broker: &Broker,
    caller: &Caller,
    request: LeaveGroupRequest,
) -> LeaveGroupResponse {
    let group_id = request.group_id.clone();
    match ask(broker, caller, &group_id, Body::LeaveGroup(request)).await {
        Ok(Response::LeaveGroup(response)) => response,
        Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
        Err(code) => {
            LeaveGroupResponse { error_code: code.code(), ..LeaveGroupResponse::default() }
        }
    }
}
