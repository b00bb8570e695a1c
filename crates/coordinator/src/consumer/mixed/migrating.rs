//! A group with members goes over to the other protocol: up, when the first member of the consumer protocol joins a
//! classic group; down, when the last one leaves and classic ones are left.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use ottla_machine::{Decision, Millis};
use ottla_wire::ErrorCode;
use ottla_wire::messages::consumer_group_member_metadata_value::{
    ClassicMemberMetadata, ClassicProtocol,
};
use ottla_wire::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};

use super::embedded;
use crate::classic::{self, ClassicGroup};
use crate::consumer::draft::Draft;
use crate::consumer::refusal::Refusal;
use crate::consumer::state::ConsumerGroup;
use crate::consumer::state::{Assignment, Member, State};
use crate::coordinator::GroupCoordinator;
use crate::group::CauseKind;
use crate::record::Record;

impl GroupCoordinator {
    /// The group that a classic one becomes. Its members keep what they own; whoever waits must join again.
    pub(in crate::consumer) fn upgrade(
        &self,
        classic: &ClassicGroup,
        now: Millis,
    ) -> Result<Draft<'_>, Refusal> {
        let mut draft = Draft::new(self, now, ConsumerGroup::new(classic.id.clone()));
        draft.records.push(Record::group_tombstone(&classic.id));
        if classic.is_empty() {
            return Ok(draft);
        }
        self.check_upgrade(classic)?;
        let reason = "a member of the consumer protocol joins a classic group";
        draft.causes.push(CauseKind::Upgraded.alone(reason));
        let generation = classic.generation();
        let mut members = Vec::new();
        for member in classic.members() {
            members.push(draft.upgraded(classic, member)?);
        }
        for (member, _) in &members {
            draft.write_member(member);
        }
        let hash = self.hash_that_was_assigned(&draft.group, &members);
        draft.write_epoch(generation, hash);
        for (member, target) in &members {
            draft.write_target(&member.id, target);
        }
        draft.write_target_epoch(generation, 0);
        for (member, _) in &members {
            draft.write_current(member);
            let session_ms =
                member.classic.as_ref().map_or(0, |classic| classic.session_timeout_ms);
            let session = draft.after(session_ms);
            draft.group.soft.set(&member.id, |timers| timers.session = Some(session));
        }
        draft.answers.extend(classic.refuse_all(ErrorCode::RebalanceInProgress));
        Ok(draft)
    }

    /// The metadata that a classic group's assignment goes by. Its leader may not have learned yet that a topic has
    /// grown: the hash is nobody's then, so that all is assigned anew.
    fn hash_that_was_assigned(
        &self,
        group: &ConsumerGroup,
        members: &[(Member, Assignment)],
    ) -> i64 {
        let (metadata, topics) = (self.metadata(), group.subscribed_topics());
        let is_whole = topics.iter().filter_map(|topic| metadata.id_of(topic)).all(|topic| {
            let assigned = members.iter().filter_map(|(_, target)| target.get(&topic));
            let assigned: BTreeSet<i32> = assigned.flatten().copied().collect();
            (0..metadata.partition_count(topic)).all(|partition| assigned.contains(&partition))
        });
        if is_whole { metadata.hash_of(&topics) } else { 0 }
    }

    fn check_upgrade(&self, classic: &ClassicGroup) -> Result<(), Refusal> {
        let config = &self.config().consumer;
        let size_max = usize::try_from(config.max_size).unwrap_or(0);
        let reason = if !config.migration.upgrades() {
            "online upgrade is disabled"
        } else if !classic.uses_consumer_protocol() {
            "the group does not use the consumer embedded protocol"
        } else if classic.members().count() > size_max {
            "the group size exceeds the consumer group maximum size"
        } else {
            return Ok(());
        };
        Err(cannot_upgrade(&classic.id, reason))
    }
}

fn cannot_upgrade(group_id: &str, reason: &str) -> Refusal {
    let message =
        format!("Cannot upgrade classic group {group_id} to consumer group because {reason}.");
    Refusal::new(ErrorCode::GroupIdNotFound, message)
}

