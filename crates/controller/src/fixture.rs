//! What the tests of this crate share.

use ottla_metadata::version::SUPPORTED_FEATURES;
use ottla_wire::Uuid;
use ottla_wire::messages::register_broker_record::{BrokerEndpoint, BrokerFeature};
use ottla_wire::messages::{MetadataRecord, RegisterBrokerRecord};

/// A broker as its registration writes it.
pub(crate) fn broker_record(id: i32, rack: Option<&str>, fenced: bool) -> MetadataRecord {
    let features = SUPPORTED_FEATURES.iter().map(|(name, range)| BrokerFeature {
        name: (*name).to_owned(),
        min_supported_version: range.min,
        max_supported_version: range.max,
        ..Default::default()
    });
    MetadataRecord::RegisterBroker(RegisterBrokerRecord {
        broker_id: id,
        broker_epoch: i64::from(id) * 100,
        incarnation_id: Uuid::from_halves(7, id as u64),
        end_points: vec![BrokerEndpoint {
            name: "PLAINTEXT".to_owned(),
            host: "localhost".to_owned(),
            port: 9092,
            security_protocol: 0,
            ..Default::default()
        }],
        features: features.collect(),
        rack: rack.map(str::to_owned),
        fenced,
        log_dirs: vec![Uuid::from_halves(1_000, id as u64)],
        ..Default::default()
    })
}
