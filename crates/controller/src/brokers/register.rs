//! BrokerRegistration and UnregisterBroker.
//!
//! The answer's epoch names this life of the broker in all that follows; whoever speaks with an
//! older one is refused.

use std::collections::BTreeSet;

use ottla_machine::Millis;
use ottla_metadata::version::METADATA_VERSION;
use ottla_metadata::{BrokerImage, directory};
use ottla_wire::ErrorCode;
use ottla_wire::messages::broker_registration_request::Feature;
use ottla_wire::messages::register_broker_record::{BrokerEndpoint, BrokerFeature};
use ottla_wire::messages::{
    BrokerRegistrationRequest, BrokerRegistrationResponse, MetadataRecord, RegisterBrokerRecord,
    UnregisterBrokerRecord, UnregisterBrokerRequest, UnregisterBrokerResponse,
};

use super::sessions::SessionTouch;
use crate::controller::{Controller, Outcome};
use crate::partitions::leaders::Standing;
use crate::refusal::Refusal;

impl Controller {
    pub(crate) fn register_broker(
        &self,
        request: BrokerRegistrationRequest,
        now: Millis,
    ) -> Outcome {
        let existing = self.image.broker(request.broker_id);
        if let Err(refusal) = self.check_registration(&request, existing, now) {
            // The response has no place for the words.
            return Outcome::answer(BrokerRegistrationResponse {
                error_code: refusal.code.code(),
                broker_epoch: -1,
                ..Default::default()
            });
        }
        let broker = request.broker_id;
        let amended = existing.filter(|known| known.incarnation_id == request.incarnation_id);
        let mut records = Vec::new();
        if amended.is_none() {
            let was_clean =
                existing.is_some_and(|known| known.epoch == request.previous_broker_epoch);
            records = self.follow_restart(broker, existing.is_none() || was_clean);
        }
        let mut record = self.record_of(request);
        if let Some(known) = amended {
            record.fenced = known.fenced;
            record.in_controlled_shutdown = known.in_controlled_shutdown;
        }
        record.broker_epoch = amended.map_or(self.next_offset, |known| known.epoch);
        let response =
            BrokerRegistrationResponse { broker_epoch: record.broker_epoch, ..Default::default() };
        records.push(MetadataRecord::RegisterBroker(record));
        let fresh = amended.is_none().then_some(SessionTouch::Registered { broker });
        Outcome::new(records, response).touching(fresh)
    }

    fn check_registration(
        &self,
        request: &BrokerRegistrationRequest,
        existing: Option<&BrokerImage>,
        now: Millis,
    ) -> Result<(), Refusal> {
        if request.cluster_id != self.settings.cluster_id {
            return Err(Refusal::silent(ErrorCode::InconsistentClusterId));
        }
        if let Some(known) = existing
            && known.incarnation_id != request.incarnation_id
            && self.has_valid_session(known, now)
        {
            return Err(Refusal::silent(ErrorCode::DuplicateBrokerRegistration));
        }
        if request.is_migrating_zk_broker {
            return Err(Refusal::silent(ErrorCode::BrokerIdNotRegistered));
        }
        if self.metadata_version().tells_directories() {
            self.check_directories(request)?;
        }
        self.check_features(&request.features)
    }

    fn check_directories(&self, request: &BrokerRegistrationRequest) -> Result<(), Refusal> {
        let distinct: BTreeSet<_> = request.log_dirs.iter().collect();
        let taken = || {
            let others = self.image.brokers.values().filter(|other| other.id != request.broker_id);
            others.into_iter().any(|other| other.directories.iter().any(|id| distinct.contains(id)))
        };
        if request.log_dirs.is_empty()
            || request.log_dirs.iter().any(|id| directory::is_reserved(*id))
            || distinct.len() != request.log_dirs.len()
            || taken()
        {
            return Err(Refusal::silent(ErrorCode::InvalidRegistration));
        }
        Ok(())
    }

