//! `ottla-doubt`: what the log's files show may not be on disk, though no sync will say so.
//!
//! A sync that failed may leave bytes in the page cache that count as written, and a cut that nobody
//! lived to sync may come undone under what is written in its place. The next process can't see
//! either; it finds this file, writes everything behind the recovery point anew and syncs it before it
//! goes on. Whoever is killed while a sync fails can't say so any more, so the file is there as long as a
//! sync takes. Where the power was lost meanwhile the disk tells by itself, and it does no harm.
//!
//! After a cut the file bears an offset as well: a checkpoint may have a recovery point beyond it. While a log
//! starts over it bears where, so that the next start finishes that.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ottla_world::{Disk, OpenMode};

use crate::checkpoint::{Durability, read_lines, write_lines};
use crate::error::{Error, Result};

/// The file's name in the log's directory. Kafka knows nothing of it and leaves it alone.
pub const DOUBT_FILE: &str = "ottla-doubt";

/// Whether there is that file, and what it says.
#[derive(Debug)]
pub(in crate::log) struct Doubt {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    is_raised: bool,
    /// Nothing from here on is known to be on disk, whatever a checkpoint says.
    cut_at: Option<i64>,
    /// The log is being emptied, and will begin here.
    starts_over_at: Option<i64>,
    /// The largest recovery point that a checkpoint may have.
    told: i64,
    /// Each sync whose outcome nobody knows yet has a clone.
    syncs: Arc<()>,
}

impl Doubt {
    /// What the last process has left in a log's directory; `told` is the checkpointed recovery point.
    pub(in crate::log) fn find(
        disk: &Arc<dyn Disk>,
        directory: &Path,
        is_raised: bool,
        told: i64,
    ) -> Result<Doubt> {
        let path = directory.join(DOUBT_FILE);
        let mut offsets = Vec::new();
        if is_raised {
            // Without an offset it is empty. One that bears one was synced before it got its name.
            offsets = match read_lines(disk.as_ref(), &path, |line| line.parse::<i64>().ok()) {
                Ok(offsets) => offsets,
                Err(Error::Corrupt { .. }) => Vec::new(),
                Err(error) => return Err(error),
            };
        }
        let (cut_at, starts_over_at) = (offsets.first().copied(), offsets.get(1).copied());
        let disk = Arc::clone(disk);
        Ok(Doubt { disk, path, is_raised, cut_at, starts_over_at, told, syncs: Arc::default() })
    }

    pub(in crate::log) fn is_raised(&self) -> bool {
        self.is_raised
    }

    /// What a checkpointed recovery point is worth.
    pub(in crate::log) fn believe(&self, recovery_point: i64) -> i64 {
        self.cut_at.map_or(recovery_point, |cut_at| cut_at.min(recovery_point))
    }

    /// A checkpoint may have this recovery point from now on.
    pub(in crate::log) fn told(&mut self, recovery_point: i64) {
        self.told = self.told.max(recovery_point);
    }

    /// Before a sync, which is under way until what is returned is dropped. Where there is no place for the
    /// file the sync goes on, and only its failure is told.
    pub(in crate::log) fn raise_for_sync(&mut self) -> Arc<()> {
        self.is_raised = self.is_raised || mark(self.disk.as_ref(), &self.path).is_ok();
        Arc::clone(&self.syncs)
    }

    /// Before a cut that leaves the log with this recovery point, which may be told at once.
    pub(in crate::log) fn raise_for_cut(&mut self, recovery_point: i64) -> Result<()> {
        let lowest = self.cut_at.unwrap_or(self.told);
        if recovery_point < lowest {
            self.write(recovery_point)?;
        } else if !self.is_raised {
            mark(self.disk.as_ref(), &self.path).map_err(Error::io("create", &self.path))?;
        }
        self.is_raised = true;
        Ok(())
    }

    /// Before a log is emptied, to begin at `offset`. From now on the next start does so, too.
    pub(in crate::log) fn raise_for_start_over(&mut self, offset: i64) -> Result<()> {
        self.starts_over_at = Some(offset);
        let lowest = self.cut_at.unwrap_or(offset);
        self.write(lowest.min(offset))?;
        self.is_raised = true;
        Ok(())
    }

    /// Where a log has to begin that was being emptied.
    pub(in crate::log) fn starts_over_at(&self) -> Option<i64> {
        self.starts_over_at
    }

    /// The new beginning is on disk, and nothing else is.
    pub(in crate::log) fn has_started_over(&mut self) -> Result<()> {
        match (self.starts_over_at.take(), self.cut_at) {
            (Some(_), Some(cut_at)) => self.write(cut_at),
            _ => Ok(()),
        }
    }

    fn write(&mut self, cut_at: i64) -> Result<()> {
        let offsets: Vec<i64> = [Some(cut_at), self.starts_over_at].into_iter().flatten().collect();
        let lines = offsets.iter().map(i64::to_string);
        write_lines(self.disk.as_ref(), &self.path, lines, Durability::Synced)?;
        self.cut_at = Some(cut_at);
        Ok(())
    }

    /// Everything before this recovery point is on disk. Once that holds for all that a checkpoint may
    /// tell, and no sync is under way, there is no doubt left.
    pub(in crate::log) fn settle(&mut self, recovery_point: i64) -> Result<()> {
        if !self.is_raised {
            return Ok(());
        }
        if let Some(cut_at) = self.cut_at.filter(|_| recovery_point < self.told) {
            // From now on the cleaner may make holes up to here, which are not a crash's.
            return if cut_at < recovery_point { self.write(recovery_point) } else { Ok(()) };
        }
        if Arc::strong_count(&self.syncs) > 1 {
            return Ok(());
        }
        match self.disk.remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Error::io("remove", &self.path)(error));
            }
            _ => {}
        }
        if self.cut_at.is_some() {
            // It must not come back once the cleaner has made holes behind that offset.
            let directory = self.path.parent().unwrap_or(Path::new("/"));
            self.disk.sync_dir(directory).map_err(Error::io("sync", directory))?;
        }
        (self.is_raised, self.cut_at) = (false, None);
        Ok(())
    }
}

/// A sync has failed in this directory. The file needs no bytes, which a full disk has no room for.
pub(in crate::log) fn raise(disk: &dyn Disk, directory: &Path) {
    match mark(disk, &directory.join(DOUBT_FILE)) {
        Err(error) if error.kind() != ErrorKind::NotFound => tracing::warn!(
            directory = %directory.display(), %error,
            "a sync has failed, and that can't be written down: the next start may take for kept what is not"
        ),
        _ => {}
    }
}

/// It need not outlast a loss of power.
fn mark(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    disk.open(path, OpenMode::Create).map(drop)
}
