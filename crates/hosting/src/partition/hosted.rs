//! A hosted partition and its state.

use std::sync::Arc;

use arc_swap::ArcSwap;
use ottla_log::{AppendPolicy, Log, LogKey, Offsets};
use ottla_wire::{ErrorCode, Uuid};
use parking_lot::Mutex;

use super::cleaning::{Cleaning, CleaningTurn};
use super::counters::Counters;
use super::flush::{Asked, Flusher};
use super::future::Future;
use super::leadership::Leadership;
use super::settings::TopicSettings;
use crate::partitions::Seat;
use crate::waiters::Waiters;

/// Names a partition and everything about it that never changes.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub topic: Arc<str>,
    pub topic_id: Uuid,
    pub index: i32,
    /// The broker that hosts this replica.
    pub broker_id: i32,
}

/// What a partition leans on.
#[derive(Debug)]
pub(crate) struct Services {
    pub flusher: Flusher,
    /// Where its log lies.
    pub seat: Seat,
}

/// One hosted partition.
#[derive(Debug)]
pub struct Partition {
    pub(super) identity: Identity,
    pub(super) state: Mutex<State>,
    /// A copy of the log's append policy, so that records are checked without the lock.
    pub(super) policy: ArcSwap<AppendPolicy>,
    pub(super) waiters: Arc<Waiters>,
    pub(super) counters: Counters,
    pub(super) flusher: Flusher,
    pub(super) seat: ArcSwap<Seat>,
    pub(super) future: Mutex<Option<Future>>,
    pub(super) asked: Asked,
    pub(super) cleaning: Cleaning,
}

#[derive(Debug)]
pub(super) struct State {
    /// None once the partition is deleted or closed.
    pub(super) log: Option<Log>,
    pub(super) settings: Arc<TopicSettings>,
    pub(super) leadership: Leadership,
}

impl Partition {
    /// Hosts an open log. Nobody leads the partition until [`Partition::assign`] says so.
    pub(crate) fn new(
        identity: Identity,
        mut log: Log,
        settings: Arc<TopicSettings>,
        services: Services,
    ) -> Self {
        log.update_config(Arc::clone(&settings.log));
        let policy = ArcSwap::from_pointee(log.append_policy());
        let state = State { log: Some(log), settings, leadership: Leadership::default() };
        Self {
            identity,
            state: Mutex::new(state),
            policy,
            waiters: Arc::default(),
            counters: Counters::default(),
            flusher: services.flusher,
            seat: ArcSwap::from_pointee(services.seat),
            future: Mutex::default(),
            asked: Asked::default(),
            cleaning: Cleaning::default(),
        }
    }

    /// The topic's name.
    #[must_use]
    pub fn topic(&self) -> &Arc<str> {
        &self.identity.topic
    }

    /// The topic's id.
    #[must_use]
    pub fn topic_id(&self) -> Uuid {
        self.identity.topic_id
    }

    /// The partition's number.
    #[must_use]
    pub fn index(&self) -> i32 {
        self.identity.index
    }

    /// Which of the broker's log directories holds it.
    #[must_use]
    pub fn directory(&self) -> usize {
        self.seat.load().directory()
    }

    /// Who waits for it.
    #[must_use]
    pub fn waiters(&self) -> &Arc<Waiters> {
        &self.waiters
    }

