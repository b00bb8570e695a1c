//! What a broker speaks: ApiVersions, and the newest version both sides know.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use ottla_wire::api::Request;
use ottla_wire::codec::Reader;
use ottla_wire::messages::{ApiVersionsRequest, ApiVersionsResponse};
use ottla_wire::{ApiKey, ErrorCode, Message};

use crate::error::Error;

/// The request that negotiates.
pub(super) type Negotiation = ApiVersionsRequest;

/// Levels of a feature that the cluster finalized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finalized {
    /// The feature's name.
    pub name: String,
    /// Lowest level in force.
    pub min_level: i16,
    /// Highest level in force.
    pub max_level: i16,
}

/// Levels of a feature that the broker supports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supported {
    /// The feature's name.
    pub name: String,
    /// Lowest.
    pub min: i16,
    /// Highest.
    pub max: i16,
}

/// What one broker speaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerVersions {
    /// Versions by API key, as sent.
    pub ranges: BTreeMap<i16, (i16, i16)>,
    /// Features it supports.
    pub supported: Vec<Supported>,
    /// Features in force.
    pub finalized: Vec<Finalized>,
    /// Epoch of the features in force, -1 if unknown.
    pub finalized_epoch: i64,
}

impl BrokerVersions {
    pub(super) fn from_response(response: ApiVersionsResponse) -> Self {
        Self {
            ranges: response
                .api_keys
                .iter()
                .map(|api| (api.api_key, (api.min_version, api.max_version)))
                .collect(),
            supported: response
                .supported_features
                .into_iter()
                .map(|feature| Supported {
                    name: feature.name,
                    min: feature.min_version,
                    max: feature.max_version,
                })
                .collect(),
            finalized: response
                .finalized_features
                .into_iter()
                .map(|feature| Finalized {
                    name: feature.name,
                    min_level: feature.min_version_level,
                    max_level: feature.max_version_level,
                })
                .collect(),
            finalized_epoch: response.finalized_features_epoch,
        }
    }

    /// Whether the broker offers the API at all.
    pub fn offers(&self, api: ApiKey) -> bool {
        self.ranges.contains_key(&api.number())
    }

    /// The newest version of `R` inside `wanted` that both sides speak.
    pub fn newest<R: Request>(
        &self,
        address: &str,
        wanted: &RangeInclusive<i16>,
    ) -> Result<i16, Error> {
        let unsupported = |detail: String| Error::UnsupportedVersion {
            api: R::API_KEY.name(),
            address: address.to_owned(),
            detail,
        };
        let Some((least, most)) = self.ranges.get(&R::API_KEY.number()) else {
            return Err(unsupported(String::new()));
        };
        let ours = <R as Message>::VERSIONS;
        let newest = (*most).min(*ours.end()).min(*wanted.end());
        let oldest = (*least).max(*ours.start()).max(*wanted.start());
        if newest < oldest {
            let (first, last) = (wanted.start().max(ours.start()), wanted.end().min(ours.end()));
            return Err(unsupported(format!(
                " in versions {first} to {last}, only {least} to {most}"
            )));
        }
        Ok(newest)
    }
}

/// The question that starts every connection.
pub(super) fn request() -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: "ottla".to_owned(),
        client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
        ..ApiVersionsRequest::default()
    }
}

/// The version to ask again with, after the broker refused `refused`.
pub(super) fn fallback(response: &ApiVersionsResponse, refused: i16) -> i16 {
    let key = ApiKey::ApiVersions.number();
    let offered = response.api_keys.iter().find(|api| api.api_key == key);
    // Brokers before 2.4 refuse with an empty list. Strictly lower, so that asking ends.
    offered.map_or(0, |api| api.max_version.clamp(0, refused - 1))
}

/// The version in which an answer to ApiVersions was written.
pub(super) fn version_of_answer(reader: &Reader<'_>, asked: i16) -> i16 {
    match reader.clone().i16() {
        Ok(code) if code == ErrorCode::UnsupportedVersion.code() => 0,
        _ => asked,
    }
}

#[cfg(test)]
mod tests {
    use ottla_wire::messages::MetadataRequest;

    use super::*;

    #[test]
    fn the_newest_common_version_is_chosen() {
        let ours = <MetadataRequest as Message>::VERSIONS;
        let end = *ours.end();
        // broker's range, wanted range, chosen
        let cases = [
            (Some((0, 99)), 0..=i16::MAX, Some(end)),
            (Some((0, 9)), 0..=i16::MAX, Some(9)),
            (Some((0, 9)), 0..=4, Some(4)),
            (Some((0, 9)), 10..=i16::MAX, None),
            (Some((90, 99)), 0..=i16::MAX, None),
            (None, 0..=i16::MAX, None),
        ];
        for (broker, wanted, chosen) in cases {
            let ranges =
                broker.map(|range| (ApiKey::Metadata.number(), range)).into_iter().collect();
            let versions = BrokerVersions { ranges, ..BrokerVersions::default() };
            let found = versions.newest::<MetadataRequest>("b:1", &wanted).ok();
            assert_eq!(found, chosen, "{broker:?} {wanted:?}");
        }
    }
}
