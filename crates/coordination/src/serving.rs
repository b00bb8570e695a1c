//! A loaded machine at work: decide, append, wait for the commit, answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ottla_log::Verification;
use ottla_machine::{Answer, NotTaken, Runner, Token};
use ottla_wire::ErrorCode;
use tokio::sync::{mpsc, oneshot};

use super::commits::Commits;
use super::driver::PutOff;
use super::kind::{Kind, RequestOf, ResponseOf};
use super::queue::{Command, Question};
use super::shards::Shard;
use super::writes::Writes;
use crate::metrics::Span;

/// Why a machine is no longer used.
pub(super) enum Stop {
    /// Nobody can ask any more: leadership is gone.
    Closed,
    /// The log refused or failed. Everybody who waited was told.
    Failed,
}

/// What a loaded coordinator sees happen.
enum Event<K: Kind> {
    Told(Command<K>),
    Closed,
    /// A deadline has come.
    Time,
    /// More is committed.
    Moved,
}

type AnswerSender<K> = oneshot::Sender<Result<ResponseOf<K>, ErrorCode>>;

/// One machine from its loading to its end.
pub(super) struct Serving<'a, K: Kind> {
    shard: &'a Shard<K>,
    runner: Runner<K::Machine>,
    /// With the time when each was decided.
    waiting: HashMap<Token, (AnswerSender<K>, Duration)>,
    next_token: u64,
    writes: Writes<K>,
    commits: Commits,
    /// The kind knows that everything below is committed.
    committed_told: i64,
}

impl<'a, K: Kind> Serving<'a, K> {
    pub(super) fn new(shard: &'a Shard<K>, runner: Runner<K::Machine>) -> Self {
        let terms = shard.parts.terms;
        let partition = &shard.partition;
        Self {
            shard,
            runner,
            waiting: HashMap::new(),
            next_token: 0,
            writes: Writes::new(Arc::clone(partition), terms),
            commits: Commits::new(Arc::clone(partition), terms.commit_timeout),
            committed_told: 0,
        }
    }

    /// Serves until the queue closes or the log fails. What was put off came while the machine was loading.
    pub(super) async fn run(
        mut self,
        commands: &mut mpsc::Receiver<Command<K>>,
        put_off: PutOff<K>,
    ) -> Stop {
        for note in put_off.notes.into_iter().chain(K::first_note()) {
            self.decide(note, Verification::NotRequired, None);
        }
        let mut questions = put_off.questions.into_iter();
        let mut outcome = Ok(());
        loop {
            let more = commands.len() + questions.len();
            if let Err(code) = outcome.and_then(|()| self.settle(more)) {
                self.refuse_waiting(code);
                self.shard.kind.retire(self.runner.machine());
                return Stop::Failed;
            }
            if let Some(question) = questions.next() {
                self.carry_out(Command::Ask(question));
                continue;
            }
            outcome = match self.next(commands).await {
                Event::Closed => {
                    let last = K::unload(self.runner.machine());
                    self.reply(last);
                    self.refuse_waiting(ErrorCode::NotCoordinator);
                    self.shard.kind.retire(self.runner.machine());
                    return Stop::Closed;
                }
                Event::Told(command) => {
                    self.carry_out(command);
                    Ok(())
                }
                Event::Time => self.tick(),
                Event::Moved => Ok(()),
            };
        }
    }

