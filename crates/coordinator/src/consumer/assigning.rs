//! From a subscription that has changed to a new target, and from there to what one member does next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ottla_machine::Millis;
use ottla_wire::Uuid;
use ottla_wire::messages::consumer_group_heartbeat_request::TopicPartitions;

use super::draft::Draft;
use super::reconcile::Reconciliation;
use super::refusal::Refusal;
use super::state::{Assignment, Member, MemberState};
use crate::assignor::{Assignor, Subscriber, Work};
use crate::group::CauseKind;

impl Draft<'_> {
    /// Whether topics may have changed since the group last looked.
    pub(super) fn is_metadata_stale(&self) -> bool {
        let topics_changed = self.metadata.topics_changed();
        self.group
            .soft
            .compared
            .is_none_or(|(version, epoch)| version < topics_changed || self.group.epoch < epoch)
    }

    /// Compares the topics with what they were. The group's epoch moves when they differ, or when it `must`.
    pub(super) fn update_metadata(&mut self, must: bool) {
        let hash = self.metadata.hash_of(&self.group.subscribed_topics());
        if !must && hash != self.group.metadata_hash {
            let reason = "topics were created, deleted or have more partitions";
            self.causes.push(CauseKind::TopicsChanged.alone(reason));
        }
        if must || hash != self.group.metadata_hash {
            self.write_epoch(self.group.epoch.saturating_add(1), hash);
        }
        self.group.soft.compared = Some((self.metadata.version(), self.group.epoch));
        if self.group.has_partition_metadata {
            self.forget_partition_metadata();
        }
    }

    /// Computes a new target if the group has a new epoch, unless the last one is too young.
    pub(super) fn update_target(&mut self) {
        if self.group.target_epoch >= self.group.epoch || !self.may_assign() {
            return;
        }
        let work = self.work();
        for (member_id, target) in self.assignor().assign(&work) {
            let known = self.group.target.get(&member_id);
            if known.is_none_or(|known| **known != target) {
                self.write_target(&member_id, &target);
            }
        }
        self.write_target_epoch(self.group.epoch, self.now);
    }

    fn may_assign(&self) -> bool {
        let interval_ms = self.settings().assignment_interval_ms;
        let since = self.group.target_since;
        since == 0
            || interval_ms == 0
            || self.now >= since.saturating_add(Millis::from(interval_ms))
    }

    fn assignor(&self) -> Assignor {
        let preferred = self.group.preferred_assignor().and_then(Assignor::of_name);
        let offered =
            preferred.filter(|assignor| self.config.consumer.assignors.contains(assignor));
        offered.unwrap_or_else(|| self.config.consumer.default_assignor())
    }

    fn work(&self) -> Work {
        let mut partitions = BTreeMap::new();
        // Most members subscribe to the same: they share one set.
        let mut sets: BTreeMap<BTreeSet<Uuid>, Arc<BTreeSet<Uuid>>> = BTreeMap::new();
        let mut members = BTreeMap::new();
        for member in self.group.members.values() {
            let ids = self.topic_ids(member);
            let topics = match sets.get(&ids) {
                Some(topics) => Arc::clone(topics),
                None => {
                    let count = |topic: &Uuid| (*topic, self.metadata.partition_count(*topic));
                    partitions.extend(ids.iter().map(count));
                    Arc::clone(sets.entry(ids.clone()).or_insert_with(|| Arc::new(ids)))
                }
            };
            let instance_id = member.instance_id.clone();
            let current = self.group.target_of(&member.id);
            members.insert(member.id.clone(), Subscriber { instance_id, topics, current });
        }
        Work { members, partitions, is_homogeneous: self.group.is_homogeneous() }
    }

    fn topic_ids(&self, member: &Member) -> BTreeSet<Uuid> {
        let topics = self.group.topics_of(member);
        topics.into_iter().filter_map(|topic| self.metadata.id_of(topic)).collect()
    }

    /// Brings a member nearer to its target, and returns it as it is then.
    pub(super) fn reconcile(
        &mut self,
        member_id: &str,
        has_subscription_changed: bool,
        claimed: Option<&[TopicPartitions]>,
    ) -> Result<Arc<Member>, Refusal> {
        let Some(member) = self.member(member_id) else {
            return Err(Refusal::unknown_member(&self.group.id, member_id));
        };
        if !has_subscription_changed && member.is_reconciled_to(self.group.target_epoch) {
            return Ok(member);
        }
        let (target, subscribed) = (self.group.target_of(member_id), self.topic_ids(&member));
        let reconciliation = Reconciliation {
            target_epoch: self.group.target_epoch,
            target: &target,
            subscribed: &subscribed,
            has_subscription_changed,
            claimed,
            is_taken: |topic, partition| self.group.is_taken(topic, partition, member_id),
        };
        let next = reconciliation.of(&member)?;
        if next == *member {
            return Ok(member);
        }
        self.write_current(&next);
        if !next.uses_classic_protocol() {
            self.time_revocation(&next);
        }
        Ok(Arc::new(next))
    }

    /// A member that is to give up partitions has its rebalance time-out to do so.
    fn time_revocation(&mut self, member: &Member) {
        let deadline = self.after(member.rebalance_timeout_ms);
        let revocation = match member.state {
            MemberState::Unrevoked => Some((deadline, member.epoch)),
            _ => None,
        };
        self.group.soft.set(&member.id, |timers| timers.revocation = revocation);
    }

    /// What a member is to own, or nothing.
    pub(super) fn target_of(&self, member_id: &str) -> Arc<Assignment> {
        self.group.target_of(member_id)
    }
}
