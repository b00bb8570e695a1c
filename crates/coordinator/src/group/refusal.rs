//! What is refused whoever coordinates: a broker says so before it looks for the coordinator.

use ottla_wire::ErrorCode;
use ottla_wire::messages::{HeartbeatResponse, OffsetDeleteResponse};

use crate::classic;
use crate::config::Config;
use crate::consumer;
use crate::request::{Body, Request, Response};

impl Request {
    /// The answer to a request that no coordinator would take, whatever it knows.
    #[must_use]
    pub fn refusal(&self, config: &Config) -> Option<Response> {
        let Self { caller, body } = self;
        match body {
            Body::JoinGroup(request) => {
                let error = classic::validate_join(config, request).err()?;
                Some(classic::join_refused(caller, &request.member_id, error))
            }
            Body::SyncGroup(request) => {
                let error = classic::validate_sync(caller, request).err()?;
                Some(classic::sync_refused(error))
            }
            Body::Heartbeat(request) => {
                let error_code = require_name(&request.group_id).err()?.code();
                Some(Response::Heartbeat(HeartbeatResponse { error_code, ..Default::default() }))
            }
            Body::LeaveGroup(request) => {
                Some(classic::leave_refused(require_name(&request.group_id).err()?))
            }
            Body::OffsetDelete(request) => {
                let error_code = require_name(&request.group_id).err()?.code();
                let response = OffsetDeleteResponse { error_code, ..Default::default() };
                Some(Response::OffsetDelete(response))
            }
            Body::ConsumerGroupHeartbeat(request) => {
                let valid =
                    consumer::validate_heartbeat(&config.consumer, caller.api_version, request);
                Some(valid.err()?.into_heartbeat())
            }
            _ => None,
        }
    }
}

fn require_name(group_id: &str) -> Result<(), ErrorCode> {
    match group_id.is_empty() {
        true => Err(ErrorCode::InvalidGroupId),
        false => Ok(()),
    }
}
