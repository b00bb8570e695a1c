//! The coordinators at work, by partition.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI16, Ordering};

use ottla_coordinator::partition_for;
use ottla_coordinator::transaction::{Body, Config, Request, Response};
use ottla_wire::ErrorCode;
use ottla_world::Clock;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::driver::{Command, Driver};
use super::markers::MarkerWriter;
use crate::partition::Partition;

/// Requests that may wait for one coordinator; more are told to come again.
const QUEUE_MAX: usize = 10_000;

/// What coordinators are made of.
pub struct TransactionParts {
    /// Tasks run on it.
    pub runtime: Handle,
    pub clock: Arc<dyn Clock>,
    pub config: Config,
    /// `transaction.state.log.load.buffer.size`
    pub load_bytes: usize,
    pub markers: Arc<MarkerWriter>,
}

/// The coordinators at work.
pub struct TransactionCoordinators {
    parts: Arc<TransactionParts>,
    transaction_version: AtomicI16,
    tasks: Mutex<Tasks>,
}

#[derive(Debug, Default)]
struct Tasks {
    /// How many partitions the topic has: what an id's place is computed from.
    partitions: i32,
    by_partition: BTreeMap<i32, Task>,
}

#[derive(Debug)]
struct Task {
    leader_epoch: i32,
    queue: mpsc::Sender<Command>,
}

impl TransactionCoordinators {
    /// No coordinators yet.
    #[must_use]
    pub fn new(parts: TransactionParts) -> Self {
        let transaction_version = AtomicI16::new(parts.config.transaction_version);
        Self { parts: Arc::new(parts), transaction_version, tasks: Mutex::default() }
    }

    /// Who writes markers.
    #[must_use]
    pub fn markers(&self) -> &Arc<MarkerWriter> {
        &self.parts.markers
    }

    /// The level of the feature `transaction.version`, which decides what is recorded and how brokers abort.
    pub fn set_transaction_version(&self, level: i16) {
        if self.transaction_version.swap(level, Ordering::Relaxed) == level {
            return;
        }
        for task in self.tasks.lock().by_partition.values() {
            let (answer, _) = oneshot::channel();
            let request = Request::from(Body::TransactionVersion(level));
            if task.queue.try_send(Command { request, answer }).is_err() {
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
        let mut tasks = self.tasks.lock();
        tasks.partitions = partitions;
        tasks.by_partition.retain(|index, task| {
            led.iter().any(|partition| {
                partition.index() == *index && partition.leader().1 == task.leader_epoch
            })
        });
        for partition in led {
            let leader_epoch = partition.leader().1;
            tasks.by_partition.entry(partition.index()).or_insert_with(|| {
                let (queue, commands) = mpsc::channel(QUEUE_MAX);
                let config = Config {
                    transaction_version: self.transaction_version.load(Ordering::Relaxed),
                    ..self.parts.config.clone()
                };
                let own = queue.downgrade();
                let driver =
                    Driver::new(Arc::clone(partition), Arc::clone(&self.parts), config, own);
                self.parts.runtime.spawn(driver.run(commands));
                Task { leader_epoch, queue }
            });
        }
    }

    /// Ends every coordinator; whoever waits is told to look for another.
    pub fn shutdown(&self) {
        self.tasks.lock().by_partition.clear();
    }

    /// Asks the coordinator of `transactional_id`.
    ///
    /// # Errors
    /// `NOT_COORDINATOR` or `COORDINATOR_LOAD_IN_PROGRESS`.
    pub async fn ask(
        &self,
        transactional_id: &str,
        request: Request,
    ) -> Result<Response, ErrorCode> {
        let queue = {
            let tasks = self.tasks.lock();
            if tasks.partitions == 0 {
                return Err(ErrorCode::NotCoordinator);
            }
            let index = partition_for(transactional_id, tasks.partitions);
            tasks.by_partition.get(&index).map(|task| task.queue.clone())
        };
        send(queue.ok_or(ErrorCode::NotCoordinator)?, request).await
    }

    /// Asks every coordinator of this broker, and collects what they answer.
    pub async fn ask_all(&self, body: &Body) -> Vec<Result<Response, ErrorCode>> {
        let queues: Vec<_> =
            self.tasks.lock().by_partition.values().map(|task| task.queue.clone()).collect();
        let mut answers = Vec::with_capacity(queues.len());
        for queue in queues {
            answers.push(send(queue, Request::from(body.clone())).await);
        }
        answers
    }
}

async fn send(queue: mpsc::Sender<Command>, request: Request) -> Result<Response, ErrorCode> {
    let (answer, answered) = oneshot::channel();
    match queue.try_send(Command { request, answer }) {
        Ok(()) => answered.await.unwrap_or(Err(ErrorCode::NotCoordinator)),
        // A full queue is a coordinator that can't keep up; clients back off and come again.
        Err(mpsc::error::TrySendError::Full(_)) => Err(ErrorCode::CoordinatorLoadInProgress),
        Err(mpsc::error::TrySendError::Closed(_)) => Err(ErrorCode::NotCoordinator),
    }
}
