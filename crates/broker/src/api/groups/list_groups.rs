//! ListGroups: the groups that this broker coordinates.
//!
//! v4: filter by state.  v5: filter by type.

use ottla_coordinator::{Body, GroupFilter, Response};
use ottla_wire::ErrorCode;
use ottla_wire::messages::{ListGroupsRequest, ListGroupsResponse};

use super::group_call;
use crate::broker::Broker;
use crate::request::Caller;

pub(crate) async fn list_groups(
    broker: &Broker,
    caller: &Caller,
    request: ListGroupsRequest,
) -> ListGroupsResponse {
    let filter = GroupFilter::from(request);
    let ask = || group_call::request(broker, caller, Body::ListGroups(filter.clone()));
    let mut response = ListGroupsResponse::default();
    for answer in broker.groups.ask_all(ask).await {
        match answer {
            Ok(Response::ListGroups(part)) => response.groups.extend(part.groups),
            Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
            // One that is still loading makes the list incomplete, and the caller must know.
            Err(ErrorCode::NotCoordinator) => {}
            Err(code) => response.error_code = code.code(),
        }
    }
    response
}
