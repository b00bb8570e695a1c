//! OffsetDelete.
//!
//! Deletes committed offsets of topics that the group does not subscribe to (KIP-496).

use ottla_coordinator::{Body, Response};
use ottla_wire::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

use super::group_call::ask;
use crate::broker::Broker;
use crate::caller::Caller;

pub(crate) async fn offset_delete(
    broker: &Broker,
    caller: &Caller,
    request: OffsetDeleteRequest,
) -> OffsetDeleteResponse {
    let group_id = request.group_id.clone();
    match ask(broker, caller, &group_id, Body::OffsetDelete(request)).await {
        Ok(Response::OffsetDelete(response)) => response,
        Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
        Err(code) => {
            OffsetDeleteResponse { error_code: code.code(), ..OffsetDeleteResponse::default() }
        }
    }
}
