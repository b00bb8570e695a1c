//! Heartbeats: they keep the membership alive while the caller is busy, and bring word of rebalances.

use std::sync::Arc;

use ottla_cluster::{ApiError, Cluster, Error};
use ottla_wire::messages::HeartbeatRequest;
use ottla_wire::{ErrorCode, Message};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Doubt, GroupMetadata, Membership, leave};
use crate::Event;
use crate::config::ConsumerConfig;

/// Runs while the generation that was joined holds.
pub(crate) async fn keep_alive(
    cluster: Cluster,
    config: ConsumerConfig,
    membership: Arc<Membership>,
    events: mpsc::Sender<Event>,
) {
    let mut heard_at = Instant::now();
    loop {
        tokio::time::sleep(config.heartbeat_interval).await;
        let metadata = membership.metadata();
        if metadata.generation < 0 {
            return;
        }
        let doubt = if membership.polled_at().elapsed() > config.poll_interval_max {
            tracing::warn!(
                group = %metadata.group_id,
                "no poll within max.poll.interval.ms: leaving the group"
            );
            leave(&cluster, &metadata, "consumer poll timeout has expired.", false).await;
            Some(Doubt::PollTooLate)
        } else {
            match beat(&cluster, &membership, &metadata).await {
                Ok(()) => {
                    heard_at = Instant::now();
                    None
                }
                Err(error) => doubt_of(&error),
            }
        };
        if heard_at.elapsed() > config.session_timeout {
            cluster.suspect(&membership.target(), &Error::from(ErrorCode::CoordinatorNotAvailable));
        }
        let Some(doubt) = doubt else { continue };
        membership.doubt(&metadata, doubt);
        // A poll that waits for records must hear of it now; a full queue wakes it as well.
        let _ = events.try_send(Event::GroupChanged);
        // During a rebalance the coordinator goes on counting heartbeats until the member joins again.
        if doubt != Doubt::Rebalance {
            return;
        }
    }
}

async fn beat(
    cluster: &Cluster,
    membership: &Membership,
    metadata: &GroupMetadata,
) -> Result<(), Error> {
    let target = membership.target();
    let build = |version| HeartbeatRequest {
        group_id: metadata.group_id.clone(),
        generation_id: metadata.generation,
        member_id: metadata.member_id.clone(),
        group_instance_id: metadata.instance_id.clone().filter(|_| version >= 3),
        ..HeartbeatRequest::default()
    };
    let versions = <HeartbeatRequest as Message>::VERSIONS;
    let attempt = cluster.attempt(&target, &versions, &build, None).await;
    let checked = attempt.and_then(|(response, _)| Ok(ApiError::check(response.error_code, None)?));
    if let Err(error) = &checked
        && doubt_of(error).is_none()
    {
        cluster.suspect(&target, error);
    }
    checked
}

/// What a refusal says of the membership; `None` if it says nothing.
pub(super) fn doubt_of(error: &Error) -> Option<Doubt> {
    match error.code()? {
        ErrorCode::RebalanceInProgress => Some(Doubt::Rebalance),
        ErrorCode::IllegalGeneration | ErrorCode::UnknownMemberId => Some(Doubt::Lost),
        ErrorCode::FencedInstanceId => Some(Doubt::Fenced),
        _ => None,
    }
}
