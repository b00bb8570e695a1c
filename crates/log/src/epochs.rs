//! Where each leader epoch starts (`leader-epoch-checkpoint`).
//!
//! Epochs and start offsets both ascend. The file can be rebuilt from the batches after the recovery
//! point, so it is synced only before the recovery point moves.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ottla_world::Disk;

use crate::checkpoint::{Durability, read_lines, write_lines};
use crate::error::Result;

/// The file's name in the log's directory.
pub(crate) const EPOCHS_FILE: &str = "leader-epoch-checkpoint";

/// The end of a leader epoch in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The largest epoch in the log that is not larger than the one asked for.
    pub leader_epoch: i32,
    /// The offset after its last record.
    pub end_offset: i64,
}

/// A leader epoch and the offset of its first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochStart {
    /// Leader epoch.
    pub leader_epoch: i32,
    /// Offset of its first record.
    pub start_offset: i64,
}

/// The leader epochs of a log, in order.
#[derive(Debug)]
pub(crate) struct LeaderEpochs {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    entries: Vec<EpochStart>,
    /// The file may not have reached the disk yet.
    unsynced: bool,
    /// The newest epoch has no records yet and is not in the file.
    unwritten: bool,
}

impl LeaderEpochs {
    /// Reads the file in a log's directory.
    pub(crate) fn open(disk: Arc<dyn Disk>, directory: &Path) -> Result<LeaderEpochs> {
        let path = directory.join(EPOCHS_FILE);
        let entries = read_lines(disk.as_ref(), &path, |line| {
            let (epoch, offset) = line.split_once(' ')?;
            let (leader_epoch, start_offset) = (epoch.parse().ok()?, offset.parse().ok()?);
            Some(EpochStart { leader_epoch, start_offset })
        })?;
        Ok(LeaderEpochs { disk, path, entries, unsynced: false, unwritten: false })
    }

    /// No epochs, whatever the file says.
    pub(crate) fn empty(disk: Arc<dyn Disk>, directory: &Path) -> LeaderEpochs {
        let path = directory.join(EPOCHS_FILE);
        LeaderEpochs { disk, path, entries: Vec::new(), unsynced: true, unwritten: false }
    }

    pub(crate) fn latest(&self) -> Option<EpochStart> {
        self.entries.last().copied()
    }

    pub(crate) fn earliest(&self) -> Option<EpochStart> {
        self.entries.first().copied()
    }

    /// Notes that `leader_epoch` starts at `start_offset`. Entries that this contradicts go: they
    /// were written by a leader whose records did not last.
    pub(crate) fn assign(&mut self, leader_epoch: i32, start_offset: i64) -> Result<()> {
        self.announce(leader_epoch, start_offset);
        self.write_announced()
    }

    /// Notes an epoch that has no records yet. It goes into the file with its first records, or
    /// before the next sync: a node that starts with thousands of logs writes none of their files.
    pub(crate) fn announce(&mut self, leader_epoch: i32, start_offset: i64) {
        if let Some(latest) = self.latest()
            && latest.leader_epoch == leader_epoch
            && latest.start_offset <= start_offset
        {
            return;
        }
        let contradicted = |entry: &EpochStart| {
            entry.leader_epoch >= leader_epoch || entry.start_offset >= start_offset
        };
        while self.entries.last().is_some_and(contradicted) {
            self.entries.pop();
        }
        self.entries.push(EpochStart { leader_epoch, start_offset });
        self.unwritten = true;
    }

    /// Writes the file if it lacks an announced epoch.
    pub(crate) fn write_announced(&mut self) -> Result<()> {
        if self.unwritten { self.write() } else { Ok(()) }
    }

    /// Writes the file again as it is.
    pub(crate) fn write_again(&mut self) -> Result<()> {
        if self.entries.is_empty() { Ok(()) } else { self.write() }
    }

    /// Where `leader_epoch` ends in a log that ends at `log_end`.
    pub(crate) fn end_of(&self, leader_epoch: i32, log_end: i64) -> Option<EpochEnd> {
        // −1 asks for nothing; what is below it comes before every epoch, as for Kafka.
        if leader_epoch == -1 {
            return None;
        }
        if self.latest().is_some_and(|latest| latest.leader_epoch == leader_epoch) {
            return Some(EpochEnd { leader_epoch, end_offset: log_end });
        }
        let after = self.entries.partition_point(|entry| entry.leader_epoch <= leader_epoch);
        let end_offset = self.entries.get(after)?.start_offset;
        let known = after.checked_sub(1).map(|index| self.entries[index].leader_epoch);
        Some(EpochEnd { leader_epoch: known.unwrap_or(leader_epoch), end_offset })
    }

    /// The epoch that wrote `offset`.
    pub(crate) fn epoch_of(&self, offset: i64) -> Option<i32> {
        let after = self.entries.partition_point(|entry| entry.start_offset <= offset);
        after.checked_sub(1).map(|index| self.entries[index].leader_epoch)
    }

    /// Drops epochs that start at `log_end` or later.
    pub(crate) fn truncate_from_end(&mut self, log_end: i64) -> Result<()> {
        let kept = self.entries.partition_point(|entry| entry.start_offset < log_end);
        if kept == self.entries.len() {
            return Ok(());
        }
        self.entries.truncate(kept);
        self.write()
    }

