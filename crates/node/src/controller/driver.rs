//! The controller's thread: takes requests, has the machine decide, appends, syncs, publishes, answers.
//!
//! Requests that come close together share one sync. The broker sees a change before whoever asked
//! for it is answered, so that the next request of that client finds it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::thread::JoinHandle;
use std::time::Duration;

use ottla_broker::{ControllerAnswer, ControllerChannel};
use ottla_controller::{Controller, Request, Response};
use ottla_machine::{Answer, Runner, Step, Token};
use ottla_metadata::{MetadataDelta, MetadataImage, MetadataVersion, Provenance, Replayer};
use ottla_wire::messages::{DescribeQuorumRequest, MetadataRecord, RequestBody, ResponseBody};
use ottla_wire::{ErrorCode, Uuid};
use ottla_world::{Clock, Random};
use tokio::sync::oneshot;

use super::checkpoint::Voter;
use super::describe_quorum::{Standing, describe_quorum, voters};
use super::founding::{listener_name, own_voter};
use super::metadata_log::{Beginning, LogError, MetadataLog};
use super::reload::{Source, reload};
use crate::error::StartError;

/// Requests that may wait for the controller.
const QUEUE_MAX: usize = 10_000;

/// Requests that may share one sync.
const ROUND_MAX: usize = 256;

/// Answers that may wait for a sync.
const PARKED_MAX: usize = 100_000;

/// Takes every new image, in order, with what changed.
pub type Publish = Box<dyn FnMut(&Arc<MetadataImage>, &MetadataDelta) + Send>;

pub(super) enum Command {
    Ask {
        request: Request,
        answer: oneshot::Sender<Result<Response, ErrorCode>>,
    },
    /// What the machine knows nothing of.
    DescribeQuorum {
        request: Box<DescribeQuorumRequest>,
        version: i16,
        answer: oneshot::Sender<Result<ResponseBody, ErrorCode>>,
    },
    /// From now on changes are told to this.
    Subscribe {
        publish: Publish,
        done: oneshot::Sender<()>,
    },
    Stop,
}

/// The way to the controller's thread.
pub struct ControllerHandle {
    queue: SyncSender<Command>,
    random: Arc<dyn Random>,
    thread: parking_lot::Mutex<Option<JoinHandle<()>>>,
}

/// Loads the log and starts the controller's thread. `failed` is called if the log turns out to be
/// damaged later.
///
/// # Errors
/// The log can't be opened or is damaged, or no thread can be started.
pub fn start(
    source: Source,
    random: Arc<dyn Random>,
    failed: impl FnOnce(LogError) + Send + 'static,
) -> Result<(ControllerHandle, Arc<MetadataImage>), StartError> {
    let (log, beginning) = source.open()?;
    let mut driver = Driver::load(log, beginning, &source)?;
    let image = Arc::new(driver.replayer.image().clone());
    let (queue, commands) = mpsc::sync_channel(QUEUE_MAX);
    let seeds = Arc::clone(&random);
    let body = move || {
        loop {
            let Err(error) = driver.run(&commands) else {
                return driver.close().unwrap_or_else(failed);
            };
            if let LogError::Broken(_) = error {
                driver.give_up();
                return failed(error);
            }
            tracing::error!(
                %error,
                "the metadata log failed: nothing but records can be changed until it can be written; \
                 hint: look at the disk under metadata.log.dir"
            );
            let seed = || [seeds.next_u64(), seeds.next_u64()];
            driver = match reload(&source, driver.give_up(), &commands, seed) {
                Ok(Some(driver)) => driver,
                Ok(None) => return,
                Err(error) => return failed(error),
            };
        }
    };
    let thread = std::thread::Builder::new()
        .name("controller".to_owned())
        .spawn(body)
        .map_err(|error| StartError::new("cannot start the controller's thread", error))?;
    let thread = parking_lot::Mutex::new(Some(thread));
    Ok((ControllerHandle { queue, random, thread }, image))
}

impl ControllerHandle {
    /// Asks the controller to begin to lead.
    ///
    /// # Errors
    /// It has stopped.
    pub async fn activate(&self) -> Result<(), ErrorCode> {
        self.send(Request::activate(self.seed())).await.map(|_| ())
    }

    /// From now on tells `publish` about every change. Returns once nothing can be missed.
    pub async fn subscribe(&self, publish: Publish) {
        let (done, ready) = oneshot::channel();
        if self.queue.send(Command::Subscribe { publish, done }).is_ok() {
            let _ = ready.await;
        }
    }

