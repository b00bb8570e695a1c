//! One coordinator's task: loads the partition, then decides, appends, waits and answers.
//!
//! After a failed append the machine is dropped and loaded again from the log: nothing is undone. Markers are written
//! by tasks beside it, once what decides them is committed, and come back as requests.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ottla_coordinator::transaction::{
    Body, Config, Markers, Request, Response, TransactionCoordinator,
};
use ottla_machine::{Answer, Runner, Step, Token};
use ottla_wire::ErrorCode;
use tokio::sync::{mpsc, oneshot};

use super::coordinators::TransactionParts;
use super::{loader, records};
use crate::partition::Partition;
use crate::waiters::{Until, Waiter};

/// Answers that may wait for a commit.
const PARKED_MAX: usize = 100_000;

/// How long a coordinator rests before it loads again after a failure.
const RELOAD_PAUSE: Duration = Duration::from_millis(500);

/// A request and where its answer goes.
#[derive(Debug)]
pub(super) struct Command {
    pub request: Request,
    pub answer: oneshot::Sender<Result<Response, ErrorCode>>,
}

/// The owner of one partition's machine.
pub(super) struct Driver {
    partition: Arc<Partition>,
    parts: Arc<TransactionParts>,
    config: Config,
    /// Where the tasks that write markers say that they have. Weak: the queue closes when nobody else can ask.
    own_queue: mpsc::WeakSender<Command>,
    waiting: HashMap<Token, oneshot::Sender<Result<Response, ErrorCode>>>,
    next_token: u64,
    /// Markers that are decided before this offset were handed to their writers.
    handed_out: i64,
}

/// Why the task stopped using its machine.
enum Stop {
    /// Nobody can ask any more: leadership is gone.
    Closed,
    /// The log refused; whoever waited was told.
    Failed,
}

impl Driver {
    pub(super) fn new(
        partition: Arc<Partition>,
        parts: Arc<TransactionParts>,
        config: Config,
        own_queue: mpsc::WeakSender<Command>,
    ) -> Self {
        let waiting = HashMap::new();
        Self { partition, parts, config, own_queue, waiting, next_token: 0, handed_out: 0 }
    }

