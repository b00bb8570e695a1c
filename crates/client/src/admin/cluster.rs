//! DescribeCluster, UnregisterBroker, ApiVersions of each broker.

use ottla_wire::api::ApiKey;

use super::Admin;
use crate::cluster::Node;
use crate::error::Error;

/// How to describe the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DescribeClusterOptions {
    /// Also tell of brokers that are fenced (KIP-1073).
    pub include_fenced_brokers: bool,
}

/// The cluster and its nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    /// Its id.
    pub cluster_id: String,
    /// The broker that stands for the controller, if any does.
    pub controller: Option<Node>,
    /// Its brokers, by id.
    pub nodes: Vec<ClusterNode>,
}

/// A broker and whether it is fenced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterNode {
    /// The broker.
    pub node: Node,
    /// Whether the controller keeps it out.
    pub is_fenced: bool,
}

/// What one broker speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerApiVersions {
    /// The broker.
    pub node: Node,
    /// Its APIs, by key, as it sent them.
    pub versions: Vec<ApiVersionRange>,
}

/// The versions of one API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiVersionRange {
    /// The key as sent; [`ApiKey::try_from`] names it where this client knows it.
    pub key: i16,
    /// Oldest.
    pub min: i16,
    /// Newest.
    pub max: i16,
    /// The version this client would use, if there is one.
    pub usable: Option<i16>,
}

impl ApiVersionRange {
    /// The API, where this client knows it.
    pub fn api(&self) -> Option<ApiKey> {
        ApiKey::try_from(self.key).ok()
    }
}

impl Admin {
    /// The cluster as its brokers know it.
    pub async fn describe_cluster(
        &self,
        options: DescribeClusterOptions,
    ) -> Result<ClusterDescription, Error> {
        todo!("{options:?}")
    }

    /// Makes the controller forget a broker.
    pub async fn unregister_broker(&self, broker_id: i32) -> Result<(), Error> {
        todo!("{broker_id}")
    }

    /// What each broker speaks; a broker that can't be asked answers its error.
    pub async fn api_versions(&self) -> Result<Vec<(Node, Result<BrokerApiVersions, Error>)>, Error> {
        todo!()
    }
}
