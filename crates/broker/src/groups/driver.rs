//! One coordinator's task: loads the partition, then decides, appends, waits and answers.
//!
//! After a failed append the machine is dropped and loaded again from the log: nothing is undone.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ottla_coordinator::{Config, GroupCoordinator, Record, Request, Response, State};
use ottla_log::Verification;
use ottla_machine::{Answer, NotTaken, Runner, Step, Token};
use ottla_wire::ErrorCode;
use ottla_world::Clock;
use tokio::sync::{mpsc, oneshot};

use super::records::Prepared;
use super::terms::LogTerms;
use super::{loader, records};
use crate::partition::Partition;
use crate::waiters::{Until, Waiter};

/// Answers that may wait for a commit.
const PARKED_MAX: usize = 100_000;

/// How long a coordinator rests before it loads again after a failure.
const RELOAD_PAUSE: Duration = Duration::from_millis(500);

/// What a coordinator is told.
#[derive(Debug)]
pub(super) enum Command {
    Ask(Box<Question>),
    /// Somebody wants to know how things are.
    Look(oneshot::Sender<Look>),
}

/// A coordinator's groups and offsets, for metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// How many groups are in each state.
    pub groups: BTreeMap<State, usize>,
    /// Group, topic, partition and committed offset.
    pub offsets: Vec<(String, String, i32, i64)>,
}

/// A request and where its answer goes.
#[derive(Debug)]
pub(super) struct Question {
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
    terms: LogTerms,
    waiting: Waiting,
    next_token: u64,
    /// What was written up to here should be committed by then.
    commit_due: Option<(i64, Duration)>,
}

/// A step, with its records ready for the log.
struct Decided {
    step: Step<GroupCoordinator>,
    prepared: Option<Prepared>,
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
        clock: Arc<dyn Clock>,
        config: Config,
        terms: LogTerms,
    ) -> Self {
        let waiting = HashMap::new();
        Self { partition, clock, config, terms, waiting, next_token: 0, commit_due: None }
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
            let (config, load_bytes) = (self.config.clone(), self.terms.load_bytes);
            let mut loading = tokio::task::spawn_blocking(move || {
                let machine = GroupCoordinator::new(config);
                loader::load(&partition, load_bytes, Runner::new(machine, PARKED_MAX))
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
            let patience = self.commit_due.map(|(_, due)| {
                let monotonic = self.clock.monotonic();
                due.saturating_sub(monotonic)
            });
            let pause = pause.into_iter().chain(patience).min();
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
                    Some(Command::Ask(question)) => self.decide(runner, *question),
                    Some(Command::Look(answer)) => {
                        let _ = answer.send(look(runner.machine()));
                        None
                    }
                },
                () = tick => {
                    let step = runner.tick(self.clock.now_ms());
                    Some(Decided { step, prepared: None })
                }
            };
            if let Some(decided) = stepped
                && self.take(runner, decided).is_err()
            {
                return Stop::Failed;
            }
            let written = self.release(runner);
            self.lose_patience(runner, written);
            committing =
                written.map(|end| self.partition.waiters().join(&waiter, Until::Committed(end)));
            // What was committed while nobody watched.
            self.release(runner);
        }
    }

    fn decide(
        &mut self,
        runner: &mut Runner<GroupCoordinator>,
        question: Question,
    ) -> Option<Decided> {
        let token = Token(self.next_token);
        self.next_token += 1;
        let Question { request, verification, answer } = question;
        let now = self.clock.now_ms();
        if let Err(code) = records::admits(&self.partition, &request.body, verification, now) {
            let _ = answer.send(Err(code));
            return None;
        }
        let mut prepared = None;
        // What the log would refuse is refused before it counts as decided.
        let taken = runner.submit_if(token, request, now, |records| {
            if !records.is_empty() {
                prepared = Some(self.prepare(records, now)?);
            }
            Ok(())
        });
        let code = match taken {
            Ok(step) => {
                self.waiting.insert(token, answer);
                return Some(Decided { step, prepared });
            }
            Err(NotTaken::Busy) => ErrorCode::CoordinatorLoadInProgress,
            Err(NotTaken::TurnedAway(code)) => code,
        };
        let _ = answer.send(Err(code));
        None
    }

    fn prepare(&self, records: &[Record], now_ms: i64) -> Result<Prepared, ErrorCode> {
        records::prepare(&self.partition, records, self.terms.compression, now_ms)
    }

    /// Appends what a step holds and answers what it released.
    fn take(
        &mut self,
        runner: &mut Runner<GroupCoordinator>,
        Decided { step, prepared }: Decided,
    ) -> Result<(), ()> {
        if !step.records.is_empty() {
            let prepared = match prepared {
                Some(prepared) => Ok(prepared),
                None => self.prepare(&step.records, self.clock.now_ms()),
            };
            let appended = prepared.and_then(|prepared| records::append(&self.partition, prepared));
            match appended {
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

    /// Answers those who have waited `offsets.commit.timeout.ms` for a commit: it may come yet.
    fn lose_patience(&mut self, runner: &mut Runner<GroupCoordinator>, written: Option<i64>) {
        let now = self.clock.monotonic();
        match (written, self.commit_due) {
            (None, _) => self.commit_due = None,
            (Some(end), None) => {
                self.commit_due = Some((end, now.saturating_add(self.terms.commit_timeout)));
            }
            (Some(_), Some((end, due))) if due <= now => {
                for token in runner.abandon(end) {
                    if let Some(answer) = self.waiting.remove(&token) {
                        let _ = answer.send(Err(ErrorCode::CoordinatorNotAvailable));
                    }
                }
                self.commit_due = None;
            }
            (Some(_), Some(_)) => {}
        }
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
    match command {
        Command::Ask(question) => {
            let _ = question.answer.send(Err(code));
        }
        Command::Look(answer) => {
            let _ = answer.send(Look::default());
        }
    }
}

fn look(machine: &GroupCoordinator) -> Look {
    let offsets = machine.committed_offsets().map(|committed| {
        let (group, topic) = (committed.group_id.to_owned(), committed.topic.to_owned());
        (group, topic, committed.partition, committed.offset)
    });
    Look { groups: machine.groups_by_state(), offsets: offsets.collect() }
}
