//! A group of the consumer protocol: its members, what they are to own, and what they own.
//!
//! Hard state is what the records say, and [`ConsumerGroup::apply`] alone changes it; [`Soft`] is what a restart may
//! forget. Everything lies in persistent maps: deciding works on a copy, and copying is cheap.

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::OrdMap;
use ottla_machine::Millis;
use ottla_wire::Uuid;

use super::member::{Assignment, Member};
use super::soft::Soft;

/// Where a group is between two assignments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// No members; offsets may remain.
    Empty,
    /// Something has changed since the target assignment was computed.
    Assigning,
    /// Some member does not own yet what it is to own.
    Reconciling,
    /// Every member owns what it is to own.
    Stable,
}

impl State {
    /// The name that clients and tools see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
        }
    }
}

/// The topics that a regular expression matches.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resolved {
    pub(crate) topics: BTreeSet<String>,
    /// The metadata that the topics were taken from.
    pub(crate) version: i64,
    pub(crate) resolved_at: Millis,
}

/// How many members have something in common.
pub(in crate::consumer) type Counts = OrdMap<String, usize>;

/// A group, hard and soft state together.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct ConsumerGroup {
    pub(crate) id: String,
    pub(in crate::consumer) epoch: i32,
    /// Of the topics that the group subscribes to, as they were when the epoch was last moved.
    pub(in crate::consumer) metadata_hash: i64,
    pub(in crate::consumer) target_epoch: i32,
    /// When the target was computed; zero: unknown or never.
    pub(in crate::consumer) target_since: Millis,
    pub(in crate::consumer) target: OrdMap<String, Arc<Assignment>>,
    pub(in crate::consumer) members: OrdMap<String, Arc<Member>>,
    /// Instance id to member id.
    pub(in crate::consumer) static_members: OrdMap<String, String>,
    /// Who owns a partition, or has yet to give it up.
    pub(in crate::consumer) owners: OrdMap<(Uuid, i32), Arc<str>>,
    pub(in crate::consumer) resolved: OrdMap<String, Arc<Resolved>>,
    /// Subscriptions by name.
    pub(in crate::consumer) topics: Counts,
    /// Subscriptions by regular expression.
    pub(in crate::consumer) regexes: Counts,
    pub(in crate::consumer) assignors: Counts,
    /// What members of the classic protocol support.
    pub(in crate::consumer) classic_protocols: Counts,
    pub(in crate::consumer) classic_members: usize,
    /// Kafka before 4.1 has left a record that is to go.
    pub(in crate::consumer) has_partition_metadata: bool,
    pub(in crate::consumer) soft: Soft,
}

impl ConsumerGroup {
    pub(crate) fn new(id: String) -> Self {
        Self {
            id,
            epoch: 1,
            metadata_hash: 0,
            target_epoch: 1,
            target_since: 0,
            target: OrdMap::new(),
            members: OrdMap::new(),
            static_members: OrdMap::new(),
            owners: OrdMap::new(),
            resolved: OrdMap::new(),
            topics: Counts::new(),
            regexes: Counts::new(),
            assignors: Counts::new(),
            classic_protocols: Counts::new(),
            classic_members: 0,
            has_partition_metadata: false,
            soft: Soft::default(),
        }
    }

