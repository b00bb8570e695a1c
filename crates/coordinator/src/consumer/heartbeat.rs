//! ConsumerGroupHeartbeat (KIP-848).
//!
//! A member joins with epoch 0, stays with the epoch that it was given last, leaves with -1, and with -2 if it is static
//! and will be back. The answer brings an assignment when it has changed or when the member has told everything.
//! v1: regular expressions (KIP-1043); members make their own ids.

use std::sync::Arc;

use ottla_machine::{Decision, Millis, Token};
use ottla_wire::messages::consumer_group_heartbeat_request::TopicPartitions as Claimed;
use ottla_wire::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions};
use ottla_wire::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use ottla_wire::{ErrorCode, Uuid};

use super::draft::Draft;
use super::refusal::Refusal;
use super::state::ConsumerGroup;
use super::state::{LEAVE, LEAVE_STATIC, Member};
use crate::config::ConsumerConfig;
use crate::coordinator::GroupCoordinator;
use crate::group::{CauseKind, Group};
use crate::request::{Caller, Response};

/// From this version clients make the ids of members themselves.
const FIRST_VERSION_WITH_OWN_MEMBER_ID: i16 = 1;

impl GroupCoordinator {
    pub(crate) fn consumer_heartbeat(
        &self,
        token: Token,
        caller: &Caller,
        request: &ConsumerGroupHeartbeatRequest,
        now: Millis,
    ) -> Decision<Self> {
        let decided = match request.member_epoch {
            LEAVE | LEAVE_STATIC => self.leave_consumer_group(token, request, now),
            _ => self.beat_consumer(token, caller, request, now),
        };
        decided.unwrap_or_else(|refusal| Decision::answer(token, refusal.into_heartbeat()))
    }

    fn beat_consumer(
        &self,
        token: Token,
        caller: &Caller,
        request: &ConsumerGroupHeartbeatRequest,
        now: Millis,
    ) -> Result<Decision<Self>, Refusal> {
        let mut draft = self.draft_for_heartbeat(request, now)?;
        let response = draft.beat(caller, request)?;
        let response = Response::ConsumerGroupHeartbeat(response);
        Ok(draft.into_decision().and_answer(token, response))
    }

    /// The group that a member beats in. One that joins makes it, or moves it over from the classic protocol.
    fn draft_for_heartbeat(
        &self,
        request: &ConsumerGroupHeartbeatRequest,
        now: Millis,
    ) -> Result<Draft<'_>, Refusal> {
        let joins = request.member_epoch == 0;
        match self.group(&request.group_id) {
            Some(Group::Consumer(group)) => Ok(Draft::new(self, now, group.clone())),
            Some(Group::Classic(group)) if joins => self.upgrade(group, now),
            Some(Group::Classic(_)) => Err(Refusal::not_a_consumer_group(&request.group_id)),
            None if joins => {
                Ok(Draft::new(self, now, ConsumerGroup::new(request.group_id.clone())))
            }
            None => Err(Refusal::group_not_found(&request.group_id)),
        }
    }
}

