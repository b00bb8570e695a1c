//! What every group API does: wrap the request with what is known of the caller, ask the coordinator.

use ottla_coordinator::{Body, Request, Response};
use ottla_wire::ErrorCode;

use crate::broker::Broker;
use crate::request::Caller;

/// Asks the coordinator of `group_id`.
pub(crate) async fn ask(
    broker: &Broker,
    caller: &Caller,
    group_id: &str,
    body: Body,
) -> Result<Response, ErrorCode> {
    broker.groups.ask(group_id, request(broker, caller, body)).await
}

/// A request as a coordinator takes it.
pub(super) fn request(broker: &Broker, caller: &Caller, body: Body) -> Request {
    let mut random = [0; 16];
    broker.random.fill(&mut random);
    Request {
        caller: ottla_coordinator::Caller {
            api_version: caller.version,
            client_id: caller.client_id().to_owned(),
            client_host: caller.client_host(),
            random: u128::from_le_bytes(random),
        },
        body,
    }
}
