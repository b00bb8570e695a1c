//! Requests that only the controller decides: passed on as they came, answered as it answers. Log levels
//! are the broker's own and never get that far, nor does what a broker can refuse by itself.

use ottla_metadata::config::alterations::{take_refused, take_refused_incremental};
use ottla_wire::ErrorCode;
use ottla_wire::messages::{
    AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, RequestBody, ResponseBody,
};

use super::configs::log_levels;
use super::refusal::{has_no_time, refuse};
use crate::broker::Broker;
use crate::request::Caller;

/// Asks the controller. When it can't be reached the request's own response says so; `None` when
/// that response has no place to say it, and the connection must end.
pub(crate) async fn forwarded(
    broker: &Broker,
    caller: &Caller,
    request: RequestBody,
) -> Option<ResponseBody> {
    let request = match request {
        RequestBody::IncrementalAlterConfigs(request) => {
            return alter_incrementally(broker, caller, request).await;
        }
        RequestBody::AlterConfigs(request) => return alter_all(broker, caller, request).await,
        other => other,
    };
    ask(broker, caller, request).await
}

/// The broker answers for what it refuses, the controller for the rest; each answer in its place.
async fn alter_all(
    broker: &Broker,
    caller: &Caller,
    mut request: Box<AlterConfigsRequest>,
) -> Option<ResponseBody> {
    let refused = take_refused(broker.node_id, &mut request);
    let mut response = Box::<AlterConfigsResponse>::default();
    if !request.resources.is_empty() {
        match ask(broker, caller, RequestBody::AlterConfigs(request)).await? {
            ResponseBody::AlterConfigs(rest) => response = rest,
            other => return Some(other),
        }
    }
    response.responses = in_place(response.responses, refused);
    Some(ResponseBody::AlterConfigs(response))
}

/// As [`alter_all`]; the broker answers for its loggers too.
async fn alter_incrementally(
    broker: &Broker,
    caller: &Caller,
    mut request: Box<IncrementalAlterConfigsRequest>,
) -> Option<ResponseBody> {
    let refused = take_refused_incremental(broker.node_id, &mut request);
    let own = log_levels::alter(broker, &mut request);
    let mut response = Box::<IncrementalAlterConfigsResponse>::default();
    if !request.resources.is_empty() {
        let rest = RequestBody::IncrementalAlterConfigs(request);
        match ask(broker, caller, rest).await? {
            ResponseBody::IncrementalAlterConfigs(rest) => response = rest,
            other => return Some(other),
        }
    }
    // Places are those in the request as it was when each was taken out.
    response.responses = in_place(in_place(response.responses, own), refused);
    Some(ResponseBody::IncrementalAlterConfigs(response))
}

/// Puts answers among the others, each in its place; the places rise.
fn in_place<Answer>(others: Vec<Answer>, placed: Vec<(usize, Answer)>) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(others.len() + placed.len());
    let mut others = others.into_iter();
    for (at, answer) in placed {
        let before = at.saturating_sub(answers.len());
        answers.extend(others.by_ref().take(before));
        answers.push(answer);
    }
    answers.extend(others);
    answers
}

async fn ask(broker: &Broker, caller: &Caller, request: RequestBody) -> Option<ResponseBody> {
    if has_no_time(&request) {
        return refuse(&request, caller.version, ErrorCode::RequestTimedOut);
    }
    let unreachable = request.clone();
    match broker.controller.ask(request, caller.version, &caller.connection.principal).await {
        Ok(response) => Some(response),
        Err(code) => refuse(&unreachable, caller.version, code),
    }
}

#[cfg(test)]
mod tests {
    use super::in_place;

    #[test]
    fn answers_stand_where_they_were_asked_for() {
        assert_eq!(
            in_place(vec!['b', 'd'], vec![(0, 'a'), (2, 'c'), (4, 'e')]),
            ['a', 'b', 'c', 'd', 'e']
        );
        assert_eq!(in_place(vec!['a'], vec![(7, 'b')]), ['a', 'b']);
        assert_eq!(in_place(vec!['a', 'b'], Vec::new()), ['a', 'b']);
    }
}