/// Whether a beat says what it has to, whatever the group.
///
/// # Errors
/// `INVALID_REQUEST` or `UNSUPPORTED_ASSIGNOR`.
pub(crate) fn validate_heartbeat(
    config: &ConsumerConfig,
    api_version: i16,
    request: &ConsumerGroupHeartbeatRequest,
) -> Result<(), Refusal> {
    let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
    let is_blank = |text: &Option<String>| text.as_ref().is_some_and(|text| text.trim().is_empty());
    let epoch = request.member_epoch;
    let needs_id = api_version >= FIRST_VERSION_WITH_OWN_MEMBER_ID || epoch > 0 || epoch == LEAVE;
    if needs_id && request.member_id.trim().is_empty() {
        return invalid("MemberId can't be empty.");
    }
    if request.group_id.trim().is_empty() {
        return invalid("GroupId can't be empty.");
    }
    if is_blank(&request.instance_id) {
        return invalid("InstanceId can't be empty.");
    }
    if is_blank(&request.rack_id) {
        return invalid("RackId can't be empty.");
    }
    if epoch == 0 {
        validate_join(request)?;
    } else if epoch == LEAVE_STATIC && request.instance_id.is_none() {
        return invalid("InstanceId can't be null.");
    } else if epoch < LEAVE_STATIC {
        return invalid("MemberEpoch is invalid.");
    }
    let offered = |name: &String| config.assignors.iter().any(|assignor| assignor.name() == name);
    match request.server_assignor.as_ref().filter(|name| !offered(name)) {
        None => Ok(()),
        Some(name) => {
            let names: Vec<&str> =
                config.assignors.iter().map(|assignor| assignor.name()).collect();
            let message = format!(
                "ServerAssignor {name} is not supported. Supported assignors: {}.",
                names.join(", ")
            );
            Err(Refusal::new(ErrorCode::UnsupportedAssignor, message))
        }
    }
}

fn validate_join(request: &ConsumerGroupHeartbeatRequest) -> Result<(), Refusal> {
    let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
    if request.rebalance_timeout_ms == -1 {
        return invalid("RebalanceTimeoutMs must be provided in first request.");
    }
    if request.topic_partitions.as_ref().is_none_or(|topics| !topics.is_empty()) {
        return invalid("TopicPartitions must be empty when (re-)joining.");
    }
    if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
        return invalid(
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
        );
    }
    Ok(())
}

impl Draft<'_> {
    fn beat(
        &mut self,
        caller: &Caller,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
        self.check_room(&request.member_id)?;
        let member_id = match request.member_id.is_empty() {
            true => random_member_id(caller),
            false => request.member_id.clone(),
        };
        let before = self.find_member(&member_id, request)?;
        let mut updated = before.clone();
        update(&mut updated, caller, request);
        let joins = !self.group.members.contains_key(&member_id);
        let subscription = self.subscribe(&before, &updated)?;
        if joins || subscription.has_changed {
            let kind = if joins { CauseKind::MemberJoined } else { CauseKind::SubscriptionChanged };
            self.note_member(kind, &updated, "");
        }
        if subscription.moves_epoch || self.is_metadata_stale() {
            self.update_metadata(subscription.moves_epoch);
        }
        self.update_target();
        let claimed = request.topic_partitions.as_deref();
        let member = self.reconcile(&member_id, subscription.has_changed, claimed)?;
        let settings = self.settings();
        let deadline = self.after(settings.session_timeout_ms);
        self.group.soft.set(&member_id, |timers| {
            timers.session = Some(deadline);
            (timers.join, timers.sync) = (None, None);
        });
        let tells_all = request.member_epoch == 0 || is_full(request);
        let assignment =
            (tells_all || before.assigned != member.assigned).then(|| assignment_of(&member));
        Ok(ConsumerGroupHeartbeatResponse {
            member_id: Some(member_id),
            member_epoch: member.epoch,
            heartbeat_interval_ms: settings.heartbeat_interval_ms,
            assignment,
            ..ConsumerGroupHeartbeatResponse::default()
        })
    }

    pub(super) fn check_room(&self, member_id: &str) -> Result<(), Refusal> {
        let max = self.config.consumer.max_size;
        let members_max = usize::try_from(max).unwrap_or(0);
        let is_known = self.group.members.contains_key(member_id);
        if is_known || self.group.members.len() < members_max {
            return Ok(());
        }
        let message =
            format!("The consumer group has reached its maximum capacity of {max} members.");
        Err(Refusal::new(ErrorCode::GroupMaxSizeReached, message))
    }

    /// The member that beats as it was, new ones as they begin.
    fn find_member(
        &mut self,
        member_id: &str,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<Member, Refusal> {
        let joins = request.member_epoch == 0;
        let Some(instance_id) = request.instance_id.as_deref() else {
            let member = match self.member(member_id) {
                Some(member) => Arc::unwrap_or_clone(member),
                None if joins => Member::new(member_id.to_owned()),
                None => return Err(Refusal::unknown_member(&self.group.id, member_id)),
            };
            check_epoch(&member, request)?;
            return Ok(member);
        };
        if joins {
            return self.join_static(member_id, instance_id);
        }
        let member = self.known_static(member_id, instance_id)?;
        check_epoch(&member, request)?;
        Ok(Arc::unwrap_or_clone(member))
    }

    fn join_static(&mut self, member_id: &str, instance_id: &str) -> Result<Member, Refusal> {
        let Some(known) = self.group.static_member(instance_id).cloned() else {
            let member = self.member(member_id).map(Arc::unwrap_or_clone);
            return Ok(member.unwrap_or_else(|| Member::new(member_id.to_owned())));
        };
        if !known.uses_classic_protocol() && known.epoch != LEAVE_STATIC {
            let message = format!(
                "Static member {member_id} with instance id {instance_id} cannot join the group because the \
                 instance id is owned by {} member.",
                known.id
            );
            return Err(Refusal::new(ErrorCode::UnreleasedInstanceId, message));
        }
        Ok(self.replace_static(&known, member_id))
    }
}

