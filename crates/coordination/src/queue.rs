//! What a coordinator's task is told, and how.

use std::sync::Arc;
use std::time::Duration;

use ottla_log::Verification;
use ottla_wire::ErrorCode;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::kind::{Kind, RequestOf, ResponseOf};
use crate::metrics::LoopMetrics;

/// Requests that may wait for one coordinator; more are told to come again.
pub(super) const QUEUE_MAX: usize = 10_000;

/// What a coordinator is told.
pub(super) enum Command<K: Kind> {
    Ask(Box<Question<K>>),
    /// Something to take note of, whenever the machine is loaded; nobody waits for an answer.
    Note(RequestOf<K>),
    /// Somebody wants to know how things are. Forgotten while the machine is not loaded.
    Look(Box<dyn FnOnce(&K::Machine) + Send>),
}

/// A request and where its answer goes.
pub(super) struct Question<K: Kind> {
    pub request: RequestOf<K>,
    /// When it was asked, by the loop's metrics.
    pub asked_at: Duration,
    /// What a transaction's write has to show to the log.
    pub verification: Verification,
    pub answer: oneshot::Sender<Result<ResponseOf<K>, ErrorCode>>,
}

/// The way to a coordinator's task, which ends with the last of them.
pub(crate) struct Queue<K: Kind> {
    commands: mpsc::Sender<Command<K>>,
    metrics: Arc<LoopMetrics>,
}

impl<K: Kind> Queue<K> {
    pub(super) fn new(metrics: Arc<LoopMetrics>) -> (Self, mpsc::Receiver<Command<K>>) {
        let (commands, told) = mpsc::channel(QUEUE_MAX);
        (Self { commands, metrics }, told)
    }

    /// How many commands wait for their turn.
    pub(super) fn len(&self) -> usize {
        QUEUE_MAX - self.commands.capacity()
    }

    /// The way for those who must not keep the task alive.
    pub(super) fn downgrade(&self) -> WeakQueue<K> {
        WeakQueue { commands: self.commands.downgrade(), metrics: Arc::clone(&self.metrics) }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// `NOT_COORDINATOR`, `COORDINATOR_NOT_AVAILABLE`, `COORDINATOR_LOAD_IN_PROGRESS`, and what the log has against
    /// the producer of a transaction.
    pub(crate) async fn ask(
        self,
        request: RequestOf<K>,
        verification: Verification,
    ) -> Result<ResponseOf<K>, ErrorCode> {
        let (answer, answered) = oneshot::channel();
        let question = Question { request, asked_at: self.metrics.now(), verification, answer };
        match self.commands.try_send(Command::Ask(Box::new(question))) {
            Ok(()) => {}
            // A full queue is a coordinator that can't keep up; clients back off and come again.
            Err(TrySendError::Full(_)) => return Err(ErrorCode::CoordinatorLoadInProgress),
            Err(TrySendError::Closed(_)) => return Err(ErrorCode::NotCoordinator),
        }
        // A queue that stays open would keep a task alive that has lost its partition.
        drop(self);
        answered.await.unwrap_or(Err(ErrorCode::NotCoordinator))
    }

    /// Tells, without waiting, what to take note of. Whether there was room in the queue.
    pub(crate) fn note(&self, request: RequestOf<K>) -> bool {
        self.commands.try_send(Command::Note(request)).is_ok()
    }

    /// As [`Queue::note`]; waits for room.
    pub(crate) async fn note_in_time(&self, request: RequestOf<K>) {
        // When the queue has closed there is nobody to tell.
        let _ = self.commands.send(Command::Note(request)).await;
    }

    /// What `look` sees in the machine; `None` while it is not loaded.
    pub(crate) async fn look<Seen: Send + 'static>(
        &self,
        look: impl FnOnce(&K::Machine) -> Seen + Send + 'static,
    ) -> Option<Seen> {
        let (answer, answered) = oneshot::channel();
        let look = move |machine: &K::Machine| {
            let _ = answer.send(look(machine));
        };
        self.commands.try_send(Command::Look(Box::new(look))).ok()?;
        answered.await.ok()
    }
}

impl<K: Kind> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self { commands: self.commands.clone(), metrics: Arc::clone(&self.metrics) }
    }
}

/// A queue that does not keep its task alive.
pub(crate) struct WeakQueue<K: Kind> {
    commands: mpsc::WeakSender<Command<K>>,
    metrics: Arc<LoopMetrics>,
}

impl<K: Kind> WeakQueue<K> {
    /// The queue, while the task is wanted.
    pub(crate) fn upgrade(&self) -> Option<Queue<K>> {
        let commands = self.commands.upgrade()?;
        Some(Queue { commands, metrics: Arc::clone(&self.metrics) })
    }
}

impl<K: Kind> Clone for WeakQueue<K> {
    fn clone(&self) -> Self {
        Self { commands: self.commands.clone(), metrics: Arc::clone(&self.metrics) }
    }
}
