//! Moving logs to other directories (KIP-113, AlterReplicaLogDirs): what is asked for, what is under way.
//!
//! A move begins with an empty copy beside the other logs of the destination; threads of their own fill
//! it (`copier`). A copy that the last process left is filled further.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Weak};

use ottla_log::{FutureLog, Log, LogConfig, TopicPartition, can_move};
use ottla_metadata::MetadataImage;
use ottla_wire::ErrorCode;
use parking_lot::{Condvar, Mutex};

use crate::partition::Partition;
use crate::partitions::{Hosted, Partitions};

/// Partitions with a copy that nobody fills at the moment. Bounded by the number of partitions.
#[derive(Debug, Default)]
pub(in crate::partitions) struct Moves {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Weak<Partition>>,
    is_stopped: bool,
    /// Copies that the last process left, until their partitions are hosted.
    found: HashMap<TopicPartition, (usize, FutureLog)>,
}

impl Moves {
    pub(in crate::partitions) fn begin(&self, partition: &Arc<Partition>) {
        self.state.lock().waiting.push_back(Arc::downgrade(partition));
        self.changed.notify_one();
    }

    /// The next partition to work for; waits for one. `None` once it is over.
    pub(in crate::partitions) fn next(&self) -> Option<Arc<Partition>> {
        let mut state = self.state.lock();
        loop {
            if state.is_stopped {
                return None;
            }
            match state.waiting.pop_front() {
                Some(partition) => {
                    if let Some(partition) = partition.upgrade() {
                        return Some(partition);
                    }
                }
                None => self.changed.wait(&mut state),
            }
        }
    }

    pub(in crate::partitions) fn stop(&self) {
        self.state.lock().is_stopped = true;
        self.changed.notify_all();
    }

    /// Waits, at most as long as that, for the end; whether it has come.
    pub(in crate::partitions) fn is_stopped_within(&self, most: std::time::Duration) -> bool {
        let mut state = self.state.lock();
        if !state.is_stopped && !most.is_zero() {
            self.changed.wait_for(&mut state, most);
        }
        state.is_stopped
    }

    pub(in crate::partitions) fn found(&self, directory: usize, futures: Vec<FutureLog>) {
        let mut state = self.state.lock();
        let futures = futures.into_iter().map(|each| (each.partition.clone(), (directory, each)));
        state.found.extend(futures);
    }

    fn take_found(&self, name: &TopicPartition) -> Option<(usize, FutureLog)> {
        let mut state = self.state.lock();
        if state.found.is_empty() { None } else { state.found.remove(name) }
    }
}

impl Partitions {
    /// Moves a log to the directory of that path, or has it made there once the partition comes.
    ///
    /// # Errors
    /// Kafka's: `INVALID_TOPIC_EXCEPTION` for names too long to be copied, `LOG_DIR_NOT_FOUND`,
    /// `INVALID_REPLICA_ASSIGNMENT` for a cordoned directory,
    /// `KAFKA_STORAGE_ERROR`, `REPLICA_NOT_AVAILABLE` when the partition is not here (but the wish is
    /// remembered), `UNKNOWN_TOPIC_OR_PARTITION`.
    pub fn move_to(
        &self,
        name: &TopicPartition,
        path: &str,
        image: &MetadataImage,
        now_ms: i64,
    ) -> Result<(), ErrorCode> {
        if !can_move(name) {
            return Err(ErrorCode::InvalidTopicException);
        }
        let destination = self.destination(Path::new(path))?;
        let topic = self.topics.by_name(&name.topic);
        let place = topic.map_or(Hosted::Absent, |topic| self.place_of(&topic, name.partition));
        let partition = match place {
            Hosted::Offline => return Err(ErrorCode::KafkaStorageError),
            Hosted::Planned | Hosted::Loading => return Err(ErrorCode::ReplicaNotAvailable),
            Hosted::Absent => {
                self.wishes.remember(name.clone(), destination);
                let topic = image.topics.by_name(&name.topic);
                return Err(match topic.and_then(|topic| topic.partition(name.partition)) {
                    Some(_) => ErrorCode::ReplicaNotAvailable,
                    None => ErrorCode::UnknownTopicOrPartition,
                });
            }
            Hosted::Online(partition) => partition,
        };
        // One move at a time: two requests must not begin two copies.
        let _changing = self.changing.lock();
        if let Some(copy) = partition.take_future(|directory| directory != destination) {
            self.delete_copy(copy, now_ms);
        }
        if partition.log_offsets().is_err() {
            return Err(ErrorCode::KafkaStorageError);
        }
        let is_there = partition.directory() == destination;
        if is_there || partition.future_directory().is_some() {
            return Ok(());
        }
        if self.offline_directory_count() > 0 {
            // The log of an offline directory might come back and find that it has moved.
            return Err(ErrorCode::KafkaStorageError);
        }
        self.begin_move(&partition, name, destination, now_ms)
    }

