//! What can go wrong. Faults are [`Error`]; what a client did wrong is a [`Refusal`].
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use ottla_world::disk::is_without_room;

use crate::append::Refusal;

/// Too many open files, of this process or of the system.
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

/// Result of what can only fail by a fault.
pub type Result<T> = std::result::Result<T, Error>;

/// A fault: the disk or what is on it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
    /// A file holds what it must not.
    #[error("{} is corrupt: {detail}", path.display())]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What is wrong in it.
        detail: String,
    },
    /// An earlier write or flush failed; the log takes no more until it is opened again.
    #[error("{} is offline since a write or flush failed", path.display())]
    Offline {
        /// Directory of the log.
        path: PathBuf,
    },
    /// Compaction was told to stop; nothing changed.
    #[error("compaction of {} was stopped", path.display())]
    Stopped {
        /// Directory of the log.
        path: PathBuf,
    },
    /// Another process uses the log directory.
    #[error("{} is locked by another process", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
}

impl Error {
    /// Whether this tells of a broken disk: then nothing else in the log directory can be relied on. Too
    /// little room or too few descriptors will pass, and a file with wrong contents spoils its log alone.
    pub fn blames_disk(&self) -> bool {
        let Error::Io { source, .. } = self else { return false };
        let out_of_descriptors = [EMFILE, ENFILE].map(Some).contains(&source.raw_os_error());
        !out_of_descriptors
            && !is_without_room(source)
            && !matches!(
                source.kind(),
                ErrorKind::OutOfMemory
                    | ErrorKind::Interrupted
                    | ErrorKind::InvalidInput
                    | ErrorKind::InvalidFilename
                    | ErrorKind::UnexpectedEof
                    | ErrorKind::WriteZero
                    | ErrorKind::AlreadyExists
            )
            && !self.blames_name()
    }

    /// Whether the disk was waited for in vain: what it should have kept may be forgotten, whatever it says
    /// the next time.
    pub(crate) fn is_failed_sync(&self) -> bool {
        matches!(self, Error::Io { operation: "sync", .. })
    }

    /// Whether something is missing or in the way: of the file alone, or of the directory that holds it.
    pub fn blames_name(&self) -> bool {
        let Error::Io { source, .. } = self else { return false };
        matches!(
            source.kind(),
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory
        )
    }

    /// The file or directory that it tells of.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Error::Io { path, .. }
            | Error::Corrupt { path, .. }
            | Error::Offline { path }
            | Error::Stopped { path }
            | Error::Locked { path } => Some(path),
        }
    }

    /// For `map_err`: an IO error with its place.
    pub(crate) fn io<'a>(
        operation: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> Error + 'a {
        move |source| Error::Io { operation, path: path.to_owned(), source }
    }

    pub(crate) fn corrupt(path: &Path, detail: impl Into<String>) -> Error {
        Error::Corrupt { path: path.to_owned(), detail: detail.into() }
    }
}

/// A fault of the directory's journal is one of the log that relies on it.
impl From<ottla_journal::Error> for Error {
    fn from(error: ottla_journal::Error) -> Error {
        match error {
            ottla_journal::Error::Io { operation, path, source } => {
                Error::Io { operation, path, source }
            }
            ottla_journal::Error::Offline { path } => Error::Offline { path },
        }
    }
}

/// Why an append did not happen.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The records were refused; nothing changed.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The log failed; it is offline now.
    #[error(transparent)]
    Fault(#[from] Error),
}

/// Why a read gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The offset is not in the log (`OFFSET_OUT_OF_RANGE`).
    #[error(
        "offset {offset} is outside of the log, which holds [{log_start_offset}, {log_end_offset})"
    )]
    OutOfRange {
        /// Offset that was asked for.
        offset: i64,
        /// First offset there is.
        log_start_offset: i64,
        /// Offset that the next record will get.
        log_end_offset: i64,
    },
    /// The log failed.
    #[error(transparent)]
    Fault(#[from] Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_some_errors_blame_the_disk() {
        let error = |source| Error::Io { operation: "write", path: PathBuf::from("/d"), source };
        for (code, blames_disk) in [
            (5, true),    // EIO
            (30, true),   // EROFS
            (13, true),   // EACCES
            (6, true),    // ENXIO
            (19, true),   // ENODEV
            (116, true),  // ESTALE
            (117, true),  // EUCLEAN
            (28, false),  // ENOSPC
            (122, false), // EDQUOT
            (27, false),  // EFBIG
            (EMFILE, false),
            (ENFILE, false),
            (2, false),  // ENOENT
            (20, false), // ENOTDIR
            (21, false), // EISDIR
        ] {
            let error = error(io::Error::from_raw_os_error(code));
            assert_eq!(error.blames_disk(), blames_disk, "{code}");
            assert_eq!(error.blames_name(), [2, 20, 21].contains(&code), "{code}");
        }
        assert!(!Error::corrupt(Path::new("/d"), "wrong").blames_disk());
    }
}
