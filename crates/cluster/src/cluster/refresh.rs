//! Fetching metadata: one request at a time, however many wait for it.

use std::sync::Arc;

use ottla_wire::messages::metadata_request::MetadataRequestTopic;
use ottla_wire::messages::{MetadataRequest, MetadataResponse};
use ottla_wire::{ErrorCode, Uuid};
use tokio::time::Instant;

use super::metadata::Scope;
use super::{Cluster, MetadataImage, Node};
use crate::config::{ClientConfig, MetadataRecovery};
use crate::error::{ApiError, Error};
use crate::topic_partition::TopicPartition;

/// The first version that answers for topics by their id; before it, all are asked for.
const IDS_VERSION: i16 = 12;

/// Which topics to fetch metadata of.
#[derive(Clone, Copy, Debug)]
pub enum Topics<'a> {
    /// None: only nodes and controller.
    None,
    /// These, created if the broker may and `create` says so.
    Named {
        /// Topic names.
        names: &'a [&'a str],
        /// Whether asking may create them.
        create: bool,
    },
    /// Those with these ids, whatever their names are.
    WithIds(&'a [Uuid]),
    /// All that may be seen.
    All,
}

impl ClientConfig {
    pub(super) fn keeps_metadata(&self) -> bool {
        self.metadata_recovery == MetadataRecovery::Keep
    }
}

impl Cluster {
    /// What is known of the cluster now; may be empty before the first refresh.
    pub fn metadata(&self) -> Arc<MetadataImage> {
        Arc::clone(&self.inner.image.read())
    }

    /// Metadata that knows of these topics, or says why not; fetched if need be.
    pub async fn metadata_of(&self, topics: &[&str]) -> Result<Arc<MetadataImage>, Error> {
        let image = self.metadata();
        if self.is_fresh() && topics.iter().all(|topic| image.topic(topic).is_some()) {
            return Ok(image);
        }
        self.refresh(Topics::Named { names: topics, create: false }).await
    }

    /// Fetches metadata of all topics.
    pub async fn metadata_of_all(&self) -> Result<Arc<MetadataImage>, Error> {
        self.refresh(Topics::All).await
    }

    /// Fetches metadata, tried again until `default.api.timeout.ms` has passed.
    pub async fn refresh(&self, topics: Topics<'_>) -> Result<Arc<MetadataImage>, Error> {
        let mut retry = self.retry("Metadata");
        loop {
            match self.refresh_once(topics).await {
                Ok(image) => return Ok(image),
                Err(error) => retry.again(error).await?,
            }
        }
    }

    /// One attempt to fetch metadata.
    pub async fn refresh_once(&self, topics: Topics<'_>) -> Result<Arc<MetadataImage>, Error> {
        let _turn = self.inner.refreshing.lock().await;
        let (response, _) = self.ask_any(&|version| request(version, topics)).await?;
        if ErrorCode::from_code(response.error_code) == ErrorCode::RebootstrapRequired {
            self.forget_nodes();
            return Err(Error::Disconnected {
                address: "the cluster".to_owned(),
                detail: "it asks to bootstrap again".to_owned(),
            });
        }
        ApiError::check(response.error_code, None)?;
        Ok(self.adopt(response, topics))
    }

    /// Makes the next lookup fetch metadata first.
    pub fn metadata_is_stale(&self) {
        *self.inner.fetched_at.lock() = None;
    }

    /// Whether metadata is younger than `metadata.max.age.ms` and nobody doubts it.
    pub fn is_fresh(&self) -> bool {
        let fetched_at = *self.inner.fetched_at.lock();
        fetched_at.is_some_and(|at| at.elapsed() < self.inner.config.metadata_max_age)
    }

    pub(super) async fn node(&self, id: i32) -> Result<Node, Error> {
        if let Some(node) = self.metadata().nodes.get(&id) {
            return Ok(node.clone());
        }
        let image = self.refresh_once(Topics::None).await?;
        image.nodes.get(&id).cloned().ok_or(Error::UnknownNode { node_id: id })
    }

    pub(super) async fn controller(&self) -> Result<Node, Error> {
        let mut image = self.metadata();
        if image.controller_id.is_none() || !self.is_fresh() {
            image = self.refresh_once(Topics::None).await?;
        }
        let known = image.controller_id.and_then(|id| image.nodes.get(&id));
        known.cloned().ok_or_else(|| ErrorCode::NotController.into())
    }

    pub(super) async fn leader(&self, partition: &TopicPartition) -> Result<Node, Error> {
        let names = [&*partition.topic];
        let mut image = self.metadata();
        if !self.is_fresh() || image.partition(&partition.topic, partition.partition).is_none() {
            image = self.refresh_once(Topics::Named { names: &names, create: false }).await?;
        }
        let found = image.leader(partition);
        if found.is_err() {
            self.metadata_is_stale();
        }
        found.map_err(Error::from)
    }

    fn adopt(&self, response: MetadataResponse, topics: Topics<'_>) -> Arc<MetadataImage> {
        let scope = match topics {
            Topics::All => Scope::Everything,
            _ => Scope::Part,
        };
        let mut image = MetadataImage::clone(&self.inner.image.read());
        image.apply(response, scope);
        let mut addresses: Vec<String> = image.nodes.values().map(Node::address).collect();
        addresses.extend(self.inner.config.bootstrap_servers.iter().cloned());
        let image = Arc::new(image);
        *self.inner.image.write() = Arc::clone(&image);
        *self.inner.fetched_at.lock() = Some(Instant::now());
        self.inner.pool.retain(&addresses);
        image
    }

    fn forget_nodes(&self) {
        let mut image = MetadataImage::clone(&self.inner.image.read());
        image.nodes.clear();
        *self.inner.image.write() = Arc::new(image);
        self.metadata_is_stale();
    }
}

fn request(version: i16, topics: Topics<'_>) -> MetadataRequest {
    let (topics, create) = match topics {
        // Version 0 has no way to ask for no topic; an empty list means all of them there.
        Topics::None => (Some(Vec::new()), false),
        Topics::WithIds(ids) if version >= IDS_VERSION => {
            let topic = |topic_id: &Uuid| MetadataRequestTopic {
                topic_id: *topic_id,
                name: None,
                ..MetadataRequestTopic::default()
            };
            (Some(ids.iter().map(topic).collect()), false)
        }
        Topics::All | Topics::WithIds(_) => {
            (if version == 0 { Some(Vec::new()) } else { None }, false)
        }
        Topics::Named { names, create } => {
            let topic = |name: &&str| MetadataRequestTopic {
                name: Some((*name).to_owned()),
                ..MetadataRequestTopic::default()
            };
            (Some(names.iter().map(topic).collect()), create)
        }
    };
    MetadataRequest {
        topics,
        // Before version 4 the broker always creates.
        allow_auto_topic_creation: create || version < 4,
        ..MetadataRequest::default()
    }
}
