//! The API table: what requests there are, in which versions, and on which listeners.
//!
//! Only this table knows version ranges. Which of them a node offers is the node's business.

use crate::codec::Message;
use std::fmt;
use std::ops::RangeInclusive;

pub use crate::messages::{ApiKey, RequestBody, ResponseBody};

/// A message that a client sends, with what it is answered with.
pub trait Request: Message {
    /// Which API it belongs to.
    const API_KEY: ApiKey;
    /// The answer.
    type Response: Message;
}

/// Which kind of node answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListenerScope {
    /// Brokers.
    Broker,
    /// Controllers.
    Controller,
}

/// What the definitions say about one API.
#[derive(Debug)]
pub(crate) struct ApiFacts {
    pub(crate) name: &'static str,
    pub(crate) first_version: i16,
    pub(crate) last_version: i16,
    pub(crate) latest_version_unstable: bool,
    pub(crate) request_flexible_from: Option<i16>,
    pub(crate) response_flexible_from: Option<i16>,
    pub(crate) listeners: &'static [ListenerScope],
}

impl ApiKey {
    /// The number on the wire.
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// Kafka's name: `Produce`, `ApiVersions`.
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// The versions of the schema, the unstable one included.
    pub const fn versions(self) -> RangeInclusive<i16> {
        self.facts().first_version..=self.facts().last_version
    }

    /// Whether the newest version may still change; it is offered only on demand.
    pub const fn latest_version_unstable(self) -> bool {
        self.facts().latest_version_unstable
    }

    /// The versions that are offered unless unstable ones are asked for.
    pub const fn stable_versions(self) -> RangeInclusive<i16> {
        let facts = self.facts();
        facts.first_version..=facts.last_version - facts.latest_version_unstable as i16
    }

    /// Which kinds of node answer it.
    pub const fn listeners(self) -> &'static [ListenerScope] {
        self.facts().listeners
    }

    /// Whether nodes of this kind answer it.
    pub fn is_on(self, listener: ListenerScope) -> bool {
        self.listeners().contains(&listener)
    }

    /// The first version of the request with compact lengths and tagged fields.
    pub const fn flexible_from(self) -> Option<i16> {
        self.facts().request_flexible_from
    }

    /// The version of the header before a request, for any number as its version.
    pub const fn request_header_version(self, version: i16) -> i16 {
        match self.facts().request_flexible_from {
            Some(first) if version >= first => 2,
            _ => 1,
        }
    }

    /// The version of the header before a response, for any number as its version.
    ///
    /// KIP-511: an ApiVersions response always has the oldest one, so that a client that asked
    /// in a version which the broker does not know can still read the answer.
    pub const fn response_header_version(self, version: i16) -> i16 {
        match (self, self.facts().response_flexible_from) {
            (ApiKey::ApiVersions, _) => 0,
            (_, Some(first)) if version >= first => 1,
            _ => 0,
        }
    }
}

/// No API has this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown API key {0}")]
pub struct UnknownApiKey(pub i16);

impl TryFrom<i16> for ApiKey {
    type Error = UnknownApiKey;

    fn try_from(number: i16) -> Result<Self, Self::Error> {
        ApiKey::from_number(number).ok_or(UnknownApiKey(number))
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_its_key_or_none() {
        let found: Vec<ApiKey> =
            (i16::MIN..=i16::MAX).filter_map(|number| ApiKey::try_from(number).ok()).collect();
        assert_eq!(found, ApiKey::ALL);
        assert!(ApiKey::ALL.iter().all(|key| ApiKey::try_from(key.number()) == Ok(*key)));
        for removed in [4, 5, 6, 7] {
            assert_eq!(ApiKey::try_from(removed), Err(UnknownApiKey(removed)));
        }
    }

    #[test]
    fn header_versions_follow_flexibility() {
        for (key, version, request, response) in [
            (ApiKey::Produce, 8, 1, 0),
            (ApiKey::Produce, 9, 2, 1),
            (ApiKey::ApiVersions, 2, 1, 0),
            (ApiKey::ApiVersions, 3, 2, 0),
            (ApiKey::ApiVersions, i16::MAX, 2, 0),
            (ApiKey::SaslHandshake, 1, 1, 0),
            (ApiKey::DescribeCluster, 0, 2, 1),
            (ApiKey::Metadata, i16::MIN, 1, 0),
        ] {
            assert_eq!(key.request_header_version(version), request, "{key} v{version}");
            assert_eq!(key.response_header_version(version), response, "{key} v{version}");
        }
    }

    #[test]
    fn unstable_versions_are_not_stable() {
        assert_eq!(ApiKey::InitProducerId.versions(), 0..=6);
        assert_eq!(ApiKey::InitProducerId.stable_versions(), 0..=5);
        assert_eq!(ApiKey::Fetch.stable_versions(), 4..=18);
        assert!(ApiKey::Vote.is_on(ListenerScope::Controller));
        assert!(!ApiKey::Vote.is_on(ListenerScope::Broker));
    }
}
