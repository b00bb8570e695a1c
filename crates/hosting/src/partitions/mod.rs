//! Every partition that this broker hosts, found by topic name or topic id.
//!
//! Look-ups take no lock and allocate nothing. What exists is decided by the metadata alone; logs that
//! were opened before the metadata is known wait here until it claims them.
//!
//! # Layout
//! - [`loading`]: opens the logs that were on disk at the start, beside everything else
//! - [`topic`]: where a topic's partitions are; [`creation`]: many new logs, beside everything else
//! - `reconcile`: creates, deletes and configures partitions as the metadata says
//! - `maintenance`: what the node's timers call: retention, flushes, checkpoints;
//!   `ending`: every log is closed
//! - [`states`]: how the log directories are; `failure`: what follows when one fails
//! - `moves`: logs that move to another directory; [`Copiers`]: the threads that copy them
//! - `placement`: which directory takes a new log; `assignments`: telling the controller

mod assignments;
mod creation;
mod ending;
mod failure;
mod loading;
mod maintenance;
mod moves;
mod placement;
mod reconcile;
pub mod states;
mod topic;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ottla_log::{JournalSize, JournalStats, Listing, Log, LogConfig, LogDirectory, TopicPartition};
use ottla_metadata::MetadataImage;
use ottla_wire::{ErrorCode, Uuid};
use ottla_world::{Clock, Disk, Random};
use parking_lot::Mutex;

pub use assignments::assignment_request;
pub use moves::copier::Copiers;
pub use placement::Placement;
pub use states::DirectoryNews;
pub use topic::HostedTopic;

use assignments::Assignments;
use creation::Creation;
use moves::Moves;
use placement::Wishes;
use states::DirectoryStates;
use topic::Hosted;

use crate::partition::{Counters, Counts, Flusher, Journals, Partition, SettingsSource};
use loading::Loading;
pub use loading::LoadingProgress;

/// A log directory of this broker, open and locked, with the id from its `meta.properties`.
#[derive(Debug)]
pub struct HostedDirectory {
    pub log_directory: LogDirectory,
    pub id: Uuid,
    /// As `log.dirs` has it: the path may be relative.
    pub name: String,
}

/// What a broker needs to host partitions.
#[derive(Debug)]
pub struct Hosting {
    pub directories: Vec<HostedDirectory>,
    /// Directories of `log.dirs` that could not be opened.
    pub absent: Vec<PathBuf>,
    pub placement: Placement,
    /// `ottla.journal.files` and `ottla.journal.file.bytes`.
    pub journal: JournalSize,
    pub settings: SettingsSource,
    /// The metadata as it was when the last process ended.
    pub image: Arc<MetadataImage>,
    /// `num.recovery.threads.per.data.dir`.
    pub recovery_threads: usize,
}

/// A log from disk that the metadata has not claimed.
#[derive(Debug)]
pub(crate) struct Unclaimed {
    pub(crate) directory: usize,
    pub(crate) log: Log,
}

/// A deleted partition's files, to be removed when they are due.
#[derive(Debug)]
struct Deleted {
    due_ms: i64,
    directory: usize,
    path: PathBuf,
}

/// Hosted topics by what they are asked for; requests look here without a lock.
type Topics<Key> = papaya::HashMap<Key, Arc<HostedTopic>, foldhash::fast::RandomState>;

