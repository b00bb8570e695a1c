//! The partitions of one node, and the look-ups of requests.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ottla_log::{JournalSize, JournalStats, Listing, LogConfig, LogDirectory, TopicPartition};
use ottla_metadata::MetadataImage;
use ottla_wire::{ErrorCode, Uuid};
use ottla_world::{Clock, Disk, Random};
use parking_lot::Mutex;

use super::creation::Creation;
use super::deletion::{Deleted, Unclaimed, unique};
use super::directories::{Assignments, DirectoryStates, Placement, Wishes};
use super::loading::Loading;
use super::moves::{self, Moves};
use super::topic::{Hosted, HostedTopic};
use super::topics::Topics;
use crate::partition::{Counters, Counts, Flusher, Journals, Partition, SettingsSource};

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

/// The partitions of one broker.
#[derive(Debug)]
pub struct Partitions {
    pub(super) topics: Topics,
    pub(crate) directories: Vec<HostedDirectory>,
    pub(super) journals: Journals,
    pub(crate) states: Arc<DirectoryStates>,
    pub(super) absent: Vec<PathBuf>,
    pub(super) placement: Placement,
    /// Directories that logs were wished into before they were there.
    pub(super) wishes: Wishes,
    pub(super) moves: Moves,
    pub(super) assignments: Assignments,
    /// Held while places of topics change.
    pub(super) changing: Mutex<()>,
    pub(super) settings: SettingsSource,
    pub(super) flusher: Flusher,
    /// Logs from disk that the metadata has not claimed yet.
    pub(super) unclaimed: Mutex<HashMap<TopicPartition, Unclaimed>>,
    /// Logs that could not be opened, or whose directory has failed.
    pub(super) failed: Mutex<HashSet<TopicPartition>>,
    /// Logs that could not be created: it is tried again.
    pub(super) missing: Mutex<HashSet<TopicPartition>>,
    pub(super) deleted: Mutex<Vec<Deleted>>,
    /// What deleted partitions counted, so that the broker's totals never go back.
    pub(super) retired: Mutex<Counts>,
    /// Requests for partitions that are not here.
    pub(super) strangers: Counters,
    pub(super) loading: Loading,
    pub(super) creation: Creation,
    /// Held while a checkpoint is gathered and written, so that none gives way to an older one.
    pub(super) checkpointing: Mutex<()>,
    /// The metadata that was reconciled last.
    pub(super) image: Mutex<Option<Arc<MetadataImage>>>,
    /// The metadata has been caught up with: what it does not know is not ours.
    pub(super) is_caught_up: AtomicBool,
    /// Topics' partitions that were deleted before their log was open.
    pub(super) doomed: Mutex<HashSet<(TopicPartition, Uuid)>>,
    pub(super) world: World,
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
        moves::settle_twins(&hosting.directories, &mut listings, assigned, unique)?;
        let journals = hosting.directories.iter();
        let journals = journals.map(|hosted| hosted.log_directory.journal().cloned());
        let journals =
            Journals::start(journals, &states, &world.clock).map_err(LoadError::Thread)?;
        Ok(Self {
            topics: Topics::default(),
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
        match self.topics.with(topic, |topic| self.place_of(topic, index))? {
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
        let place = self.topics.with(topic, |topic| self.place_of(topic, index));
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
    pub(crate) fn topic_by_id(&self, id: Uuid) -> Option<Arc<HostedTopic>> {
        self.topics.by_id(id)
    }

    /// The hosted topic of that name.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<Arc<HostedTopic>> {
        self.topics.by_name(name)
    }

    /// Every partition that is online.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Partition>> {
        self.topics.all().iter().flat_map(|topic| topic.online()).collect()
    }

    /// Whether the metadata has claimed all logs from disk.
    pub(crate) fn is_loaded(&self) -> bool {
        self.is_caught_up() && self.loading.is_done()
    }

    /// Whether what the metadata does not know is not ours.
    pub(super) fn is_caught_up(&self) -> bool {
        self.is_caught_up.load(Ordering::Acquire)
    }

    /// How many of our partitions have a log that could not be opened or failed since.
    #[must_use]
    pub fn offline_count(&self) -> usize {
        let is_offline = |place: &Hosted| match place {
            Hosted::Absent | Hosted::Planned | Hosted::Loading => false,
            Hosted::Offline => true,
            Hosted::Online(partition) => partition.is_offline(),
        };
        self.topics.all().iter().map(|topic| topic.count(is_offline)).sum()
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

    /// What the journals of the directories did, by directory: counts, and the time that the disk took.
    pub fn journal_stats(&self) -> impl Iterator<Item = (usize, JournalStats, Duration)> {
        self.journals.stats()
    }
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
