//! Opening the logs that were on disk at the start, while what is open is served.
//!
//! A few threads a directory. They look at the files of every log first and open those at once of which
//! little has to be read; the others follow, the least work first. A partition serves as soon as its log is
//! open. Until then it is found nowhere, as a partition whose leader is about to change: clients ask again.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ottla_log::{
    Error, Listing, Log, LogConfig, LogDirectory, OffsetsByPartition, RecoveryWatch,
    TopicPartition, UnopenedLog,
};
use ottla_metadata::MetadataImage;
use parking_lot::{Condvar, Mutex};

use super::{LoadError, Partitions};

/// A log of which more has to be read waits until all others are open.
const QUICK_BYTES_MAX: u64 = 1024 * 1024;

/// One more line in the log after so many opened logs.
const LINE_EVERY: usize = 1000;

/// The logs from disk and how many of them are not open yet.
#[derive(Debug)]
pub(super) struct Loading {
    folders: Vec<Folder>,
    /// How many logs nobody has looked at: what is left then takes long.
    unseen: Mutex<usize>,
    progress: Condvar,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// One log directory.
#[derive(Debug)]
struct Folder {
    listing: Listing,
    total: usize,
    queues: Mutex<Queues>,
    /// Logs that are not open yet, those included that somebody is at.
    waiting: Mutex<HashSet<TopicPartition>>,
    /// One for each thread.
    watches: Vec<RecoveryWatch>,
    opened: AtomicUsize,
}

#[derive(Debug, Default)]
struct Queues {
    unseen: std::vec::IntoIter<TopicPartition>,
    /// By how much has to be read.
    large: BTreeMap<(u64, TopicPartition), UnopenedLog>,
}

/// How far the logs of a directory are, for metrics.
#[derive(Clone, Debug)]
pub struct LoadingProgress<'a> {
    pub directory: &'a Path,
    /// `remainingLogsToRecover`.
    pub remaining_logs: usize,
    /// `remainingSegmentsToRecover`, by thread.
    pub remaining_segments: Vec<usize>,
}

impl Loading {
    /// Nothing is opened before [`Partitions::start_loading`].
    pub(super) fn new(listings: Vec<Listing>, threads: usize) -> Self {
        let folder = |mut listing: Listing| {
            let partitions = std::mem::take(&mut listing.partitions);
            let threads = threads.clamp(1, partitions.len().max(1));
            Folder {
                listing,
                total: partitions.len(),
                waiting: Mutex::new(partitions.iter().cloned().collect()),
                queues: Mutex::new(Queues {
                    unseen: partitions.into_iter(),
                    large: BTreeMap::new(),
                }),
                watches: (0..threads).map(|_| RecoveryWatch::default()).collect(),
                opened: AtomicUsize::new(0),
            }
        };
        let folders: Vec<Folder> = listings.into_iter().map(folder).collect();
        let unseen = folders.iter().map(|folder| folder.total).sum();
        Self {
            folders,
            unseen: Mutex::new(unseen),
            progress: Condvar::new(),
            threads: Mutex::default(),
        }
    }

    /// Whether a log on disk is not open yet.
    pub(super) fn is_waiting(&self, name: &TopicPartition) -> bool {
        self.folders.iter().any(|folder| folder.waiting.lock().contains(name))
    }

    /// Whether every log is open, or can't be.
    pub(super) fn is_done(&self) -> bool {
        self.folders.iter().all(|folder| folder.waiting.lock().is_empty())
    }

    /// What the checkpoints of the last run tell of logs that are not open yet.
    pub(super) fn checkpointed<'a>(
        &'a self,
        directory: usize,
        offsets: impl Fn(&'a Listing) -> &'a OffsetsByPartition,
    ) -> OffsetsByPartition {
        let Some(folder) = self.folders.get(directory) else { return OffsetsByPartition::new() };
        let offsets = offsets(&folder.listing);
        let waiting = folder.waiting.lock();
        let known = |name: &TopicPartition| Some((name.clone(), *offsets.get(name)?));
        waiting.iter().filter_map(known).collect()
    }

    /// Whether logs of a directory are not open.
    pub(super) fn is_waiting_in(&self, directory: usize) -> bool {
        self.folders.get(directory).is_some_and(|folder| !folder.waiting.lock().is_empty())
    }

    /// Waits for what takes no time. Returns after `patience` at the latest.
    fn wait_for_quick(&self, patience: Duration) {
        let mut unseen = self.unseen.lock();
        self.progress.wait_while_for(&mut unseen, |unseen| *unseen > 0, patience);
    }

    /// Ends before the next segment. What is not open then stays as the last run left it.
    fn stop(&self) {
        for folder in &self.folders {
            folder.watches.iter().for_each(RecoveryWatch::stop);
        }
        for thread in std::mem::take(&mut *self.threads.lock()) {
            if thread.join().is_err() {
                tracing::error!("a thread that opens logs panicked");
            }
        }
    }

    /// Opens no more logs of a directory; returns which were not open.
    pub(super) fn give_up(&self, directory: usize) -> HashSet<TopicPartition> {
        let Some(folder) = self.folders.get(directory) else { return HashSet::new() };
        folder.watches.iter().for_each(RecoveryWatch::stop);
        std::mem::take(&mut *folder.waiting.lock())
    }

    fn one_is_seen(&self) {
        *self.unseen.lock() -= 1;
        self.progress.notify_all();
    }
}

/// What a thread needs to open logs.
struct Opener<Opened> {
    partitions: Arc<Partitions>,
    image: Arc<MetadataImage>,
    directory: usize,
    thread: usize,
    opened: Arc<Opened>,
    now_ms: i64,
    /// The configuration of the topic that was last asked for: logs come in the order of their names.
    last: Option<(String, Arc<LogConfig>)>,
}

