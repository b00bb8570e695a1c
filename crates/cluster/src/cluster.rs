//! A whole cluster behind one value: bootstrap, metadata, routing, retries.
//!
//! Connections are opened when first needed: one a broker for data, another for coordination, because brokers
//! answer in order and a long poll must not hold up a heartbeat. Nothing here knows what a request means,
//! except for the few that routing needs: Metadata, FindCoordinator and ApiVersions.
//!
//! # Layout
//! - `metadata`: what is known of the cluster
//! - `refresh`: fetching it
//! - `coordinators`: who coordinates a group or a transactional id
//! - `pool`: connections by broker, and waiting between attempts to connect
//! - `retry`: how often and how long
//! - `target`: who shall answer

mod coordinators;
mod metadata;
mod pool;
mod refresh;
mod retry;
mod target;

pub use metadata::{MetadataImage, Node, PartitionMetadata, TopicMetadata};
pub use refresh::Topics;
pub use retry::{Backoff, Retry};
pub use target::Target;

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use ottla_wire::Message;
use ottla_wire::api::Request;
use ottla_world::{Clock, OsRandom, Random, SystemClock};
use parking_lot::{Mutex, RwLock};
use tokio::time::Instant;

use crate::config::ClientConfig;
use crate::connection::{Connection, Network, Tcp};
use crate::error::Error;
use coordinators::Coordinators;
use pool::{Pool, Purpose};

