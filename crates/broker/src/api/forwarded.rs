//! Requests that only the controller decides: passed on as they came, answered as it answers.

use ottla_wire::ErrorCode;
use ottla_wire::messages::{RequestBody, ResponseBody};

use crate::broker::Broker;
use crate::caller::Caller;

/// Asks the controller. When it can't be reached the request's own response says so.
pub(super) async fn forwarded(
    broker: &Broker,
    caller: &Caller,
    request: RequestBody,
) -> ResponseBody {
    let unreachable = request.clone();
    match broker.controller.ask(request, caller.version, &caller.connection.principal).await {
        Ok(response) => response,
        Err(code) => refuse(unreachable, code),
    }
}

/// The response of a request that was not carried out, with the code at each of its items.
fn refuse(request: RequestBody, code: ErrorCode) -> ResponseBody {
    super::refusal::refuse(&request, code)
}