    /// Every finalized feature must be one that the broker can live with.
    fn check_features(&self, features: &[Feature]) -> Result<(), Refusal> {
        for feature in features {
            let level = self.image.feature_level(&feature.name);
            let range = feature.min_supported_version..=feature.max_supported_version;
            if !range.contains(&level) {
                return Err(Refusal::silent(ErrorCode::UnsupportedVersion));
            }
        }
        if !features.iter().any(|feature| feature.name == METADATA_VERSION) {
            return Err(Refusal::silent(ErrorCode::InvalidRegistration));
        }
        let missing = |name: &String| !features.iter().any(|feature| feature.name == *name);
        if self.image.features.keys().any(missing) {
            return Err(Refusal::silent(ErrorCode::UnsupportedVersion));
        }
        Ok(())
    }

    /// A broker that comes back leads nothing at first. Without a clean shutdown it may have lost
    /// records, and is in sync or eligible nowhere (KIP-966).
    fn follow_restart(&self, broker: i32, was_clean: bool) -> Vec<MetadataRecord> {
        if was_clean || !self.elr_enabled() {
            return self.follow(Standing::leaving(broker), self.index.in_sync(broker));
        }
        let standing = Standing { unclean: broker, ..Standing::NOBODY };
        let mut records = self.follow(standing, self.index.in_sync(broker));
        records.extend(self.follow(standing, self.index.eligible(broker)));
        records
    }

    fn record_of(&self, request: BrokerRegistrationRequest) -> RegisterBrokerRecord {
        let endpoints = request.listeners.into_iter().map(|listener| BrokerEndpoint {
            name: listener.name,
            host: listener.host,
            port: listener.port,
            security_protocol: listener.security_protocol,
            ..Default::default()
        });
        let features = request.features.into_iter().map(|feature| BrokerFeature {
            name: feature.name,
            min_supported_version: feature.min_supported_version,
            max_supported_version: feature.max_supported_version,
            ..Default::default()
        });
        let tells_directories = self.metadata_version().tells_directories();
        RegisterBrokerRecord {
            broker_id: request.broker_id,
            incarnation_id: request.incarnation_id,
            end_points: endpoints.collect(),
            features: features.collect(),
            rack: request.rack,
            fenced: true,
            log_dirs: if tells_directories { request.log_dirs } else { Vec::new() },
            ..Default::default()
        }
    }

    pub(crate) fn unregister_broker(&self, request: UnregisterBrokerRequest) -> Outcome {
        let id = request.broker_id;
        let Some(broker) = self.image.broker(id) else {
            return Outcome::answer(UnregisterBrokerResponse {
                error_code: ErrorCode::BrokerIdNotRegistered.code(),
                error_message: Some(format!("Broker ID {id} is not currently registered")),
                ..Default::default()
            });
        };
        let standing = Standing::leaving(id);
        let mut records = self.follow(standing, self.index.in_sync(id));
        records.extend(self.follow(standing, self.index.eligible(id)));
        records.push(MetadataRecord::UnregisterBroker(UnregisterBrokerRecord {
            broker_id: id,
            broker_epoch: broker.epoch,
            ..Default::default()
        }));
        Outcome::new(records, UnregisterBrokerResponse::default())
    }

    /// Refuses a request that comes from an earlier life of the broker.
    pub(crate) fn check_broker_epoch(&self, broker: i32, epoch: i64) -> Result<(), Refusal> {
        match self.image.broker(broker) {
            None => Err(Refusal::new(
                ErrorCode::StaleBrokerEpoch,
                format!("No broker registration found for broker id {broker}"),
            )),
            Some(known) if known.epoch != epoch => Err(Refusal::new(
                ErrorCode::StaleBrokerEpoch,
                format!("Expected broker epoch {}, but got broker epoch {epoch}", known.epoch),
            )),
            Some(_) => Ok(()),
        }
    }
}