impl Partitions {
    /// Begins to open the logs, with the settings that `image` has. `opened` is told of each one that is.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start_loading(
        self: &Arc<Self>,
        image: &Arc<MetadataImage>,
        opened: impl Fn(&TopicPartition) + Send + Sync + 'static,
    ) -> Result<(), LoadError> {
        let opened = Arc::new(opened);
        for (directory, folder) in self.loading.folders.iter().enumerate() {
            if folder.total == 0 {
                continue;
            }
            let path = self.path(directory).display();
            let logs = folder.total;
            if self.directories[directory].log_directory.clean_shutdown_broker_epoch().is_some() {
                tracing::info!(directory = %path, logs, "loading logs; they were closed in order");
            } else {
                tracing::info!(directory = %path, logs, "recovering logs, since they were not closed in order");
            }
            for thread in 0..folder.watches.len() {
                let opener = Opener {
                    partitions: Arc::clone(self),
                    image: Arc::clone(image),
                    directory,
                    thread,
                    opened: Arc::clone(&opened),
                    now_ms: self.world.clock.now_ms(),
                    last: None,
                };
                let thread = std::thread::Builder::new()
                    .name(format!("log-recovery-{directory}-{thread}"))
                    .spawn(move || opener.run())
                    .map_err(LoadError::Thread)?;
                self.loading.threads.lock().push(thread);
            }
        }
        Ok(())
    }

    /// Waits until all logs are open of which little has to be read, and for `patience` at most.
    pub fn wait_for_quick_logs(&self, patience: Duration) {
        self.loading.wait_for_quick(patience);
    }

    /// Waits until every log is open.
    #[cfg(any(test, feature = "fixture"))]
    pub(crate) fn wait_for_logs(&self) {
        for thread in std::mem::take(&mut *self.loading.threads.lock()) {
            thread.join().expect("a thread that opens logs");
        }
    }

    /// How far the logs of each directory are.
    pub fn loading_progress(&self) -> impl Iterator<Item = LoadingProgress<'_>> {
        self.loading.folders.iter().enumerate().map(|(directory, folder)| LoadingProgress {
            directory: self.path(directory),
            remaining_logs: folder.waiting.lock().len(),
            remaining_segments: (folder.watches.iter())
                .map(RecoveryWatch::remaining_segments)
                .collect(),
        })
    }

    pub(super) fn stop_loading(&self) {
        self.loading.stop();
    }

    /// A log was opened, or could not be: the metadata says whose it is, once it is known.
    fn log_opened(&self, directory: usize, name: &TopicPartition, outcome: ottla_log::Result<Log>) {
        let _changing = self.changing.lock();
        // The node stops, and the next start goes on.
        if matches!(outcome, Err(Error::Stopped { .. })) {
            return;
        }
        let folder = &self.loading.folders[directory];
        if !folder.waiting.lock().remove(name) {
            // The directory has failed meanwhile, and its logs were given up.
            return;
        }
        match outcome {
            Ok(log) => self.take_in(directory, log),
            Err(error) => {
                let source = &error as &dyn std::error::Error;
                tracing::error!(partition = %name, error = source, "the log can't be opened");
                self.states.report(directory, &error);
                self.failed.lock().insert(name.clone());
            }
        }
        let opened = folder.opened.fetch_add(1, Ordering::Relaxed) + 1;
        if opened == folder.total || opened.is_multiple_of(LINE_EVERY) {
            let (path, total) = (self.path(directory).display(), folder.total);
            tracing::info!(directory = %path, "{opened}/{total} logs are open");
        }
        self.place_opened(name);
    }
}

impl<Opened: Fn(&TopicPartition)> Opener<Opened> {
    fn run(mut self) {
        let partitions = Arc::clone(&self.partitions);
        let folder = &partitions.loading.folders[self.directory];
        loop {
            if folder.watches[self.thread].is_stopped() {
                return;
            }
            let unseen = folder.queues.lock().unseen.next();
            if let Some(name) = unseen {
                self.look_at(folder, &name);
                partitions.loading.one_is_seen();
                continue;
            }
            let large = folder.queues.lock().large.pop_first();
            let Some(((bytes, name), found)) = large else { return };
            tracing::info!(
                partition = %name, bytes, segments = found.segments_to_recover(), "recovering log"
            );
            self.open(folder, &name, Ok(found));
        }
    }

    /// Opens a log of which little has to be read, and puts others off.
    fn look_at(&mut self, folder: &Folder, name: &TopicPartition) {
        let config = self.config(name);
        let found = self.log_directory().find_log(name, &folder.listing, config, self.now_ms);
        match found {
            Ok(found) if found.bytes_to_recover() > QUICK_BYTES_MAX => {
                let place = (found.bytes_to_recover(), name.clone());
                folder.queues.lock().large.insert(place, found);
            }
            found => self.open(folder, name, found),
        }
    }

    fn open(&self, folder: &Folder, name: &TopicPartition, found: ottla_log::Result<UnopenedLog>) {
        let watch = &folder.watches[self.thread];
        let outcome = found.and_then(|found| self.log_directory().open_log(found, watch));
        self.partitions.log_opened(self.directory, name, outcome);
        (self.opened)(name);
    }

    fn log_directory(&self) -> &LogDirectory {
        &self.partitions.directories[self.directory].log_directory
    }

    fn config(&mut self, name: &TopicPartition) -> Arc<LogConfig> {
        match &self.last {
            Some((topic, config)) if *topic == name.topic => Arc::clone(config),
            _ => {
                let config = self.partitions.settings.topic(&self.image, &name.topic).log;
                self.last = Some((name.topic.clone(), Arc::clone(&config)));
                config
            }
        }
    }
}
