//! Loading a log, and recovering it when it was not closed in order.
//!
//! # Layout
//! - `files`: what is in the directory: names and sizes, and how much of it has to be recovered
//! - `load`: from there to an open log; `recover`: one segment's scan
//! - `lacking`: what the journal has and the segments have not
//! - `watch`: how far a recovery is, for those who wait for it
mod files;
mod lacking;
mod load;
mod recover;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;

pub use files::UnopenedLog;
pub use watch::RecoveryWatch;

use ottla_world::Descriptors;

use crate::config::LogConfig;

/// How to open a log.
#[derive(Clone, Debug)]
pub struct OpenLog {
    /// The partition's directory, `<topic>-<partition>` (created when absent).
    pub directory: PathBuf,
    /// Settings.
    pub config: Arc<LogConfig>,
    /// Everything before this offset is known to be on disk.
    pub recovery_point: i64,
    /// First offset as last checkpointed (DeleteRecords), or 0.
    pub log_start_offset: i64,
    /// Compaction has come so far, as last checkpointed, or 0: it left holes on purpose.
    pub cleaned_to: i64,
    /// The log was closed in order: nothing needs to be checked.
    pub clean: bool,
    /// Kafka timestamp.
    pub now_ms: i64,
    /// Shared with the other logs of the broker.
    pub descriptors: Arc<Descriptors>,
}

impl OpenLog {
    /// For a log in `directory` of which nothing is known.
    pub fn new(directory: impl Into<PathBuf>, config: Arc<LogConfig>, now_ms: i64) -> OpenLog {
        OpenLog {
            directory: directory.into(),
            config,
            recovery_point: 0,
            log_start_offset: 0,
            cleaned_to: 0,
            clean: false,
            now_ms,
            descriptors: Arc::default(),
        }
    }
}