    /// What happened to it.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether a write or flush failed: every request gets `KAFKA_STORAGE_ERROR` from then on.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.state.lock().log.as_ref().is_some_and(Log::is_offline)
    }

    /// The log's offsets.
    ///
    /// # Errors
    /// `KAFKA_STORAGE_ERROR` when offline, `NOT_LEADER_OR_FOLLOWER` when deleted.
    pub fn log_offsets(&self) -> Result<Offsets, ErrorCode> {
        self.state.lock().log().map(Log::offsets)
    }

    /// Offsets, size and segments of the log for metrics and DescribeLogDirs; `None` when it is closed.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        let state = self.state.lock();
        let log = state.log.as_ref()?;
        Some(Usage {
            offsets: log.offsets(),
            bytes: log.size(),
            segments: log.segment_count(),
            is_leader: state.leadership.is_leader(self.identity.broker_id),
            is_under_replicated: state.leadership.is_under_replicated(self.identity.broker_id),
            is_under_min_isr: state.is_under_min_isr(self.identity.broker_id),
            is_offline: log.is_offline(),
        })
    }

    /// Takes over changed settings.
    pub(crate) fn update_settings(&self, settings: Arc<TopicSettings>) {
        let mut state = self.state.lock();
        if let Some(log) = &mut state.log {
            log.update_config(Arc::clone(&settings.log));
            self.policy.store(Arc::new(log.append_policy()));
        }
        let is_relaxed = settings.log.durability < state.settings.log.durability;
        state.settings = settings;
        drop(state);
        if is_relaxed {
            // Nobody has to wait for the disk any more.
            self.durable_end_moved(u64::MAX);
            self.waiters.changed();
        }
    }

    /// How the journal of the log's directory names it.
    pub(crate) fn journal_key(&self) -> LogKey {
        LogKey { topic_id: self.identity.topic_id, partition: self.identity.index }
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> Arc<TopicSettings> {
        Arc::clone(&self.state.lock().settings)
    }

    /// Runs `work` on the log, for maintenance; `None` when the partition is closed.
    pub fn with_log<Outcome>(&self, work: impl FnOnce(&mut Log) -> Outcome) -> Option<Outcome> {
        self.state.lock().log.as_mut().map(work)
    }

    /// The right to compact the log; `None` while somebody has it, and once the log is given up.
    pub(crate) fn begin_cleaning(&self) -> Option<CleaningTurn<'_>> {
        self.cleaning.begin()
    }

    /// Whether somebody compacts the log.
    pub(crate) fn is_being_cleaned(&self) -> bool {
        self.cleaning.is_running()
    }

    /// Gives up the log: the partition is deleted or the broker stops. Whoever waits is woken, and
    /// whoever compacts it has stopped.
    pub(crate) fn take_log(&self) -> Option<Log> {
        self.cleaning.end();
        let log = {
            let mut state = self.state.lock();
            state.leadership = Leadership::default();
            state.log.take()
        };
        self.seat.load().give_up();
        self.waiters.changed();
        log
    }

    /// Lets nobody use the log any more, since its directory has failed. Whoever waits is told so.
    pub(crate) fn go_offline(&self) {
        let _ = self.with_log(Log::go_offline);
        self.waiters.changed();
    }

    /// Notes that the log failed.
    pub(super) fn failed(&self, error: &ottla_log::Error) {
        let Identity { topic, index, .. } = &self.identity;
        tracing::error!(%topic, partition = index, %error, "the partition goes offline");
        self.report(error);
        self.waiters.changed();
    }

    /// Reports what went wrong with the log, in case its directory is to blame.
    pub(crate) fn report(&self, error: &ottla_log::Error) {
        self.seat.load().report(error);
    }
}

impl State {
    pub(super) fn log(&self) -> Result<&Log, ErrorCode> {
        let log = self.log.as_ref().ok_or(ErrorCode::NotLeaderOrFollower)?;
        if log.is_offline() { Err(ErrorCode::KafkaStorageError) } else { Ok(log) }
    }

    pub(super) fn log_mut(&mut self) -> Result<&mut Log, ErrorCode> {
        let log = self.log.as_mut().ok_or(ErrorCode::NotLeaderOrFollower)?;
        if log.is_offline() { Err(ErrorCode::KafkaStorageError) } else { Ok(log) }
    }
}

/// A log's size and standing.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub offsets: Offsets,
    pub bytes: u64,
    pub segments: usize,
    pub is_leader: bool,
    pub is_under_replicated: bool,
    pub is_under_min_isr: bool,
    pub is_offline: bool,
}
