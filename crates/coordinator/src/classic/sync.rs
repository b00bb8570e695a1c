//! SyncGroup.
//!
//! Followers wait for the leader's assignment, which is recorded before anyone learns of it.
//! v3: static members.  v5: protocol type and name are mandatory (KIP-559).

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_machine::{Decision, Millis, Token};
use ottla_wire::ErrorCode;
use ottla_wire::messages::{SyncGroupRequest, SyncGroupResponse};

use super::member::detached;
use super::rebalance::sync_refusal;
use super::{ClassicGroup, Draft, Member, State, Waiting};
use crate::coordinator::GroupCoordinator;
use crate::request::{Caller, Response};

/// From this version a member must say which protocol it believes the group has.
const FIRST_VERSION_WITH_REQUIRED_PROTOCOL: i16 = 5;

impl GroupCoordinator {
    pub(crate) fn sync_classic_group(
        &self,
        token: Token,
        caller: &Caller,
        group: &ClassicGroup,
        request: &SyncGroupRequest,
        now: Millis,
    ) -> Decision<Self> {
        if let Err(error) = group.validate_sync(request) {
            return refuse_sync(token, error);
        }
        let mut draft = self.draft(group.clone(), now);
        draft.sync(Waiting { token, api_version: caller.api_version }, request);
        draft.into_decision()
    }
}

/// The answer to a sync that is refused.
pub(crate) fn refuse_sync(token: Token, error: ErrorCode) -> Decision<GroupCoordinator> {
    Decision::answer(token, sync_refused(error))
}

pub(crate) fn sync_refused(error: ErrorCode) -> Response {
    Response::SyncGroup(sync_refusal(error))
}

/// Whether a sync says what its version has to, whatever the group.
pub(crate) fn validate_sync(caller: &Caller, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
    if caller.api_version >= FIRST_VERSION_WITH_REQUIRED_PROTOCOL
        && (request.protocol_type.is_none() || request.protocol_name.is_none())
    {
        return Err(ErrorCode::InconsistentGroupProtocol);
    }
    match request.group_id.is_empty() {
        true => Err(ErrorCode::InvalidGroupId),
        false => Ok(()),
    }
}

fn differ(said: &Option<String>, known: &Option<String>) -> bool {
    said.is_some() && known.is_some() && said != known
}

impl Draft<'_> {
    fn sync(&mut self, waiting: Waiting, request: &SyncGroupRequest) {
        self.group.pending_syncs.remove(&request.member_id);
        if self.group.pending_syncs.is_empty() {
            self.group.sync_deadline = None;
        }
        if self.group.state == State::Stable {
            if let Some(member) = self.group.member(&request.member_id) {
                let response = self.group.assigned(member);
                self.answer_sync(waiting, response);
            }
            return;
        }
        let mut displaced = None;
        self.group.update(&request.member_id, |member| {
            displaced = member.awaiting_sync.replace(waiting);
        });
        if let Some(displaced) = displaced {
            // Nobody else will answer it; whoever still listens there joins again.
            self.answer_sync(displaced, sync_refusal(ErrorCode::RebalanceInProgress));
        }
        if self.group.is_leader(&request.member_id) {
            self.assign(request);
        }
    }

    /// Takes the leader's assignment. Members it says nothing about are assigned nothing.
    fn assign(&mut self, request: &SyncGroupRequest) {
        let assignments: BTreeMap<&str, &Bytes> = request
            .assignments
            .iter()
            .map(|assignment| (assignment.member_id.as_str(), &assignment.assignment))
            .collect();
        let member_ids: Vec<String> = self.group.members.keys().cloned().collect();
        for member_id in &member_ids {
            let assignment = assignments.get(member_id.as_str()).map(|bytes| detached(bytes));
            self.group.update(member_id, |member| {
                member.assignment = assignment.unwrap_or_default();
            });
        }
        self.write_group();
        self.group.enter(State::Stable, self.now);
        self.end_rebalance();
        for member_id in &member_ids {
            self.hand_out(member_id);
        }
    }

    fn hand_out(&mut self, member_id: &str) {
        let deadline = self.session_deadline(member_id);
        let mut waiting = None;
        self.group.update(member_id, |member| {
            waiting = member.awaiting_sync.take();
            if waiting.is_some() {
                member.session_deadline = deadline;
            }
        });
        if let (Some(waiting), Some(member)) = (waiting, self.group.member(member_id)) {
            let response = self.group.assigned(member);
            self.answer_sync(waiting, response);
        }
    }
}

impl ClassicGroup {
    fn validate_sync(&self, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
        self.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        if differ(&request.protocol_type, &self.protocol_type)
            || differ(&request.protocol_name, &self.protocol)
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        match self.state {
            State::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    fn assigned(&self, member: &Member) -> SyncGroupResponse {
        SyncGroupResponse {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            assignment: member.assignment.clone(),
            ..SyncGroupResponse::default()
        }
    }
}
