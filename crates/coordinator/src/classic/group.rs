//! A group of the classic protocol: its members and where it is in its rebalance.
//!
//! A group's hard state is what its last `GroupMetadata` record says. During a rebalance the living group runs ahead of
//! that record: waiting members, generations not yet synced and timers are soft, and a reload falls back to the record.
//!
//! Members live in persistent maps of shared values: deciding works on a copy of the group, and copying is cheap.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use imbl::{OrdMap, OrdSet};
use ottla_machine::Millis;
use ottla_wire::ErrorCode;
use ottla_wire::messages::GroupMetadataValue;

use super::member::Member;
use super::protocols::SupportedProtocols;

/// The protocol type of Kafka's consumers, the only one whose metadata the coordinator reads.
const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// Where a group is between two assignments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// No members; offsets may remain.
    Empty,
    /// Waits for its members to join.
    PreparingRebalance,
    /// Waits for the leader's assignment.
    CompletingRebalance,
    /// Every member has its assignment.
    Stable,
}

impl State {
    /// The name that clients and tools see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// When the join phase ends, whoever has joined by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JoinDeadline {
    /// A new group gives its members time to appear: a member that joins during `delay_ms` prolongs it, as long as
    /// there is time `remaining_ms`.
    Initial { at: Millis, delay_ms: i32, remaining_ms: i32 },
    /// The members of a group that rebalances have the longest of their rebalance timeouts.
    Rejoin { at: Millis },
}

impl JoinDeadline {
    pub(super) fn at(self) -> Millis {
        match self {
            Self::Initial { at, .. } | Self::Rejoin { at } => at,
        }
    }
}

/// A group, hard and soft state together.
#[derive(Clone, Debug)]
pub(crate) struct ClassicGroup {
    pub(crate) id: String,
    pub(super) state: State,
    /// Whether the group was empty before it began to prepare this rebalance.
    pub(super) initial_rebalance: bool,
    /// When the group entered its state; unknown for groups from very old logs and for simple consumers.
    pub(super) state_since: Option<Millis>,
    pub(super) generation: i32,
    /// Unknown for a simple group, which only holds offsets.
    pub(super) protocol_type: Option<String>,
    /// The protocol that the members chose for this generation.
    pub(super) protocol: Option<String>,
    pub(super) leader: Option<String>,
    pub(super) members: OrdMap<String, Arc<Member>>,
    /// Group instance id to member id.
    pub(super) static_members: OrdMap<String, String>,
    /// Members that were given an id and have not joined with it yet, and until when they may.
    pub(super) pending_joins: OrdMap<String, Millis>,
    /// Members of this generation that have not sent their sync yet.
    pub(super) pending_syncs: OrdSet<String>,
    pub(super) supported: SupportedProtocols,
    /// Topics that the members subscribe to, as far as the coordinator understands their metadata.
    pub(super) subscribed: Option<Arc<BTreeSet<String>>>,
    pub(super) join_deadline: Option<JoinDeadline>,
    pub(super) sync_deadline: Option<Millis>,
    pub(super) new_member_added: bool,
    pub(super) awaiting_joins: usize,
    /// No deadline of this group is earlier than this. Deadlines move away all the time; this follows when it is due.
    pub(super) wake_at: Option<Millis>,
}

impl ClassicGroup {
    /// A group without members.
    pub(crate) fn empty(id: String, state_since: Option<Millis>) -> Self {
        Self {
            id,
            state: State::Empty,
            initial_rebalance: false,
            state_since,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: OrdMap::new(),
            static_members: OrdMap::new(),
            pending_joins: OrdMap::new(),
            pending_syncs: OrdSet::new(),
            supported: SupportedProtocols::default(),
            subscribed: None,
            join_deadline: None,
            sync_deadline: None,
            new_member_added: false,
            awaiting_joins: 0,
            wake_at: None,
        }
    }

    /// The group that a record tells of. Sessions start when the coordinator does.
    pub(crate) fn from_record(id: String, value: &GroupMetadataValue) -> Self {
        let mut group = Self::empty(id, Some(value.current_state_timestamp).filter(|at| *at != -1));
        group.generation = value.generation;
        group.protocol_type = Some(value.protocol_type.clone()).filter(|name| !name.is_empty());
        group.protocol = value.protocol.clone();
        group.leader = value.leader.clone();
        if !value.members.is_empty() {
            group.state = State::Stable;
        }
        for member in &value.members {
            group.insert(Member::from_record(member, value.protocol.as_deref()));
        }
        group.subscribed = group.read_subscriptions();
        group
    }

    /// The group that one of the consumer protocol becomes: its members have the epoch for a generation.
    pub(crate) fn downgraded(
        id: String,
        generation: i32,
        members: Vec<Member>,
        now: Millis,
    ) -> Self {
        let mut group = Self::empty(id, Some(now));
        group.state = State::Stable;
        group.generation = generation;
        group.protocol_type = Some(CONSUMER_PROTOCOL_TYPE.to_owned());
        for member in members {
            group.insert(member);
        }
        group.protocol = group.choose_protocol();
        group.subscribed = group.read_subscriptions();
        group
    }

