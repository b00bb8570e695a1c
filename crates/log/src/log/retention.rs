//! Old segments: which may go, and how they go.
//!
//! A segment leaves the log at once; its files are renamed, and removed when nobody has been reading
//! them for `file.delete.delay.ms`.
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Log;
use crate::cleaner::discard;
use crate::error::{Error, Result};
use crate::names::{DELETED_SUFFIX, SWAP_SUFFIX, with_suffix};
use crate::segment::Segment;

/// Files that will be removed.
#[derive(Debug)]
pub(super) struct Retired {
    paths: Vec<PathBuf>,
    due_ms: i64,
}

/// Why segments may go.
#[derive(Clone, Copy, Debug)]
enum Reason {
    LogStart,
    Size { excess_bytes: u64 },
    Time { now_ms: i64 },
}

impl Log {
    /// Retention: drops segments that are too old, too many bytes, or before the log start offset.
    /// Their files are renamed now and removed by [`Log::remove_deleted_files`]. Returns how many.
    pub fn delete_old_segments(&mut self, now_ms: i64) -> Result<usize> {
        self.change(|log| {
            let mut deleted = log.delete_for(Reason::LogStart, now_ms)?;
            if !log.config.cleanup_policy.delete {
                return Ok(deleted);
            }
            let size = log.size();
            if let Ok(kept) = u64::try_from(log.config.retention_bytes)
                && size >= kept
            {
                deleted += log.delete_for(Reason::Size { excess_bytes: size - kept }, now_ms)?;
            }
            if log.config.retention_ms >= 0 {
                deleted += log.delete_for(Reason::Time { now_ms }, now_ms)?;
            }
            Ok(deleted)
        })
    }

    fn delete_for(&mut self, reason: Reason, now_ms: i64) -> Result<usize> {
        let mut deletable = self.deletable(reason)?;
        if deletable.is_empty() {
            return Ok(0);
        }
        if deletable.len() == self.segments.len() {
            // There is always a segment; an empty one at the end is as good as a new one.
            if self.active().bytes() == 0 {
                deletable.pop();
            } else {
                self.roll_at(self.next_base(), now_ms)?;
            }
        }
        let Some(last) = deletable.last().copied() else { return Ok(0) };
        let next = self.segments.range(last + 1..).next().map(|(base_offset, _)| *base_offset);
        let new_start = next.expect("a segment was left or made after the deletable ones");
        self.move_log_start(new_start)?;
        for base_offset in &deletable {
            self.retire_segment(*base_offset, now_ms)?;
        }
        tracing::info!(
            partition = %self.name, ?reason, segments = deletable.len(), log_start_offset = self.log_start,
            "old segments deleted"
        );
        Ok(deletable.len())
    }

    /// Segments from the oldest on for which the reason holds; none that reaches the high watermark.
    fn deletable(&self, reason: Reason) -> Result<Vec<i64>> {
        let mut deletable = Vec::new();
        let mut reason = reason;
        let mut segments = self.segments.iter().peekable();
        while let Some((base_offset, segment)) = segments.next() {
            let next = segments.peek().map(|(next, _)| **next);
            let committed = self.high_watermark >= next.unwrap_or(self.log_end);
            let empty_end = next.is_none() && segment.bytes() == 0;
            if !committed || empty_end || !self.holds(&mut reason, segment, next)? {
                break;
            }
            deletable.push(*base_offset);
        }
        Ok(deletable)
    }

    fn holds(&self, reason: &mut Reason, segment: &Segment, next: Option<i64>) -> Result<bool> {
        Ok(match reason {
            Reason::LogStart => next.is_some_and(|next| next <= self.log_start),
            Reason::Size { excess_bytes } => match excess_bytes.checked_sub(segment.bytes()) {
                Some(rest) => {
                    *excess_bytes = rest;
                    true
                }
                None => false,
            },
            Reason::Time { now_ms } => {
                now_ms.saturating_sub(segment.age_timestamp()?) > self.config.retention_ms
            }
        })
    }

    /// Takes a segment out of the log; its files stay under another name for a while.
    fn retire_segment(&mut self, base_offset: i64, now_ms: i64) -> Result<()> {
        // Else the next start would bring it back as a run of the cleaner has left it.
        discard(self.disk.as_ref(), &self.directory, base_offset, SWAP_SUFFIX)?;
        self.retire_compacted(base_offset, true, now_ms)
    }

    /// As above; the snapshot at the offset may be kept for the segment that comes in its place.
    pub(super) fn retire_compacted(
        &mut self,
        base_offset: i64,
        with_snapshot: bool,
        now_ms: i64,
    ) -> Result<()> {
        let Some(segment) = self.segments.remove(&base_offset) else { return Ok(()) };
        self.unsynced.names_given_up = true;
        let mut paths = Vec::new();
        for path in segment.paths() {
            let retired = with_suffix(&path, DELETED_SUFFIX);
            match self.disk.rename(&path, &retired) {
                Ok(()) => paths.push(retired),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("rename", &path)(error)),
            }
        }
        if with_snapshot {
            paths.extend(self.producers.retire_snapshot(base_offset)?);
        }
        let due_ms = now_ms.saturating_add(self.config.file_delete_delay_ms);
        self.retired.push(Retired { paths, due_ms });
        Ok(())
    }

    /// Removes a segment whose records are void.
    pub(super) fn remove_segment_now(&mut self, base_offset: i64) -> Result<()> {
        let Some(segment) = self.segments.remove(&base_offset) else { return Ok(()) };
        for path in segment.paths() {
            self.remove_file(&path)?;
        }
        self.unsynced.names = true;
        Ok(())
    }

    /// Removes files that were deleted `file.delete.delay.ms` ago.
    pub fn remove_deleted_files(&mut self, now_ms: i64) -> Result<()> {
        if self.retired.iter().all(|retired| retired.due_ms > now_ms) {
            return Ok(());
        }
        self.change(|log| log.remove_retired(|retired| retired.due_ms <= now_ms))
    }

    pub(super) fn remove_all_retired(&mut self) -> Result<()> {
        self.remove_retired(|_| true)
    }

    fn remove_retired(&mut self, is_due: impl Fn(&Retired) -> bool) -> Result<()> {
        let (due, later) = std::mem::take(&mut self.retired).into_iter().partition(is_due);
        self.retired = later;
        let due: Vec<Retired> = due;
        self.unsynced.names_given_up |= !due.is_empty();
        for path in due.iter().flat_map(|retired| &retired.paths) {
            self.remove_file(path)?;
        }
        Ok(())
    }

    pub(crate) fn remove_file(&self, path: &Path) -> Result<()> {
        match self.disk.remove_file(path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::io("remove", path)(error)),
        }
    }
}
