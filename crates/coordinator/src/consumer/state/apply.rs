//! What each record does to a consumer group.
//!
//! Who owns a partition is kept by owner, not by epoch: a compacted log tells of a partition's former owner and its
//! present one in any order, and the last one to say so is right.

use std::sync::Arc;

use ottla_wire::messages::{
    ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataValue,
    ConsumerGroupRegularExpressionValue, ConsumerGroupTargetAssignmentMemberValue,
};

use super::group::{ConsumerGroup, Counts, Resolved};
use super::member::{Assignment, LEAVE, Member, MemberState, Owned};
use crate::record::ConsumerRecord;

/// The epoch of a target assignment that is no more.
const NO_TARGET: i32 = -1;

impl ConsumerGroup {
    /// Takes in one record of this group. Whether the group is gone.
    pub(crate) fn apply(&mut self, record: &ConsumerRecord) -> bool {
        match record {
            ConsumerRecord::Group(entry) => match &entry.value {
                Some(value) => {
                    self.epoch = value.epoch;
                    self.metadata_hash = value.metadata_hash;
                }
                None => return true,
            },
            ConsumerRecord::PartitionMetadata(entry) => {
                self.has_partition_metadata = entry.value.is_some();
            }
            ConsumerRecord::Member(entry) => {
                self.apply_member(&entry.key.member_id, entry.value.as_ref());
            }
            ConsumerRecord::TargetMetadata(entry) => {
                let value = entry.value.as_ref();
                self.target_epoch = value.map_or(NO_TARGET, |value| value.assignment_epoch);
                self.target_since = value.map_or(0, |value| value.assignment_timestamp);
            }
            ConsumerRecord::TargetMember(entry) => {
                self.apply_target(&entry.key.member_id, entry.value.as_ref());
            }
            ConsumerRecord::CurrentMember(entry) => {
                self.apply_current(&entry.key.member_id, entry.value.as_ref());
            }
            ConsumerRecord::RegularExpression(entry) => {
                self.apply_regex(&entry.key.regular_expression, entry.value.as_ref());
            }
        }
        false
    }

    fn apply_member(&mut self, member_id: &str, value: Option<&ConsumerGroupMemberMetadataValue>) {
        let known = self.take(member_id);
        match value {
            Some(value) => {
                let mut member = known.unwrap_or_else(|| Member::new(member_id.to_owned()));
                member.read_subscription(value);
                self.insert(member);
            }
            None => {
                let instance_id = known.and_then(|member| member.instance_id);
                if let Some(instance_id) = instance_id
                    && self.static_members.get(&instance_id).is_some_and(|id| id == member_id)
                {
                    self.static_members.remove(&instance_id);
                }
                self.soft.forget(member_id);
            }
        }
    }

    fn apply_target(
        &mut self,
        member_id: &str,
        value: Option<&ConsumerGroupTargetAssignmentMemberValue>,
    ) {
        let Some(value) = value else {
            self.target.remove(member_id);
            return;
        };
        let topics = value.topic_partitions.iter().filter(|topic| !topic.partitions.is_empty());
        let target: Assignment = topics
            .map(|topic| (topic.topic_id, topic.partitions.iter().copied().collect()))
            .collect();
        self.target.insert(member_id.to_owned(), Arc::new(target));
    }

    fn apply_current(
        &mut self,
        member_id: &str,
        value: Option<&ConsumerGroupCurrentMemberAssignmentValue>,
    ) {
        let known = self.take(member_id);
        match (known, value) {
            (known, Some(value)) => {
                let mut member = known.unwrap_or_else(|| Member::new(member_id.to_owned()));
                member.read_assignment(value);
                self.insert(member);
            }
            (Some(member), None) => self.insert(Member {
                epoch: LEAVE,
                previous_epoch: LEAVE,
                state: MemberState::Stable,
                assigned: Owned::new(),
                revoking: Owned::new(),
                ..member
            }),
            (None, None) => {}
        }
    }

    fn apply_regex(&mut self, regex: &str, value: Option<&ConsumerGroupRegularExpressionValue>) {
        match value {
            Some(value) => {
                let resolved = Resolved {
                    topics: value.topics.iter().cloned().collect(),
                    version: value.version,
                    resolved_at: value.timestamp,
                };
                self.resolved.insert(regex.to_owned(), Arc::new(resolved));
            }
            None => {
                self.resolved.remove(regex);
            }
        }
    }

    /// Takes a member out with everything that is counted of it. [`ConsumerGroup::insert`] puts it back.
    fn take(&mut self, member_id: &str) -> Option<Member> {
        let member = Arc::unwrap_or_clone(self.members.remove(member_id)?);
        for topic in &member.topics {
            subtract(&mut self.topics, topic);
        }
        if let Some(regex) = member.regex() {
            subtract(&mut self.regexes, regex);
        }
        if let Some(assignor) = &member.assignor {
            subtract(&mut self.assignors, assignor);
        }
        if let Some(classic) = &member.classic {
            self.classic_members -= 1;
            for protocol in &classic.supported_protocols {
                subtract(&mut self.classic_protocols, &protocol.name);
            }
        }
        for place in member.owned() {
            if self.owners.get(&place).is_some_and(|owner| **owner == *member_id) {
                self.owners.remove(&place);
            }
        }
        Some(member)
    }

    fn insert(&mut self, member: Member) {
        for topic in &member.topics {
            add(&mut self.topics, topic);
        }
        if let Some(regex) = member.regex() {
            add(&mut self.regexes, regex);
        }
        if let Some(assignor) = &member.assignor {
            add(&mut self.assignors, assignor);
        }
        if let Some(classic) = &member.classic {
            self.classic_members += 1;
            for protocol in &classic.supported_protocols {
                add(&mut self.classic_protocols, &protocol.name);
            }
        }
        if let Some(instance_id) = &member.instance_id {
            self.static_members.insert(instance_id.clone(), member.id.clone());
        }
        let owner: Arc<str> = Arc::from(member.id.as_str());
        for place in member.owned() {
            self.owners.insert(place, Arc::clone(&owner));
        }
        self.members.insert(member.id.clone(), Arc::new(member));
    }
}

fn add(counts: &mut Counts, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => {
            counts.insert(name.to_owned(), 1);
        }
    }
}

fn subtract(counts: &mut Counts, name: &str) {
    match counts.get_mut(name) {
        Some(count) if *count > 1 => *count -= 1,
        _ => {
            counts.remove(name);
        }
    }
}
