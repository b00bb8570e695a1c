//! Who a consumer is in its group, and leaving it.

use ottla_cluster::{Cluster, Target};
use ottla_wire::Message;
use ottla_wire::messages::LeaveGroupRequest;
use ottla_wire::messages::leave_group_request::MemberIdentity;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::config::GroupProtocol;

/// Who a consumer is in its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadata {
    /// `group.id`.
    pub group_id: String,
    /// Its id: given by the coordinator, empty outside the group; its own with the consumer protocol.
    pub member_id: String,
    /// The generation it is part of, or with the consumer protocol its epoch; -1 outside the group.
    pub generation: i32,
    /// `group.instance.id`.
    pub instance_id: Option<String>,
}

/// Why a membership no longer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// The group rebalances: join again, keeping the id.
    Rebalance,
    /// The coordinator forgot the member: its partitions are lost.
    Lost,
    /// Another member with the same `group.instance.id` took its place.
    Fenced,
    /// `max.poll.interval.ms` passed without a poll, so the member left.
    PollTooLate,
}

/// What consumer and heartbeat share.
pub(crate) struct Membership {
    pub(crate) protocol: GroupProtocol,
    state: Mutex<State>,
}

struct State {
    metadata: GroupMetadata,
    doubt: Option<Doubt>,
    polled_at: Instant,
}

impl Membership {
    /// Somebody who is not in the group yet; `member_id` is empty unless members choose their own.
    pub(crate) fn new(protocol: GroupProtocol, metadata: GroupMetadata) -> Self {
        let state = State { metadata, doubt: None, polled_at: Instant::now() };
        Self { protocol, state: Mutex::new(state) }
    }

    pub(crate) fn metadata(&self) -> GroupMetadata {
        self.state.lock().metadata.clone()
    }

    pub(crate) fn target(&self) -> Target {
        Target::Group(self.state.lock().metadata.group_id.clone())
    }

    /// Notes a successful join.
    pub(crate) fn joined(&self, member_id: String, generation: i32) {
        let mut state = self.state.lock();
        state.metadata.member_id = member_id;
        state.metadata.generation = generation;
        state.doubt = None;
    }

    /// Notes that the member left, or was put out.
    pub(crate) fn left(&self) {
        let mut state = self.state.lock();
        state.metadata.generation = -1;
        state.doubt = None;
        if self.protocol == GroupProtocol::Classic {
            state.metadata.member_id.clear();
        }
    }

    /// Notes why the membership that `seen` tells of no longer holds; the gravest reason stays.
    /// Word of a generation that is over says nothing of the present one.
    pub(crate) fn doubt(&self, seen: &GroupMetadata, doubt: Doubt) {
        let mut state = self.state.lock();
        if state.metadata != *seen {
            return;
        }
        match doubt {
            Doubt::Rebalance => {
                state.doubt.get_or_insert(doubt);
            }
            Doubt::Lost | Doubt::Fenced | Doubt::PollTooLate => {
                state.doubt = Some(doubt);
                state.metadata.generation = -1;
                if doubt != Doubt::Fenced {
                    state.metadata.member_id.clear();
                }
            }
        }
    }

    pub(crate) fn doubted(&self) -> Option<Doubt> {
        self.state.lock().doubt
    }

    pub(crate) fn polled(&self) {
        self.state.lock().polled_at = Instant::now();
    }

    pub(crate) fn polled_at(&self) -> Instant {
        self.state.lock().polled_at
    }
}

/// Tells the coordinator that a dynamic member goes. Static members stay, so that a restart costs no rebalance.
///
/// While it joins, the connection to the coordinator is taken by a JoinGroup that may wait for minutes: the word then
/// goes another way.
pub(crate) async fn leave(
    cluster: &Cluster,
    metadata: &GroupMetadata,
    reason: &str,
    is_joining: bool,
) {
    if metadata.instance_id.is_some() || metadata.member_id.is_empty() {
        return;
    }
    let build = |version| {
        let mut request = LeaveGroupRequest {
            group_id: metadata.group_id.clone(),
            ..LeaveGroupRequest::default()
        };
        // One member by its id before version 3, a list of them since.
        if version < 3 {
            request.member_id.clone_from(&metadata.member_id);
        } else {
            request.members.push(MemberIdentity {
                member_id: metadata.member_id.clone(),
                reason: Some(reason.to_owned()),
                ..MemberIdentity::default()
            });
        }
        request
    };
    let mut target = Target::Group(metadata.group_id.clone());
    if is_joining && let Ok(coordinator) = cluster.coordinator(&target).await {
        target = Target::Node(coordinator.id);
    }
    let versions = <LeaveGroupRequest as Message>::VERSIONS;
    if let Err(error) = cluster.attempt(&target, &versions, &build, None).await {
        // The session times out instead.
        tracing::debug!(%error, group = %metadata.group_id, "could not leave the group");
    }
}
