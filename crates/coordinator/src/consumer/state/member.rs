//! A member of a consumer group: who it is, what it subscribes to, what it owns and has yet to give up.
//!
//! Everything in here is hard state: two records tell of a member, [`Member::subscription_record`] of who it is and
//! [`Member::assignment_record`] of what it owns.

use std::collections::{BTreeMap, BTreeSet};

use ottla_wire::Uuid;
use ottla_wire::messages::consumer_group_current_member_assignment_value::TopicPartitions;
use ottla_wire::messages::consumer_group_member_metadata_value::ClassicMemberMetadata;
use ottla_wire::messages::{
    ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataValue,
};

/// Partitions that a member is to own, by topic. No topic without partitions.
pub(crate) type Assignment = BTreeMap<Uuid, BTreeSet<i32>>;

/// Partitions that a member owns, each with the epoch in which it was assigned. No topic without partitions.
pub(crate) type Owned = BTreeMap<Uuid, BTreeMap<i32, i32>>;

/// The epoch with which a member leaves for good.
pub(crate) const LEAVE: i32 = -1;
/// The epoch with which a static member leaves for a while.
pub(crate) const LEAVE_STATIC: i32 = -2;

/// Where a member is on its way to its target assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberState {
    /// Owns what it is to own.
    Stable,
    /// Has been told to give partitions up, and has not yet.
    Unrevoked,
    /// Waits for partitions that others have not given up yet.
    Unreleased,
    /// Written by a newer version.
    Unknown(i8),
}

impl MemberState {
    fn of_code(code: i8) -> Self {
        match code {
            0 => Self::Stable,
            1 => Self::Unrevoked,
            2 => Self::Unreleased,
            other => Self::Unknown(other),
        }
    }

    fn code(self) -> i8 {
        match self {
            Self::Stable => 0,
            Self::Unrevoked => 1,
            Self::Unreleased => 2,
            Self::Unknown(code) => code,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) rack_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) topics: BTreeSet<String>,
    /// Empty: none. Clients that know of no regular expressions leave it so; old records have null.
    pub(crate) regex: Option<String>,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) assignor: Option<String>,
    /// What a member of the classic protocol has told of itself.
    pub(crate) classic: Option<ClassicMemberMetadata>,
    pub(crate) epoch: i32,
    pub(crate) previous_epoch: i32,
    pub(crate) state: MemberState,
    pub(crate) assigned: Owned,
    /// Still owned, and to be given up.
    pub(crate) revoking: Owned,
}

impl Member {
    /// A member of which nothing is known but its id.
    pub(crate) fn new(id: String) -> Self {
        Self {
            id,
            instance_id: None,
            rack_id: None,
            client_id: String::new(),
            client_host: String::new(),
            topics: BTreeSet::new(),
            regex: Some(String::new()),
            rebalance_timeout_ms: -1,
            assignor: None,
            classic: None,
            epoch: 0,
            previous_epoch: -1,
            state: MemberState::Stable,
            assigned: Owned::new(),
            revoking: Owned::new(),
        }
    }

    /// The regular expression that the member subscribes to.
    pub(crate) fn regex(&self) -> Option<&str> {
        self.regex.as_deref().filter(|regex| !regex.is_empty())
    }

    pub(crate) fn uses_classic_protocol(&self) -> bool {
        self.classic.is_some()
    }

    /// The name of the classic protocol that the coordinator goes by: the member's first.
    pub(crate) fn classic_protocol(&self) -> Option<&str> {
        let protocols = &self.classic.as_ref()?.supported_protocols;
        protocols.first().map(|protocol| protocol.name.as_str())
    }

    pub(crate) fn is_reconciled_to(&self, target_epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == target_epoch
    }

    /// The epoch in which the member came to own a partition that it still owns.
    pub(crate) fn assignment_epoch(&self, topic: Uuid, partition: i32) -> Option<i32> {
        let epoch_in = |owned: &Owned| owned.get(&topic)?.get(&partition).copied();
        epoch_in(&self.assigned).or_else(|| epoch_in(&self.revoking))
    }