    /// What a member says about the group's protocol.
    pub(crate) fn metadata_of(&self, member_id: &str) -> Bytes {
        let member = self.member(member_id);
        member.map(|member| member.metadata(self.protocol.as_deref())).unwrap_or_default()
    }

    pub(crate) fn assign(&mut self, member_id: &str, assignment: Bytes) {
        self.update(member_id, |member| member.assignment = assignment);
    }

    pub(crate) fn generation(&self) -> i32 {
        self.generation
    }

    /// None for a simple group, which only holds offsets.
    pub(crate) fn protocol_type(&self) -> Option<&str> {
        self.protocol_type.as_deref()
    }

    /// The protocol of this generation.
    pub(crate) fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// Whether nobody is a member. Members that only hold an id don't count, as in Kafka.
    pub(crate) fn is_empty(&self) -> bool {
        self.state == State::Empty
    }

    pub(crate) fn wake_at(&self) -> Option<Millis> {
        self.wake_at
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Arc<Member>> {
        self.members.values()
    }

    pub(super) fn member(&self, member_id: &str) -> Option<&Arc<Member>> {
        self.members.get(member_id)
    }

    pub(super) fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    pub(crate) fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER_PROTOCOL_TYPE)
    }

    /// The longest time that any member needs to join a rebalance.
    pub(super) fn rebalance_timeout_ms(&self) -> i32 {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0).max(0)
    }

    /// Whether every member waits in the join phase, and nobody is expected to.
    pub(super) fn has_everyone_joined(&self) -> bool {
        self.members.len() == self.awaiting_joins && self.pending_joins.is_empty()
    }

    /// Whether `member_id` is a member, and the right one for the instance it claims to be.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, or `FENCED_INSTANCE_ID` when another member has taken the instance's place.
    pub(crate) fn validate_member(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<&Arc<Member>, ErrorCode> {
        if let Some(instance_id) = instance_id {
            match self.static_members.get(instance_id) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(known) if known != member_id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        self.member(member_id).ok_or(ErrorCode::UnknownMemberId)
    }

    /// Adds a member, or replaces it when the id is known.
    pub(super) fn insert(&mut self, member: Member) {
        self.take(&member.id);
        if let Some(instance_id) = &member.instance_id {
            self.static_members.insert(instance_id.clone(), member.id.clone());
        }
        if self.leader.is_none() {
            self.leader = Some(member.id.clone());
        }
        self.pending_joins.remove(&member.id);
        self.supported.add(&member);
        self.awaiting_joins += usize::from(member.awaiting_join.is_some());
        self.wake_by(member.session_deadline);
        self.members.insert(member.id.clone(), Arc::new(member));
    }

    /// Takes a member out to change it; nothing but the counts is touched. [`ClassicGroup::insert`] puts it back.
    pub(super) fn take(&mut self, member_id: &str) -> Option<Member> {
        let member = self.members.remove(member_id)?;
        self.supported.remove(&member);
        self.awaiting_joins -= usize::from(member.awaiting_join.is_some());
        Some(Arc::unwrap_or_clone(member))
    }

    /// Changes a member in place. Its protocols and id must stay.
    pub(super) fn update(&mut self, member_id: &str, change: impl FnOnce(&mut Member)) {
        let Some(member) = self.members.get_mut(member_id) else { return };
        let member = Arc::make_mut(member);
        let awaited = member.awaiting_join.is_some();
        change(member);
        let awaits = member.awaiting_join.is_some();
        let deadline = member.session_deadline;
        self.awaiting_joins = self.awaiting_joins + usize::from(awaits) - usize::from(awaited);
        self.wake_by(deadline);
    }

    /// Removes a member, or somebody who only holds an id. The first of the others becomes the leader.
    pub(super) fn remove(&mut self, member_id: &str) -> Option<Member> {
        let removed = self.take(member_id);
        if let Some(instance_id) = removed.as_ref().and_then(|member| member.instance_id.as_ref()) {
            self.static_members.remove(instance_id);
        }
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_joins.remove(member_id);
        self.pending_syncs.remove(member_id);
        removed
    }

    /// A member has shown that it is alive.
    pub(crate) fn renew_session(&mut self, member_id: &str, deadline: Millis) {
        self.update(member_id, |member| member.session_deadline = Some(deadline));
    }

    pub(super) fn enter(&mut self, state: State, now: Millis) {
        self.state = state;
        self.state_since = Some(now);
    }

    pub(super) fn set_join_deadline(&mut self, deadline: JoinDeadline) {
        self.join_deadline = Some(deadline);
        self.wake_by(Some(deadline.at()));
    }

    pub(super) fn set_sync_deadline(&mut self, at: Millis) {
        self.sync_deadline = Some(at);
        self.wake_by(Some(at));
    }

    pub(super) fn expect_join(&mut self, member_id: String, until: Millis) {
        self.pending_joins.insert(member_id, until);
        self.wake_by(Some(until));
    }

    fn wake_by(&mut self, deadline: Option<Millis>) {
        self.wake_at = match (self.wake_at, deadline) {
            (Some(wake_at), Some(deadline)) => Some(wake_at.min(deadline)),
            (wake_at, deadline) => wake_at.or(deadline),
        };
    }
}
