//! Logs that go: those of deleted partitions, at once out of the way and removed when they are due, and those
//! that the metadata does not know, which are kept aside.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use ottla_log::{Log, TopicPartition};
use ottla_wire::Uuid;
use ottla_world::Random;

use super::Partitions;
use crate::partition::Partition;

/// A log from disk that the metadata has not claimed.
#[derive(Debug)]
pub(super) struct Unclaimed {
    pub(super) directory: usize,
    pub(super) log: Log,
}

/// A deleted partition's files, to be removed when they are due.
#[derive(Debug)]
pub(super) struct Deleted {
    pub(super) due_ms: i64,
    pub(super) directory: usize,
    pub(super) path: PathBuf,
}

impl Partitions {
    /// Deletes a hosted partition: its directory gets a name that ends with `-delete`, and goes later.
    pub(super) fn delete(&self, partition: &Partition, now_ms: i64) {
        *self.retired.lock() += partition.counters().counts();
        self.journals.leave(partition);
        let log = partition.take_log();
        // Only now can't a copy take the log's place any more.
        let copy = partition.take_future(|_| true);
        for found in log.map(|log| (log, partition.directory())).into_iter().chain(copy) {
            self.delete_copy(found, now_ms);
        }
    }

    pub(super) fn delete_log(&self, directory: usize, log: Log, due_ms: i64) {
        let partition = log.partition().clone();
        let unique = self.unique();
        match self.directories[directory].log_directory.delete_log(log, &unique) {
            Ok(path) => {
                tracing::info!(%partition, "the log is deleted");
                self.remove_at(due_ms, directory, path);
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
    pub(super) fn discard(&self, directory: usize, log: Log) {
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
    pub(super) fn set_aside(&self, directory: usize, log: Log) {
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

    /// Deletes a copy that is not wanted any more.
    pub(super) fn delete_copy(&self, (log, directory): (Log, usize), now_ms: i64) {
        let delay_ms = log.config().file_delete_delay_ms;
        self.delete_log(directory, log, now_ms.saturating_add(delay_ms));
    }

    /// Has files removed once it is as late as that.
    pub(super) fn remove_at(&self, due_ms: i64, directory: usize, path: PathBuf) {
        self.deleted.lock().push(Deleted { due_ms, directory, path });
    }

    pub(super) fn unique(&self) -> String {
        unique(self.world.random.as_ref())
    }
}

/// Thirty-two hexadecimal digits.
pub(super) fn unique(random: &dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
