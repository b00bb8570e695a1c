//! Subscribing, and what a rebalance changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ottla_wire::ErrorCode;

use super::assignors::Assignor;
use super::client::{Consumer, Event, Task, misuse, mixed};
use super::commits::{Offsets, as_offsets};
use super::group::{Doubt, Joined, Joining, join, keep_alive};
use super::positions::{Need, Position};
use crate::admin::OffsetAndMetadata;
use crate::cluster::MetadataImage;
use crate::error::Error;
use crate::topic_partition::TopicPartition;

/// Hears, inside `poll`, which partitions come and go.
pub trait RebalanceListener: Send {
    /// These are read from now on; answers offsets to begin at instead of the committed ones.
    fn assigned(&mut self, _partitions: &[TopicPartition]) -> Vec<(TopicPartition, i64)> {
        Vec::new()
    }

    /// These are given back; answers offsets to commit before.
    fn revoked(
        &mut self,
        _partitions: &[TopicPartition],
    ) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        Vec::new()
    }

    /// These were taken away, perhaps by another member already: nothing can be committed for them.
    fn lost(&mut self, _partitions: &[TopicPartition]) {}
}

/// For those who do not care.
struct Deaf;

impl RebalanceListener for Deaf {}

/// Which topics are wanted.
enum Wanted {
    Named,
    Matching(Box<dyn Fn(&str) -> bool + Send>),
}

/// A subscription, and how far its membership is.
pub(super) struct Subscribed {
    wanted: Wanted,
    /// Unknown until metadata has told which topics match.
    topics: Option<BTreeSet<String>>,
    listener: Box<dyn RebalanceListener>,
    must_join: bool,
    /// The number of the attempt, and its task.
    pub(super) joining: Option<(u64, Task)>,
    heartbeats: Option<Task>,
    /// Generation in which the present partitions were assigned.
    generation: i32,
    previous: Vec<TopicPartition>,
    shared_out: Option<BTreeMap<String, i32>>,
    /// Offsets of partitions that went, to be committed before the next join.
    late: Offsets,
}

impl Subscribed {
    fn new(wanted: Wanted, topics: Option<BTreeSet<String>>) -> Self {
        Self {
            wanted,
            topics,
            listener: Box::new(Deaf),
            must_join: true,
            joining: None,
            heartbeats: None,
            generation: -1,
            previous: Vec::new(),
            shared_out: None,
            late: Offsets::new(),
        }
    }

    pub(super) fn is_pattern(&self) -> bool {
        matches!(self.wanted, Wanted::Matching(_))
    }

    /// Topics subscribed to; the leader of the group watches those of all members.
    pub(super) fn topics_of_interest(&self) -> impl Iterator<Item = &String> {
        let of_others = self.shared_out.iter().flat_map(BTreeMap::keys);
        self.topics.iter().flatten().chain(of_others)
    }

    fn wants(&self, partition: &TopicPartition) -> bool {
        self.topics.as_ref().is_some_and(|topics| topics.contains(&*partition.topic))
    }

    fn became(&mut self, topics: BTreeSet<String>) {
        if self.topics.as_ref() != Some(&topics) {
            self.topics = Some(topics);
            self.must_join = true;
        }
    }
}

/// What an assignment changes.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    revoked: Vec<TopicPartition>,
    added: Vec<TopicPartition>,
    /// Whether the group must meet again to give others what is revoked here, or because it shared out
    /// topics that are not wanted any more.
    meet_again: bool,
}

impl Change {
    fn between(
        owned: &[TopicPartition],
        assigned: Vec<TopicPartition>,
        wants: impl Fn(&TopicPartition) -> bool,
    ) -> Self {
        let (wanted, foreign): (BTreeSet<_>, BTreeSet<_>) =
            assigned.into_iter().partition(|partition| wants(partition));
        let revoked: Vec<_> = owned.iter().filter(|key| !wanted.contains(key)).cloned().collect();
        let meet_again = !foreign.is_empty() || !revoked.is_empty();
        let added = wanted.into_iter().filter(|key| !owned.contains(key)).collect();
        Self { revoked, added, meet_again }
    }
}

impl Consumer {
    /// Reads these topics as a member of the group, whose members share the partitions. No topics at all: as
    /// [`unsubscribe`](Self::unsubscribe).
    pub async fn subscribe<T: Into<String>>(
        &mut self,
        topics: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        let topics: BTreeSet<String> = topics.into_iter().map(Into::into).collect();
        if topics.is_empty() {
            self.unsubscribe().await;
            return Ok(());
        }
        if let Some(name) = topics.iter().find(|name| name.trim().is_empty()) {
            let detail = format!(
                "Topic collection to subscribe to cannot contain null or empty topic: {name:?}"
            );
            return Err(misuse(detail));
        }
        self.check_subscribing(false)?;
        match &mut self.subscribed {
            Some(subscribed) => subscribed.became(topics),
            None => self.subscribed = Some(Subscribed::new(Wanted::Named, Some(topics))),
        }
        Ok(())
    }

