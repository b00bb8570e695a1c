//! The log directories as others ask for them, each by its index in `log.dirs` among those that were open at
//! the start.

use std::io;
use std::path::{Path, PathBuf};

use ottla_wire::Uuid;

use crate::partitions::Partitions;

impl Partitions {
    /// The ids of the log directories, in the order of `log.dirs`.
    #[cfg(test)]
    pub(crate) fn directory_ids(&self) -> Vec<Uuid> {
        self.directories.iter().map(|hosted| hosted.id).collect()
    }

    /// The paths of the log directories, in the order of `log.dirs`.
    pub fn directory_paths(&self) -> impl Iterator<Item = &Path> {
        self.directories.iter().map(|hosted| hosted.log_directory.path())
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
