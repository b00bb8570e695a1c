//! Members that speak the classic protocol in a group of the consumer protocol: JoinGroup, SyncGroup, Heartbeat and
//! LeaveGroup.
//!
//! Such a member is reconciled as the others are, step by step: it learns from its heartbeat that it has to join again,
//! says in its join what it still owns, and gets in its sync what it owns now. There is no leader and no waiting.

use std::collections::BTreeSet;
use std::sync::Arc;

use ottla_machine::{Decision, Millis, Token};
use ottla_wire::ErrorCode;
use ottla_wire::messages::consumer_group_heartbeat_request::TopicPartitions;
use ottla_wire::messages::consumer_group_member_metadata_value::{
    ClassicMemberMetadata, ClassicProtocol,
};
use ottla_wire::messages::leave_group_request::MemberIdentity;
use ottla_wire::messages::{
    ConsumerProtocolSubscription, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse,
    SyncGroupRequest, SyncGroupResponse,
};

use super::embedded::{self, PROTOCOL_TYPE};
use crate::config::Migration;
use crate::consumer::draft::Draft;
use crate::consumer::heartbeat::random_member_id;
use crate::consumer::state::ConsumerGroup;
use crate::consumer::state::{Member, MemberState};
use crate::coordinator::GroupCoordinator;
use crate::group::CauseKind;
use crate::request::{Caller, Response};

/// From this version a dynamic member must join with an id that the coordinator gave it.
const FIRST_VERSION_WITH_REQUIRED_MEMBER_ID: i16 = 4;

/// How a join goes on: with an answer at once, or with members gone over to the classic protocol.
pub(crate) enum Joined {
    Answer(JoinGroupResponse),
    /// The member id is only given out; nothing has changed.
    MemberId(String),
}

