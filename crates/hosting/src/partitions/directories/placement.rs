//! Which log directory takes a new log.
//!
//! The one that somebody asked for before the log was there (AlterReplicaLogDirs), else the one that the
//! metadata names, else the one with the fewest logs, as in Kafka, or with the most free bytes. Failed and
//! cordoned directories take none.

use std::collections::HashMap;

use ottla_log::TopicPartition;
use ottla_metadata::config::cordoned::cordons;
use ottla_metadata::config::{BrokerValues, list_items};
use ottla_metadata::image::directory;
use ottla_wire::Uuid;
use parking_lot::Mutex;

use super::DirectoryNews;
use crate::partitions::Partitions;

/// How directories are compared for a new log (`ottla.log.dir.placement`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// Fewest logs first.
    #[default]
    Partitions,
    /// Most free bytes first; fewest logs among those that share a file system.
    Bytes,
}

/// Wishes that are remembered for logs that are not there: a client can name any topic.
const WISHES_MAX: usize = 100_000;

/// Directories that logs were wished into before they were there.
#[derive(Debug, Default)]
pub(in crate::partitions) struct Wishes(Mutex<HashMap<TopicPartition, usize>>);

impl Wishes {
    pub(in crate::partitions) fn remember(&self, name: TopicPartition, directory: usize) {
        let mut wishes = self.0.lock();
        if wishes.len() < WISHES_MAX || wishes.contains_key(&name) {
            wishes.insert(name, directory);
        } else {
            tracing::warn!(partition = %name, "too many directories are wished for: this one is forgotten");
        }
    }

    pub(in crate::partitions) fn get(&self, name: &TopicPartition) -> Option<usize> {
        self.0.lock().get(name).copied()
    }

    pub(in crate::partitions) fn forget(&self, name: &TopicPartition) {
        self.0.lock().remove(name);
    }
}

impl Partitions {
    /// Directories that may take the log of a partition that has none, best first. There is none when the
    /// log may lie in a directory that is offline: an empty one in another place would hide its records.
    pub(in crate::partitions) fn places(
        &self,
        name: &TopicPartition,
        assigned: Option<Uuid>,
    ) -> Vec<usize> {
        let is_online = |directory: &usize| !self.states.is_offline(*directory);
        if let Some(wished) = self.wishes.get(name).filter(is_online) {
            return vec![wished];
        }
        let named = self.directories.iter().position(|hosted| Some(hosted.id) == assigned);
        let some_offline = !self.absent.is_empty() || self.states.offline_count() > 0;
        match named {
            Some(named) if is_online(&named) => return vec![named],
            Some(_) => return Vec::new(),
            None if some_offline && self.may_lie_elsewhere(assigned) => return Vec::new(),
            None => {}
        }
        let mut places: Vec<usize> = (0..self.directories.len()).filter(is_online).collect();
        let is_open = |directory: &usize| !self.states.is_cordoned(*directory);
        if places.iter().any(is_open) {
            places.retain(is_open);
        }
        if places.len() > 1 {
            self.sort(&mut places);
        }
        places
    }

    /// Whether a log without a known directory may be in one that can't be read. One that the broker has
    /// not placed yet is not; but at the start nobody knows whether it had been.
    fn may_lie_elsewhere(&self, assigned: Option<Uuid>) -> bool {
        assigned != Some(directory::UNASSIGNED) || !self.is_caught_up()
    }

    /// Takes over `cordoned.log.dirs`.
    pub fn configure(&self, values: &BrokerValues) {
        let cordoned = values.text("cordoned.log.dirs").unwrap_or_default();
        let cordoned: Vec<String> = list_items(&cordoned).map(str::to_owned).collect();
        self.cordon(&cordoned);
    }

    /// Takes no new logs into these directories; the controller hears of it.
    pub(crate) fn cordon(&self, cordoned: &[String]) {
        let is_meant = |directory: usize| cordons(cordoned, &self.directories[directory].name);
        if self.states.cordon(is_meant) {
            self.states.tell(DirectoryNews::Cordoned);
        }
    }

    /// The ids of the directories that take no new logs.
    #[must_use]
    pub fn cordoned_directory_ids(&self) -> Vec<Uuid> {
        let all = self.directories.iter().enumerate();
        let cordoned = all.filter(|(directory, _)| self.states.is_cordoned(*directory));
        cordoned.map(|(_, hosted)| hosted.id).collect()
    }

    fn sort(&self, places: &mut [usize]) {
        match self.placement {
            Placement::Partitions => {
                places.sort_by_key(|directory| self.states.logs(*directory));
            }
            Placement::Bytes => {
                let free = |directory| self.space(directory).map_or(0, |space| space.free_bytes);
                places.sort_by_cached_key(|directory| {
                    (std::cmp::Reverse(free(*directory)), self.states.logs(*directory))
                });
            }
        }
    }
}
