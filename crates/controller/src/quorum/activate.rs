//! Beginning to lead.
//!
//! An empty log gets its first records, in one metadata transaction. A transaction that an earlier
//! leader left open is aborted. Every unfenced broker gets a fresh session.

use ottla_machine::{Decision, Millis, Token};
use ottla_metadata::version::{ELR_VERSION, METADATA_VERSION};
use ottla_metadata::{MetadataVersion, ResourceType};
use ottla_wire::messages::{
    AbortTransactionRecord, BeginTransactionRecord, ConfigRecord, EndTransactionRecord,
    FeatureLevelRecord, MetadataRecord, NoOpRecord,
};

use crate::brokers::sessions::SessionTouch;
use crate::controller::{Controller, Touch};
use crate::request::Response;

impl Controller {
    pub(crate) fn activate(&self, token: Token, now: Millis) -> Decision<Self> {
        let mut decision = Decision::answer(token, Response::Activated);
        if self.is_in_transaction() {
            decision.records.push(MetadataRecord::AbortTransaction(AbortTransactionRecord {
                reason: Some("Controller failover".to_owned()),
                ..Default::default()
            }));
        }
        if self.image.metadata_version().is_none() || !self.has_bootstrapped() {
            decision.records.extend(self.first_records());
        }
        for broker in self.image.brokers.values().filter(|broker| !broker.fenced) {
            let (broker, epoch) = (broker.id, broker.epoch);
            let assumed = SessionTouch::Assumed { broker, epoch, at: now };
            decision.touches.push(Touch::Session(assumed));
        }
        if self.settings.server.flag("auto.leader.rebalance.enable") {
            decision.touches.push(Touch::BalanceDue(now + self.balance_interval_ms()));
        }
        let unclean = now + self.unclean_election_interval_ms();
        decision.touches.push(Touch::UncleanElectionDue(unclean));
        let idle = self.no_op_interval_ms().map(|interval| Touch::NoOpDue(now + interval));
        decision.touches.extend(idle);
        decision
    }

    /// A record that changes nothing, every `metadata.max.idle.interval.ms`: it shows followers
    /// that the log is alive. Zero: never.
    pub(crate) fn write_no_op(&self, now: Millis) -> Decision<Self> {
        let mut decision = Decision::nothing();
        if let Some(interval) = self.no_op_interval_ms()
            && self.no_op_due.is_some_and(|at| at <= now)
        {
            decision.records.push(MetadataRecord::NoOp(NoOpRecord::default()));
            decision.touches.push(Touch::NoOpDue(now + interval));
        }
        decision
    }

    fn no_op_interval_ms(&self) -> Option<Millis> {
        let interval = self.settings.server.whole("metadata.max.idle.interval.ms");
        (interval > 0).then_some(interval)
    }

    /// Inside a transaction, what counts is what stands when it is aborted.
    fn has_bootstrapped(&self) -> bool {
        match self.image_before_transaction() {
            Some(before) => before.metadata_version().is_some(),
            None => self.image.metadata_version().is_some(),
        }
    }

    /// What `kafka-storage format` and the first controller write together.
    fn first_records(&self) -> Vec<MetadataRecord> {
        let features = &self.settings.bootstrap_features;
        let level = |wanted: &str| {
            features.iter().find(|(name, _)| name == wanted).map_or(0, |(_, level)| *level)
        };
        let in_transaction = MetadataVersion(level(METADATA_VERSION)).has_transactions();
        let mut records = Vec::new();
        if in_transaction {
            records.push(MetadataRecord::BeginTransaction(BeginTransactionRecord {
                name: Some("Bootstrap records".to_owned()),
                ..Default::default()
            }));
        }
        records.extend(features.iter().map(|(name, feature_level)| {
            MetadataRecord::FeatureLevel(FeatureLevelRecord {
                name: name.clone(),
                feature_level: *feature_level,
                ..Default::default()
            })
        }));
        if level(ELR_VERSION) > 0 {
            // With eligible leader replicas, every broker must agree on the minimum.
            records.push(MetadataRecord::Config(ConfigRecord {
                resource_type: ResourceType::Broker.code(),
                resource_name: String::new(),
                name: "min.insync.replicas".to_owned(),
                value: self.settings.server.text("min.insync.replicas").map(str::to_owned),
                ..Default::default()
            }));
        }
        if in_transaction {
            records.push(MetadataRecord::EndTransaction(EndTransactionRecord::default()));
        }
        records
    }
}
