//! Rebalances of the classic protocol: joining when that is due, and what an assignment changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use ottla_cluster::{Error, TopicPartition};
use ottla_wire::ErrorCode;

use crate::assignors::Assignor;
use crate::client::{Consumer, Event, Task};
use crate::commits::as_offsets;
use crate::group::{Doubt, Joined, Joining, join, keep_alive};
use crate::positions::{Need, Position};

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
    /// Joins when that is due.
    pub(super) fn step_classic(&mut self) -> Result<(), Error> {
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

    pub(super) fn lose(&mut self) {
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
    pub(crate) fn joined(
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
