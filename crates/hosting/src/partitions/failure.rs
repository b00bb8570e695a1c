//! What follows when a log directory fails: its partitions go offline, the others serve on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use ottla_log::TopicPartition;
use ottla_wire::Uuid;

use super::states::DirectoryNews;
use super::{Hosted, HostedTopic, Partitions};

impl Partitions {
    /// What happens to directories from now on, for the one thread that sees to it; `None` once taken.
    pub fn directory_news(&self) -> Option<Receiver<DirectoryNews>> {
        self.states.take_news()
    }

    /// Ends the news.
    pub fn stop_directory_news(&self) {
        self.states.tell(DirectoryNews::Stop);
    }

    /// Takes every partition of a directory offline: requests for it get `KAFKA_STORAGE_ERROR` until
    /// the node starts again. Returns how many there were.
    pub fn take_offline(&self, directory: usize) -> usize {
        let _changing = self.changing.lock();
        let topics: Vec<Arc<HostedTopic>> = self.by_id.pin().values().cloned().collect();
        let unopened = self.loading.give_up(directory);
        let mut count = 0;
        for topic in topics {
            for partition in topic.online() {
                // The files stay where they are, and with them the copy for the next start.
                drop(partition.take_future(|future| future == directory));
                if partition.directory() == directory {
                    // It can't be found any more before it refuses those who have found it.
                    topic.set(partition.index(), Hosted::Offline);
                    *self.retired.lock() += partition.counters().counts();
                    partition.go_offline();
                    count += 1;
                }
            }
        }
        for name in &unopened {
            if let Some(topic) = self.topic(&name.topic) {
                topic.set(name.partition, Hosted::Offline);
                count += 1;
            }
        }
        self.failed.lock().extend(unopened);
        let mut unclaimed = self.unclaimed.lock();
        let lost: Vec<TopicPartition> = unclaimed
            .extract_if(|_, unclaimed| unclaimed.directory == directory)
            .map(|(name, _)| name)
            .collect();
        self.failed.lock().extend(lost);
        self.deleted.lock().retain(|deleted| deleted.directory != directory);
        count
    }

    /// The ids of the log directories that work, in the order of `log.dirs`.
    #[must_use]
    pub fn online_directory_ids(&self) -> Vec<Uuid> {
        let online = self.directories.iter().enumerate();
        let online = online.filter(|(directory, _)| !self.states.is_offline(*directory));
        online.map(|(_, hosted)| hosted.id).collect()
    }

    /// The ids of the log directories that have failed since the start.
    #[must_use]
    pub fn offline_directory_ids(&self) -> Vec<Uuid> {
        let all = self.directories.iter().enumerate();
        let offline = all.filter(|(directory, _)| self.states.is_offline(*directory));
        offline.map(|(_, hosted)| hosted.id).collect()
    }

    /// Whether a directory has failed.
    #[must_use]
    pub fn is_offline(&self, directory: usize) -> bool {
        self.states.is_offline(directory)
    }

    /// Whether a directory takes no new logs (KIP-1066).
    #[must_use]
    pub fn is_cordoned(&self, directory: usize) -> bool {
        self.states.is_cordoned(directory)
    }

    /// How many of the directories of `log.dirs` can't be used.
    #[must_use]
    pub fn offline_directory_count(&self) -> usize {
        self.absent.len() + self.states.offline_count()
    }

    /// Directories of `log.dirs` that could not be opened at the start.
    #[must_use]
    pub fn absent_directories(&self) -> &[PathBuf] {
        &self.absent
    }

    /// Every directory of `log.dirs`, and whether it can't be used.
    pub fn directory_conditions(&self) -> impl Iterator<Item = (&Path, bool)> {
        let opened = self.directories.iter().enumerate();
        let opened = opened.map(|(directory, hosted)| {
            (hosted.log_directory.path(), self.states.is_offline(directory))
        });
        opened.chain(self.absent.iter().map(|path| (path.as_path(), true)))
    }
}
