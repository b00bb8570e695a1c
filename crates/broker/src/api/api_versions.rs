//! ApiVersions.
//!
//! A version that is too new is answered in version 0 with the range that is known (KIP-511).
//! v3: client software name and version, features.  v5: cluster and node id checks (KIP-1242).

use ottla_metadata::version::supported_features;
use ottla_wire::ErrorCode;
use ottla_wire::messages::api_versions_response::{
    ApiVersion, FinalizedFeatureKey, SupportedFeatureKey,
};
use ottla_wire::messages::{ApiVersionsRequest, ApiVersionsResponse};

use super::SERVED;
use crate::broker::Broker;
use crate::caller::Caller;

pub(super) fn api_versions(
    broker: &Broker,
    caller: &Caller,
    request: &ApiVersionsRequest,
) -> ApiVersionsResponse {
    if caller.version >= 3 && !is_valid_software(request) {
        return refusal(ErrorCode::InvalidRequest);
    }
    if is_misrouted(broker, request) {
        return refusal(ErrorCode::RebootstrapRequired);
    }
    let image = broker.image();
    let finalized = |(name, level): (&String, &i16)| FinalizedFeatureKey {
        name: name.clone(),
        max_version_level: *level,
        min_version_level: *level,
        ..FinalizedFeatureKey::default()
    };
    ApiVersionsResponse {
        api_keys: served(),
        supported_features: supported(caller.version),
        finalized_features_epoch: image.provenance.offset,
        finalized_features: image.features.iter().filter(|(_, level)| **level > 0).map(finalized).collect(),
        ..ApiVersionsResponse::default()
    }
}

/// The answer to a version that is not known: version 0, with the range of this API alone.
pub(crate) fn unsupported() -> ApiVersionsResponse {
    let own = served().into_iter().filter(|api| api.api_key == ottla_wire::ApiKey::ApiVersions.code());
    ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: own.collect(),
        ..ApiVersionsResponse::default()
    }
}

fn refusal(code: ErrorCode) -> ApiVersionsResponse {
    ApiVersionsResponse { error_code: code.code(), ..ApiVersionsResponse::default() }
}

fn served() -> Vec<ApiVersion> {
    SERVED
        .iter()
        .map(|api| {
            let versions = api.advertised_versions();
            ApiVersion {
                api_key: api.code(),
                min_version: *versions.start(),
                max_version: *versions.end(),
                ..ApiVersion::default()
            }
        })
        .collect()
}

/// Before version 4 a range that begins at 0 can't be told to clients (KAFKA-17011).
fn supported(version: i16) -> Vec<SupportedFeatureKey> {
    supported_features()
        .filter(|feature| version >= 4 || feature.range.min > 0)
        .map(|feature| SupportedFeatureKey {
            name: feature.name.to_owned(),
            min_version: feature.range.min,
            max_version: feature.range.max,
            ..SupportedFeatureKey::default()
        })
        .collect()
}

/// Names and versions are letters, digits, `-` and `.`, and begin and end with a letter or digit.
fn is_valid_software(request: &ApiVersionsRequest) -> bool {
    [&request.client_software_name, &request.client_software_version].into_iter().all(|text| {
        let inner = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
        let ends = text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.ends_with(|c: char| c.is_ascii_alphanumeric());
        inner && ends
    })
}

/// The client meant another cluster or node and reached this one.
fn is_misrouted(broker: &Broker, request: &ApiVersionsRequest) -> bool {
    let other_cluster =
        request.cluster_id.as_ref().is_some_and(|meant| *meant != broker.cluster_id);
    other_cluster || (request.node_id >= 0 && request.node_id != broker.node_id)
}
