//! How members leave: of their own accord, for a while, or because they have not been heard of; and how a static member
//! takes the place of its former self.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ottla_machine::{Decision, Millis, Token};
use ottla_wire::ErrorCode;
use ottla_wire::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

use super::draft::Draft;
use super::refusal::Refusal;
use super::state::ConsumerGroup;
use super::state::{LEAVE_STATIC, Member, Owned};
use crate::coordinator::GroupCoordinator;
use crate::group::{CauseKind, Group};
use crate::request::Response;

impl GroupCoordinator {
    pub(super) fn leave_consumer_group(
        &self,
        token: Token,
        request: &ConsumerGroupHeartbeatRequest,
        now: Millis,
    ) -> Result<Decision<Self>, Refusal> {
        let group = match self.group(&request.group_id) {
            Some(Group::Consumer(group)) => group,
            Some(Group::Classic(_)) => {
                return Err(Refusal::not_a_consumer_group(&request.group_id));
            }
            None => {
                let message = format!("Group {} not found.", request.group_id);
                return Err(Refusal::new(ErrorCode::GroupIdNotFound, message));
            }
        };
        let mut draft = Draft::new(self, now, group.clone());
        let member = match &request.instance_id {
            Some(instance_id) => draft.known_static(&request.member_id, instance_id)?,
            None => draft
                .member(&request.member_id)
                .ok_or_else(|| Refusal::unknown_member(&request.group_id, &request.member_id))?,
        };
        let response = ConsumerGroupHeartbeatResponse {
            member_id: Some(request.member_id.clone()),
            member_epoch: request.member_epoch,
            ..ConsumerGroupHeartbeatResponse::default()
        };
        let response = Response::ConsumerGroupHeartbeat(response);
        if request.instance_id.is_some() && request.member_epoch == LEAVE_STATIC {
            draft.leave_for_a_while(&member);
            return Ok(draft.into_decision().and_answer(token, response));
        }
        draft.note_member(CauseKind::MemberLeft, &member, "");
        Ok(draft.without([member.id.clone()].into()).and_answer(token, response))
    }
}

impl<'a> Draft<'a> {
    /// The static member of an instance, if it is the one who says so.
    pub(super) fn known_static(
        &self,
        member_id: &str,
        instance_id: &str,
    ) -> Result<Arc<Member>, Refusal> {
        let Some(known) = self.group.static_member(instance_id) else {
            let message = format!("Instance id {instance_id} is unknown.");
            return Err(Refusal::new(ErrorCode::UnknownMemberId, message));
        };
        if known.id == member_id {
            return Ok(Arc::clone(known));
        }
        let message = format!(
            "Static member {member_id} with instance id {instance_id} was fenced by member {}.",
            known.id
        );
        Err(Refusal::new(ErrorCode::FencedInstanceId, message))
    }

    /// A static member keeps its partitions for whoever comes under its instance id before its session ends.
    fn leave_for_a_while(&mut self, member: &Member) {
        let assigned = member.assigned.iter().map(|(topic, partitions)| {
            (*topic, partitions.keys().map(|partition| (*partition, 0)).collect())
        });
        self.write_current(&Member {
            epoch: LEAVE_STATIC,
            assigned: assigned.collect(),
            revoking: Owned::new(),
            ..member.clone()
        });
    }

    /// Gives the place of a static member to `member_id`, and returns who that is.
    pub(super) fn replace_static(&mut self, known: &Member, member_id: &str) -> Member {
        let target = self.target_of(&known.id);
        let member =
            Member { id: member_id.to_owned(), epoch: 0, previous_epoch: 0, ..known.clone() };
        self.forget_member(&known.id);
        self.write_member(&member);
        self.write_target(member_id, &target);
        self.write_current(&member);
        member
    }

    /// The decision that takes members out. If only classic ones are left, the group is theirs again.
    pub(super) fn without(mut self, leaving: BTreeSet<String>) -> Decision<GroupCoordinator> {
        if leaving.is_empty() {
            return self.into_decision();
        }
        if self.may_downgrade(&leaving) {
            return self.downgrade_without(&leaving);
        }
        self.fence(&leaving);
        self.into_decision()
    }

    fn fence(&mut self, leaving: &BTreeSet<String>) {
        let group = self.group.clone();
        for member_id in leaving {
            self.forget_member(member_id);
        }
        let regexes = group.regexes.keys().filter(|regex| !self.group.regexes.contains_key(*regex));
        for regex in regexes.cloned().collect::<Vec<_>>() {
            self.forget_regex(&regex);
        }
        let hash = self.metadata.hash_of(&self.group.subscribed_topics());
        self.write_epoch(self.group.epoch.saturating_add(1), hash);
    }
}

impl ConsumerGroup {
    /// Members whose time has run out, and which time that was.
    pub(super) fn overdue(&self, now: Millis) -> BTreeMap<String, (CauseKind, &'static str)> {
        let due = self.soft.due(now).filter_map(|(member_id, timers)| {
            let has_passed = |at: Option<Millis>| at.is_some_and(|at| at <= now);
            let member = self.member(member_id)?;
            let has_not_revoked =
                timers.revocation.is_some_and(|(at, epoch)| at <= now && member.epoch == epoch);
            let cause = if has_passed(timers.session) {
                (CauseKind::SessionExpired, "nothing was heard of it")
            } else if has_not_revoked {
                (
                    CauseKind::RebalanceTimedOut,
                    "it did not give up partitions within its rebalance time-out",
                )
            } else if has_passed(timers.join) {
                (
                    CauseKind::RebalanceTimedOut,
                    "it did not join again within its rebalance time-out",
                )
            } else if has_passed(timers.sync) {
                let reason = "it did not ask for its assignment within its rebalance time-out";
                (CauseKind::SyncTimedOut, reason)
            } else {
                return None;
            };
            Some((member_id.clone(), cause))
        });
        due.collect()
    }
}
