//! JoinGroup.
//!
//! The answer comes when the join phase ends. v1: rebalance timeout.  v4: a dynamic member without an id is given one
//! and must join again with it, so that a lost answer leaves no ghost behind (KIP-394).  v5: static members (KIP-345).
//! v9: a static leader that comes back need not assign (KIP-814).

use ottla_machine::{Decision, Millis};
use ottla_wire::ErrorCode;
use ottla_wire::messages::JoinGroupRequest;

use super::rebalance::{join_answer, join_refusal, join_response};
use super::{ClassicGroup, Draft, Member, State, Waiting};
use crate::config::{Config, NEW_MEMBER_JOIN_TIMEOUT_MS};
use crate::coordinator::GroupCoordinator;
use crate::group::CauseKind;
use crate::request::{Caller, Response};

/// From this version a dynamic member must join with an id that the coordinator gave it.
const FIRST_VERSION_WITH_REQUIRED_MEMBER_ID: i16 = 4;

/// A join and where its answer goes.
pub(super) struct Join<'a> {
    pub(super) waiting: Waiting,
    pub(super) caller: &'a Caller,
    pub(super) request: &'a JoinGroupRequest,
}

impl Join<'_> {
    /// Why, as the client says (KIP-800).
    pub(super) fn reason(&self) -> &str {
        self.request.reason.as_deref().unwrap_or_default()
    }
}

/// Why a join is refused, and which member id the answer names.
pub(super) struct Refusal(ErrorCode, String);

impl GroupCoordinator {
    pub(crate) fn join_classic_group(
        &self,
        waiting: Waiting,
        caller: &Caller,
        request: &JoinGroupRequest,
        group: ClassicGroup,
        now: Millis,
    ) -> Decision<Self> {
        let mut draft = self.draft(group, now);
        if let Err(Refusal(error, member_id)) = draft.join(&Join { waiting, caller, request }) {
            draft.answer_join(waiting, join_refusal(&member_id, error));
        }
        draft.into_decision()
    }
}

/// Whether a join says what it has to, whatever the group.
pub(crate) fn validate_join(config: &Config, request: &JoinGroupRequest) -> Result<(), ErrorCode> {
    if request.group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let allowed = config.group_min_session_timeout_ms..=config.group_max_session_timeout_ms;
    match allowed.contains(&request.session_timeout_ms) {
        true => Ok(()),
        false => Err(ErrorCode::InvalidSessionTimeout),
    }
}

/// The answer to a join that is refused.
pub(crate) fn refuse_join(
    waiting: Waiting,
    member_id: &str,
    error: ErrorCode,
) -> Decision<GroupCoordinator> {
    let answer = join_answer(waiting, join_refusal(member_id, error));
    Decision::answer(answer.token, answer.response)
}

pub(crate) fn join_refused(caller: &Caller, member_id: &str, error: ErrorCode) -> Response {
    join_response(caller.api_version, join_refusal(member_id, error))
}