    /// Which directory a path names: as `log.dirs` has it, with its full name.
    fn destination(&self, path: &Path) -> Result<usize, ErrorCode> {
        let hosted =
            |hosted: &crate::partitions::HostedDirectory| hosted.log_directory.path() == path;
        match self.directories.iter().position(hosted) {
            Some(directory) if self.states.is_offline(directory) => {
                Err(ErrorCode::KafkaStorageError)
            }
            Some(directory) if self.states.is_cordoned(directory) => {
                Err(ErrorCode::InvalidReplicaAssignment)
            }
            Some(directory) => Ok(directory),
            None if self.absent.iter().any(|absent| absent == path) => {
                Err(ErrorCode::KafkaStorageError)
            }
            None => Err(ErrorCode::LogDirNotFound),
        }
    }

    fn begin_move(
        &self,
        partition: &Arc<Partition>,
        name: &TopicPartition,
        destination: usize,
        now_ms: i64,
    ) -> Result<(), ErrorCode> {
        let log_directory = &self.directories[destination].log_directory;
        let settings = partition.settings();
        let config = (Arc::clone(&settings.log), now_ms);
        let unique = self.unique();
        let created = log_directory.create_future(name, partition.topic_id(), &unique, config);
        let log = created.map_err(|error| {
            tracing::error!(partition = %name, %error, "the log can't be moved");
            self.states.report(destination, &error);
            ErrorCode::KafkaStorageError
        })?;
        partition.begin_future(log, self.states.seat(destination));
        let to = log_directory.path().display();
        tracing::info!(partition = %name, %to, "the log moves to another directory");
        self.moves.begin(partition);
        Ok(())
    }

    /// Goes on with a move that the last process began, if there is one.
    pub(in crate::partitions) fn resume_move(&self, partition: &Arc<Partition>, now_ms: i64) {
        let name = TopicPartition::new(&**partition.topic(), partition.index());
        let Some((directory, future)) = self.moves.take_found(&name) else { return };
        let log_directory = &self.directories[directory].log_directory;
        let config = (Arc::clone(&partition.settings().log), now_ms);
        let opened = log_directory.open_future(&future, config);
        match opened {
            Ok(log) if log.topic_id().is_none_or(|id| id == partition.topic_id()) => {
                if partition.directory() == directory {
                    return self.delete_copy((log, directory), now_ms);
                }
                tracing::info!(partition = %name, "goes on to move to another directory");
                partition.begin_future(log, self.states.seat(directory));
                self.moves.begin(partition);
            }
            Ok(log) => self.delete_copy((log, directory), now_ms),
            Err(error) => {
                tracing::error!(partition = %name, %error, "the copy of the log can't be opened");
                self.states.report(directory, &error);
            }
        }
    }

    /// Opens a log whose copy was complete when the process ended, as the metadata tells by naming the
    /// copy's directory (Apache Kafka tells the controller before it renames).
    pub(in crate::partitions) fn adopt_copy(
        &self,
        name: &TopicPartition,
        directory: usize,
        config: Arc<LogConfig>,
        now_ms: i64,
    ) -> Option<Log> {
        let (found, future) = self.moves.take_found(name)?;
        if found != directory {
            self.moves.found(found, vec![future]);
            return None;
        }
        let log_directory = &self.directories[directory].log_directory;
        let opened = log_directory.open_future(&future, (config, now_ms));
        let adopted = opened.and_then(|log| log_directory.promote(log, now_ms));
        adopted.map_or_else(
            |error| {
                tracing::error!(partition = %name, %error, "the copy of the log can't be taken over");
                self.states.report(directory, &error);
                None
            },
            |log| {
                tracing::warn!(partition = %name, "the copy takes the place of the log, which is gone");
                Some(log)
            },
        )
    }

    /// Removes copies of which nobody knows the partition.
    pub(in crate::partitions) fn forget_copies(&self, now_ms: i64) {
        // A partition whose log is not open yet goes on to move; one that is offline may need the copy
        // when its disk is back.
        let is_nobodys = |name: &TopicPartition| {
            let topic = self.topics.by_name(&name.topic);
            topic.is_none_or(|topic| matches!(topic.place(name.partition), Hosted::Absent))
        };
        let mut state = self.moves.state.lock();
        let gone: Vec<_> = state.found.extract_if(|name, _| is_nobodys(name)).collect();
        drop(state);
        for (_, (directory, future)) in gone {
            tracing::warn!(path = %future.path.display(), "the copy of a log that is gone is removed");
            self.remove_at(now_ms, directory, future.path);
        }
    }
}
