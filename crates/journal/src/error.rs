//! What can go wrong.
use std::io;
use std::path::{Path, PathBuf};

/// Result of what can only fail by a fault.
pub type Result<T> = std::result::Result<T, Error>;

/// A fault: of the disk, now or before. Exhaustive, since a log makes one of its own of each.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk refused.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The journal takes nothing, or is still needed: an earlier write or flush failed, or a log did not
    /// close in order.
    #[error("{} is offline since a write or flush failed", path.display())]
    Offline {
        /// Its directory.
        path: PathBuf,
    },
}

impl Error {
    /// For `map_err`: an IO error with its place.
    pub(crate) fn io<'a>(
        operation: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> Error + 'a {
        move |source| Error::Io { operation, path: path.to_owned(), source }
    }

    /// Whether this tells of a file that has no room to grow.
    pub(crate) fn is_without_room(&self) -> bool {
        matches!(self, Error::Io { source, .. } if ottla_world::disk::is_without_room(source))
    }
}