    /// What happens next. What is committed comes first, so that answers never wait for questions.
    async fn next(&self, commands: &mut mpsc::Receiver<Command<K>>) -> Event<K> {
        let clock = &self.shard.parts.clock;
        let expiry = self.runner.next_deadline().map(|at| {
            let millis = at.saturating_sub(clock.now_ms());
            Duration::from_millis(u64::try_from(millis).unwrap_or(0))
        });
        let now = clock.monotonic();
        let dues = [self.commits.due(), self.writes.due()].into_iter().flatten();
        let pause = dues.map(|at| at.saturating_sub(now)).chain(expiry).min();
        let time = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.commits.moved() => Event::Moved,
            command = commands.recv() => command.map_or(Event::Closed, Event::Told),
            () = time => Event::Time,
        }
    }

    fn carry_out(&mut self, command: Command<K>) {
        match command {
            Command::Ask(question) => {
                let Question { request, asked_at, verification, answer } = *question;
                self.shard.metrics.note(Span::Queue, asked_at);
                self.decide(request, verification, Some(answer));
            }
            Command::Note(request) => self.decide(request, Verification::NotRequired, None),
            Command::Look(look) => look(self.runner.machine()),
        }
    }

    /// Decides a request. What the log would refuse is refused before it counts as decided.
    fn decide(
        &mut self,
        request: RequestOf<K>,
        verification: Verification,
        answer: Option<AnswerSender<K>>,
    ) {
        let token = Token(self.next_token);
        self.next_token += 1;
        let now_ms = self.shard.parts.clock.now_ms();
        let begun = self.shard.metrics.now();
        let Self { runner, writes, .. } = self;
        let admitted = match K::writes_in_transaction(&request) {
            Some(record) => writes.would_take(&record, verification, now_ms),
            None => Ok(()),
        };
        let decided = admitted.and_then(|()| {
            let add = |records: &[_]| writes.add(records, now_ms);
            runner.submit_if(token, request, now_ms, add).map_err(|refused| match refused {
                NotTaken::Busy => ErrorCode::CoordinatorLoadInProgress,
                NotTaken::TurnedAway(code) => code,
            })
        });
        let decided_at = self.shard.metrics.note(Span::Processing, begun);
        match (decided, answer) {
            (Ok(step), answer) => {
                self.waiting.extend(answer.map(|answer| (token, (answer, decided_at))));
                self.reply(step.replies);
            }
            (Err(code), Some(answer)) => {
                let _ = answer.send(Err(code));
            }
            (Err(code), None) => {
                tracing::debug!(kind = K::NAME, ?code, "a coordinator could not take a note");
            }
        }
    }

    /// Decides what is due.
    fn tick(&mut self) -> Result<(), ErrorCode> {
        let now_ms = self.shard.parts.clock.now_ms();
        let step = self.runner.tick(now_ms);
        self.writes.add(&step.records, now_ms)?;
        self.reply(step.replies);
        Ok(())
    }

    /// Appends what has gathered for long enough, and answers what is committed. `behind`: how many commands are in
    /// the queue.
    fn settle(&mut self, behind: usize) -> Result<(), ErrorCode> {
        let now = self.shard.parts.clock.monotonic();
        if self.writes.is_due(behind, now) {
            let appended = self.writes.flush().inspect_err(|code| {
                let (kind, partition) = (K::NAME, self.shard.partition.index());
                tracing::warn!(
                    kind,
                    partition,
                    ?code,
                    "a coordinator can't write, and loads again"
                );
            });
            self.runner.appended(appended?);
            self.shard.metrics.note(Span::Flush, now);
        }
        let progress = self.commits.look(now).map_err(super::batches::told)?;
        let replies = self.runner.committed(progress.committed);
        self.reply(replies);
        for token in progress.overdue.map(|end| self.runner.abandon(end)).unwrap_or_default() {
            if let Some((answer, _)) = self.waiting.remove(&token) {
                let _ = answer.send(Err(ErrorCode::CoordinatorNotAvailable));
            }
        }
        if self.committed_told < progress.committed {
            let newly = self.committed_told..progress.committed;
            self.committed_told = progress.committed;
            K::committed(self.shard, self.runner.machine(), newly);
        }
        Ok(())
    }

    fn reply(&mut self, answers: Vec<Answer<ResponseOf<K>>>) {
        for Answer { token, response } in answers {
            if let Some((answer, decided_at)) = self.waiting.remove(&token) {
                self.shard.metrics.note(Span::Purgatory, decided_at);
                // A caller that has gone away needs no answer.
                let _ = answer.send(Ok(response));
            }
        }
    }

    fn refuse_waiting(&mut self, code: ErrorCode) {
        for (_, (answer, _)) in self.waiting.drain() {
            let _ = answer.send(Err(code));
        }
    }
}