/// The partitions of one broker.
#[derive(Debug)]
pub struct Partitions {
    by_name: Topics<Arc<str>>,
    by_id: Topics<Uuid>,
    pub(crate) directories: Vec<HostedDirectory>,
    pub(crate) journals: Journals,
    pub(crate) states: Arc<DirectoryStates>,
    absent: Vec<PathBuf>,
    placement: Placement,
    wishes: Wishes,
    moves: Moves,
    assignments: Assignments,
    /// Held while places of topics change.
    changing: Mutex<()>,
    pub(crate) settings: SettingsSource,
    pub(crate) flusher: Flusher,
    pub(crate) unclaimed: Mutex<HashMap<TopicPartition, Unclaimed>>,
    pub(crate) failed: Mutex<HashSet<TopicPartition>>,
    /// Logs that could not be created: it is tried again.
    missing: Mutex<HashSet<TopicPartition>>,
    deleted: Mutex<Vec<Deleted>>,
    /// What deleted partitions counted, so that the broker's totals never go back.
    retired: Mutex<Counts>,
    /// Requests for partitions that are not here.
    strangers: Counters,
    loading: Loading,
    creation: Creation,
    /// Held while a checkpoint is gathered and written, so that none gives way to an older one.
    checkpointing: Mutex<()>,
    /// The metadata that was reconciled last.
    image: Mutex<Option<Arc<MetadataImage>>>,
    /// The metadata has been caught up with: what it does not know is not ours.
    is_caught_up: AtomicBool,
    /// Topics' partitions that were deleted before their log was open.
    doomed: Mutex<HashSet<(TopicPartition, Uuid)>>,
    world: World,
}

/// What partitions touch.
#[derive(Clone)]
pub struct World {
    pub disk: Arc<dyn Disk>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("World")
    }
}

impl Partitions {
    /// Lists the logs on disk; [`Partitions::start_loading`] opens them.
    ///
    /// # Errors
    /// When a directory can't be read, or no thread can be started.
    pub fn new(mut hosting: Hosting, world: World) -> Result<Self, LoadError> {
        let now_ms = world.clock.now_ms();
        let paths = hosting.directories.iter().map(|hosted| hosted.log_directory.path().to_owned());
        let states = Arc::new(DirectoryStates::new(Arc::clone(&world.disk), paths));
        let mut listings = Vec::new();
        let mut deleted = Vec::new();
        let moves = Moves::default();
        for (directory, hosted) in hosting.directories.iter_mut().enumerate() {
            let journal = hosted.log_directory.open_journal(hosted.id, hosting.journal);
            let mut listing = match journal.and_then(|_| hosted.log_directory.list()) {
                Ok(listing) => listing,
                Err(error) => {
                    states.report(directory, &error);
                    if !states.is_offline(directory) {
                        return Err(error.into());
                    }
                    Listing::default()
                }
            };
            // Deleted before the last stop; their topics' settings are gone.
            let due_ms = now_ms.saturating_add(LogConfig::default().file_delete_delay_ms);
            let gone = std::mem::take(&mut listing.deleted).into_iter();
            deleted.extend(gone.map(|path| Deleted { due_ms, directory, path }));
            moves.found(directory, std::mem::take(&mut listing.futures));
            listings.push(listing);
        }
        let assigned =
            |name: &TopicPartition| hosting.settings.assigned_directory(&hosting.image, name);
        let unique = || unique(world.random.as_ref());
        moves::twins::settle(&hosting.directories, &mut listings, assigned, unique)?;
        let journals = hosting.directories.iter();
        let journals = journals.map(|hosted| hosted.log_directory.journal().cloned());
        let journals =
            Journals::start(journals, &states, &world.clock).map_err(LoadError::Thread)?;
        Ok(Self {
            by_name: Topics::default(),
            by_id: Topics::default(),
            states,
            directories: hosting.directories,
            journals,
            absent: hosting.absent,
            placement: hosting.placement,
            wishes: Wishes::default(),
            moves,
            assignments: Assignments::default(),
            changing: Mutex::new(()),
            settings: hosting.settings,
            flusher: Flusher::start(Arc::clone(&world.clock)).map_err(LoadError::Thread)?,
            unclaimed: Mutex::default(),
            failed: Mutex::default(),
            missing: Mutex::default(),
            deleted: Mutex::new(deleted),
            retired: Mutex::default(),
            strangers: Counters::default(),
            loading: Loading::new(listings, hosting.recovery_threads),
            creation: Creation::default(),
            checkpointing: Mutex::default(),
            image: Mutex::default(),
            is_caught_up: AtomicBool::new(false),
            doomed: Mutex::default(),
            world,
        })
    }