    /// Drops epochs that end at `log_start` or before; the one that holds it starts there now.
    pub(crate) fn truncate_from_start(&mut self, log_start: i64) -> Result<()> {
        let after = self.entries.partition_point(|entry| entry.start_offset <= log_start);
        let Some(holding) = after.checked_sub(1) else { return Ok(()) };
        if holding == 0 && self.entries[0].start_offset == log_start {
            return Ok(());
        }
        self.entries.drain(..holding);
        self.entries[0].start_offset = log_start;
        self.write()
    }

    pub(crate) fn clear(&mut self) -> Result<()> {
        self.entries.clear();
        self.write()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file has to be synced; whoever asks will do it.
    pub(crate) fn take_unsynced(&mut self) -> bool {
        std::mem::take(&mut self.unsynced)
    }

    fn write(&mut self) -> Result<()> {
        let lines = self
            .entries
            .iter()
            .map(|entry| format!("{} {}", entry.leader_epoch, entry.start_offset));
        write_lines(self.disk.as_ref(), &self.path, lines, Durability::Rebuildable)?;
        self.unsynced = true;
        self.unwritten = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ottla_world::memory::MemoryDisk;

    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        let mut epochs = LeaderEpochs::empty(Arc::new(MemoryDisk::new(1)), Path::new("/"));
        for (leader_epoch, start_offset) in entries {
            epochs.assign(*leader_epoch, *start_offset).unwrap();
        }
        epochs
    }

    fn pairs(epochs: &LeaderEpochs) -> Vec<(i32, i64)> {
        epochs.entries.iter().map(|entry| (entry.leader_epoch, entry.start_offset)).collect()
    }

    #[test]
    fn an_announced_epoch_is_written_with_its_first_records() {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new(1));
        let mut epochs = LeaderEpochs::empty(Arc::clone(&disk), Path::new("/"));
        epochs.assign(1, 0).unwrap();
        epochs.announce(2, 10);
        epochs.announce(3, 10);
        let in_file = || pairs(&LeaderEpochs::open(Arc::clone(&disk), Path::new("/")).unwrap());
        assert_eq!((pairs(&epochs), in_file()), (vec![(1, 0), (3, 10)], vec![(1, 0)]));
        epochs.assign(3, 10).unwrap();
        assert_eq!(in_file(), [(1, 0), (3, 10)]);
    }

    #[test]
    fn assigning_keeps_both_columns_ascending() {
        for (assigned, kept) in [
            (&[(0, 0), (1, 10), (1, 20)][..], &[(0, 0), (1, 10)][..]),
            (&[(0, 0), (2, 10), (4, 10)], &[(0, 0), (4, 10)]),
            (&[(0, 0), (2, 10), (1, 15)], &[(0, 0), (1, 15)]),
            (&[(0, 5), (1, 9), (2, 5)], &[(2, 5)]),
            (&[(1, 9), (1, 4)], &[(1, 4)]),
        ] {
            assert_eq!(pairs(&epochs(assigned)), kept, "{assigned:?}");
        }
    }

    #[test]
    fn ends() {
        let epochs = epochs(&[(2, 5), (3, 10), (5, 20)]);
        for (asked, expected) in [
            (-1, None),
            (-2, Some((-2, 5))),
            (0, Some((0, 5))),
            (2, Some((2, 10))),
            (3, Some((3, 20))),
            (4, Some((3, 20))),
            (5, Some((5, 33))),
            (6, None),
        ] {
            let found = epochs.end_of(asked, 33).map(|end| (end.leader_epoch, end.end_offset));
            assert_eq!(found, expected, "{asked}");
        }
        for (offset, expected) in [(4, None), (5, Some(2)), (19, Some(3)), (100, Some(5))] {
            assert_eq!(epochs.epoch_of(offset), expected, "{offset}");
        }
    }

    #[test]
    fn truncation() {
        let start = [(2, 5), (3, 10), (5, 20)];
        for (end, kept) in [(21, &start[..]), (20, &start[..2]), (10, &start[..1]), (0, &[])] {
            let mut epochs = epochs(&start);
            epochs.truncate_from_end(end).unwrap();
            assert_eq!(pairs(&epochs), kept, "{end}");
        }
        for (from, kept) in [
            (4, &[(2, 5), (3, 10), (5, 20)][..]),
            (5, &[(2, 5), (3, 10), (5, 20)]),
            (7, &[(2, 7), (3, 10), (5, 20)]),
            (10, &[(3, 10), (5, 20)]),
            (40, &[(5, 40)]),
        ] {
            let mut epochs = epochs(&start);
            epochs.truncate_from_start(from).unwrap();
            assert_eq!(pairs(&epochs), kept, "{from}");
        }
    }

    #[test]
    fn the_file_is_kafkas() {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new(1));
        let mut epochs = LeaderEpochs::empty(Arc::clone(&disk), Path::new("/"));
        epochs.assign(3, 7).unwrap();
        assert!(epochs.take_unsynced() && !epochs.take_unsynced());
        let path = Path::new("/leader-epoch-checkpoint");
        let bytes = ottla_world::disk::read_file(disk.as_ref(), path, 100).unwrap();
        assert_eq!(bytes, b"0\n1\n3 7\n");
        assert_eq!(pairs(&LeaderEpochs::open(disk, Path::new("/")).unwrap()), [(3, 7)]);
    }
}
