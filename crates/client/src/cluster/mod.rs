//! A whole cluster behind one value: bootstrap, metadata, routing, retries.
//!
//! One connection a broker, opened when first needed. Nothing here knows what a request means, except for the
//! few that routing needs: Metadata, FindCoordinator and ApiVersions.

mod metadata;

pub use metadata::{MetadataImage, Node, PartitionMetadata, TopicMetadata};

use std::ops::RangeInclusive;
use std::sync::Arc;

use ottla_wire::codec::Request;

use crate::config::ClientConfig;
use crate::error::Error;

/// Who shall answer a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Any broker, the least busy first.
    Any,
    /// This broker.
    Node(i32),
    /// The broker that stands for the controller.
    Controller,
    /// The leader of a partition.
    Leader(crate::TopicPartition),
    /// The coordinator of a group.
    Group(String),
    /// The coordinator of a transactional id.
    Transaction(String),
}

/// A connection to a cluster; cheap to clone, all clones share connections and metadata.
#[derive(Clone, Debug)]
pub struct Cluster {
    config: Arc<ClientConfig>,
}

impl Cluster {
    /// Prepares for a cluster; connects when first asked something. Must be called inside a tokio runtime.
    pub fn new(config: ClientConfig) -> Result<Cluster, Error> {
        Ok(Self { config: Arc::new(config) })
    }

    /// How it was configured.
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// One attempt at one node: the newest version both sides speak, no retry.
    pub async fn call<R: Request>(&self, node_id: i32, request: &R) -> Result<R::Response, Error> {
        let _ = (node_id, request);
        todo!()
    }

    /// Sends `request` to whoever `target` is, finding them first, and again while the network fails,
    /// until `default.api.timeout.ms` has passed. Error codes inside the response are the caller's.
    pub async fn send<R: Request>(&self, target: &Target, request: &R) -> Result<R::Response, Error> {
        let _ = (target, request);
        todo!()
    }

    /// As [`send`](Self::send), for requests whose shape depends on the version: `build` gets the newest
    /// version inside `versions` that both sides speak. Answers the version used as well.
    pub async fn send_versioned<R: Request>(
        &self,
        target: &Target,
        versions: RangeInclusive<i16>,
        build: impl Fn(i16) -> R,
    ) -> Result<(R::Response, i16), Error> {
        let _ = (target, versions, build);
        todo!()
    }

    /// What is known of the cluster now; may be empty before the first refresh.
    pub fn metadata(&self) -> Arc<MetadataImage> {
        todo!()
    }

    /// Metadata that knows of these topics (or says why not), fetched if need be.
    pub async fn metadata_of(&self, topics: &[&str]) -> Result<Arc<MetadataImage>, Error> {
        todo!("{topics:?}")
    }

    /// Fetches metadata of all topics.
    pub async fn metadata_of_all(&self) -> Result<Arc<MetadataImage>, Error> {
        todo!()
    }

    /// Ends all connections; what is still awaited fails with [`Error::Closed`].
    pub async fn close(&self) {}
}
