//! ConsumerGroupHeartbeat (KIP-848).
//!
//! v1: regular expressions; members make their own ids.
//!
//! Where the protocol is not in use, nobody may speak it: `group.version` and `group.coordinator.rebalance.protocols`.

use ottla_coordinator::{Body, Response};
use ottla_metadata::version::GROUP_VERSION;
use ottla_wire::ErrorCode;
use ottla_wire::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

use super::group_call::ask;
use crate::broker::Broker;
use crate::request::Caller;

pub(crate) async fn consumer_group_heartbeat(
    broker: &Broker,
    caller: &Caller,
    request: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    let refused = |code: ErrorCode| ConsumerGroupHeartbeatResponse {
        error_code: code.code(),
        ..ConsumerGroupHeartbeatResponse::default()
    };
    if !is_in_use(broker) {
        return refused(ErrorCode::UnsupportedVersion);
    }
    let group_id = request.group_id.clone();
    match ask(broker, caller, &group_id, Body::ConsumerGroupHeartbeat(request)).await {
        Ok(Response::ConsumerGroupHeartbeat(response)) => response,
        Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
        Err(code) => refused(code),
    }
}

/// Whether groups may use the consumer protocol.
pub(super) fn is_in_use(broker: &Broker) -> bool {
    broker.settings().consumer_protocol && broker.image().feature_level(GROUP_VERSION) > 0
}