    pub(crate) fn state(&self) -> State {
        if self.members.is_empty() {
            State::Empty
        } else if self.epoch > self.target_epoch {
            State::Assigning
        } else if self.members.values().all(|member| member.is_reconciled_to(self.target_epoch)) {
            State::Stable
        } else {
            State::Reconciling
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn wake_at(&self) -> Option<Millis> {
        self.soft.wake_at()
    }

    pub(crate) fn set_soft(&mut self, soft: Soft) {
        self.soft = soft;
    }

    pub(in crate::consumer) fn member(&self, member_id: &str) -> Option<&Arc<Member>> {
        self.members.get(member_id)
    }

    pub(in crate::consumer) fn static_member(&self, instance_id: &str) -> Option<&Arc<Member>> {
        self.member(self.static_members.get(instance_id)?)
    }

    /// What a member is to own.
    pub(in crate::consumer) fn target_of(&self, member_id: &str) -> Arc<Assignment> {
        self.target.get(member_id).cloned().unwrap_or_default()
    }

    /// Whether somebody other than `member_id` owns a partition.
    pub(in crate::consumer) fn is_taken(
        &self,
        topic: Uuid,
        partition: i32,
        member_id: &str,
    ) -> bool {
        self.owners.get(&(topic, partition)).is_some_and(|owner| **owner != *member_id)
    }

    /// Whether any member subscribes to the topic.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.topics.contains_key(topic)
            || self.resolved.values().any(|resolved| resolved.topics.contains(topic))
    }

    /// Every topic that the group subscribes to, by name or as a match.
    pub(in crate::consumer) fn subscribed_topics(&self) -> BTreeSet<&str> {
        let matched = self.resolved.values().flat_map(|resolved| &resolved.topics);
        self.topics.keys().chain(matched).map(String::as_str).collect()
    }

    /// The topics that a member subscribes to, by name or as a match.
    pub(in crate::consumer) fn topics_of<'a>(&'a self, member: &'a Member) -> BTreeSet<&'a str> {
        let resolved = member.regex().and_then(|regex| self.resolved.get(regex));
        let matched = resolved.into_iter().flat_map(|resolved| &resolved.topics);
        member.topics.iter().chain(matched).map(String::as_str).collect()
    }

    /// How many members subscribe to a regular expression.
    pub(in crate::consumer) fn regex_subscribers(&self, regex: &str) -> usize {
        self.regexes.get(regex).copied().unwrap_or(0)
    }

    /// Whether all members subscribe to the same topics.
    pub(in crate::consumer) fn is_homogeneous(&self) -> bool {
        let members = self.members.len();
        match self.regexes.values().next() {
            None => self.topics.values().all(|count| *count == members),
            Some(count) => *count == members && self.topics.is_empty(),
        }
    }

    /// The assignor that most members ask for; of two with as many votes the first by name.
    pub(in crate::consumer) fn preferred_assignor(&self) -> Option<&str> {
        let most = self.assignors.values().copied().max()?;
        let winner = self.assignors.iter().find(|(_, count)| **count == most)?;
        Some(winner.0)
    }

    /// Whether a member waits for a partition that another one still owns.
    pub(in crate::consumer) fn is_waiting(&self, member: &Member) -> bool {
        let target = self.target_of(&member.id);
        target.iter().any(|(topic, partitions)| {
            let assigned = member.assigned.get(topic);
            partitions.iter().any(|partition| {
                !assigned.is_some_and(|assigned| assigned.contains_key(partition))
                    && self.owners.contains_key(&(*topic, *partition))
            })
        })
    }

    /// Whether a classic member with these protocols could work with the other classic ones.
    pub(in crate::consumer) fn supports_classic<'a>(
        &self,
        mut names: impl Iterator<Item = &'a str>,
    ) -> bool {
        if self.is_empty() {
            return names.next().is_some();
        }
        names.any(|name| {
            self.classic_protocols.get(name).copied().unwrap_or(0) == self.classic_members
        })
    }

    pub(in crate::consumer) fn uses_classic_protocol_only(&self) -> bool {
        self.classic_members == self.members.len()
    }

    /// What each member owns, of whatever topic, for tests.
    #[cfg(test)]
    pub(crate) fn owners(&self) -> std::collections::BTreeMap<&str, BTreeSet<i32>> {
        let owned = |member: &Member| member.owned().map(|(_, partition)| partition).collect();
        self.members.values().map(|member| (member.id.as_str(), owned(member))).collect()
    }

    #[cfg(test)]
    pub(crate) fn member_epoch(&self, member_id: &str) -> Option<i32> {
        self.member(member_id).map(|member| member.epoch)
    }

    #[cfg(test)]
    pub(crate) fn epoch(&self) -> i32 {
        self.epoch
    }

    /// All that records make, to be compared in tests.
    #[cfg(test)]
    pub(crate) fn hard_state(&self) -> Self {
        Self { soft: Soft::default(), ..self.clone() }
    }
}
