//! How the log directories are: whether each works, takes new logs, and how many lie in it.
//!
//! Whoever meets a fault of the disk reports it here; one thread of the node hears of it and does what
//! follows. A directory that failed stays offline until the node starts again, as in Kafka.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use ottla_log::Error;
use ottla_world::Disk;
use parking_lot::Mutex;

/// What the node's thread has to see to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectoryNews {
    /// This directory has failed. Told once, so that there are at most as many as directories.
    Failed(usize),
    /// Where logs lie is to be told to the controller. Told once until it was taken.
    Assignments,
    /// Other directories than before take no new logs.
    Cordoned,
    /// The node stops.
    Stop,
}

/// One log directory.
#[derive(Debug)]
struct State {
    path: PathBuf,
    is_offline: AtomicBool,
    is_cordoned: AtomicBool,
    logs: AtomicUsize,
}

/// All log directories that were open at the start, in the order of `log.dirs`.
#[derive(Debug)]
pub(crate) struct DirectoryStates {
    disk: Arc<dyn Disk>,
    states: Vec<State>,
    news: Sender<DirectoryNews>,
    waiting: Mutex<Option<Receiver<DirectoryNews>>>,
}

/// A log's place in a directory, counted until it is given up.
#[derive(Debug)]
pub(crate) struct Seat {
    states: Arc<DirectoryStates>,
    directory: usize,
    is_taken: AtomicBool,
}

impl DirectoryStates {
    pub(in crate::partitions) fn new(
        disk: Arc<dyn Disk>,
        paths: impl Iterator<Item = PathBuf>,
    ) -> Self {
        let state = |path| State {
            path,
            is_offline: AtomicBool::new(false),
            is_cordoned: AtomicBool::new(false),
            logs: AtomicUsize::new(0),
        };
        let (news, waiting) = channel();
        Self { disk, states: paths.map(state).collect(), news, waiting: Mutex::new(Some(waiting)) }
    }

    /// The news, for the one thread that hears them; `None` once they were taken.
    pub(in crate::partitions) fn take_news(&self) -> Option<Receiver<DirectoryNews>> {
        self.waiting.lock().take()
    }

    pub(in crate::partitions) fn tell(&self, news: DirectoryNews) {
        if self.news.send(news).is_err() {
            // The node is about to stop: nobody needs to know any more.
            tracing::debug!(?news, "nobody hears of log directories");
        }
    }

    /// Reports what went wrong in a directory. It goes offline if the disk is to blame.
    pub(crate) fn report(&self, directory: usize, error: &Error) {
        // A log that has moved away meanwhile may still tell of the disk that it came from.
        let directory = error.path().and_then(|path| self.holder(path)).unwrap_or(directory);
        if error.blames_disk() || (error.blames_name() && self.is_gone(directory)) {
            self.fail(directory, error);
        }
    }

    /// The directory that holds a file.
    fn holder(&self, path: &Path) -> Option<usize> {
        let holds = |directory: &usize| path.starts_with(&self.states[*directory].path);
        let depth = |directory: &usize| self.states[*directory].path.components().count();
        (0..self.states.len()).filter(holds).max_by_key(depth)
    }

    fn is_gone(&self, directory: usize) -> bool {
        let metadata = self.disk.metadata(&self.states[directory].path);
        !metadata.is_ok_and(|metadata| metadata.is_dir)
    }

    fn fail(&self, directory: usize, error: &Error) {
        let state = &self.states[directory];
        if !state.is_offline.swap(true, Ordering::AcqRel) {
            let error = error as &dyn std::error::Error;
            tracing::error!(
                directory = %state.path.display(), error,
                "the log directory fails: its partitions go offline; hint: look at the disk, then start \
                 the node again"
            );
            self.tell(DirectoryNews::Failed(directory));
        }
    }

    /// Whether the directory has failed.
    pub(crate) fn is_offline(&self, directory: usize) -> bool {
        self.states[directory].is_offline.load(Ordering::Acquire)
    }

    /// Whether the directory takes no new logs (KIP-1066).
    pub(crate) fn is_cordoned(&self, directory: usize) -> bool {
        self.states[directory].is_cordoned.load(Ordering::Acquire)
    }

    /// Cordons those directories for which `is_meant` holds, and no others; whether that is news.
    pub(in crate::partitions) fn cordon(&self, is_meant: impl Fn(usize) -> bool) -> bool {
        let mut has_changed = false;
        for (directory, state) in self.states.iter().enumerate() {
            let cordoned = is_meant(directory);
            has_changed |= state.is_cordoned.swap(cordoned, Ordering::AcqRel) != cordoned;
        }
        has_changed
    }

    /// How many directories have failed.
    pub(crate) fn offline_count(&self) -> usize {
        (0..self.states.len()).filter(|directory| self.is_offline(*directory)).count()
    }

    /// How many logs lie in a directory, those included that are still copied there.
    pub(in crate::partitions) fn logs(&self, directory: usize) -> usize {
        self.states[directory].logs.load(Ordering::Relaxed)
    }

    /// A place for one more log.
    pub(crate) fn seat(self: &Arc<Self>, directory: usize) -> Seat {
        self.states[directory].logs.fetch_add(1, Ordering::Relaxed);
        Seat { states: Arc::clone(self), directory, is_taken: AtomicBool::new(true) }
    }
}

impl Seat {
    /// Which directory.
    pub(crate) fn directory(&self) -> usize {
        self.directory
    }

    /// Reports what went wrong there.
    pub(crate) fn report(&self, error: &Error) {
        self.states.report(self.directory, error);
    }

    /// Gives the place up: nothing counts here any more.
    pub(crate) fn give_up(&self) {
        if self.is_taken.swap(false, Ordering::Relaxed) {
            self.states.states[self.directory].logs.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.give_up();
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use ottla_world::memory::MemoryDisk;

    use super::*;

    fn states() -> Arc<DirectoryStates> {
        let disk = MemoryDisk::new(1);
        disk.create_dir_all(Path::new("/a")).expect("a free name");
        let paths = ["/a", "/b"].map(PathBuf::from);
        Arc::new(DirectoryStates::new(Arc::new(disk), paths.into_iter()))
    }

    fn error(path: &str, code: i32) -> Error {
        let source = io::Error::from_raw_os_error(code);
        Error::Io { operation: "write", path: PathBuf::from(path), source }
    }

    #[test]
    fn a_broken_disk_is_told_once_and_a_full_one_never() {
        let states = states();
        let news = states.take_news().expect("taken for the first time");
        states.report(0, &error("/a/t-0/0.log", 28));
        states.report(0, &error("/a/t-0/0.log", 2));
        assert!(!states.is_offline(0), "the directory is there");
        states.report(1, &error("/a/t-0/0.log", 5));
        states.report(0, &error("/a/t-0/0.log", 5));
        assert!(states.is_offline(0) && !states.is_offline(1), "the path counts");
        states.report(1, &error("/b/t-0/0.log", 2));
        assert!(states.is_offline(0) && states.is_offline(1), "there is no /b");
        assert_eq!(states.offline_count(), 2);
        let told: Vec<_> = news.try_iter().collect();
        assert_eq!(told, [DirectoryNews::Failed(0), DirectoryNews::Failed(1)]);
    }

    #[test]
    fn logs_are_counted_while_they_live() {
        let states = states();
        let seats = [states.seat(0), states.seat(1), states.seat(1)];
        assert_eq!((states.logs(0), states.logs(1)), (1, 2));
        drop(seats);
        assert_eq!((states.logs(0), states.logs(1)), (0, 0));
    }
}
