//! A coordinator's task: loads the machine, has it serve, and loads it again after a failure: nothing is undone.

use std::sync::Arc;
use std::time::Duration;

use ottla_machine::Runner;
use ottla_wire::ErrorCode;
use tokio::sync::{Semaphore, mpsc};

use super::kind::{Kind, RequestOf};
use super::loader::{LoadError, Loaded, Loader};
use super::queue::{Command, QUEUE_MAX};
use super::serving::{Serving, Stop};
use super::shards::Shard;
use crate::metrics::{Span, Stage};

/// How long a coordinator rests before it loads again after a failure.
const RELOAD_PAUSE: Duration = Duration::from_millis(500);

type Commands<K> = mpsc::Receiver<Command<K>>;

/// The owner of one partition's machine.
pub(super) struct Driver<K: Kind> {
    shard: Shard<K>,
    load_turns: Arc<Semaphore>,
    /// What to tell the machine once it is loaded.
    notes: Vec<RequestOf<K>>,
}

impl<K: Kind> Driver<K> {
    pub(super) fn new(shard: Shard<K>, load_turns: Arc<Semaphore>) -> Self {
        Self { shard, load_turns, notes: Vec::new() }
    }

    /// Serves until the queue closes.
    pub(super) async fn run(mut self, mut commands: Commands<K>) {
        while let Some(runner) = self.load(&mut commands).await {
            let notes = std::mem::take(&mut self.notes);
            let _active = self.shard.metrics.at(Stage::Active);
            match Serving::new(&self.shard, runner).run(&mut commands, notes).await {
                Stop::Closed => return,
                Stop::Failed => {}
            }
        }
    }

    /// Loads the machine, however often it takes. Requests that come meanwhile are told so. `None`: the queue has
    /// closed.
    async fn load(&mut self, commands: &mut Commands<K>) -> Option<Runner<K::Machine>> {
        let (kind, partition) = (K::NAME, self.shard.partition.index());
        let metrics = &self.shard.metrics;
        loop {
            let at_loading = metrics.at(Stage::Loading);
            let begun = metrics.now();
            let loading = load(&self.shard, &self.load_turns);
            let code = ErrorCode::CoordinatorLoadInProgress;
            match put_off_until(loading, commands, code, &mut self.notes).await? {
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
            let pause = tokio::time::sleep(RELOAD_PAUSE);
            let code = ErrorCode::NotCoordinator;
            put_off_until(pause, commands, code, &mut self.notes).await?;
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

/// Waits, and refuses what is asked meanwhile; notes are kept for later. `None`: the queue has closed.
async fn put_off_until<K: Kind, Output>(
    event: impl Future<Output = Output>,
    commands: &mut Commands<K>,
    code: ErrorCode,
    notes: &mut Vec<RequestOf<K>>,
) -> Option<Output> {
    tokio::pin!(event);
    loop {
        let command = tokio::select! {
            biased;
            output = &mut event => return Some(output),
            command = commands.recv() => command?,
        };
        match command {
            Command::Ask(question) => {
                let _ = question.answer.send(Err(code));
            }
            Command::Note(note) if notes.len() < QUEUE_MAX => notes.push(note),
            Command::Note(_) => tracing::warn!(kind = K::NAME, "a note is lost: too many wait"),
            Command::Look(_) => {}
        }
    }
}
