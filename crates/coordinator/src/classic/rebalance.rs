//! The steps of a rebalance, on a copy of the group that becomes the decision's touch.
//!
//! `prepare_rebalance` opens the join phase, `complete_join` closes it and hands out the new generation; the leader's
//! sync (in `sync`) ends it. Whatever answers these steps give go out with the records they produced.

use ottla_machine::{Answer, Decision, Millis};
use ottla_wire::ErrorCode;
use ottla_wire::group_explanation::Cause;
use ottla_wire::messages::group_metadata_value::MemberMetadata;
use ottla_wire::messages::join_group_response::JoinGroupResponseMember;
use ottla_wire::messages::{GroupMetadataValue, JoinGroupResponse, SyncGroupResponse};

use super::{ClassicGroup, JoinDeadline, Member, State, Waiting};
use crate::config::Config;
use crate::coordinator::{GroupCoordinator, Touch};
use crate::group::{CauseKind, Event, Group};
use crate::record::Record;
use crate::request::Response;

/// How long to wait at least before looking again whether a static member has joined: members may say that they need
/// no time at all.
const NOBODY_JOINED_PAUSE_MS: i32 = 100;

/// A group that is being decided on, and what the decision holds so far.
pub(crate) struct Draft<'a> {
    pub(super) config: &'a Config,
    pub(super) now: Millis,
    pub(super) group: ClassicGroup,
    records: Vec<Record>,
    answers: Vec<Answer<Response>>,
    /// What has led to a rebalance that has not begun yet.
    causes: Vec<Cause>,
    events: Vec<Event>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(config: &'a Config, now: Millis, group: ClassicGroup) -> Self {
        Self {
            config,
            now,
            group,
            records: Vec::new(),
            answers: Vec::new(),
            causes: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Something that may lead to a rebalance. Causes beyond what a history keeps are counted by their first alone.
    pub(crate) fn note(&mut self, cause: Cause) {
        self.causes.push(cause);
    }

    /// What a member has done, or has not.
    pub(super) fn note_member(&mut self, kind: CauseKind, member_id: &str, reason: &str) {
        let member = self.group.member(member_id);
        let (client_id, host) = member
            .map_or(("", ""), |member| (member.client_id.as_str(), member.client_host.as_str()));
        self.causes.push(kind.by((member_id, client_id, host), reason));
    }

    /// The group has come to rest in its generation.
    pub(crate) fn end_rebalance(&mut self) {
        let (generation, members) = (self.group.generation, self.group.members.len());
        self.events.push(Event::Ended { at: self.now, generation, members });
    }

    /// The decision: the records and answers, and the changed group as a touch.
    pub(crate) fn into_decision(self) -> Decision<GroupCoordinator> {
        let mut events = self.events;
        events.extend(self.causes.into_iter().map(Event::Caused));
        let rebalance = Touch::rebalance(&self.group.id, events);
        let touches = std::iter::once(Touch::put_group(Group::Classic(self.group)));
        Decision {
            records: self.records,
            touches: touches.chain(rebalance).collect(),
            answers: self.answers,
        }
    }

    /// The moment `timeout_ms` from now. A negative timeout has passed already.
    pub(super) fn after(&self, timeout_ms: i32) -> Millis {
        self.now.saturating_add(Millis::from(timeout_ms.max(0)))
    }

    pub(super) fn answer_join(&mut self, waiting: Waiting, response: JoinGroupResponse) {
        self.answers.push(join_answer(waiting, response));
    }

    pub(super) fn answer_sync(&mut self, waiting: Waiting, response: SyncGroupResponse) {
        self.answers.push(Answer { token: waiting.token, response: Response::SyncGroup(response) });
    }

    /// Something that matters to the assignment has changed: begins a rebalance, or ends the join phase of the one
    /// that is under way when nobody else is missing.
    pub(super) fn rebalance(&mut self) {
        match self.group.state {
            State::PreparingRebalance => self.try_complete_join(),
            State::Empty | State::CompletingRebalance | State::Stable => self.prepare_rebalance(),
        }
    }

    /// Opens the join phase. Whoever waits for an assignment must join again.
    pub(crate) fn prepare_rebalance(&mut self) {
        if self.group.state == State::CompletingRebalance {
            self.withdraw_syncs();
        }
        self.group.pending_syncs.clear();
        self.group.sync_deadline = None;
        self.group.initial_rebalance = self.group.state == State::Empty;
        self.group.enter(State::PreparingRebalance, self.now);
        let causes = std::mem::take(&mut self.causes);
        self.events.push(Event::Began { at: self.now, causes });
        if self.group.initial_rebalance {
            let delay_ms = self.config.group_initial_rebalance_delay_ms;
            let remaining_ms = (self.group.rebalance_timeout_ms() - delay_ms).max(0);
            let at = self.after(delay_ms);
            self.group.set_join_deadline(JoinDeadline::Initial { at, delay_ms, remaining_ms });
        } else if self.group.has_everyone_joined() {
            self.complete_join();
        } else {
            self.await_rejoins(self.group.rebalance_timeout_ms());
        }
    }

    fn await_rejoins(&mut self, timeout_ms: i32) {
        let at = self.after(timeout_ms);
        self.group.set_join_deadline(JoinDeadline::Rejoin { at });
    }

    fn withdraw_syncs(&mut self) {
        for member_id in self.group.members.keys().cloned().collect::<Vec<_>>() {
            let deadline = self.session_deadline(&member_id);
            let mut withdrawn = None;
            self.group.update(&member_id, |member| {
                member.assignment.clear();
                withdrawn = member.awaiting_sync.take();
                if withdrawn.is_some() {
                    member.session_deadline = deadline;
                }
            });
            if let Some(waiting) = withdrawn {
                self.answer_sync(waiting, sync_refusal(ErrorCode::RebalanceInProgress));
            }
        }
    }

    /// When the session of a member ends that shows now that it is alive.
    pub(super) fn session_deadline(&self, member_id: &str) -> Option<Millis> {
        self.group.member(member_id).map(|member| self.after(member.session_timeout_ms))
    }

    /// Ends the join phase if nobody is missing. A new group's first one only ends by its delay.
    pub(super) fn try_complete_join(&mut self) {
        if self.group.state == State::PreparingRebalance
            && !self.group.initial_rebalance
            && self.group.has_everyone_joined()
        {
            self.complete_join();
        }
    }

    /// The delay of a new group's first rebalance has passed.
    pub(super) fn end_initial_delay(&mut self, delay_ms: i32, remaining_ms: i32) {
        if !self.group.new_member_added || remaining_ms == 0 {
            self.complete_join();
            return;
        }
        self.group.new_member_added = false;
        let next_delay_ms = self.config.group_initial_rebalance_delay_ms.min(remaining_ms);
        self.group.set_join_deadline(JoinDeadline::Initial {
            at: self.after(next_delay_ms),
            delay_ms: next_delay_ms,
            remaining_ms: (remaining_ms - delay_ms).max(0),
        });
    }

    /// Ends the join phase: who has not joined is out, except for static members, who keep their place until their
    /// session ends. With nobody left the group is empty, and a record says so.
    pub(super) fn complete_join(&mut self) {
        self.group.join_deadline = None;
        let missing: Vec<String> = self
            .group
            .members()
            .filter(|member| member.awaiting_join.is_none() && member.instance_id.is_none())
            .map(|member| member.id.clone())
            .collect();
        for member_id in missing {
            let reason = "it did not join again within its rebalance time-out";
            self.note_member(CauseKind::RebalanceTimedOut, &member_id, reason);
            self.remove_member(&member_id);
        }
        self.events.extend(self.causes.drain(..).map(Event::Caused));
        if self.group.members.is_empty() {
            self.become_empty();
        } else if self.elect_joined_leader() {
            self.start_generation();
        } else {
            // Only static members are left and none has joined: their sessions will end, or they will join.
            self.await_rejoins(self.group.rebalance_timeout_ms().max(NOBODY_JOINED_PAUSE_MS));
        }
    }

    /// Whether the leader has joined, if need be another one than before.
    fn elect_joined_leader(&mut self) -> bool {
        let has_joined = |member: &Member| member.awaiting_join.is_some();
        let leader = self.group.leader.as_deref().and_then(|leader| self.group.member(leader));
        if leader.is_some_and(|leader| has_joined(leader)) {
            return true;
        }
        let joined = self.group.members().find(|member| has_joined(member));
        let Some(leader) = joined.map(|member| member.id.clone()) else { return false };
        self.group.leader = Some(leader);
        true
    }

    fn become_empty(&mut self) {
        self.group.generation = next_generation(self.group.generation);
        self.group.protocol = None;
        self.group.leader = None;
        self.group.pending_syncs.clear();
        self.group.enter(State::Empty, self.now);
        self.group.subscribed = self.group.read_subscriptions();
        self.write_group();
        self.end_rebalance();
    }

    /// Answers every join that waits. The leader's answer carries what the members told of themselves.
    fn start_generation(&mut self) {
        self.group.generation = next_generation(self.group.generation);
        self.group.protocol = self.group.choose_protocol();
        self.group.subscribed = self.group.read_subscriptions();
        self.group.enter(State::CompletingRebalance, self.now);
        let member_ids: Vec<String> = self.group.members.keys().cloned().collect();
        for member_id in &member_ids {
            let deadline = self.session_deadline(member_id);
            let mut joined = None;
            self.group.update(member_id, |member| {
                joined = member.awaiting_join.take();
                member.is_new = false;
                member.session_deadline = deadline;
            });
            if let Some(waiting) = joined {
                let response = self.group.joined(member_id);
                self.answer_join(waiting, response);
            }
        }
        self.group.pending_syncs = member_ids.into_iter().collect();
        let at = self.after(self.group.rebalance_timeout_ms());
        self.group.set_sync_deadline(at);
    }

    /// Removes a member. Its join is refused, in case it waits: if the client is still there it joins again.
    pub(super) fn remove_member(&mut self, member_id: &str) {
        let Some(member) = self.group.remove(member_id) else { return };
        if let Some(waiting) = member.awaiting_join {
            self.answer_join(waiting, join_refusal("", ErrorCode::UnknownMemberId));
        }
        if let Some(waiting) = member.awaiting_sync {
            self.answer_sync(waiting, sync_refusal(ErrorCode::UnknownMemberId));
        }
    }

    /// Records the group as it is.
    pub(crate) fn write_group(&mut self) {
        let value = self.group.to_record();
        self.records.push(Record::group(&self.group.id, value));
    }
}

/// Says that a new group exists, before it has anything to tell.
pub(crate) fn new_group_record(group_id: &str, now: Millis) -> Record {
    let value = GroupMetadataValue {
        current_state_timestamp: now,
        protocol: None,
        leader: None,
        ..GroupMetadataValue::default()
    };
    Record::group(group_id, value)
}

/// Java's arithmetic wraps; a group that lived this long starts over.
fn next_generation(generation: i32) -> i32 {
    generation.checked_add(1).unwrap_or(0)
}

impl ClassicGroup {
    /// What a record says about the group.
    pub(crate) fn to_record(&self) -> GroupMetadataValue {
        let member = |member: &Member| MemberMetadata {
            member_id: member.id.clone(),
            group_instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout: member.rebalance_timeout_ms,
            session_timeout: member.session_timeout_ms,
            subscription: member.metadata(self.protocol.as_deref()),
            assignment: member.assignment.clone(),
            ..MemberMetadata::default()
        };
        GroupMetadataValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            current_state_timestamp: self.state_since.unwrap_or(-1),
            members: self.members().map(|known| member(known)).collect(),
            ..GroupMetadataValue::default()
        }
    }

    /// The answer to a member that has joined the current generation.
    pub(super) fn joined(&self, member_id: &str) -> JoinGroupResponse {
        let members =
            if self.is_leader(member_id) { self.members_for_leader() } else { Vec::new() };
        JoinGroupResponse {
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            member_id: member_id.to_owned(),
            members,
            ..JoinGroupResponse::default()
        }
    }

    fn members_for_leader(&self) -> Vec<JoinGroupResponseMember> {
        self.members()
            .map(|member| JoinGroupResponseMember {
                member_id: member.id.clone(),
                group_instance_id: member.instance_id.clone(),
                metadata: member.metadata(self.protocol.as_deref()),
                ..JoinGroupResponseMember::default()
            })
            .collect()
    }
}

/// The answer to a join.
pub(crate) fn join_answer(waiting: Waiting, response: JoinGroupResponse) -> Answer<Response> {
    Answer { token: waiting.token, response: join_response(waiting.api_version, response) }
}

/// "No protocol" is null from version 7, before that it is the empty string.
pub(super) fn join_response(api_version: i16, mut response: JoinGroupResponse) -> Response {
    let name = response.protocol_name.take().filter(|name| !name.is_empty());
    response.protocol_name = if api_version < 7 { name.or(Some(String::new())) } else { name };
    Response::JoinGroup(response)
}

pub(super) fn join_refusal(member_id: &str, error: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: error.code(),
        member_id: member_id.to_owned(),
        ..JoinGroupResponse::default()
    }
}

pub(super) fn sync_refusal(error: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse { error_code: error.code(), ..SyncGroupResponse::default() }
}
