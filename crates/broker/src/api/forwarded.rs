//! Requests that only the controller decides: passed on as they came, answered as it answers.

use ottla_wire::messages::{RequestBody, ResponseBody};

use super::refusal::refuse;
use crate::broker::Broker;
use crate::caller::Caller;

/// Asks the controller. When it can't be reached the request's own response says so; `None` when
/// that response has no place to say it, and the connection must end.
pub(crate) async fn forwarded(
    broker: &Broker,
    caller: &Caller,
    request: RequestBody,
) -> Option<ResponseBody> {
    let unreachable = request.clone();
    match broker.controller.ask(request, caller.version, &caller.connection.principal).await {
        Ok(response) => Some(response),
        Err(code) => refuse(&unreachable, code),
    }
}