    /// Ends the thread and closes the log. Blocks until that is done.
    pub fn stop(&self) {
        let _ = self.queue.send(Command::Stop);
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the controller's thread panicked");
        }
    }

    async fn send(&self, request: Request) -> Result<Response, ErrorCode> {
        let (answer, answered) = oneshot::channel();
        self.put(Command::Ask { request, answer }, answered).await
    }

    async fn put<T>(
        &self,
        command: Command,
        answered: oneshot::Receiver<Result<T, ErrorCode>>,
    ) -> Result<T, ErrorCode> {
        match self.queue.try_send(command) {
            Ok(()) => answered.await.unwrap_or(Err(ErrorCode::NotController)),
            Err(TrySendError::Full(_)) => Err(ErrorCode::RequestTimedOut),
            Err(TrySendError::Disconnected(_)) => Err(ErrorCode::NotController),
        }
    }

    fn seed(&self) -> [u64; 2] {
        [self.random.next_u64(), self.random.next_u64()]
    }
}

impl ControllerChannel for ControllerHandle {
    fn ask(&self, request: RequestBody, version: i16, _principal: &str) -> ControllerAnswer<'_> {
        if let RequestBody::DescribeQuorum(request) = request {
            let (answer, answered) = oneshot::channel();
            let command = Command::DescribeQuorum { request, version, answer };
            return Box::pin(self.put(command, answered));
        }
        let request = Request::call(request, version, self.seed());
        Box::pin(async move {
            let response = self.send(request).await?;
            response.into_body().ok_or(ErrorCode::UnsupportedVersion)
        })
    }
}

/// The owner of the machine and its log.
pub(super) struct Driver {
    runner: Runner<Controller>,
    log: MetadataLog,
    replayer: Replayer,
    clock: Arc<dyn Clock>,
    waiting: HashMap<Token, oneshot::Sender<Result<Response, ErrorCode>>>,
    next_token: u64,
    /// Batches that are appended and not synced.
    uncommitted: Vec<(Vec<MetadataRecord>, Provenance)>,
    uncommitted_bytes: u64,
    publish: Option<Publish>,
    /// This node as a voter, and the listener by which it is reached.
    own: (Voter, String),
}

/// What outlives a driver whose log has failed.
pub(super) struct Heritage {
    /// What the broker was told last.
    pub image: MetadataImage,
    pub publish: Option<Publish>,
}

impl Driver {
    pub(super) fn load(
        mut log: MetadataLog,
        beginning: Beginning,
        source: &Source,
    ) -> Result<Self, StartError> {
        let Beginning { image, next_offset } = beginning;
        let (settings, clock) = (source.settings.clone(), Arc::clone(&source.clock));
        let mut runner = Runner::new(Controller::from_image(settings, image.clone()), PARKED_MAX);
        runner.loaded(next_offset);
        let mut replayer = Replayer::new(image);
        let damaged = |error: &dyn std::fmt::Display| {
            StartError::new("cannot load the metadata log", error)
                .hint("restore the log directory from a backup, or start with an empty one")
        };
        let replayed = log.replay(next_offset, |records, provenance| {
            for (offset, record) in &records {
                runner.replay(*offset, record);
            }
            let records = records.iter().map(|(_, record)| record);
            replayer.batch(records, provenance).map_err(|error| error.to_string())?;
            Ok(())
        });
        let replayed_bytes = replayed.map_err(|error| damaged(&error))?;
        if let Some(fault) = runner.machine().fault() {
            return Err(damaged(fault));
        }
        runner.loaded(log.end());
        log.committed(replayed_bytes, replayer.image(), clock.now_ms());
        Ok(Self {
            runner,
            log,
            replayer,
            clock,
            waiting: HashMap::new(),
            next_token: 0,
            uncommitted: Vec::new(),
            uncommitted_bytes: 0,
            publish: None,
            own: (
                own_voter(&source.config, source.node_id, Uuid::ZERO),
                listener_name(&source.config),
            ),
        })
    }

    /// Goes on in place of a driver that had to give up: tells what has become durable since, and
    /// leads.
    pub(super) fn succeed(&mut self, heritage: Heritage, seed: [u64; 2]) -> Result<(), LogError> {
        let image = Arc::new(self.replayer.image().clone());
        self.publish = heritage.publish;
        if let Some(publish) = &mut self.publish {
            publish(&image, &MetadataDelta::between(heritage.image, (*image).clone()));
        }
        let (answer, _) = oneshot::channel();
        self.carry_out(Command::Ask { request: Request::activate(seed), answer })?;
        self.commit()
    }

    /// Refuses what waits: whether it was written nobody knows.
    pub(super) fn give_up(self) -> Heritage {
        for answer in self.waiting.into_values() {
            let _ = answer.send(Err(ErrorCode::KafkaStorageError));
        }
        Heritage { image: self.replayer.image().clone(), publish: self.publish }
    }

    /// Offset of the last record that the log holds.
    pub(super) fn offset(&self) -> i64 {
        self.replayer.image().provenance.offset
    }

