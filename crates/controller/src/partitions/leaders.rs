//! What a broker's coming and going means for the partitions that it has replicas of.

use ottla_machine::{Decision, Millis};
use ottla_metadata::config::resolve;
use ottla_metadata::config::topic;
use ottla_metadata::version::ELR_VERSION;
use ottla_metadata::{NO_LEADER, TopicImage};
use ottla_wire::messages::MetadataRecord;

use super::change::Election;
use crate::controller::{Controller, Touch};
use crate::index::PartitionKey;

/// The most elections of one look at the leaders: the rest follows at once.
const ELECTIONS_PER_LOOK_MAX: usize = 1_000;

/// Whose standing changes. −1: nobody's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// May not lead, and leaves every in-sync set.
    pub leaving: i32,
    /// May lead, although it still counts as fenced.
    pub coming: i32,
    /// Lost what it had not flushed: leaves in-sync and eligible sets.
    pub unclean: i32,
}

impl Standing {
    pub const NOBODY: Self = Self { leaving: NO_LEADER, coming: NO_LEADER, unclean: NO_LEADER };

    pub fn leaving(broker: i32) -> Self {
        Self { leaving: broker, ..Self::NOBODY }
    }
}

impl Controller {
    /// The changes that partitions need when a broker's standing changes.
    pub(crate) fn follow(
        &self,
        standing: Standing,
        partitions: impl Iterator<Item = PartitionKey>,
    ) -> Vec<MetadataRecord> {
        let may_lead = |replica: i32| {
            replica != standing.leaving
                && replica != standing.unclean
                && (replica == standing.coming || self.is_active(replica))
        };
        let change = |key: PartitionKey| {
            let topic = self.image.topics.by_id(key.0)?;
            let partition = topic.partition(key.1)?;
            let mut change = self.change(key, partition, may_lead);
            if self.unclean_election_enabled(&topic.name) {
                change.election = Election::Unclean;
            }
            if standing.unclean != NO_LEADER {
                change.unclean_shutdown = Some(standing.unclean);
            }
            change.isr.retain(|id| *id != standing.leaving && *id != standing.unclean);
            change.build().map(MetadataRecord::PartitionChange)
        };
        partitions.filter_map(change).collect()
    }

    /// Whether a broker is registered, unfenced and not about to leave.
    pub(crate) fn is_active(&self, broker: i32) -> bool {
        self.image.broker(broker).is_some_and(|broker| broker.is_active())
    }

    /// Whether eligible leader replicas are tracked (KIP-966).
    pub(crate) fn elr_enabled(&self) -> bool {
        self.image.feature_level(ELR_VERSION) > 0
    }

    /// `min.insync.replicas` of a topic, as far as its replication factor can give it.
    pub(crate) fn effective_min_isr(&self, topic: &TopicImage) -> usize {
        let wanted = self.topic_value("min.insync.replicas", &topic.name).parse().unwrap_or(1);
        let replicas = topic.partition(0).map_or(1, |partition| partition.replicas.len());
        replicas.min(wanted)
    }

    /// Whether a topic would rather lose records than wait for an in-sync replica.
    pub(crate) fn unclean_election_enabled(&self, topic: &str) -> bool {
        self.topic_value("unclean.leader.election.enable", topic).eq_ignore_ascii_case("true")
    }

    fn topic_value(&self, key: &'static str, topic: &str) -> String {
        let entry = topic::find(key).expect("asked for keys are in the table");
        let own = self.image.configs.topic(topic).map(AsRef::as_ref);
        resolve::topic_value(entry, own, self.layers())
    }

    /// Gives partitions back to their preferred leaders, every
    /// `leader.imbalance.check.interval.seconds`.
    pub(crate) fn balance_leaders(&self, now: Millis) -> Decision<Self> {
        let mut decision = Decision::nothing();
        if self.balance_due.is_none_or(|at| at > now) {
            return decision;
        }
        for key in &self.index.imbalanced {
            if decision.records.len() >= ELECTIONS_PER_LOOK_MAX {
                break;
            }
            let Some(partition) = self.image.partition(key.0, key.1) else { continue };
            let mut change = self.change(*key, partition, |id| self.is_active(id));
            change.election = Election::Preferred;
            decision.records.extend(change.build().map(MetadataRecord::PartitionChange));
        }
        let more = decision.records.len() >= ELECTIONS_PER_LOOK_MAX;
        let next = if more { now } else { now + self.balance_interval_ms() };
        decision.touches.push(Touch::BalanceDue(next));
        decision
    }

    /// Elects leaders uncleanly where a topic wants that, every
    /// `unclean.leader.election.interval.ms`.
    pub(crate) fn elect_unclean_leaders(&self, now: Millis) -> Decision<Self> {
        let mut decision = Decision::nothing();
        if self.unclean_election_due.is_none_or(|at| at > now) {
            return decision;
        }
        for key in self.index.led_by(NO_LEADER) {
            if decision.records.len() >= ELECTIONS_PER_LOOK_MAX {
                break;
            }
            let Some(topic) = self.image.topics.by_id(key.0) else { continue };
            let Some(partition) = topic.partition(key.1) else { continue };
            if !self.unclean_election_enabled(&topic.name) {
                continue;
            }
            let mut change = self.change(key, partition, |id| self.is_active(id));
            change.election = Election::Unclean;
            decision.records.extend(change.build().map(MetadataRecord::PartitionChange));
        }
        let more = decision.records.len() >= ELECTIONS_PER_LOOK_MAX;
        let next = if more { now } else { now + self.unclean_election_interval_ms() };
        decision.touches.push(Touch::UncleanElectionDue(next));
        decision
    }

    pub(crate) fn balance_interval_ms(&self) -> Millis {
        self.settings.server.whole("leader.imbalance.check.interval.seconds").saturating_mul(1_000)
    }

    pub(crate) fn unclean_election_interval_ms(&self) -> Millis {
        self.settings.server.whole("unclean.leader.election.interval.ms")
    }
}