impl GroupCoordinator {
    pub(crate) fn join_consumer_group(
        &self,
        group: &ConsumerGroup,
        caller: &Caller,
        request: &JoinGroupRequest,
        now: Millis,
    ) -> Result<(Decision<Self>, Joined), ErrorCode> {
        if self.config().consumer.migration == Migration::Disabled {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        let is_new = request.member_id.is_empty();
        let member_id = if is_new { random_member_id(caller) } else { request.member_id.clone() };
        let mut draft = Draft::new(self, now, group.clone());
        draft.check_room(&member_id).map_err(|refusal| refusal.code)?;
        let names = request.protocols.iter().map(|protocol| protocol.name.as_str());
        if request.protocol_type != PROTOCOL_TYPE || !group.supports_classic(names) {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        let needs_id = caller.api_version >= FIRST_VERSION_WITH_REQUIRED_MEMBER_ID;
        if is_new && needs_id && request.group_instance_id.is_none() {
            return Ok((Decision::nothing(), Joined::MemberId(member_id)));
        }
        let (member, downgrades) = draft.join_classic(&member_id, caller, request)?;
        let response = JoinGroupResponse {
            member_id,
            generation_id: member.epoch,
            protocol_type: Some(PROTOCOL_TYPE.to_owned()),
            protocol_name: member.classic_protocol().map(str::to_owned),
            ..JoinGroupResponse::default()
        };
        let decision = if downgrades { draft.downgrade() } else { draft.into_decision() };
        Ok((decision, Joined::Answer(response)))
    }

    pub(crate) fn sync_consumer_group(
        &self,
        token: Token,
        group: &ConsumerGroup,
        request: &SyncGroupRequest,
        now: Millis,
    ) -> Result<Decision<Self>, ErrorCode> {
        let instance_id = request.group_instance_id.as_deref();
        let member = group.classic_member(&request.member_id, instance_id)?;
        if request.generation_id != member.epoch {
            return Err(ErrorCode::IllegalGeneration);
        }
        let is_other =
            |said: &Option<String>, known: &str| said.as_ref().is_some_and(|said| said != known);
        if is_other(&request.protocol_type, PROTOCOL_TYPE)
            || is_other(&request.protocol_name, member.classic_protocol().unwrap_or_default())
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        let mut draft = Draft::new(self, now, group.clone());
        // A member that is giving partitions up has joined already: it finishes that first.
        let must_join = group.target_epoch > member.epoch && member.state != MemberState::Unrevoked;
        let response = if must_join {
            draft.expect_join(&member);
            SyncGroupResponse {
                error_code: ErrorCode::RebalanceInProgress.code(),
                ..SyncGroupResponse::default()
            }
        } else {
            let session = draft.classic_session(&member);
            draft.group.soft.set(&member.id, |timers| {
                timers.sync = None;
                timers.session = Some(session);
            });
            SyncGroupResponse {
                protocol_type: request.protocol_type.clone(),
                protocol_name: request.protocol_name.clone(),
                assignment: embedded::assignment_of(&member, self.metadata())?,
                ..SyncGroupResponse::default()
            }
        };
        Ok(draft.into_decision().and_answer(token, Response::SyncGroup(response)))
    }

    pub(crate) fn classic_beat_consumer_group(
        &self,
        group: &ConsumerGroup,
        request: &HeartbeatRequest,
        now: Millis,
    ) -> Result<(ErrorCode, Decision<Self>), ErrorCode> {
        let instance_id = request.group_instance_id.as_deref();
        let member = group.classic_member(&request.member_id, instance_id)?;
        if request.generation_id != member.epoch {
            return Err(ErrorCode::IllegalGeneration);
        }
        let mut draft = Draft::new(self, now, group.clone());
        let session = draft.classic_session(&member);
        draft.group.soft.set(&member.id, |timers| timers.session = Some(session));
        let must_join = member.epoch < group.target_epoch
            || member.state == MemberState::Unrevoked
            || member.state == MemberState::Unreleased && !group.is_waiting(&member);
        if must_join {
            draft.expect_join(&member);
        }
        let error = if must_join { ErrorCode::RebalanceInProgress } else { ErrorCode::None };
        Ok((error, draft.into_decision()))
    }

    /// Takes members out, whatever protocol they speak. The errors are in the order of `members`.
    pub(crate) fn leave_as_classic(
        &self,
        group: &ConsumerGroup,
        members: &[MemberIdentity],
        now: Millis,
    ) -> (Vec<Result<(), ErrorCode>>, Decision<Self>) {
        let mut draft = Draft::new(self, now, group.clone());
        let mut leaving = BTreeSet::new();
        let leave = |identity: &MemberIdentity| {
            let member = match identity.group_instance_id.as_deref() {
                None => group.member(&identity.member_id),
                Some(instance_id) => group.static_member(instance_id),
            };
            let member = member.ok_or(ErrorCode::UnknownMemberId)?;
            let is_other = identity.group_instance_id.is_some()
                && !identity.member_id.is_empty()
                && member.id != identity.member_id;
            if is_other {
                return Err(ErrorCode::FencedInstanceId);
            }
            if leaving.insert(member.id.clone()) {
                let reason = identity.reason.as_deref().unwrap_or_default();
                draft.note_member(CauseKind::MemberLeft, member, reason);
            }
            Ok(())
        };
        let results = members.iter().map(leave).collect();
        (results, draft.without(leaving))
    }
}

impl ConsumerGroup {
    fn classic_member(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<Arc<Member>, ErrorCode> {
        let member = match instance_id {
            None => self.member(member_id).ok_or(ErrorCode::UnknownMemberId)?,
            Some(instance_id) => {
                let known = self.static_member(instance_id).ok_or(ErrorCode::UnknownMemberId)?;
                if known.id != member_id {
                    return Err(ErrorCode::FencedInstanceId);
                }
                known
            }
        };
        match member.uses_classic_protocol() {
            true => Ok(Arc::clone(member)),
            false => Err(ErrorCode::UnknownMemberId),
        }
    }
}

impl Draft<'_> {
    /// The member after its join, and whether the group goes over to the classic protocol with it.
    fn join_classic(
        &mut self,
        member_id: &str,
        caller: &Caller,
        request: &JoinGroupRequest,
    ) -> Result<(Arc<Member>, bool), ErrorCode> {
        let subscription = embedded::subscription_of(request)?;
        let before = self.find_classic(member_id, request)?;
        let was_static = before.instance_id.is_some() && !before.uses_classic_protocol();
        let replaces = was_static && self.group.members.contains_key(member_id);
        let mut updated = before.clone();
        update(&mut updated, caller, request, &subscription);
        let joins = !self.group.members.contains_key(member_id);
        let change = self.subscribe(&before, &updated).map_err(|refusal| refusal.code)?;
        if joins || change.has_changed {
            let kind = if joins { CauseKind::MemberJoined } else { CauseKind::SubscriptionChanged };
            self.note_member(kind, &updated, request.reason.as_deref().unwrap_or_default());
        }
        if change.has_changed || self.is_metadata_stale() {
            self.update_metadata(change.has_changed);
        }
        let downgrades = replaces
            && self.group.uses_classic_protocol_only()
            && self.may_downgrade(&BTreeSet::new());
        let claimed = self.claimed(&subscription);
        if !downgrades {
            self.update_target();
        }
        let must_rebalance = downgrades && self.group.target_epoch < self.group.epoch;
        let member = if must_rebalance {
            Arc::new(updated)
        } else {
            self.reconcile(member_id, change.has_changed, Some(&claimed))
                .map_err(|refusal| refusal.code)?
        };
        let (session, sync) =
            (self.after(request.session_timeout_ms), self.after(request.rebalance_timeout_ms));
        self.group.soft.set(member_id, |timers| {
            timers.session = Some(session);
            timers.sync = Some(sync);
            (timers.join, timers.revocation) = (None, None);
        });
        Ok((member, downgrades))
    }

    fn find_classic(
        &mut self,
        member_id: &str,
        request: &JoinGroupRequest,
    ) -> Result<Member, ErrorCode> {
        let known = self.member(member_id).map(Arc::unwrap_or_clone);
        let fresh = || Member::new(member_id.to_owned());
        let Some(instance_id) = request.group_instance_id.as_deref() else {
            return Ok(known.unwrap_or_else(fresh));
        };
        if !request.member_id.is_empty() {
            let known = self.known_static(member_id, instance_id);
            return known.map(Arc::unwrap_or_clone).map_err(|refusal| refusal.code);
        }
        match self.group.static_member(instance_id).cloned() {
            Some(former) => Ok(self.replace_static(&former, member_id)),
            None => Ok(known.unwrap_or_else(fresh)),
        }
    }

    /// What the member says it owns, by id; topics that are gone are nobody's.
    fn claimed(&self, subscription: &ConsumerProtocolSubscription) -> Vec<TopicPartitions> {
        let topics = subscription.owned_partitions.iter().filter_map(|topic| {
            Some(TopicPartitions {
                topic_id: self.metadata.id_of(&topic.topic)?,
                partitions: topic.partitions.clone(),
                ..TopicPartitions::default()
            })
        });
        topics.collect()
    }

    /// The member has been told to join again, and has its rebalance time-out to do so, counted from the first time.
    fn expect_join(&mut self, member: &Member) {
        let deadline = self.after(member.rebalance_timeout_ms);
        self.group.soft.set(&member.id, |timers| {
            timers.join.get_or_insert(deadline);
        });
    }

    fn classic_session(&self, member: &Member) -> Millis {
        self.after(member.classic.as_ref().map_or(0, |classic| classic.session_timeout_ms))
    }
}

fn update(
    member: &mut Member,
    caller: &Caller,
    request: &JoinGroupRequest,
    subscription: &ConsumerProtocolSubscription,
) {
    if let Some(instance_id) = &request.group_instance_id {
        member.instance_id = Some(instance_id.clone());
    }
    if let Some(rack_id) = subscription.rack_id.as_ref().filter(|rack_id| !rack_id.is_empty()) {
        member.rack_id = Some(rack_id.clone());
    }
    if request.rebalance_timeout_ms != -1 {
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    member.topics = subscription.topics.iter().cloned().collect();
    // The classic protocol knows no regular expressions on the server.
    member.regex = Some(String::new());
    member.client_id.clone_from(&caller.client_id);
    member.client_host.clone_from(&caller.client_host);
    let mut names = BTreeSet::new();
    let protocols = request.protocols.iter().filter(|protocol| names.insert(&protocol.name));
    let protocols = protocols.map(|protocol| ClassicProtocol {
        name: protocol.name.clone(),
        metadata: crate::classic::detached(&protocol.metadata),
        ..ClassicProtocol::default()
    });
    member.classic = Some(ClassicMemberMetadata {
        session_timeout_ms: request.session_timeout_ms,
        supported_protocols: protocols.collect(),
        ..ClassicMemberMetadata::default()
    });
}
