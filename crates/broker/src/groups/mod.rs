//! The group coordinators of this broker: one task for each partition of `__consumer_offsets` it leads.
//!
//! A task owns its partition's machine; handlers send it requests over a bounded queue and wait. When
//! leadership goes, the task answers everybody who waits and ends.
//!
//! # Layout
//! - `driver`: the task: decide, append, wait for the commit, answer
//! - `loader`: replays a partition into a machine
//! - `records`: records to batches and back
//! - [`terms`]: what the configuration says of the log
mod driver;
mod loader;
mod records;
pub mod terms;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_coordinator::{Body, Config, EndedTransaction, Request, Response, partition_for};
use ottla_log::Verification;
use ottla_wire::ErrorCode;
use ottla_world::Clock;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

pub use self::driver::Look;
use self::driver::{Command, Driver, Question};
pub use self::terms::LogTerms;
use crate::partition::Partition;

/// Requests that may wait for one coordinator; more are told to come again.
const QUEUE_MAX: usize = 10_000;

/// The coordinators at work.
pub struct GroupCoordinators {
    runtime: Handle,
    clock: Arc<dyn Clock>,
    config: Config,
    terms: LogTerms,
    tasks: Mutex<Tasks>,
}

#[derive(Debug, Default)]
struct Tasks {
    /// How many partitions the topic has: what a group's place is computed from.
    partitions: i32,
    by_partition: BTreeMap<i32, Task>,
}

#[derive(Debug)]
struct Task {
    leader_epoch: i32,
    queue: mpsc::Sender<Command>,
}

impl GroupCoordinators {
    /// No coordinators yet. Tasks run on `runtime`.
    #[must_use]
    pub fn new(runtime: Handle, clock: Arc<dyn Clock>, config: Config, terms: LogTerms) -> Self {
        Self { runtime, clock, config, terms, tasks: Mutex::default() }
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
            let index = partition.index();
            tasks.by_partition.entry(index).or_insert_with(|| {
                let (queue, commands) = mpsc::channel(QUEUE_MAX);
                let driver = Driver::new(
                    Arc::clone(partition),
                    Arc::clone(&self.clock),
                    self.config.clone(),
                    self.terms,
                );
                self.runtime.spawn(driver.run(commands));
                Task { leader_epoch: partition.leader().1, queue }
            });
        }
    }

    /// Ends every coordinator; whoever waits is told to look for another.
    pub fn shutdown(&self) {
        self.tasks.lock().by_partition.clear();
    }

    /// Asks the coordinator of `group_id`.
    ///
    /// # Errors
    /// `NOT_COORDINATOR`, `COORDINATOR_NOT_AVAILABLE` or `COORDINATOR_LOAD_IN_PROGRESS`.
    pub async fn ask(&self, group_id: &str, request: Request) -> Result<Response, ErrorCode> {
        let queue = self.partition_of(group_id).and_then(|index| self.queue(index));
        send(queue.ok_or(ErrorCode::NotCoordinator)?, request).await
    }

    /// Asks the coordinator of `group_id` for what a transaction wants; the log is shown `verification`.
    ///
    /// # Errors
    /// As [`GroupCoordinators::ask`], and what the log has against the producer.
    pub async fn ask_in_transaction(
        &self,
        group_id: &str,
        request: Request,
        verification: Verification,
    ) -> Result<Response, ErrorCode> {
        let queue = self.partition_of(group_id).and_then(|index| self.queue(index));
        send_verified(queue.ok_or(ErrorCode::NotCoordinator)?, request, verification).await
    }

    /// Tells the coordinator of partition `index` of a marker, which it writes.
    ///
    /// # Errors
    /// As [`GroupCoordinators::ask_in_transaction`].
    pub async fn end_transaction(
        &self,
        index: i32,
        ended: EndedTransaction,
    ) -> Result<(), ErrorCode> {
        let caller = ottla_coordinator::Caller::default();
        let request = Request { caller, body: Body::EndTransaction(ended) };
        send(self.queue(index).ok_or(ErrorCode::NotCoordinator)?, request).await.map(|_| ())
    }

    /// The partition that holds a group; `None` while the topic does not exist.
    #[must_use]
    pub fn partition_of(&self, group_id: &str) -> Option<i32> {
        let partitions = self.tasks.lock().partitions;
        (partitions > 0).then(|| partition_for(group_id, partitions))
    }

    fn queue(&self, index: i32) -> Option<mpsc::Sender<Command>> {
        self.tasks.lock().by_partition.get(&index).map(|task| task.queue.clone())
    }

    /// Asks every coordinator of this broker, and collects what they answer.
    pub async fn ask_all(
        &self,
        mut request: impl FnMut() -> Request,
    ) -> Vec<Result<Response, ErrorCode>> {
        let queues: Vec<_> =
            self.tasks.lock().by_partition.values().map(|task| task.queue.clone()).collect();
        let mut answers = Vec::with_capacity(queues.len());
        for queue in queues {
            answers.push(send(queue, request()).await);
        }
        answers
    }

    /// How the coordinators' groups and offsets are. Those that are loading tell nothing.
    pub async fn look(&self) -> Vec<Look> {
        let queues: Vec<_> =
            self.tasks.lock().by_partition.values().map(|task| task.queue.clone()).collect();
        let mut looks = Vec::with_capacity(queues.len());
        for queue in queues {
            let (answer, answered) = oneshot::channel();
            if queue.try_send(Command::Look(answer)).is_ok()
                && let Ok(look) = answered.await
            {
                looks.push(look);
            }
        }
        looks
    }

    /// Tells every coordinator, without waiting, that topics are gone.
    pub fn topics_deleted(self: &Arc<Self>, topics: Vec<ottla_coordinator::DeletedTopic>) {
        let coordinators = Arc::clone(self);
        self.runtime.spawn(async move {
            let request = || Request {
                caller: ottla_coordinator::Caller::default(),
                body: Body::TopicsDeleted(topics.clone()),
            };
            for answer in coordinators.ask_all(request).await {
                if let Err(code) = answer {
                    tracing::debug!(?code, "a coordinator did not take note of deleted topics");
                }
            }
        });
    }
}

async fn send(queue: mpsc::Sender<Command>, request: Request) -> Result<Response, ErrorCode> {
    send_verified(queue, request, Verification::NotRequired).await
}

async fn send_verified(
    queue: mpsc::Sender<Command>,
    request: Request,
    verification: Verification,
) -> Result<Response, ErrorCode> {
    let (answer, answered) = oneshot::channel();
    let command = Command::Ask(Box::new(Question { request, verification, answer }));
    match queue.try_send(command) {
        Ok(()) => answered.await.unwrap_or(Err(ErrorCode::NotCoordinator)),
        // A full queue is a coordinator that can't keep up; clients back off and come again.
        Err(mpsc::error::TrySendError::Full(_)) => Err(ErrorCode::CoordinatorLoadInProgress),
        Err(mpsc::error::TrySendError::Closed(_)) => Err(ErrorCode::NotCoordinator),
    }
}
