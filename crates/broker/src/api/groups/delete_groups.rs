//! DeleteGroups.
//!
//! v3: a message for each group (KIP-1331).

use ottla_coordinator::{Body, Response};
use ottla_wire::messages::delete_groups_response::DeletableGroupResult;
use ottla_wire::messages::{DeleteGroupsRequest, DeleteGroupsResponse};

use super::group_call::ask;
use crate::broker::Broker;
use crate::request::Caller;

pub(crate) async fn delete_groups(
    broker: &Broker,
    caller: &Caller,
    request: DeleteGroupsRequest,
) -> DeleteGroupsResponse {
    let mut names = request.groups_names;
    // A name that stands twice is answered once.
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let mut response = DeleteGroupsResponse::default();
    for group_id in names {
        let one =
            DeleteGroupsRequest { groups_names: vec![group_id.clone()], ..Default::default() };
        match ask(broker, caller, &group_id, Body::DeleteGroups(one)).await {
            Ok(Response::DeleteGroups(part)) => response.results.extend(part.results),
            Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
            Err(code) => response.results.push(DeletableGroupResult {
                group_id,
                error_code: code.code(),
                ..DeletableGroupResult::default()
            }),
        }
    }
    response
}