/// A connection to a cluster; cheap to clone, all clones share connections and metadata.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    config: Arc<ClientConfig>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    pool: Pool,
    image: RwLock<Arc<MetadataImage>>,
    fetched_at: Mutex<Option<Instant>>,
    refreshing: tokio::sync::Mutex<()>,
    coordinators: Coordinators,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cluster")
            .field("bootstrap_servers", &self.inner.config.bootstrap_servers)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Prepares for a cluster; connects when first asked something. Must be used inside a tokio runtime.
    pub fn new(config: ClientConfig) -> Result<Cluster, Error> {
        Self::in_world(config, Arc::new(SystemClock::new()), Arc::new(OsRandom), Arc::new(Tcp))
    }

    /// As [`new`](Self::new), with clock, randomness and network of the caller's choice.
    pub fn in_world(
        config: ClientConfig,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        network: Arc<dyn Network>,
    ) -> Result<Cluster, Error> {
        target::check_bootstrap(&config.bootstrap_servers)?;
        let config = Arc::new(config);
        Ok(Self {
            inner: Arc::new(Inner {
                pool: Pool::new(Arc::clone(&config), Arc::clone(&random), network),
                config,
                clock,
                random,
                image: RwLock::default(),
                fetched_at: Mutex::default(),
                refreshing: tokio::sync::Mutex::default(),
                coordinators: Coordinators::default(),
            }),
        })
    }

    /// How it was configured.
    pub fn config(&self) -> &ClientConfig {
        &self.inner.config
    }

    /// Wall time in milliseconds, for record timestamps.
    pub fn now_ms(&self) -> i64 {
        self.inner.clock.now_ms()
    }

    /// The source of chance for jitter and choice.
    pub fn random(&self) -> &Arc<dyn Random> {
        &self.inner.random
    }

    /// One attempt at one node: the newest version both sides speak, no retry.
    pub async fn call<R: Request>(&self, node_id: i32, request: &R) -> Result<R::Response, Error> {
        let connection = self.connection(&Target::Node(node_id)).await?;
        let version =
            connection.versions().newest::<R>(connection.address(), &<R as Message>::VERSIONS)?;
        connection.call(request, version, self.inner.config.request_timeout).await
    }

    /// Sends `request` to whoever `target` is, finding them first, and again while the network fails,
    /// until `default.api.timeout.ms` has passed. Error codes inside the response are the caller's.
    pub async fn send<R: Request>(
        &self,
        target: &Target,
        request: &R,
    ) -> Result<R::Response, Error> {
        let versions = <R as Message>::VERSIONS;
        let answered = self.send_versioned(target, versions, |_| request.clone()).await;
        answered.map(|(response, _)| response)
    }

    /// As [`send`](Self::send), for requests whose shape depends on the version: `build` gets the newest
    /// version inside `versions` that both sides speak. Answers the version used as well.
    pub async fn send_versioned<R: Request>(
        &self,
        target: &Target,
        versions: RangeInclusive<i16>,
        build: impl Fn(i16) -> R + Send + Sync,
    ) -> Result<(R::Response, i16), Error> {
        let mut retry = self.retry(R::API_KEY.name());
        loop {
            match self.attempt(target, &versions, &build, None).await {
                Ok(answered) => return Ok(answered),
                Err(error) => {
                    self.suspect(target, &error);
                    retry.again(error).await?;
                }
            }
        }
    }

    /// One attempt at `target`; the answer may take `timeout` (`None`: `request.timeout.ms`).
    pub async fn attempt<R: Request>(
        &self,
        target: &Target,
        versions: &RangeInclusive<i16>,
        build: &(impl Fn(i16) -> R + Send + Sync),
        timeout: Option<Duration>,
    ) -> Result<(R::Response, i16), Error> {
        let connection = self.connection(target).await?;
        self.ask(&connection, versions, build, timeout).await
    }

    /// What routing itself needs to know: asked of any broker, without routing.
    async fn ask_any<R: Request>(
        &self,
        build: &(impl Fn(i16) -> R + Send + Sync),
    ) -> Result<(R::Response, i16), Error> {
        let connection = self.any_connection().await?;
        self.ask(&connection, &<R as Message>::VERSIONS, build, None).await
    }

    async fn ask<R: Request>(
        &self,
        connection: &Connection,
        versions: &RangeInclusive<i16>,
        build: &(impl Fn(i16) -> R + Send + Sync),
        timeout: Option<Duration>,
    ) -> Result<(R::Response, i16), Error> {
        let version = connection.versions().newest::<R>(connection.address(), versions)?;
        let timeout = timeout.unwrap_or(self.inner.config.request_timeout);
        Ok((connection.call(&build(version), version, timeout).await?, version))
    }

    /// A connection to whoever `target` is.
    pub async fn connection(&self, target: &Target) -> Result<Connection, Error> {
        let (node, purpose) = match target {
            Target::Any => return self.any_connection().await,
            Target::Node(id) => (self.node(*id).await?, Purpose::Data),
            Target::Controller => (self.controller().await?, Purpose::Data),
            Target::Leader(partition) => (self.leader(partition).await?, Purpose::Data),
            Target::Group(_) | Target::Transaction(_) => {
                (self.coordinator(target).await?, Purpose::Coordination)
            }
        };
        self.inner.pool.get(&node.address(), purpose).await
    }

    /// Starts counting attempts of an operation under `default.api.timeout.ms` and `retries`.
    pub fn retry(&self, operation: &str) -> Retry {
        self.retry_within(operation, self.inner.config.api_timeout)
    }

    /// As [`retry`](Self::retry), with a limit of the caller's.
    pub fn retry_within(&self, operation: &str, limit: Duration) -> Retry {
        let config = &self.inner.config;
        let backoff = Backoff::new(config.retry_backoff, config.retry_backoff_max);
        Retry::new(operation, limit, config.retries, backoff, Arc::clone(&self.inner.random))
    }

    /// Forgets what `error` says is no longer so: who coordinates, who leads, who controls.
    pub fn suspect(&self, target: &Target, error: &Error) {
        match target {
            Target::Group(_) | Target::Transaction(_) => self.inner.coordinators.forget(target),
            Target::Any => {}
            Target::Node(_) | Target::Controller | Target::Leader(_) => {
                if error.is_retriable() {
                    self.metadata_is_stale();
                }
            }
        }
    }

    /// Ends all connections; what is still awaited fails with [`Error::Closed`].
    pub async fn close(&self) {
        self.inner.pool.close();
    }

    async fn any_connection(&self) -> Result<Connection, Error> {
        let image = self.metadata();
        let known: Vec<String> = image.nodes.values().map(Node::address).collect();
        if let Some(connection) = self.inner.pool.least_busy(&known) {
            return Ok(connection);
        }
        let outcome = self.inner.pool.first_reachable(known).await;
        match outcome {
            Some(Ok(connection)) => Ok(connection),
            Some(Err(error)) if self.inner.config.keeps_metadata() => Err(error),
            _ => self.bootstrap_connection().await,
        }
    }

    async fn bootstrap_connection(&self) -> Result<Connection, Error> {
        let addresses = target::bootstrap_addresses(&self.inner.config).await?;
        let outcome = self.inner.pool.first_reachable(addresses).await;
        outcome.unwrap_or(Err(Error::Closed))
    }
}
