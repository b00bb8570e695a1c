//! SyncGroup.
//!
//! v3: static members.  v5: protocol type and name are checked.

use ottla_coordinator::{Body, Response};
use ottla_wire::messages::{SyncGroupRequest, SyncGroupResponse};

use super::group_call::ask;
use crate::broker::Broker;
use crate::request::Caller;

pub(crate) async fn sync_group(
    broker: &Broker,
    caller: &Caller,
    request: SyncGroupRequest,
) -> SyncGroupResponse {
    let group_id = request.group_id.clone();
    match ask(broker, caller, &group_id, Body::SyncGroup(request)).await {
        Ok(Response::SyncGroup(response)) => response,
        Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
        Err(code) => SyncGroupResponse { error_code: code.code(), ..SyncGroupResponse::default() },
    }
}
