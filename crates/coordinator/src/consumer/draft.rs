//! A consumer group that is being decided on: a copy that every record of the decision is applied to at once.

use std::sync::Arc;

use ottla_machine::{Answer, Decision, Millis};
use ottla_wire::group_explanation::Cause;
use ottla_wire::messages::consumer_group_target_assignment_member_value::TopicPartition;
use ottla_wire::messages::{
    ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupMemberMetadataKey,
    ConsumerGroupMetadataKey, ConsumerGroupMetadataValue, ConsumerGroupPartitionMetadataKey,
    ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue,
    ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue,
    ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue,
};

use super::state::{Assignment, Member};
use super::state::{ConsumerGroup, Resolved, State};
use crate::config::Config;
use crate::coordinator::{GroupCoordinator, Touch};
use crate::group::{CauseKind, Event, GroupSettings, Metadata};
use crate::record::{ConsumerRecord, Entry, Record};
use crate::request::Response;

pub(crate) struct Draft<'a> {
    pub(super) config: &'a Config,
    pub(super) metadata: &'a Metadata,
    pub(super) now: Millis,
    pub(super) group: ConsumerGroup,
    pub(super) records: Vec<Record>,
    pub(super) answers: Vec<Answer<Response>>,
    /// What has led to a new epoch, or soon will.
    pub(super) causes: Vec<Cause>,
    epoch_before: i32,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        coordinator: &'a GroupCoordinator,
        now: Millis,
        group: ConsumerGroup,
    ) -> Self {
        Self {
            config: coordinator.config(),
            metadata: coordinator.metadata(),
            now,
            epoch_before: group.epoch,
            group,
            records: Vec::new(),
            answers: Vec::new(),
            causes: Vec::new(),
        }
    }

    /// What a member has done, or has not.
    pub(super) fn note_member(&mut self, kind: CauseKind, member: &Member, reason: &str) {
        let who = (member.id.as_str(), member.client_id.as_str(), member.client_host.as_str());
        self.causes.push(kind.by(who, reason));
    }

    /// A rebalance lasts from a new epoch until every member has what it is to have.
    fn take_events(&mut self) -> Vec<Event> {
        let causes = std::mem::take(&mut self.causes);
        let mut events = Vec::new();
        if self.group.epoch > self.epoch_before {
            events.push(Event::Began { at: self.now, causes });
        } else {
            events.extend(causes.into_iter().map(Event::Caused));
        }
        // Without records nothing has changed that a state is made of; to find it takes a look at every member.
        let is_over = || matches!(self.group.state(), State::Stable | State::Empty);
        if !self.records.is_empty() && is_over() {
            let (generation, members) = (self.group.epoch, self.group.members.len());
            events.push(Event::Ended { at: self.now, generation, members });
        }
        events
    }

    /// The decision: the records and answers, and what is soft in the group as a touch.
    pub(super) fn into_decision(mut self) -> Decision<GroupCoordinator> {
        let rebalance = Touch::rebalance(&self.group.id.clone(), self.take_events());
        let touches = std::iter::once(Touch::consumer(&self.group.id, self.group.soft));
        Decision {
            records: self.records,
            touches: touches.chain(rebalance).collect(),
            answers: self.answers,
        }
    }

    pub(super) fn settings(&self) -> GroupSettings {
        self.metadata.settings_of(&self.group.id, &self.config.consumer)
    }

    /// The moment `timeout_ms` from now. A negative time-out has passed already.
    pub(super) fn after(&self, timeout_ms: i32) -> Millis {
        self.now.saturating_add(Millis::from(timeout_ms.max(0)))
    }

    fn write(&mut self, record: ConsumerRecord) {
        self.group.apply(&record);
        self.records.push(Record::Consumer(record));
    }

    fn group_id(&self) -> String {
        self.group.id.clone()
    }

    pub(super) fn write_epoch(&mut self, epoch: i32, metadata_hash: i64) {
        let key = ConsumerGroupMetadataKey { group_id: self.group_id() };
        let value = ConsumerGroupMetadataValue { epoch, metadata_hash, ..Default::default() };
        self.write(ConsumerRecord::Group(Entry { key, value: Some(value) }));
    }

    pub(super) fn forget_partition_metadata(&mut self) {
        let key = ConsumerGroupPartitionMetadataKey { group_id: self.group_id() };
        self.write(ConsumerRecord::PartitionMetadata(Entry { key, value: None }));
    }

    pub(super) fn write_member(&mut self, member: &Member) {
        let key = ConsumerGroupMemberMetadataKey {
            group_id: self.group_id(),
            member_id: member.id.clone(),
        };
        let value = Some(member.subscription_record());
        self.write(ConsumerRecord::Member(Entry { key, value }));
    }

    pub(super) fn write_current(&mut self, member: &Member) {
        let key = ConsumerGroupCurrentMemberAssignmentKey {
            group_id: self.group_id(),
            member_id: member.id.clone(),
        };
        let value = Some(member.assignment_record());
        self.write(ConsumerRecord::CurrentMember(Entry { key, value }));
    }

    pub(super) fn write_target(&mut self, member_id: &str, target: &Assignment) {
        let topics = target.iter().map(|(topic, partitions)| TopicPartition {
            topic_id: *topic,
            partitions: partitions.iter().copied().collect(),
            ..TopicPartition::default()
        });
        let value = ConsumerGroupTargetAssignmentMemberValue {
            topic_partitions: topics.collect(),
            ..Default::default()
        };
        let key = ConsumerGroupTargetAssignmentMemberKey {
            group_id: self.group_id(),
            member_id: member_id.to_owned(),
        };
        self.write(ConsumerRecord::TargetMember(Entry { key, value: Some(value) }));
    }

    pub(super) fn write_target_epoch(
        &mut self,
        assignment_epoch: i32,
        assignment_timestamp: Millis,
    ) {
        let key = ConsumerGroupTargetAssignmentMetadataKey { group_id: self.group_id() };
        let value = ConsumerGroupTargetAssignmentMetadataValue {
            assignment_epoch,
            assignment_timestamp,
            ..Default::default()
        };
        self.write(ConsumerRecord::TargetMetadata(Entry { key, value: Some(value) }));
    }

    pub(super) fn write_regex(&mut self, regex: &str, resolved: &Resolved) {
        let key = self.regex_key(regex);
        let value = ConsumerGroupRegularExpressionValue {
            topics: resolved.topics.iter().cloned().collect(),
            version: resolved.version,
            timestamp: resolved.resolved_at,
            ..Default::default()
        };
        self.write(ConsumerRecord::RegularExpression(Entry { key, value: Some(value) }));
    }

    pub(super) fn forget_regex(&mut self, regex: &str) {
        let key = self.regex_key(regex);
        self.write(ConsumerRecord::RegularExpression(Entry { key, value: None }));
    }

    fn regex_key(&self, regex: &str) -> ConsumerGroupRegularExpressionKey {
        let (group_id, regular_expression) = (self.group_id(), regex.to_owned());
        ConsumerGroupRegularExpressionKey { group_id, regular_expression }
    }

    /// The order matters: what a member owns is free before the member is gone.
    pub(super) fn forget_member(&mut self, member_id: &str) {
        self.forget_current(member_id);
        self.forget_target(member_id);
        self.forget_subscription(member_id);
    }

    fn forget_current(&mut self, member_id: &str) {
        let (group_id, member_id) = (self.group_id(), member_id.to_owned());
        let key = ConsumerGroupCurrentMemberAssignmentKey { group_id, member_id };
        self.write(ConsumerRecord::CurrentMember(Entry { key, value: None }));
    }

    fn forget_target(&mut self, member_id: &str) {
        let (group_id, member_id) = (self.group_id(), member_id.to_owned());
        let key = ConsumerGroupTargetAssignmentMemberKey { group_id, member_id };
        self.write(ConsumerRecord::TargetMember(Entry { key, value: None }));
    }

    fn forget_subscription(&mut self, member_id: &str) {
        let (group_id, member_id) = (self.group_id(), member_id.to_owned());
        let key = ConsumerGroupMemberMetadataKey { group_id, member_id };
        self.write(ConsumerRecord::Member(Entry { key, value: None }));
    }

    /// Removes the group and everything of it.
    pub(super) fn forget_group(&mut self) {
        let members: Vec<String> = self.group.members.keys().cloned().collect();
        for member_id in &members {
            self.forget_current(member_id);
        }
        for member_id in &members {
            self.forget_target(member_id);
        }
        let key = ConsumerGroupTargetAssignmentMetadataKey { group_id: self.group_id() };
        self.write(ConsumerRecord::TargetMetadata(Entry { key, value: None }));
        for member_id in &members {
            self.forget_subscription(member_id);
        }
        for regex in self.group.resolved.keys().cloned().collect::<Vec<_>>() {
            self.forget_regex(&regex);
        }
        self.forget_partition_metadata();
        let key = ConsumerGroupMetadataKey { group_id: self.group_id() };
        self.write(ConsumerRecord::Group(Entry { key, value: None }));
    }

    pub(super) fn member(&self, member_id: &str) -> Option<Arc<Member>> {
        self.group.member(member_id).cloned()
    }
}
