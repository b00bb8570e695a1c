//! Requests that only the controller decides: passed on as they came, answered as it answers. Log levels
//! are the broker's own and never get that far.

use ottla_wire::messages::{
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, RequestBody, ResponseBody,
};

use super::log_levels;
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
    let request = match request {
        RequestBody::IncrementalAlterConfigs(request) => {
            return alter_configs(broker, caller, request).await;
        }
        other => other,
    };
    ask(broker, caller, request).await
}

/// The broker answers for its loggers, the controller for the rest; each answer in its place.
async fn alter_configs(
    broker: &Broker,
    caller: &Caller,
    mut request: Box<IncrementalAlterConfigsRequest>,
) -> Option<ResponseBody> {
    let own = log_levels::alter(broker, &mut request);
    if own.is_empty() {
        return ask(broker, caller, RequestBody::IncrementalAlterConfigs(request)).await;
    }
    let mut response = Box::<IncrementalAlterConfigsResponse>::default();
    if !request.resources.is_empty() {
        let rest = RequestBody::IncrementalAlterConfigs(request);
        match ask(broker, caller, rest).await? {
            ResponseBody::IncrementalAlterConfigs(rest) => response = rest,
            other => return Some(other),
        }
    }
    for (at, answer) in own {
        let at = at.min(response.responses.len());
        response.responses.insert(at, answer);
    }
    Some(ResponseBody::IncrementalAlterConfigs(response))
}

async fn ask(broker: &Broker, caller: &Caller, request: RequestBody) -> Option<ResponseBody> {
    let unreachable = request.clone();
    match broker.controller.ask(request, caller.version, &caller.connection.principal).await {
        Ok(response) => Some(response),
        Err(code) => refuse(&unreachable, code),
    }
}