    fn close(self) -> Result<(), LogError> {
        self.log.close(self.clock.now_ms())
    }

    /// Works until it is told to stop.
    fn run(&mut self, commands: &Receiver<Command>) -> Result<(), LogError> {
        loop {
            let mut next = self.wait(commands);
            for _ in 0..ROUND_MAX {
                match next {
                    Next::Command(command) => {
                        if !self.carry_out(command)? {
                            return self.commit();
                        }
                    }
                    Next::Due => {
                        let step = self.runner.tick(self.clock.now_ms());
                        self.take(step)?;
                        self.log.clean(self.clock.now_ms())?;
                    }
                    Next::Nothing => break,
                }
                next = commands.try_recv().map_or(Next::Nothing, Next::Command);
            }
            self.commit()?;
        }
    }

    /// Waits for a command, or for the machine's next deadline.
    fn wait(&self, commands: &Receiver<Command>) -> Next {
        let now_ms = self.clock.now_ms();
        let deadlines = [self.runner.next_deadline(), self.log.next_deadline(now_ms)];
        let Some(at) = deadlines.into_iter().flatten().min() else {
            return commands.recv().map_or(Next::Command(Command::Stop), Next::Command);
        };
        let left = u64::try_from(at.saturating_sub(now_ms)).unwrap_or(0);
        match commands.recv_timeout(Duration::from_millis(left)) {
            Ok(command) => Next::Command(command),
            Err(RecvTimeoutError::Timeout) => Next::Due,
            Err(RecvTimeoutError::Disconnected) => Next::Command(Command::Stop),
        }
    }

    /// Returns whether to go on.
    fn carry_out(&mut self, command: Command) -> Result<bool, LogError> {
        match command {
            Command::Stop => return Ok(false),
            Command::Subscribe { mut publish, done } => {
                self.commit()?;
                let image = Arc::new(self.replayer.image().clone());
                publish(&image, &MetadataDelta::between(MetadataImage::empty(), (*image).clone()));
                self.publish = Some(publish);
                let _ = done.send(());
            }
            Command::DescribeQuorum { request, version, answer } => {
                self.commit()?;
                let response = describe_quorum(&request, version, &self.standing());
                // A caller that has gone away needs no answer.
                let _ = answer.send(Ok(response.into()));
            }
            Command::Ask { request, answer } => {
                let token = Token(self.next_token);
                self.next_token += 1;
                match self.runner.submit(token, request, self.clock.now_ms()) {
                    Err(_) => {
                        let _ = answer.send(Err(ErrorCode::RequestTimedOut));
                    }
                    Ok(step) => {
                        self.waiting.insert(token, answer);
                        self.take(step)?;
                    }
                }
            }
        }
        Ok(true)
    }

    fn standing(&self) -> Standing {
        let (own, listener) = &self.own;
        Standing {
            leader_id: own.id,
            epoch: self.log.epoch(),
            end: self.log.end(),
            now_ms: self.clock.now_ms(),
            voters: voters(self.log.quorum().voters(), own, listener),
        }
    }

    fn take(&mut self, step: Step<Controller>) -> Result<(), LogError> {
        let Step { records, replies } = step;
        if !records.is_empty() {
            let now_ms = self.clock.now_ms();
            let level = self.runner.machine().image().metadata_version();
            let level = level.unwrap_or(MetadataVersion::LATEST);
            let before = self.log.bytes();
            let end = self.log.append(&records, |record| level.record_version(record), now_ms)?;
            self.uncommitted_bytes += self.log.bytes().saturating_sub(before);
            self.runner.appended(end);
            let provenance =
                Provenance { offset: end - 1, epoch: self.log.epoch(), timestamp_ms: now_ms };
            self.uncommitted.push((records, provenance));
        }
        self.reply(replies);
        Ok(())
    }

    /// Syncs what was appended, tells the broker, and answers.
    fn commit(&mut self) -> Result<(), LogError> {
        if self.uncommitted.is_empty() {
            return Ok(());
        }
        self.log.commit(self.clock.now_ms())?;
        for (records, provenance) in std::mem::take(&mut self.uncommitted) {
            let delta = self
                .replayer
                .batch(&records, provenance)
                .map_err(|error| LogError::Write(error.to_string()))?;
            if let (Some(delta), Some(publish)) = (delta, &mut self.publish) {
                let image = Arc::new(self.replayer.image().clone());
                publish(&image, &delta);
            }
        }
        let bytes = std::mem::take(&mut self.uncommitted_bytes);
        self.log.committed(bytes, self.replayer.image(), self.clock.now_ms());
        let replies = self.runner.committed(self.log.end());
        self.reply(replies);
        Ok(())
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

enum Next {
    Command(Command),
    Due,
    Nothing,
}
