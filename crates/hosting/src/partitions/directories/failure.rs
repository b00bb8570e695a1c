//! What follows when a log directory fails: its partitions go offline, the others serve on.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use ottla_log::TopicPartition;

use super::states::DirectoryNews;
use crate::partitions::{Hosted, HostedTopic, Partitions};

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
        let topics: Vec<Arc<HostedTopic>> = self.topics.all();
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
}