    /// Every partition that the member owns, those to be given up among them.
    pub(crate) fn owned(&self) -> impl Iterator<Item = (Uuid, i32)> {
        self.assigned.iter().chain(&self.revoking).flat_map(|(topic, partitions)| {
            partitions.keys().map(move |partition| (*topic, *partition))
        })
    }

    /// As [`Member::owned`], by topic.
    pub(crate) fn owned_by_topic(&self) -> Assignment {
        let mut owned = Assignment::new();
        for (topic, partition) in self.owned() {
            owned.entry(topic).or_default().insert(partition);
        }
        owned
    }

    /// Takes in who the member is.
    pub(crate) fn read_subscription(&mut self, value: &ConsumerGroupMemberMetadataValue) {
        self.instance_id.clone_from(&value.instance_id);
        self.rack_id.clone_from(&value.rack_id);
        self.client_id.clone_from(&value.client_id);
        self.client_host.clone_from(&value.client_host);
        self.topics = value.subscribed_topic_names.iter().cloned().collect();
        self.regex.clone_from(&value.subscribed_topic_regex);
        self.rebalance_timeout_ms = value.rebalance_timeout_ms;
        self.assignor.clone_from(&value.server_assignor);
        self.classic = value.classic_member_metadata.as_ref().map(detached);
    }

    /// Takes in what the member owns.
    pub(crate) fn read_assignment(&mut self, value: &ConsumerGroupCurrentMemberAssignmentValue) {
        self.epoch = value.member_epoch;
        self.previous_epoch = value.previous_member_epoch;
        self.state = MemberState::of_code(value.state);
        self.assigned = read_owned(&value.assigned_partitions, value.member_epoch);
        self.revoking = read_owned(&value.partitions_pending_revocation, value.member_epoch);
    }

    /// Who the member is, as a record says it.
    pub(crate) fn subscription_record(&self) -> ConsumerGroupMemberMetadataValue {
        ConsumerGroupMemberMetadataValue {
            instance_id: self.instance_id.clone(),
            rack_id: self.rack_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            subscribed_topic_names: self.topics.iter().cloned().collect(),
            subscribed_topic_regex: self.regex.clone(),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            server_assignor: self.assignor.clone(),
            classic_member_metadata: self.classic.clone(),
            ..ConsumerGroupMemberMetadataValue::default()
        }
    }

    /// What the member owns, as a record says it.
    pub(crate) fn assignment_record(&self) -> ConsumerGroupCurrentMemberAssignmentValue {
        ConsumerGroupCurrentMemberAssignmentValue {
            member_epoch: self.epoch,
            previous_member_epoch: self.previous_epoch,
            state: self.state.code(),
            assigned_partitions: write_owned(&self.assigned),
            partitions_pending_revocation: write_owned(&self.revoking),
            ..ConsumerGroupCurrentMemberAssignmentValue::default()
        }
    }
}

/// A copy that does not keep the whole request or batch in memory for as long as the group lives.
fn detached(classic: &ClassicMemberMetadata) -> ClassicMemberMetadata {
    let mut classic = classic.clone();
    for protocol in &mut classic.supported_protocols {
        protocol.metadata = crate::classic::detached(&protocol.metadata);
    }
    classic
}

/// Records of before Kafka 4.3 tell no epochs: the member's own stands in for them.
fn read_owned(topics: &[TopicPartitions], member_epoch: i32) -> Owned {
    let topics = topics.iter().filter(|topic| !topic.partitions.is_empty()).map(|topic| {
        let epochs = topic.assignment_epochs.as_deref();
        let epochs = epochs.filter(|epochs| epochs.len() == topic.partitions.len());
        let partitions = topic.partitions.iter().enumerate().map(|(at, partition)| {
            (*partition, epochs.map_or(member_epoch.max(0), |epochs| epochs[at]))
        });
        (topic.topic_id, partitions.collect())
    });
    topics.collect()
}

fn write_owned(owned: &Owned) -> Vec<TopicPartitions> {
    let topics = owned.iter().map(|(topic, partitions)| TopicPartitions {
        topic_id: *topic,
        partitions: partitions.keys().copied().collect(),
        assignment_epochs: Some(partitions.values().copied().collect()),
        ..TopicPartitions::default()
    });
    topics.collect()
}
