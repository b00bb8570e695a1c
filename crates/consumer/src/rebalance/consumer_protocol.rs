//! Rebalances of the consumer protocol (KIP-848): the coordinator says what to read, and the member follows.
//!
//! What it gives back is committed first; then it acknowledges, and what it got is read. All of that happens in
//! the caller's polls, while heartbeats go on beside them.

use std::sync::Arc;

use ottla_cluster::Error;
use ottla_wire::Uuid;

use crate::client::{Consumer, Event, Task};
use crate::commits::{Offsets, as_offsets};
use crate::group::consumer_protocol::{Change, Ended, Heartbeats, Owned, Participation};
use crate::positions::{Need, Position};

/// The part that a consumer takes in its group.
pub(crate) struct Part {
    participation: Arc<Participation>,
    _heartbeats: Task,
    owned: Owned,
    /// Whether there was an assignment already.
    is_assigned: bool,
    /// Topics that are assigned and have no name yet.
    unresolved: Vec<Uuid>,
    /// A change whose revoked partitions are gone, and which waits for their offsets to be committed.
    reconciling: Option<(u64, Change, Task)>,
}

impl Consumer {
    /// Joins, and follows the coordinator.
    pub(super) fn step_consumer_protocol(&mut self) -> Result<(), Error> {
        let Some(subscribed) = &mut self.subscribed else { return Ok(()) };
        let part = subscribed.part.as_ref();
        if let Some(ended) = part.and_then(|part| part.participation.ended()) {
            subscribed.part = None;
            if let Some(membership) = &self.membership {
                membership.left();
            }
            self.lose();
            if let Ended::Refused(error) = ended {
                self.fatal = Some(error.clone());
                return Err(error);
            }
        }
        self.tell_wish();
        self.begin_reconciling();
        Ok(())
    }

    /// Tells what is subscribed to; the first time that joins.
    fn tell_wish(&mut self) {
        let (Some(subscribed), Some(membership)) = (&mut self.subscribed, &self.membership) else {
            return;
        };
        let Some(wish) = subscribed.wish() else { return };
        if let Some(part) = &subscribed.part {
            part.participation.subscribe(wish);
            return;
        }
        let participation = Arc::new(Participation::new(wish));
        let heartbeats = Heartbeats {
            cluster: self.cluster.clone(),
            config: self.config.clone(),
            membership: Arc::clone(membership),
            participation: Arc::clone(&participation),
            events: self.reports.clone(),
        };
        subscribed.part = Some(Part {
            participation,
            _heartbeats: Task::new(heartbeats.run()),
            owned: Owned::default(),
            is_assigned: false,
            unresolved: Vec::new(),
            reconciling: None,
        });
    }

    /// Gives back what another assignment does not have, and commits its offsets.
    fn begin_reconciling(&mut self) {
        let Some(subscribed) = &mut self.subscribed else { return };
        let Some(part) = subscribed.part.as_mut().filter(|part| part.reconciling.is_none()) else {
            return;
        };
        let Some(target) = part.participation.target() else {
            part.unresolved.clear();
            return;
        };
        let image = self.cluster.metadata();
        let change = part.owned.change_to(&target, |id| {
            let topic = image.topics.values().find(|topic| topic.topic_id == *id);
            topic.map(|topic| Arc::clone(&topic.name))
        });
        part.unresolved.clone_from(&change.unresolved);
        if change.revoked.is_empty() && change.added.is_empty() && !change.unresolved.is_empty() {
            return;
        }
        let mut offsets = Offsets::new();
        if !change.revoked.is_empty() {
            if self.config.auto_commit.is_some() {
                offsets.extend(as_offsets(self.positions.consumed()));
            }
            offsets.extend(subscribed.listener.revoked(&change.revoked));
            self.positions.remove(&change.revoked);
        }
        let Some(commit) = self.submit(offsets) else {
            self.finish_reconciling(change);
            return;
        };
        self.joins += 1;
        let (number, reports) = (self.joins, self.reports.clone());
        let task = Task::new(async move {
            // The log tells of a failure; the partitions go nevertheless.
            let _ = commit.await;
            // The consumer is gone when nobody listens.
            let _ = reports.send(Event::Reconciled(number)).await;
        });
        if let Some(part) = self.subscribed.as_mut().and_then(|own| own.part.as_mut()) {
            part.reconciling = Some((number, change, task));
        }
    }

    /// Goes on with the change of this number.
    pub(crate) fn reconciled(&mut self, number: u64) {
        let part = self.subscribed.as_mut().and_then(|own| own.part.as_mut());
        let reconciling = part.map(|part| &mut part.reconciling);
        let waits = |waiting: &mut (u64, Change, Task)| waiting.0 == number;
        if let Some((_, change, _)) = reconciling.and_then(|waiting| waiting.take_if(waits)) {
            self.finish_reconciling(change);
        }
    }

    /// Reads what was added, and acknowledges.
    fn finish_reconciling(&mut self, change: Change) {
        let Some(subscribed) = &mut self.subscribed else { return };
        let Some(part) = &mut subscribed.part else { return };
        tracing::info!(revoked = ?change.revoked, added = ?change.added, "took the assignment");
        self.positions.add(&change.added, Need::Committed);
        // The first assignment is told of even if it is empty, as Kafka's client does.
        let is_first = !std::mem::replace(&mut part.is_assigned, true);
        if is_first || !change.added.is_empty() || !change.revoked.is_empty() {
            for (key, offset) in subscribed.listener.assigned(&change.added) {
                self.positions.set(&key, Ok(Position { offset, leader_epoch: None }));
            }
        }
        part.owned = change.owned;
        part.participation.took(part.owned.partitions());
    }

    /// Topics whose names metadata has yet to tell.
    pub(crate) fn unresolved_topics(&self) -> Vec<Uuid> {
        let part = self.subscribed.as_ref().and_then(|own| own.part.as_ref());
        part.map(|part| part.unresolved.clone()).unwrap_or_default()
    }
}