impl Draft<'_> {
    fn join(&mut self, join: &Join) -> Result<(), Refusal> {
        let request = join.request;
        let refusal = |error| Refusal(error, request.member_id.clone());
        if !self.has_room_for(&request.member_id) {
            self.remove_member(&request.member_id);
            self.try_complete_join();
            return Err(Refusal(ErrorCode::GroupMaxSizeReached, String::new()));
        }
        let names = request.protocols.iter().map(|protocol| protocol.name.as_str());
        if !self.group.supports(&request.protocol_type, names) {
            return Err(refusal(ErrorCode::InconsistentGroupProtocol));
        }
        if request.member_id.is_empty() {
            self.join_without_id(join);
            return Ok(());
        }
        if self.group.pending_joins.contains_key(&request.member_id) {
            if request.group_instance_id.is_some() {
                // Only dynamic members are given an id beforehand.
                return Err(Refusal(ErrorCode::UnknownServerError, String::new()));
            }
            self.add_member(join, request.member_id.clone());
            return Ok(());
        }
        self.join_with_id(join).map_err(refusal)
    }

    /// Whether the group may grow, or need not. While members join, only those who have count: that keeps out the
    /// last ones when the limit was lowered under a living group.
    fn has_room_for(&self, member_id: &str) -> bool {
        let members_max = self.config.members_max();
        let member = self.group.member(member_id);
        match self.group.state {
            State::Empty => true,
            State::PreparingRebalance => {
                member.is_some_and(|member| member.awaiting_join.is_some())
                    || self.group.awaiting_joins < members_max
            }
            State::CompletingRebalance | State::Stable => {
                member.is_some() || self.group.members.len() < members_max
            }
        }
    }

    fn join_without_id(&mut self, join: &Join) {
        let instance_id = join.request.group_instance_id.as_deref();
        let member_id = new_member_id(join.caller, instance_id);
        match instance_id {
            Some(instance_id) => match self.group.static_members.get(instance_id).cloned() {
                Some(known) => self.replace_static_member(join, &known, member_id),
                None => self.add_member(join, member_id),
            },
            None if join.caller.api_version >= FIRST_VERSION_WITH_REQUIRED_MEMBER_ID => {
                let until = self.after(join.request.session_timeout_ms);
                self.group.expect_join(member_id.clone(), until);
                let response = join_refusal(&member_id, ErrorCode::MemberIdRequired);
                self.answer_join(join.waiting, response);
            }
            None => self.add_member(join, member_id),
        }
    }

    fn join_with_id(&mut self, join: &Join) -> Result<(), ErrorCode> {
        let request = join.request;
        let instance_id = request.group_instance_id.as_deref();
        let member = self.group.validate_member(&request.member_id, instance_id)?;
        let is_leader = self.group.is_leader(&request.member_id);
        let has_changed = !member.matches(request);
        match self.group.state {
            State::Empty => return Err(ErrorCode::UnknownMemberId),
            State::PreparingRebalance => self.rejoin(join),
            // The same metadata again: the answer was lost, and the generation is still the right one.
            State::CompletingRebalance if !has_changed => {
                let response = self.group.joined(&request.member_id);
                self.answer_join(join.waiting, response);
            }
            // The leader joins again when something it alone sees has changed, such as a topic's partitions.
            State::Stable if !has_changed && !is_leader => {
                let response = self.group.joined(&request.member_id);
                self.answer_join(join.waiting, response);
            }
            State::CompletingRebalance | State::Stable => {
                self.note_member(CauseKind::MemberRejoined, &request.member_id, join.reason());
                self.rejoin(join);
            }
        }
        Ok(())
    }

    fn rejoin(&mut self, join: &Join) {
        let Some(mut member) = self.group.take(&join.request.member_id) else { return };
        member.rejoin(join.caller, join.request);
        let displaced = member.awaiting_join.replace(join.waiting);
        self.group.insert(member);
        if let Some(waiting) = displaced {
            // Nobody else will answer it; whoever still listens there joins again.
            let refusal = join_refusal(&join.request.member_id, ErrorCode::RebalanceInProgress);
            self.answer_join(waiting, refusal);
        }
        self.rebalance();
    }

    fn add_member(&mut self, join: &Join, member_id: String) {
        if self.group.state == State::PreparingRebalance && self.group.initial_rebalance {
            self.group.new_member_added = true;
        }
        if self.group.members.is_empty() {
            self.group.protocol_type = Some(join.request.protocol_type.clone());
        }
        let mut member = Member::joining(member_id, join.caller, join.request);
        let who = (member.id.as_str(), member.client_id.as_str(), member.client_host.as_str());
        self.note(CauseKind::MemberJoined.by(who, join.reason()));
        member.awaiting_join = Some(join.waiting);
        member.session_deadline = Some(self.after(NEW_MEMBER_JOIN_TIMEOUT_MS));
        self.group.insert(member);
        self.rebalance();
    }
}

/// An id nobody else has: the instance or client id, and a random UUID.
fn new_member_id(caller: &Caller, instance_id: Option<&str>) -> String {
    const VERSION: u128 = 0xf << 76;
    const VARIANT: u128 = 0b11 << 62;
    let bits = (caller.random & !VERSION & !VARIANT) | (4 << 76) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    format!(
        "{}-{}-{}-{}-{}-{}",
        instance_id.unwrap_or(&caller.client_id),
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
