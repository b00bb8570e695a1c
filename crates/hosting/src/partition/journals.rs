//! The threads that commit the journals of the log directories, one for each directory.
//!
//! A thread writes what has gathered while it waited for the disk the last time, so nobody waits for a
//! timer and many share a sync. Then it tells the partitions, whose waiters answer.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ottla_log::{Commit, Error, Journal, JournalStats, Log, LogKey};
use ottla_world::Clock;
use parking_lot::Mutex;

use super::Partition;
use crate::partitions::DirectoryStates;

/// The journals of a broker's directories.
#[derive(Debug)]
pub(crate) struct Journals {
    members: Arc<Members>,
    /// By directory; none where the directory could not be read.
    committers: Vec<Option<Committer>>,
}

/// One directory's journal and its thread.
#[derive(Debug)]
struct Committer {
    journal: Arc<Journal>,
    commit_nanos: Arc<AtomicU64>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The partitions by their names in journals.
#[derive(Debug, Default)]
struct Members(Mutex<HashMap<LogKey, Weak<Partition>>>);

/// What a committing thread goes by.
struct Work {
    directory: usize,
    journal: Arc<Journal>,
    commit_nanos: Arc<AtomicU64>,
    members: Arc<Members>,
    states: Arc<DirectoryStates>,
    clock: Arc<dyn Clock>,
}

impl Journals {
    /// Starts a thread for each directory's journal.
    pub(crate) fn start(
        journals: impl Iterator<Item = Option<Arc<Journal>>>,
        states: &Arc<DirectoryStates>,
        clock: &Arc<dyn Clock>,
    ) -> io::Result<Journals> {
        let members = Arc::<Members>::default();
        let mut committers = Vec::new();
        for (directory, journal) in journals.enumerate() {
            let Some(journal) = journal else {
                committers.push(None);
                continue;
            };
            let commit_nanos = Arc::<AtomicU64>::default();
            let work = Work {
                directory,
                journal: Arc::clone(&journal),
                commit_nanos: Arc::clone(&commit_nanos),
                members: Arc::clone(&members),
                states: Arc::clone(states),
                clock: Arc::clone(clock),
            };
            let name = format!("ottla-journal-{directory}");
            let thread = thread::Builder::new().name(name).spawn(move || work.run())?;
            let thread = Mutex::new(Some(thread));
            committers.push(Some(Committer { journal, commit_nanos, thread }));
        }
        Ok(Journals { members, committers })
    }

    /// Lets the threads tell a partition what is durable.
    pub(crate) fn join(&self, partition: &Arc<Partition>) {
        self.members.0.lock().insert(partition.journal_key(), Arc::downgrade(partition));
    }

    /// Forgets a partition.
    pub(crate) fn leave(&self, partition: &Partition) {
        self.members.0.lock().remove(&partition.journal_key());
    }

    /// By directory: what its journal did, and how long it took over its commits.
    pub(crate) fn stats(&self) -> impl Iterator<Item = (usize, JournalStats, Duration)> {
        let open = |(directory, committer): (usize, &Option<Committer>)| {
            let committer = committer.as_ref()?;
            let nanos = committer.commit_nanos.load(Ordering::Relaxed);
            Some((directory, committer.journal.stats(), Duration::from_nanos(nanos)))
        };
        self.committers.iter().enumerate().filter_map(open)
    }

    /// Ends a directory's thread, once every log there is closed, and voids the journal.
    pub(crate) fn close(&self, directory: usize) -> ottla_log::Result<()> {
        let Some(committer) = &self.committers[directory] else { return Ok(()) };
        committer.stop();
        Ok(committer.journal.close()?)
    }
}

impl Drop for Journals {
    fn drop(&mut self) {
        self.committers.iter().flatten().for_each(Committer::stop);
    }
}

impl Committer {
    fn stop(&self) {
        self.journal.stop();
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("a journal's thread panicked");
        }
    }
}

impl Work {
    fn run(self) {
        while self.journal.wait() {
            let begun = self.clock.monotonic();
            match self.journal.commit() {
                Ok(commit) => {
                    let took = self.clock.monotonic().saturating_sub(begun);
                    let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                    self.commit_nanos.fetch_add(nanos, Ordering::Relaxed);
                    self.tell(&commit);
                }
                Err(error) => return self.fail(&error.into()),
            }
        }
    }

    fn tell(&self, commit: &Commit) {
        for (key, committed) in &commit.logs {
            if let Some(partition) = self.member(*key) {
                partition.journaled(*committed);
            }
        }
        for key in &commit.refused {
            if let Some(partition) = self.member(*key) {
                partition.with_log(Log::not_journaled);
                partition.request_flush();
            }
        }
        for key in &commit.pressed {
            if let Some(partition) = self.member(*key) {
                partition.request_flush();
            }
        }
    }

    fn member(&self, key: LogKey) -> Option<Arc<Partition>> {
        let partition = self.members.0.lock().get(&key).and_then(Weak::upgrade);
        // A copy that is on its way to another directory has a journal there, and the same name in it.
        partition.filter(|partition| partition.directory() == self.directory)
    }

    /// Nothing can be acknowledged any more by way of this journal.
    fn fail(&self, error: &Error) {
        self.states.report(self.directory, error);
        let members: Vec<LogKey> = self.members.0.lock().keys().copied().collect();
        let partitions = members.into_iter().filter_map(|key| self.member(key));
        let relying =
            partitions.filter(|each| each.with_log(|log| log.is_journaled()) == Some(true));
        let mut count = 0;
        for partition in relying {
            partition.go_offline();
            count += 1;
        }
        let (directory, error) = (self.directory, error as &dyn std::error::Error);
        tracing::error!(
            directory,
            partitions = count,
            error,
            "a journal failed: partitions with ottla.durability=fsync go offline; what they \
             acknowledged is restored by the next start"
        );
    }
}
