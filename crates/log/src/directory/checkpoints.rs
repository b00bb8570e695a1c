//! The checkpoint files of a folder.
use std::collections::BTreeMap;
use std::path::Path;

use ottla_world::Disk;

use super::folder::LogDirectory;
use crate::checkpoint::{read_offsets, write_offsets};
use crate::error::{Error, Result};
use crate::names::TopicPartition;

pub(super) const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
pub(super) const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
pub(super) const LOG_STARTS: &str = "log-start-offset-checkpoint";
pub(super) const CLEANED: &str = "cleaner-offset-checkpoint";

/// Offsets by partition, as checkpoint files hold them.
pub type OffsetsByPartition = BTreeMap<TopicPartition, i64>;

impl LogDirectory {
    /// High watermarks as they were checkpointed when the folder was opened.
    pub fn high_watermarks(&self) -> &OffsetsByPartition {
        &self.high_watermarks
    }

    /// Writes `replication-offset-checkpoint`.
    pub fn checkpoint_high_watermarks(&self, offsets: &OffsetsByPartition) -> Result<()> {
        self.checkpoint(HIGH_WATERMARKS, offsets)
    }

    /// Writes `recovery-point-offset-checkpoint`.
    pub fn checkpoint_recovery_points(&self, offsets: &OffsetsByPartition) -> Result<()> {
        self.checkpoint(RECOVERY_POINTS, offsets)
    }

    /// Writes `log-start-offset-checkpoint`. Kafka lists only logs whose start offset is not their
    /// first segment's: see [`Log::log_start_is_within_segment`].
    pub fn checkpoint_log_start_offsets(&self, offsets: &OffsetsByPartition) -> Result<()> {
        self.checkpoint(LOG_STARTS, offsets)
    }

    /// Writes `cleaner-offset-checkpoint`.
    pub fn checkpoint_cleaned_offsets(&self, offsets: &OffsetsByPartition) -> Result<()> {
        self.checkpoint(CLEANED, offsets)
    }

    /// Reads `cleaner-offset-checkpoint`.
    pub fn cleaned_offsets(&self) -> Result<OffsetsByPartition> {
        lenient_offsets(self.disk.as_ref(), &self.path.join(CLEANED))
    }

    fn checkpoint(&self, name: &str, offsets: &OffsetsByPartition) -> Result<()> {
        write_offsets(self.disk.as_ref(), &self.path.join(name), offsets)
    }
}

/// Reads a checkpoint. One that holds no offsets is as good as none: more is recovered then.
pub(super) fn lenient_offsets(disk: &dyn Disk, path: &Path) -> Result<OffsetsByPartition> {
    match read_offsets(disk, path) {
        Err(error @ Error::Corrupt { .. }) => {
            tracing::warn!(%error, "checkpoint ignored");
            Ok(OffsetsByPartition::new())
        }
        read => read,
    }
}
