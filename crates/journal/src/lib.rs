//! One file for all logs of a directory, in which an acknowledgement finds the disk at once.
//!
//! A log that promises `ottla.durability=fsync` writes its segment as ever and hands a copy to the
//! journal. Whoever commits writes everything that has gathered since the last time and waits for the
//! disk once. Segments follow later; a start after a crash appends to them what they lack. What a batch is,
//! and where a log lies, the journal does not know.
//!
//! # Layout
//! - `layout`: bytes of a file: header, commits, entries; `ring`: which file is written, and which may
//!   be used again; `gathered`: what the next commit writes; `plan`: what a start still needs. All pure.
//! - `reader`: the files after a crash; `file`: one file while it is written
//! - `handle`: the journal as logs and the committing thread share it
mod error;
mod file;
mod gathered;
mod handle;
mod layout;
mod plan;
mod reader;
mod ring;
#[cfg(test)]
mod tests;

pub use error::{Error, Result};
pub use gathered::{Append, Event};
pub use handle::{Commit, Journal, JournalStats};
pub use layout::LogKey;
pub use plan::{LogPlan, Place, PlannedAppend};
pub use reader::Replay;

/// How large a journal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalSize {
    /// `ottla.journal.files`: how many files, at least two.
    pub files: usize,
    /// `ottla.journal.file.bytes`: the size of each.
    pub file_bytes: u64,
}

impl Default for JournalSize {
    fn default() -> JournalSize {
        JournalSize { files: 4, file_bytes: 64 << 20 }
    }
}

/// Which log an acknowledgement can be given in, and up to where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Everything gathered before this offset is on disk.
    pub end_offset: i64,
    /// Bytes of records that this commit made durable.
    pub bytes: u64,
    /// The log's truncations when it was gathered: what was cut since does not count.
    pub truncations: u64,
}