/// What a beat says of its member; what it leaves out stays.
fn update(member: &mut Member, caller: &Caller, request: &ConsumerGroupHeartbeatRequest) {
    if let Some(instance_id) = &request.instance_id {
        member.instance_id = Some(instance_id.clone());
    }
    if let Some(rack_id) = &request.rack_id {
        member.rack_id = Some(rack_id.clone());
    }
    if request.rebalance_timeout_ms != -1 {
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    if let Some(assignor) = &request.server_assignor {
        member.assignor = Some(assignor.clone());
    }
    if let Some(topics) = &request.subscribed_topic_names {
        member.topics = topics.iter().cloned().collect();
    }
    if let Some(regex) = &request.subscribed_topic_regex {
        member.regex = Some(regex.clone());
    }
    member.client_id.clone_from(&caller.client_id);
    member.client_host.clone_from(&caller.client_host);
    member.classic = None;
}

/// The epoch must be the member's, or the one before if only the answer that brought the new one was lost.
fn check_epoch(member: &Member, request: &ConsumerGroupHeartbeatRequest) -> Result<(), Refusal> {
    let (received, known) = (request.member_epoch, member.epoch);
    let is_lost_answer = received == member.previous_epoch
        && request.topic_partitions.as_ref().is_some_and(|claimed| is_within(claimed, member));
    if received == 0 || received == known || received < known && is_lost_answer {
        return Ok(());
    }
    let order = if received > known { "greater" } else { "smaller" };
    let message = format!(
        "The consumer group member has a {order} member epoch ({received}) than the one known by the group \
         coordinator ({known}). The member must abandon all its partitions and rejoin."
    );
    Err(Refusal::new(ErrorCode::FencedMemberEpoch, message))
}

fn is_within(claimed: &[Claimed], member: &Member) -> bool {
    claimed.iter().all(|topic| {
        member.assigned.get(&topic.topic_id).is_some_and(|assigned| {
            topic.partitions.iter().all(|partition| assigned.contains_key(partition))
        })
    })
}

/// Whether a beat tells everything, as after an error.
fn is_full(request: &ConsumerGroupHeartbeatRequest) -> bool {
    let subscribes =
        request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some();
    request.rebalance_timeout_ms != -1 && subscribes && request.topic_partitions.is_some()
}

fn assignment_of(member: &Member) -> Assignment {
    let topics = member.assigned.iter().map(|(topic, partitions)| TopicPartitions {
        topic_id: *topic,
        partitions: partitions.keys().copied().collect(),
        ..TopicPartitions::default()
    });
    Assignment { topic_partitions: topics.collect(), ..Assignment::default() }
}

/// An id nobody else has.
pub(super) fn random_member_id(caller: &Caller) -> String {
    Uuid::from_random(caller.random.to_be_bytes()).to_string()
}
