//! What can go wrong. Faults are [`Error`]; what a client did wrong is a [`Refusal`].
use std::io;
use std::path::{Path, PathBuf};

use crate::append::Refusal;

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
