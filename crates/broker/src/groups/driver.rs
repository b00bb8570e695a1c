//! One coordinator's task: loads the partition, then decides, appends, waits and answers.
//!
//! After a failed append the machine is dropped and loaded again from the log: nothing is undone.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ottla_coordinator::{Config, GroupCoordinator, Request, Response};
use ottla_log::Verification;
use ottla_machine::{Answer, Runner, Step, Token};
use ottla_wire::ErrorCode;
use ottla_world::Clock;
use tokio::sync::{mpsc, oneshot};

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
    /// What a transaction's commit has to show to the log.
    pub verification: Verification,
    pub answer: oneshot::Sender<Result<Response, ErrorCode>>,
}

type Waiting = HashMap<Token, oneshot::Sender<Result<Response, ErrorCode>>>;

/// The owner of one partition's machine.
pub(super) struct Driver {
    partition: Arc<Partition>,
    clock: Arc<dyn Clock>,
    config: Config,
    waiting: Waiting,
    next_token: u64,
}

/// Why the task stopped using its machine.
enum Stop {
    /// Nobody can ask any more: leadership is gone.
    Closed,
    /// The log refused; whoever waited was told.
    Failed,
}

impl Driver {
    pub(super) fn new(partition: Arc<Partition>, clock: Arc<dyn Clock>, config: Config) -> Self {
        Self { partition, clock, config, waiting: HashMap::new(), next_token: 0 }
    }

    /// Serves until the queue closes.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let Some(mut runner) = self.load(&mut commands).await else { return };
            match self.serve(&mut runner, &mut commands).await {
                Stop::Closed => return self.unload(&runner),
                Stop::Failed => {}
            }
        }
    }

    /// Loads the machine. Requests that come meanwhile are told so. `None`: the queue has closed.
    async fn load(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Option<Runner<GroupCoordinator>> {
        loop {
            let partition = Arc::clone(&self.partition);
            let config = self.config.clone();
            let mut loading = tokio::task::spawn_blocking(move || {
                let machine = GroupCoordinator::new(config);
                loader::load(&partition, Runner::new(machine, PARKED_MAX))
            });
            let loaded = loop {
                tokio::select! {
                    biased;
                    loaded = &mut loading => break loaded,
                    command = commands.recv() => refuse(command?, ErrorCode::CoordinatorLoadInProgress),
                }
            };
            let index = self.partition.index();
            match loaded {
                Ok(Ok(runner)) => {
                    tracing::debug!(partition = index, "group coordinator loaded");
                    return Some(runner);
                }
                Ok(Err(error)) => {
                    tracing::error!(partition = index, %error, "cannot load a group coordinator");
                }
                Err(error) => {
                    tracing::error!(partition = index, %error, "loading a group coordinator panicked");
                }
            }
            let pause = tokio::time::sleep(RELOAD_PAUSE);
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    command = commands.recv() => refuse(command?, ErrorCode::NotCoordinator),
                }
            }
        }
    }

    async fn serve(
        &mut self,
        runner: &mut Runner<GroupCoordinator>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Stop {
        let waiter = Waiter::for_commit();
        let mut committing = None;
        loop {
            let now = self.clock.now_ms();
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
                () = tick => Some(runner.tick(self.clock.now_ms())),
            };
            if let Some(step) = stepped
                && self.take(runner, step).is_err()
            {
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
        runner: &mut Runner<GroupCoordinator>,
        command: Command,
    ) -> Option<Step<GroupCoordinator>> {
        let token = Token(self.next_token);
        self.next_token += 1;
        let Command { request, verification, answer } = command;
        let now = self.clock.now_ms();
        if let Err(code) = records::admits(&self.partition, &request.body, verification, now) {
            let _ = answer.send(Err(code));
            return None;
        }
        let Ok(step) = runner.submit(token, request, now) else {
            let _ = answer.send(Err(ErrorCode::CoordinatorLoadInProgress));
            return None;
        };
        self.waiting.insert(token, answer);
        Some(step)
    }

    /// Appends what a step holds and answers what it released.
    fn take(
        &mut self,
        runner: &mut Runner<GroupCoordinator>,
        step: Step<GroupCoordinator>,
    ) -> Result<(), ()> {
        if !step.records.is_empty() {
            match records::append(&self.partition, &step.records, self.clock.now_ms()) {
                Ok(end) => runner.appended(end),
                Err(code) => {
                    tracing::warn!(
                        partition = self.partition.index(),
                        ?code,
                        "a group coordinator could not write and loads again"
                    );
                    for (_, answer) in self.waiting.drain() {
                        let _ = answer.send(Err(code));
                    }
                    return Err(());
                }
            }
        }
        self.reply(step.replies);
        Ok(())
    }

    /// Answers what is committed. Returns the log's end while something is still uncommitted.
    fn release(&mut self, runner: &mut Runner<GroupCoordinator>) -> Option<i64> {
        let offsets = self.partition.log_offsets().ok()?;
        let replies = runner.committed(offsets.high_watermark);
        self.reply(replies);
        (offsets.high_watermark < offsets.log_end).then_some(offsets.log_end)
    }

    fn unload(&mut self, runner: &Runner<GroupCoordinator>) {
        self.reply(runner.machine().unload());
        for (_, answer) in self.waiting.drain() {
            let _ = answer.send(Err(ErrorCode::NotCoordinator));
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

fn refuse(command: Command, code: ErrorCode) {
    let _ = command.answer.send(Err(code));
}
