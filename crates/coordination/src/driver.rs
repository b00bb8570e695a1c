//! A coordinator's task: loads the machine, has it serve, and loads it again after a failure: nothing is undone.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ottla_machine::Runner;
use ottla_wire::ErrorCode;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};

use super::kind::{Kind, RequestOf};
use super::loader::{LoadError, Loaded, Loader};
use super::queue::{Command, QUEUE_MAX, Question};
use super::serving::{Serving, Stop};
use super::shards::Shard;
use crate::metrics::{Span, Stage};

/// How long whoever asks waits for a coordinator that loads. Some clients take an OffsetFetch that is refused by the
/// coordinator for a group without offsets, and begin from the start.
const LOAD_PATIENCE: Duration = Duration::from_secs(1);

/// How long a coordinator rests before it loads again after a failure.
const RELOAD_PAUSE: Duration = Duration::from_millis(500);

type Commands<K> = mpsc::Receiver<Command<K>>;

/// The owner of one partition's machine.
pub(super) struct Driver<K: Kind> {
    shard: Shard<K>,
    load_turns: Arc<Semaphore>,
    put_off: PutOff<K>,
}

/// What the machine is told and asked once it is loaded.
pub(super) struct PutOff<K: Kind> {
    pub(super) notes: Vec<RequestOf<K>>,
    pub(super) questions: Vec<Box<Question<K>>>,
}

impl<K: Kind> Driver<K> {
    pub(super) fn new(shard: Shard<K>, load_turns: Arc<Semaphore>) -> Self {
        Self { shard, load_turns, put_off: PutOff::default() }
    }

    /// Serves until the queue closes.
    pub(super) async fn run(mut self, mut commands: Commands<K>) {
        while let Some(runner) = self.load(&mut commands).await {
            let put_off = std::mem::take(&mut self.put_off);
            let _active = self.shard.metrics.at(Stage::Active);
            match Serving::new(&self.shard, runner).run(&mut commands, put_off).await {
                Stop::Closed => return,
                Stop::Failed => {}
            }
        }
    }

    /// Loads the machine, however often it takes. Requests that come meanwhile wait; after a while they are told
    /// so. `None`: the queue has closed.
    async fn load(&mut self, commands: &mut Commands<K>) -> Option<Runner<K::Machine>> {
        let (kind, partition) = (K::NAME, self.shard.partition.index());
        let metrics = &self.shard.metrics;
        loop {
            let at_loading = metrics.at(Stage::Loading);
            let begun = metrics.now();
            let mut loading = pin!(load(&self.shard, &self.load_turns));
            let soon = timeout(LOAD_PATIENCE, &mut loading);
            let loaded = match self.put_off.until(soon, commands, None).await? {
                Ok(loaded) => loaded,
                Err(_) => {
                    let code = ErrorCode::CoordinatorLoadInProgress;
                    self.put_off.refuse(code);
                    self.put_off.until(loading, commands, Some(code)).await?
                }
            };
            match loaded {
                Ok(runner) => {
                    metrics.note(Span::Load, begun);
                    tracing::debug!(kind, partition, "coordinator loaded");
                    return Some(runner);
                }
                Err(LoadError::Closed) => {
                    tracing::debug!(kind, partition, "the coordinator's log is closed");
                }
                Err(error) => {
                    tracing::error!(kind, partition, %error, "cannot load a coordinator");
                }
            }
            drop(at_loading);
            let _failed = metrics.at(Stage::Failed);
            let code = ErrorCode::NotCoordinator;
            self.put_off.refuse(code);
            self.put_off.until(sleep(RELOAD_PAUSE), commands, Some(code)).await?;
        }
    }
}

impl<K: Kind> Default for PutOff<K> {
    fn default() -> Self {
        Self { notes: Vec::new(), questions: Vec::new() }
    }
}

impl<K: Kind> PutOff<K> {
    /// Waits, and keeps what comes meanwhile; what is asked is refused where there is a code for it. `None`: the
    /// queue has closed.
    async fn until<Output>(
        &mut self,
        event: impl Future<Output = Output>,
        commands: &mut Commands<K>,
        code: Option<ErrorCode>,
    ) -> Option<Output> {
        tokio::pin!(event);
        loop {
            let command = tokio::select! {
                biased;
                output = &mut event => return Some(output),
                command = commands.recv() => command?,
            };
            match command {
                Command::Ask(question) if code.is_none() && self.questions.len() < QUEUE_MAX => {
                    self.questions.push(question);
                }
                Command::Ask(question) => {
                    let code = code.unwrap_or(ErrorCode::CoordinatorLoadInProgress);
                    let _ = question.answer.send(Err(code));
                }
                Command::Note(note) if self.notes.len() < QUEUE_MAX => self.notes.push(note),
                Command::Note(_) => {
                    tracing::warn!(kind = K::NAME, "a note is lost: too many wait");
                }
                Command::Look(_) => {}
            }
        }
    }

    /// Tells everybody who waits.
    fn refuse(&mut self, code: ErrorCode) {
        for question in self.questions.drain(..) {
            let _ = question.answer.send(Err(code));
        }
    }
}

/// Reads the partition in pieces, so that a large one keeps neither small ones nor requests waiting.
async fn load<K: Kind>(
    shard: &Shard<K>,
    turns: &Arc<Semaphore>,
) -> Result<Runner<K::Machine>, LoadError> {
    let load_bytes = shard.parts.terms.load_bytes;
    let mut loader = Loader::new(&*shard.kind, Arc::clone(&shard.partition), load_bytes)?;
    loop {
        let turn = Arc::clone(turns).acquire_owned().await.expect("nobody closes the turns");
        let piece = tokio::task::spawn_blocking(move || {
            let loaded = loader.replay_piece();
            drop(turn);
            loaded
        });
        match piece.await?? {
            Loaded::Piece(more) => loader = more,
            Loaded::All(runner) => return Ok(runner),
        }
    }
}