    /// The partition, if this broker hosts it and can read it.
    #[must_use]
    pub fn get(&self, topic: &str, index: i32) -> Option<Arc<Partition>> {
        match self.place_of(self.by_name.pin().get(topic)?, index) {
            Hosted::Online(partition) => Some(partition),
            Hosted::Absent | Hosted::Planned | Hosted::Loading | Hosted::Offline => None,
        }
    }

    /// The partition, or why there is none.
    ///
    /// # Errors
    /// `KAFKA_STORAGE_ERROR`; `NOT_LEADER_OR_FOLLOWER` when others host it or its log is about to be
    /// opened; `UNKNOWN_TOPIC_OR_PARTITION`.
    pub fn find(
        &self,
        topic: &str,
        index: i32,
        image: &MetadataImage,
    ) -> Result<Arc<Partition>, ErrorCode> {
        let place = self.by_name.pin().get(topic).map(|topic| self.place_of(topic, index));
        match place {
            Some(Hosted::Online(partition)) => Ok(partition),
            Some(Hosted::Offline) => Err(ErrorCode::KafkaStorageError),
            Some(Hosted::Absent | Hosted::Planned | Hosted::Loading) | None => {
                let topic = image.topics.by_name(topic);
                match topic.and_then(|topic| topic.partition(index)) {
                    Some(_) => Err(ErrorCode::NotLeaderOrFollower),
                    None => Err(ErrorCode::UnknownTopicOrPartition),
                }
            }
        }
    }

    /// The hosted topic with that id.
    #[must_use]
    pub fn topic_by_id(&self, id: Uuid) -> Option<Arc<HostedTopic>> {
        self.by_id.pin().get(&id).cloned()
    }