    /// Serves until the queue closes.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let Some(mut runner) = self.load(&mut commands).await else { return };
            self.handed_out = 0;
            match self.serve(&mut runner, &mut commands).await {
                Stop::Closed => {
                    return self.refuse_waiting(ErrorCode::NotCoordinator);
                }
                Stop::Failed => {}
            }
        }
    }

    /// Loads the machine. Requests that come meanwhile are told so. `None`: the queue has closed.
    async fn load(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Option<Runner<TransactionCoordinator>> {
        let index = self.partition.index();
        loop {
            let (partition, config) = (Arc::clone(&self.partition), self.config.clone());
            let load_bytes = self.parts.load_bytes;
            let mut loading = tokio::task::spawn_blocking(move || {
                let machine = TransactionCoordinator::new(config);
                loader::load(&partition, load_bytes, Runner::new(machine, PARKED_MAX))
            });
            let loaded = loop {
                tokio::select! {
                    biased;
                    loaded = &mut loading => break loaded,
                    command = commands.recv() => {
                        self.put_off(command?, ErrorCode::CoordinatorLoadInProgress);
                    }
                }
            };
            match loaded {
                Ok(Ok(runner)) => {
                    tracing::debug!(partition = index, "transaction coordinator loaded");
                    return Some(runner);
                }
                Ok(Err(error)) => {
                    tracing::error!(partition = index, %error, "cannot load transactions");
                }
                Err(error) => {
                    tracing::error!(partition = index, %error, "loading transactions panicked");
                }
            }
            let pause = tokio::time::sleep(RELOAD_PAUSE);
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    command = commands.recv() => self.put_off(command?, ErrorCode::NotCoordinator),
                }
            }
        }
    }

    /// Answers what can't be decided now; a level is remembered for when it can.
    fn put_off(&mut self, command: Command, code: ErrorCode) {
        if let Body::TransactionVersion(level) = command.request.body {
            self.config.transaction_version = level;
        }
        let _ = command.answer.send(Err(code));
    }

    async fn serve(
        &mut self,
        runner: &mut Runner<TransactionCoordinator>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Stop {
        let waiter = Waiter::for_commit();
        let mut committing = None;
        // What was decided before the reload has markers to be written again.
        self.release(runner);
        loop {
            let now = self.parts.clock.now_ms();
            let pause = runner.next_deadline().map(|at| {
                Duration::from_millis(u64::try_from(at.saturating_sub(now)).unwrap_or(0))
            });
            let tick = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            let stepped = tokio::select! {
                biased;
                () = waiter.woken(), if committing.is_some() => None,
                command = commands.recv() => match command {
                    None => return Stop::Closed,
                    Some(command) => self.decide(runner, command),
                },
                () = tick => Some(runner.tick(self.parts.clock.now_ms())),
            };
            if let Some(step) = stepped
                && let Err(code) = self.take(runner, step)
            {
                self.refuse_waiting(code);
                return Stop::Failed;
            }
            let written = self.release(runner);
            committing =
                written.map(|end| self.partition.waiters().join(&waiter, Until::Committed(end)));
            // What was committed while nobody watched.
            self.release(runner);
        }
    }

    fn decide(
        &mut self,
        runner: &mut Runner<TransactionCoordinator>,
        command: Command,
    ) -> Option<Step<TransactionCoordinator>> {
        let token = Token(self.next_token);
        self.next_token += 1;
        let Command { request, answer } = command;
        if let Body::TransactionVersion(level) = request.body {
            self.config.transaction_version = level;
        }
        let Ok(step) = runner.submit(token, request, self.parts.clock.now_ms()) else {
            let _ = answer.send(Err(ErrorCode::CoordinatorLoadInProgress));
            return None;
        };
        self.waiting.insert(token, answer);
        Some(step)
    }

    /// Appends what a step holds and answers what it released.
    fn take(
        &mut self,
        runner: &mut Runner<TransactionCoordinator>,
        step: Step<TransactionCoordinator>,
    ) -> Result<(), ErrorCode> {
        if !step.records.is_empty() {
            let now = self.parts.clock.now_ms();
            let appended = records::append(&self.partition, &step.records, now);
            let end = appended.inspect_err(|code| {
                let index = self.partition.index();
                tracing::warn!(
                    partition = index,
                    ?code,
                    "transactions can't be written, loading again"
                );
            })?;
            runner.appended(end);
        }
        self.reply(step.replies);
        Ok(())
    }

    /// Answers what is committed and has its markers written. Returns the log's end while something is uncommitted.
    fn release(&mut self, runner: &mut Runner<TransactionCoordinator>) -> Option<i64> {
        let offsets = self.partition.log_offsets().ok()?;
        let replies = runner.committed(offsets.high_watermark);
        self.reply(replies);
        for markers in runner.machine().markers(self.handed_out, offsets.high_watermark) {
            self.have_written(markers);
        }
        self.handed_out = self.handed_out.max(offsets.high_watermark);
        (offsets.high_watermark < offsets.log_end).then_some(offsets.log_end)
    }

    /// There are as many of these tasks as there are transactional ids whose transaction is about to be complete.
    fn have_written(&self, markers: Markers) {
        let (parts, queue) = (Arc::clone(&self.parts), self.own_queue.clone());
        let coordinator_epoch = self.partition.leader().1;
        self.parts.runtime.spawn(async move {
            let is_wanted = || queue.upgrade().is_some();
            let partitions = parts.markers.write_all(&markers, coordinator_epoch, is_wanted).await;
            let Some(queue) = queue.upgrade() else { return };
            let Markers { transactional_id, prepared_at, .. } = markers;
            let body = Body::MarkersWritten { transactional_id, prepared_at, partitions };
            let (answer, _) = oneshot::channel();
            // When the queue has closed, the next coordinator writes them again.
            let _ = queue.send(Command { request: Request::from(body), answer }).await;
        });
    }

    fn refuse_waiting(&mut self, code: ErrorCode) {
        for (_, answer) in self.waiting.drain() {
            let _ = answer.send(Err(code));
        }
    }

    fn reply(&mut self, answers: Vec<Answer<Response>>) {
        for Answer { token, response } in answers {
            if let Some(answer) = self.waiting.remove(&token) {
                // A caller that has gone away needs no answer.
                let _ = answer.send(Ok(response));
            }
        }
    }
}
