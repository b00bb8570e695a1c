//! Heartbeat.
//!
//! v3: static members.

use ottla_coordinator::{Body, Response};
use ottla_wire::ErrorCode;
use ottla_wire::messages::{HeartbeatRequest, HeartbeatResponse};

use super::group_call::ask;
use crate::broker::Broker;
use crate::request::Caller;

pub(crate) async fn heartbeat(
    broker: &Broker,
    caller: &Caller,
    request: HeartbeatRequest,
) -> HeartbeatResponse {
    let group_id = request.group_id.clone();
    answer(ask(broker, caller, &group_id, Body::Heartbeat(request)).await)
}

fn answer(told: Result<Response, ErrorCode>) -> HeartbeatResponse {
    match told {
        Ok(Response::Heartbeat(response)) => response,
        Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
        // Whoever beats while its group is loaded is not to blame: every member begins a new session then.
        Err(ErrorCode::CoordinatorLoadInProgress) => HeartbeatResponse::default(),
        Err(code) => HeartbeatResponse { error_code: code.code(), ..HeartbeatResponse::default() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_is_loaded_blames_nobody() {
        for (code, expected) in [
            (ErrorCode::CoordinatorLoadInProgress, ErrorCode::None),
            (ErrorCode::NotCoordinator, ErrorCode::NotCoordinator),
        ] {
            assert_eq!(answer(Err(code)).error_code, expected.code());
        }
    }
}