    /// The hosted topic of that name.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<Arc<HostedTopic>> {
        self.by_name.pin().get(name).cloned()
    }

    /// Every partition that is online.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Partition>> {
        let topics = self.by_name.pin();
        topics.values().flat_map(|topic| topic.online()).collect()
    }

    /// Whether the metadata has claimed all logs from disk.
    pub(crate) fn is_loaded(&self) -> bool {
        self.is_caught_up() && self.loading.is_done()
    }

    fn is_caught_up(&self) -> bool {
        self.is_caught_up.load(Ordering::Acquire)
    }

    /// How many of our partitions have a log that could not be opened or failed since.
    #[must_use]
    pub fn offline_count(&self) -> usize {
        let topics = self.by_name.pin();
        let is_offline = |place: &Hosted| match place {
            Hosted::Absent | Hosted::Planned | Hosted::Loading => false,
            Hosted::Offline => true,
            Hosted::Online(partition) => partition.is_offline(),
        };
        topics.values().map(|topic| topic.count(is_offline)).sum()
    }

    /// Counts of requests for partitions that are not here.
    #[must_use]
    pub fn strangers(&self) -> &Counters {
        &self.strangers
    }

    /// What deleted partitions counted.
    #[must_use]
    pub fn retired(&self) -> Counts {
        *self.retired.lock()
    }

    /// Total and free bytes of the file system that holds a directory.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn space(&self, directory: usize) -> io::Result<ottla_world::disk::Space> {
        self.world.disk.space(self.path(directory))
    }

    /// A log directory's path.
    ///
    /// # Panics
    /// When there is no such directory: indices come from partitions of this broker.
    #[must_use]
    pub fn path(&self, directory: usize) -> &Path {
        self.directories[directory].log_directory.path()
    }

    /// What the journals of the directories did, by directory: counts, and the time that the disk took.
    pub fn journal_stats(&self) -> impl Iterator<Item = (usize, JournalStats, Duration)> {
        self.journals.stats()
    }

    pub(crate) fn insert(&self, topic: &Arc<HostedTopic>) {
        self.by_id.pin().insert(topic.id, Arc::clone(topic));
        self.by_name.pin().insert(Arc::clone(&topic.name), Arc::clone(topic));
    }

    pub(crate) fn remove(&self, id: Uuid) -> Option<Arc<HostedTopic>> {
        let topic = self.by_id.pin().remove(&id).cloned()?;
        // A topic of the same name and another id may be there by now.
        let by_name = self.by_name.pin();
        if by_name.get(&*topic.name).is_some_and(|named| named.id == id) {
            by_name.remove(&*topic.name);
        }
        Some(topic)
    }

    /// Deletes a hosted partition: its directory gets a name that ends with `-delete`, and goes later.
    pub(crate) fn delete(&self, partition: &Partition, now_ms: i64) {
        *self.retired.lock() += partition.counters().counts();
        self.journals.leave(partition);
        let log = partition.take_log();
        // Only now can't a copy take the log's place any more.
        let copy = partition.take_future(|_| true);
        for found in log.map(|log| (log, partition.directory())).into_iter().chain(copy) {
            self.delete_copy(found, now_ms);
        }
    }

    pub(crate) fn delete_log(&self, directory: usize, log: Log, due_ms: i64) {
        let partition = log.partition().clone();
        let unique = self.unique();
        match self.directories[directory].log_directory.delete_log(log, &unique) {
            Ok(path) => {
                tracing::info!(%partition, "the log is deleted");
                self.deleted.lock().push(Deleted { due_ms, directory, path });
            }
            Err(error) => tracing::error!(%partition, %error, "a log can't be deleted"),
        }
    }

    /// Sets logs aside that the metadata does not know: topics deleted while this broker was down,
    /// or metadata that was lost. Call it once, when the metadata is caught up with and reconciled.
    pub fn discard_unclaimed(&self) {
        let _changing = self.changing.lock();
        self.is_caught_up.store(true, Ordering::Release);
        let unclaimed = std::mem::take(&mut *self.unclaimed.lock());
        for (_, Unclaimed { directory, log }) in unclaimed {
            self.discard(directory, log);
        }
        self.forget_copies(self.world.clock.now_ms());
    }

    /// A log that is nobody's: removed if its topic was deleted since the start, else set aside.
    pub(crate) fn discard(&self, directory: usize, log: Log) {
        let name = log.partition().clone();
        let mut doomed = self.doomed.lock();
        let is_meant = |(doomed, id): &(TopicPartition, Uuid)| {
            *doomed == name && log.topic_id().is_none_or(|own| own == *id)
        };
        let is_doomed = doomed.extract_if(is_meant).count() > 0;
        drop(doomed);
        if is_doomed {
            let due_ms =
                self.world.clock.now_ms().saturating_add(log.config().file_delete_delay_ms);
            self.delete_log(directory, log, due_ms);
        } else {
            self.set_aside(directory, log);
        }
    }

    /// Keeps the records of a log that has lost its topic, out of the way.
    pub(crate) fn set_aside(&self, directory: usize, log: Log) {
        let partition = log.partition().clone();
        let unique = self.unique();
        match self.directories[directory].log_directory.set_aside(log, &unique) {
            Ok(path) => tracing::warn!(
                %partition, path = %path.display(),
                "the metadata does not know this log's topic; it is set aside"
            ),
            Err(error) => tracing::error!(%partition, %error, "a log can't be set aside"),
        }
    }

    fn unique(&self) -> String {
        unique(self.world.random.as_ref())
    }
}

/// Thirty-two hexadecimal digits.
fn unique(random: &dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Why the logs could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    #[error(transparent)]
    Log(#[from] ottla_log::Error),
    #[error("{} holds a partition that another log directory holds too", path.display())]
    Twice { path: PathBuf },
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}
