//! ControllerRegistration: every controller tells where it listens and what it understands.

use ottla_wire::ErrorCode;
use ottla_wire::messages::register_controller_record::{ControllerEndpoint, ControllerFeature};
use ottla_wire::messages::{
    ControllerRegistrationRequest, ControllerRegistrationResponse, MetadataRecord,
    RegisterControllerRecord,
};

use crate::controller::{Controller, Outcome};

impl Controller {
    pub(crate) fn register_controller(&self, request: ControllerRegistrationRequest) -> Outcome {
        if !self.metadata_version().registers_controllers() {
            return Outcome::answer(ControllerRegistrationResponse {
                error_code: ErrorCode::UnsupportedVersion.code(),
                error_message: Some(
                    "The current MetadataVersion is too old to support controller registrations."
                        .to_owned(),
                ),
                ..Default::default()
            });
        }
        let endpoints = request.listeners.into_iter().map(|listener| ControllerEndpoint {
            name: listener.name,
            host: listener.host,
            port: listener.port,
            security_protocol: listener.security_protocol,
            ..Default::default()
        });
        let features = request.features.into_iter().map(|feature| ControllerFeature {
            name: feature.name,
            min_supported_version: feature.min_supported_version,
            max_supported_version: feature.max_supported_version,
            ..Default::default()
        });
        let record = MetadataRecord::RegisterController(RegisterControllerRecord {
            controller_id: request.controller_id,
            incarnation_id: request.incarnation_id,
            zk_migration_ready: request.zk_migration_ready,
            end_points: endpoints.collect(),
            features: features.collect(),
            ..Default::default()
        });
        Outcome::new(vec![record], ControllerRegistrationResponse::default())
    }
}
