//! What handlers ask the coordinators of transactions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI16, Ordering};

use ottla_coordinator::transaction::{
    Body, Config, Request, Response, State, TransactionCoordinator,
};
use ottla_hosting::Partition;
use ottla_log::Verification;
use ottla_wire::ErrorCode;
use ottla_world::Clock;
use tokio::runtime::Handle;

use super::kind::Transactions;
use super::markers::MarkerWriter;
use crate::{LogTerms, Parts, Shards};

/// What coordinators are made of.
pub struct TransactionParts {
    /// Tasks run on it.
    pub runtime: Handle,
    pub clock: Arc<dyn Clock>,
    pub config: Config,
    pub terms: LogTerms,
    pub markers: Arc<MarkerWriter>,
}

/// The coordinators at work.
pub struct TransactionCoordinators {
    shards: Shards<Transactions>,
}

impl TransactionCoordinators {
    /// No coordinators yet.
    #[must_use]
    pub fn new(parts: TransactionParts) -> Self {
        let TransactionParts { runtime, clock, config, terms, markers } = parts;
        let transaction_version = AtomicI16::new(config.transaction_version);
        let kind = Transactions { config, transaction_version, markers };
        Self { shards: Shards::new(kind, Parts { runtime, clock, terms }) }
    }

    /// Who writes markers.
    #[must_use]
    pub fn markers(&self) -> &Arc<MarkerWriter> {
        &self.shards.kind().markers
    }

    /// The level of the feature `transaction.version`, which decides what is recorded and how brokers abort.
    pub fn set_transaction_version(&self, level: i16) {
        if self.shards.kind().transaction_version.swap(level, Ordering::Relaxed) == level {
            return;
        }
        for queue in self.shards.all() {
            if !queue.note(Request::from(Body::TransactionVersion(level))) {
                tracing::warn!(
                    level,
                    "a busy coordinator learns transaction.version when it loads"
                );
            }
        }
    }

    /// Starts and stops coordinators so that they match the partitions this broker leads.
    /// `partitions` is the topic's size, zero while it does not exist.
    pub fn reconcile(&self, partitions: i32, led: &[Arc<Partition>]) {
        self.shards.reconcile(partitions, led);
    }

    /// Whether the coordinator of `transactional_id` is here: its partition is led by this broker, and its log is open.
    #[must_use]
    pub fn has(&self, transactional_id: &str) -> bool {
        self.shards.of(transactional_id).is_ok()
    }

    /// Ends every coordinator; whoever waits is told to look for another.
    pub fn shutdown(&self) {
        self.shards.shutdown();
    }

    /// Asks the coordinator of `transactional_id`, if the request is one that a coordinator would take.
    ///
    /// # Errors
    /// `NOT_COORDINATOR` or `COORDINATOR_LOAD_IN_PROGRESS`.
    pub async fn ask(
        &self,
        transactional_id: &str,
        request: Request,
    ) -> Result<Response, ErrorCode> {
        let kind = self.shards.kind();
        let level = kind.transaction_version.load(Ordering::Relaxed);
        if let Some(refusal) = request.body.refusal(&kind.config, level) {
            return Ok(refusal);
        }
        self.shards.of(transactional_id)?.ask(request, Verification::NotRequired).await
    }

    /// How many transactional ids are in each state, by coordinator. Those that are loading tell nothing.
    pub async fn look(&self) -> Vec<BTreeMap<State, usize>> {
        let mut looks = Vec::new();
        for queue in self.shards.all() {
            looks.extend(queue.look(TransactionCoordinator::transactions_by_state).await);
        }
        looks
    }

    /// Writes how the coordinators' loops do.
    pub fn write_metrics(&self, text: &mut String) {
        self.shards.write_metrics(text, "kafka_server_transaction_coordinator_metrics_");
        self.markers().metrics().write(text);
    }

    /// Asks every coordinator of this broker, and collects what they answer.
    pub async fn ask_all(&self, body: &Body) -> Vec<Result<Response, ErrorCode>> {
        self.shards.ask_all(|| Request::from(body.clone())).await
    }
}