impl Draft<'_> {
    fn upgraded(
        &self,
        classic: &ClassicGroup,
        member: &classic::Member,
    ) -> Result<(Member, Assignment), Refusal> {
        let malformed =
            |_| cannot_upgrade(&classic.id, "the embedded consumer protocol is malformed");
        let generation = classic.generation();
        let target = if member.assignment.is_empty() {
            Assignment::new()
        } else {
            let assignment: ConsumerProtocolAssignment =
                embedded::read(&member.assignment).map_err(malformed)?;
            if assignment.user_data.as_ref().is_some_and(|data| !data.is_empty()) {
                return Err(cannot_upgrade(
                    &classic.id,
                    "an unsupported custom assignor is in use. Please refer to the documentation or switch to a \
                     default assignor before re-attempting the upgrade",
                ));
            }
            embedded::partitions_of(&assignment, self.metadata)
        };
        let metadata = match classic.protocol() {
            Some(protocol) => member.metadata(Some(protocol)),
            None => {
                member.protocols.first().map(|first| first.metadata.clone()).unwrap_or_default()
            }
        };
        let subscription: ConsumerProtocolSubscription =
            embedded::read(&metadata).map_err(malformed)?;
        let owned = target.iter().map(|(topic, partitions)| {
            (*topic, partitions.iter().map(|partition| (*partition, generation)).collect())
        });
        let protocols = member.protocols.iter().map(|protocol| ClassicProtocol {
            name: protocol.name.clone(),
            metadata: protocol.metadata.clone(),
            ..ClassicProtocol::default()
        });
        let upgraded = Member {
            instance_id: member.instance_id.clone(),
            rack_id: subscription.rack_id.filter(|rack_id| !rack_id.is_empty()),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            topics: subscription.topics.into_iter().collect(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            classic: Some(ClassicMemberMetadata {
                session_timeout_ms: member.session_timeout_ms,
                supported_protocols: protocols.collect(),
                ..ClassicMemberMetadata::default()
            }),
            epoch: generation,
            previous_epoch: generation,
            assigned: owned.collect(),
            ..Member::new(member.id.clone())
        };
        Ok((upgraded, target))
    }

    /// Whether the group may be a classic one when these members have left.
    pub(in crate::consumer) fn may_downgrade(&self, leaving: &BTreeSet<String>) -> bool {
        let mut staying =
            self.group.members.values().filter(|member| !leaving.contains(&member.id));
        let count = self.group.members.len() - leaving.len();
        count > 0
            && staying.all(|member| member.uses_classic_protocol())
            && self.config.consumer.migration.downgrades()
            && count <= self.config.members_max()
    }

    /// The decision that makes a classic group of those who stay; they are to join again.
    pub(in crate::consumer) fn downgrade_without(
        self,
        leaving: &BTreeSet<String>,
    ) -> Decision<GroupCoordinator> {
        self.downgrade_to(leaving, true)
    }

    /// The decision that makes a classic group of all members. They join again unless each of them has just what it
    /// is to have: else somebody would work on what another has not given up yet.
    pub(in crate::consumer) fn downgrade(self) -> Decision<GroupCoordinator> {
        let must_rebalance = self.group.state() != State::Stable;
        self.downgrade_to(&BTreeSet::new(), must_rebalance)
    }

    fn downgrade_to(
        mut self,
        leaving: &BTreeSet<String>,
        must_rebalance: bool,
    ) -> Decision<GroupCoordinator> {
        let staying = self.group.members.values().filter(|member| !leaving.contains(&member.id));
        let members: Vec<Arc<Member>> = staying.cloned().collect();
        let downgraded = members.iter().map(|member| self.downgraded(member));
        let mut classic = ClassicGroup::downgraded(
            self.group.id.clone(),
            self.group.epoch,
            downgraded.collect(),
            self.now,
        );
        for member in &members {
            let metadata = classic.metadata_of(&member.id);
            // Who is to join again owns what it owned until then, should the group go back before.
            let partitions = match must_rebalance {
                true => member.owned_by_topic(),
                false => Assignment::clone(&self.group.target_of(&member.id)),
            };
            let topics = partitions.iter().map(|(topic, partitions)| (*topic, partitions.iter()));
            // A member whose metadata can't be read is told that it owns nothing.
            let assignment =
                embedded::write(topics, &metadata, self.metadata).unwrap_or_else(|_| Bytes::new());
            classic.assign(&member.id, assignment);
        }
        self.forget_group();
        let mut draft = classic::Draft::new(self.config, self.now, classic);
        self.causes.into_iter().for_each(|cause| draft.note(cause));
        draft.note(CauseKind::Downgraded.alone("only members of the classic protocol are left"));
        draft.write_group();
        if must_rebalance {
            draft.prepare_rebalance();
        } else {
            draft.end_rebalance();
        }
        let mut decision =
            Decision { records: self.records, touches: Vec::new(), answers: self.answers };
        decision.extend(draft.into_decision());
        decision
    }

    fn downgraded(&self, member: &Member) -> classic::Member {
        let classic = member.classic.as_ref();
        let protocols = classic.into_iter().flat_map(|classic| &classic.supported_protocols);
        let session_timeout_ms = classic.map_or(0, |classic| classic.session_timeout_ms);
        classic::Member {
            id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms,
            protocols: protocols
                .map(|protocol| classic::Protocol {
                    name: protocol.name.clone(),
                    metadata: protocol.metadata.clone(),
                })
                .collect(),
            assignment: Bytes::new(),
            is_new: false,
            session_deadline: Some(self.after(session_timeout_ms)),
            awaiting_join: None,
            awaiting_sync: None,
        }
    }
}
