//! JoinGroup.
//!
//! v1: rebalance time-out.  v4: MEMBER_ID_REQUIRED.  v5: static members.  v8: reason (KIP-800).
//! v9: the leader of an unchanged group may skip the assignment.

use ottla_coordinator::{Body, Response};
use ottla_wire::messages::{JoinGroupRequest, JoinGroupResponse};

use super::group_call::ask;
use crate::broker::Broker;
use crate::request::Caller;

pub(crate) async fn join_group(
    broker: &Broker,
    caller: &Caller,
    request: JoinGroupRequest,
) -> JoinGroupResponse {
    let group_id = request.group_id.clone();
    match ask(broker, caller, &group_id, Body::JoinGroup(request)).await {
        Ok(Response::JoinGroup(response)) => response,
        Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
        Err(code) => JoinGroupResponse {
            error_code: code.code(),
            // Null from the version on that can say so.
            protocol_name: (caller.version < 7).then(String::new),
            ..JoinGroupResponse::default()
        },
    }
}