    /// Reads, as a member of the group, all topics whose name `matches`, those to come included.
    pub fn subscribe_matching(
        &mut self,
        matches: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<(), Error> {
        self.check_subscribing(true)?;
        let wanted = Wanted::Matching(Box::new(matches));
        match &mut self.subscribed {
            Some(subscribed) => subscribed.wanted = wanted,
            None => self.subscribed = Some(Subscribed::new(wanted, None)),
        }
        self.cluster.metadata_is_stale();
        Ok(())
    }

    /// Tells `listener` of partitions that come and go with the present subscription.
    pub fn listen(&mut self, listener: impl RebalanceListener + 'static) -> Result<(), Error> {
        let subscribed = self.subscribed.as_mut();
        let none = || misuse("only a subscription has a rebalance listener".to_owned());
        subscribed.ok_or_else(none)?.listener = Box::new(listener);
        Ok(())
    }

    /// The topics subscribed to, as far as they are known.
    pub fn subscription(&self) -> Vec<String> {
        let topics = self.subscribed.iter().filter_map(|own| own.topics.as_ref());
        topics.flatten().cloned().collect()
    }

    /// Leaves the group, and reads nothing.
    pub async fn unsubscribe(&mut self) {
        let offsets = self.revoke_everything();
        if let Some(commit) = self.submit(offsets) {
            // The log tells of it.
            let _ = commit.await;
        }
        self.leave_group("the consumer unsubscribed from all topics").await;
    }

    /// Joins the group again at the next poll.
    pub fn enforce_rebalance(&mut self) -> Result<(), Error> {
        let none =
            || misuse("Tried to force a rebalance but consumer does not have a group.".to_owned());
        self.subscribed.as_mut().ok_or_else(none)?.must_join = true;
        Ok(())
    }

    fn check_subscribing(&self, pattern: bool) -> Result<(), Error> {
        self.need_group()?;
        let mixes = match &self.subscribed {
            Some(subscribed) => subscribed.is_pattern() != pattern,
            None => !self.positions.assigned().is_empty(),
        };
        if mixes { Err(mixed()) } else { Ok(()) }
    }

    /// Reads nothing any more; answers what the listener wants committed.
    pub(super) fn revoke_everything(&mut self) -> Offsets {
        let assigned = self.positions.assigned();
        self.positions.remove(&assigned);
        match &mut self.subscribed {
            Some(subscribed) if !assigned.is_empty() => {
                subscribed.listener.revoked(&assigned).into_iter().collect()
            }
            _ => Offsets::new(),
        }
    }

    /// Takes note of topics that came, went or grew.
    pub(super) fn topics_changed(&mut self, image: &MetadataImage) {
        let exclude_internal = self.config.exclude_internal_topics;
        let Some(subscribed) = &mut self.subscribed else { return };
        if let Wanted::Matching(matches) = &subscribed.wanted {
            let topics = image.topics.values();
            let topics = topics.filter(|topic| !(exclude_internal && topic.is_internal));
            let names = topics.map(|topic| topic.name.to_string());
            let matching = names.filter(|name| matches(name)).collect();
            subscribed.became(matching);
        }
        let has_changed = |(topic, count): (&String, &i32)| {
            let known = image.topic(topic).map_or(0, |known| known.partitions.len());
            usize::try_from(*count).is_ok_and(|count| count != known)
        };
        if subscribed.shared_out.iter().flatten().any(has_changed) {
            subscribed.must_join = true;
        }
    }

    /// Joins when that is due.
    pub(super) fn step_group(&mut self) -> Result<(), Error> {
        if let Some(fatal) = &self.fatal {
            return Err(fatal.clone());
        }
        let (Some(subscribed), Some(membership)) = (&mut self.subscribed, &self.membership) else {
            return Ok(());
        };
        if subscribed.joining.is_some() {
            return Ok(());
        }
        match membership.doubted() {
            None => {}
            Some(Doubt::Rebalance) => subscribed.must_join = true,
            Some(doubt) => {
                subscribed.must_join = true;
                self.lose();
                if doubt == Doubt::Fenced {
                    let error = Error::from(ErrorCode::FencedInstanceId);
                    self.fatal = Some(error.clone());
                    return Err(error);
                }
            }
        }
        self.begin_join();
        Ok(())
    }

    fn lose(&mut self) {
        let assigned = self.positions.assigned();
        let Some(subscribed) = &mut self.subscribed else { return };
        subscribed.heartbeats = None;
        subscribed.late.clear();
        subscribed.generation = -1;
        if !assigned.is_empty() {
            tracing::warn!(partitions = ?assigned, "lost membership, and with it the partitions");
            subscribed.listener.lost(&assigned);
            self.positions.remove(&assigned);
        }
    }

    fn begin_join(&mut self) {
        let (Some(subscribed), Some(membership)) = (&mut self.subscribed, &self.membership) else {
            return;
        };
        let Some(topics) = subscribed.topics.clone().filter(|_| subscribed.must_join) else {
            return;
        };
        // While it joins, the coordinator does not ask for heartbeats.
        subscribed.heartbeats = None;
        subscribed.must_join = false;
        let mut offsets = std::mem::take(&mut subscribed.late);
        if self.config.auto_commit.is_some() {
            offsets.extend(as_offsets(self.positions.consumed()));
        }
        let assigned = self.positions.assigned();
        let is_cooperative = is_cooperative(&self.config.assignors);
        let keeps = |key: &TopicPartition| is_cooperative && subscribed.wants(key);
        let (owned, going): (Vec<_>, Vec<_>) = assigned.iter().cloned().partition(keeps);
        if !going.is_empty() {
            offsets.extend(subscribed.listener.revoked(&going));
            self.positions.remove(&going);
        }
        if !assigned.is_empty() {
            subscribed.previous = assigned;
        }
        let (previous, generation) = (subscribed.previous.clone(), subscribed.generation);
        self.joins += 1;
        let number = self.joins;
        let mut joining = Joining {
            cluster: self.cluster.clone(),
            config: self.config.clone(),
            membership: Arc::clone(membership),
            topics: topics.into_iter().collect(),
            owned,
            previous,
            generation,
            commit: None,
        };
        joining.commit = self.submit(offsets);
        let reports = self.reports.clone();
        let task = Task::new(async move {
            let outcome = join(joining).await;
            // The consumer is gone when nobody listens.
            let _ = reports.send(Event::Joined(number, outcome)).await;
        });
        if let Some(subscribed) = &mut self.subscribed {
            subscribed.joining = Some((number, task));
        }
    }

    /// Takes the outcome of an attempt to join.
    pub(super) fn joined(
        &mut self,
        number: u64,
        outcome: Result<Joined, Error>,
    ) -> Result<(), Error> {
        let (Some(subscribed), Some(membership)) = (&mut self.subscribed, &self.membership) else {
            return Ok(());
        };
        if subscribed.joining.as_ref().is_none_or(|(known, _)| *known != number) {
            return Ok(());
        }
        subscribed.joining = None;
        let joined = match outcome {
            Ok(joined) => joined,
            Err(error) => {
                subscribed.must_join = true;
                return Err(error);
            }
        };
        tracing::info!(
            generation = joined.generation,
            member = %joined.member_id,
            partitions = ?joined.assigned,
            "joined the group"
        );
        let owned = self.positions.assigned();
        let change = Change::between(&owned, joined.assigned, |key| subscribed.wants(key));
        subscribed.generation = joined.generation;
        subscribed.shared_out = joined.shared_out;
        subscribed.must_join |= change.meet_again;
        subscribed.heartbeats = Some(Task::new(keep_alive(
            self.cluster.clone(),
            self.config.clone(),
            Arc::clone(membership),
            self.reports.clone(),
        )));
        if !change.revoked.is_empty() {
            let consumed = self.positions.consumed().into_iter();
            let gone = consumed.filter(|(key, _)| change.revoked.contains(key)).collect();
            if self.config.auto_commit.is_some() {
                subscribed.late.extend(as_offsets(gone));
            }
            subscribed.late.extend(subscribed.listener.revoked(&change.revoked));
            self.positions.remove(&change.revoked);
        }
        self.positions.add(&change.added, Need::Committed);
        for (key, offset) in subscribed.listener.assigned(&change.added) {
            self.positions.set(&key, Ok(Position { offset, leader_epoch: None }));
        }
        // Metadata may know more by now than when the leader shared out.
        let image = self.cluster.metadata();
        self.topics_changed(&image);
        Ok(())
    }
}

/// Members keep reading during a rebalance only if no assignor on their list needs them to stop.
fn is_cooperative(assignors: &[Assignor]) -> bool {
    assignors.iter().all(|assignor| assignor.is_cooperative())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<TopicPartition> {
        let key = |entry: &str| {
            let (topic, partition) = entry.split_once('-').expect("topic-partition");
            TopicPartition::new(topic, partition.parse().expect("a number"))
        };
        text.split_whitespace().map(key).collect()
    }

    #[test]
    fn what_an_assignment_changes() {
        // owned, assigned, revoked, added, meet again
        let cases = [
            ("", "a-0 a-1", "", "a-0 a-1", false),
            ("a-0 a-1", "a-0 a-1", "", "", false),
            ("a-0 a-1", "a-1 a-2", "a-0", "a-2", true),
            ("a-0", "", "a-0", "", true),
            ("", "a-0 z-0", "", "a-0", true),
            ("", "", "", "", false),
        ];
        for (owned, assigned, revoked, added, meet_again) in cases {
            let wants = |key: &TopicPartition| &*key.topic == "a";
            let found = Change::between(&keys(owned), keys(assigned), wants);
            let expected = Change { revoked: keys(revoked), added: keys(added), meet_again };
            assert_eq!(found, expected, "{owned} -> {assigned}");
        }
    }

    #[test]
    fn one_eager_assignor_makes_all_members_stop() {
        assert!(is_cooperative(&[Assignor::CooperativeSticky]));
        assert!(!is_cooperative(&[Assignor::Range, Assignor::CooperativeSticky]));
    }
}
