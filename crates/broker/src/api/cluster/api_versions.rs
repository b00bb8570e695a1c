//! ApiVersions.
//!
//! A version that is too new is answered in version 0 with the range that is known (KIP-511).
//! v3: client software name and version, features.  v5: cluster and node id checks (KIP-1242).

use std::ops::RangeInclusive;

use ottla_metadata::version::{KRAFT_VERSION, SUPPORTED_FEATURES};
use ottla_wire::messages::api_versions_response::{
    ApiVersion, FinalizedFeatureKey, SupportedFeatureKey,
};
use ottla_wire::messages::{ApiVersionsRequest, ApiVersionsResponse};
use ottla_wire::{ApiKey, ErrorCode};

use crate::api::{SERVED, SERVED_BY_CONTROLLER};
use crate::broker::Broker;
use crate::request::Caller;

pub(crate) fn api_versions(
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
    let finalized = |(name, level): (&str, i16)| FinalizedFeatureKey {
        name: name.to_owned(),
        max_version_level: level,
        min_version_level: level,
        ..FinalizedFeatureKey::default()
    };
    let levels = image.features.iter().map(|(name, level)| (name.as_str(), *level));
    let levels = levels.chain([(KRAFT_VERSION, image.kraft_version)]);
    ApiVersionsResponse {
        api_keys: {
            let is_controller = caller.connection.is_controller_listener;
            let apis = if is_controller { SERVED_BY_CONTROLLER } else { SERVED };
            served(apis, |api| versions(broker, api))
        },
        supported_features: supported(caller.version),
        finalized_features_epoch: image.provenance.offset,
        finalized_features: levels.filter(|(_, level)| *level > 0).map(finalized).collect(),
        ..ApiVersionsResponse::default()
    }
}

/// The answer to a version that is not known: version 0, with the range of this API alone.
pub(crate) fn unsupported() -> ApiVersionsResponse {
    ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: served(&[ApiKey::ApiVersions], ApiKey::stable_versions),
        ..ApiVersionsResponse::default()
    }
}

fn refusal(code: ErrorCode) -> ApiVersionsResponse {
    ApiVersionsResponse { error_code: code.code(), ..ApiVersionsResponse::default() }
}

/// The versions that are served: the stable ones, unless the operator wants to try what may still change.
pub(crate) fn versions(broker: &Broker, api: ApiKey) -> RangeInclusive<i16> {
    if broker.settings().unstable_versions { api.versions() } else { api.stable_versions() }
}

fn served(apis: &[ApiKey], versions: impl Fn(ApiKey) -> RangeInclusive<i16>) -> Vec<ApiVersion> {
    apis.iter()
        .map(|api| {
            let versions = advertised(*api, versions(*api));
            ApiVersion {
                api_key: api.number(),
                min_version: *versions.start(),
                max_version: *versions.end(),
                ..ApiVersion::default()
            }
        })
        .collect()
}

/// Produce begins at version 0 in what is advertised, though 3 is the oldest that is served: older
/// librdkafkas refuse to produce at all otherwise (KAFKA-18659).
fn advertised(api: ApiKey, versions: RangeInclusive<i16>) -> RangeInclusive<i16> {
    if api == ApiKey::Produce { 0..=*versions.end() } else { versions }
}

/// Before version 4 a range that begins at 0 can't be told to clients (KAFKA-17011).
fn supported(version: i16) -> Vec<SupportedFeatureKey> {
    SUPPORTED_FEATURES
        .iter()
        .filter(|(_, range)| version >= 4 || range.min > 0)
        .map(|(name, range)| SupportedFeatureKey {
            name: (*name).to_owned(),
            min_version: range.min,
            max_version: range.max,
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
