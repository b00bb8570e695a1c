//! DescribeCluster, UnregisterBroker, ApiVersions of each broker.

use ottla_wire::messages::{
    DescribeClusterRequest, DescribeClusterResponse, UnregisterBrokerRequest,
    UnregisterBrokerResponse,
};
use ottla_wire::{ApiKey, Message};

use super::Admin;
use crate::cluster::{Node, Target, Topics};
use crate::error::{ApiError, Error};

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
        let request = DescribeClusterRequest {
            include_fenced_brokers: options.include_fenced_brokers,
            ..DescribeClusterRequest::default()
        };
        // Version 2 knows of fenced brokers.
        let least = if options.include_fenced_brokers { 2 } else { 0 };
        let versions = least..=*<DescribeClusterRequest as Message>::VERSIONS.end();
        let build = |_| request.clone();
        match self.cluster().send_versioned(&Target::Any, versions, build).await {
            Ok((response, _)) => {
                ApiError::check(response.error_code, response.error_message.clone())?;
                Ok(described(response))
            }
            Err(Error::UnsupportedVersion { .. }) if least == 0 => {
                let image = self.cluster().refresh(Topics::None).await?;
                let nodes = image.nodes.values();
                Ok(ClusterDescription {
                    cluster_id: image.cluster_id.clone().unwrap_or_default(),
                    controller: image.controller_id.map(|id| image.node(id)),
                    nodes: nodes
                        .map(|node| ClusterNode { node: node.clone(), is_fenced: false })
                        .collect(),
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Makes the controller forget a broker.
    pub async fn unregister_broker(&self, broker_id: i32) -> Result<(), Error> {
        let request = UnregisterBrokerRequest { broker_id, ..UnregisterBrokerRequest::default() };
        let codes = |response: &UnregisterBrokerResponse| vec![response.error_code];
        let response = self.ask_controller(0, &request, codes).await?;
        Ok(ApiError::check(response.error_code, response.error_message)?)
    }

    /// What each broker speaks; a broker that can't be asked answers its error.
    pub async fn api_versions(
        &self,
    ) -> Result<Vec<(Node, Result<BrokerApiVersions, Error>)>, Error> {
        let image = self.cluster().refresh(Topics::None).await?;
        let mut results = Vec::new();
        for node in image.nodes.values() {
            let connection = self.cluster().connection(&Target::Node(node.id)).await;
            let versions = connection.map(|connection| BrokerApiVersions {
                node: node.clone(),
                versions: connection.versions().ranges.iter().map(range).collect(),
            });
            results.push((node.clone(), versions));
        }
        Ok(results)
    }
}

fn range((key, (min, max)): (&i16, &(i16, i16))) -> ApiVersionRange {
    let usable = ApiKey::try_from(*key).ok().and_then(|api| {
        let ours = api.stable_versions();
        let newest = (*max).min(*ours.end());
        (newest >= (*min).max(*ours.start())).then_some(newest)
    });
    ApiVersionRange { key: *key, min: *min, max: *max, usable }
}

fn described(response: DescribeClusterResponse) -> ClusterDescription {
    let mut nodes: Vec<ClusterNode> = response
        .brokers
        .into_iter()
        .map(|broker| ClusterNode {
            is_fenced: broker.is_fenced,
            node: Node {
                id: broker.broker_id,
                host: broker.host,
                port: broker.port,
                rack: broker.rack,
            },
        })
        .collect();
    nodes.sort_by_key(|known| known.node.id);
    let controller = nodes.iter().find(|known| known.node.id == response.controller_id);
    ClusterDescription {
        cluster_id: response.cluster_id,
        controller: controller.map(|known| known.node.clone()),
        nodes,
    }
}
