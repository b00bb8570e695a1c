//! Snapshots taken, gone back to, and given up.
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use ottla_wire::records::BatchHeader;

use super::entry::Producer;
use super::snapshot;
use super::state::Producers;
use crate::error::{Error, Result};
use crate::names::{DELETED_SUFFIX, FileKind, with_suffix};

impl Producers {
    pub(crate) fn has_snapshots(&self) -> bool {
        !self.snapshots.is_empty()
    }

    /// Goes back to the newest snapshot in (`log_start`, `end`]; the caller replays what follows it.
    /// Snapshots outside of that range are removed.
    pub(crate) fn reload(&mut self, log_start: i64, end: i64, now_ms: i64) -> Result<()> {
        self.remove_snapshots_outside(log_start, end)?;
        self.forget();
        self.log_start = log_start;
        self.end_offset = log_start;
        while let Some(offset) = self.snapshots.last().copied() {
            let path = FileKind::ProducerSnapshot.path(&self.directory, offset);
            match snapshot::read(self.disk.as_ref(), &path) {
                Ok(producers) => {
                    let alive =
                        producers.into_iter().filter(|producer| !self.is_expired(producer, now_ms));
                    let alive: Vec<Producer> = alive.collect();
                    self.begin_unread_at(offset);
                    self.unread_before = (!alive.is_empty()).then_some(offset);
                    for producer in alive {
                        if let Some(first) = producer.transaction_start {
                            self.ongoing.insert(first, producer.producer_id);
                        }
                        self.producers.insert(producer.producer_id, producer);
                    }
                    break;
                }
                Err(error @ Error::Corrupt { .. }) => {
                    tracing::warn!(%error, "producer snapshot removed");
                    self.remove_snapshot(offset)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Where the snapshot lies that has kept to itself what may be this batch, sent again: it tells of the last
    /// one of each producer alone, and a producer may have five on their way.
    pub(crate) fn unread_before(&self, header: &BatchHeader) -> Option<i64> {
        let producer = self.producers.get(&header.producer_id)?;
        self.unread_before
            .filter(|offset| producer.may_have_earlier(header.producer_epoch, *offset))
    }

    /// Producers who know nothing yet, to take in what lies from this offset on.
    pub(crate) fn beginning_at(&self, offset: i64) -> Producers {
        let (disk, snapshots) = (Arc::clone(&self.disk), BTreeSet::new());
        let mut beginning = Producers::open(disk, &self.directory, self.expiration_ms, snapshots);
        beginning.end_offset = offset;
        beginning
    }

    /// Takes in what was read back of the batches before the snapshot. Nobody need do so again.
    pub(crate) fn remember_earlier(&mut self, earlier: &Producers) {
        for (producer_id, producer) in &mut self.producers {
            if let Some(earlier) = earlier.producers.get(producer_id) {
                producer.remember_earlier(earlier);
            }
        }
        self.unread_before = None;
    }

    /// Removes snapshots outside of (`log_start`, `end`].
    pub(crate) fn remove_snapshots_outside(&mut self, log_start: i64, end: i64) -> Result<()> {
        let outside: Vec<i64> = (self.snapshots.iter().copied())
            .filter(|offset| *offset > end || *offset <= log_start)
            .collect();
        outside.into_iter().try_for_each(|offset| self.remove_snapshot(offset))
    }

    /// Writes a snapshot at the end offset, unless there is one or nothing to tell. Returns its path when it was written,
    /// so that it can be synced.
    pub(crate) fn take_snapshot(&mut self) -> Result<Option<PathBuf>> {
        if self.end_offset <= self.snapshots.last().copied().unwrap_or(self.log_start) {
            return Ok(None);
        }
        let path = FileKind::ProducerSnapshot.path(&self.directory, self.end_offset);
        snapshot::write(self.disk.as_ref(), &path, self.producers.values())?;
        self.snapshots.insert(self.end_offset);
        Ok(Some(path))
    }

    /// Removes snapshots that belong to no segment, but for one after all of them, which a clean
    /// shutdown left.
    pub(crate) fn remove_stray_snapshots(&mut self, base_offsets: &BTreeSet<i64>) -> Result<()> {
        let newest = base_offsets.last().copied().unwrap_or(0);
        let mut stray: Vec<i64> = self.snapshots.difference(base_offsets).copied().collect();
        if stray.last().is_some_and(|last| *last > newest) {
            stray.pop();
        }
        for offset in stray {
            self.remove_snapshot(offset)?;
        }
        Ok(())
    }

    /// Removes snapshots of what comes after `offset`: the records will tell.
    pub(crate) fn remove_snapshots_after(&mut self, offset: i64) -> Result<()> {
        let after: Vec<i64> = self.snapshots.iter().copied().filter(|at| *at > offset).collect();
        after.into_iter().try_for_each(|at| self.remove_snapshot(at))
    }

    /// Renames the snapshot at `offset` so that it will be removed with its segment; returns the new path.
    pub(crate) fn retire_snapshot(&mut self, offset: i64) -> Result<Option<PathBuf>> {
        if !self.snapshots.remove(&offset) {
            return Ok(None);
        }
        let path = FileKind::ProducerSnapshot.path(&self.directory, offset);
        let retired = with_suffix(&path, DELETED_SUFFIX);
        match self.disk.rename(&path, &retired) {
            Ok(()) => Ok(Some(retired)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("rename", &path)(error)),
        }
    }

    pub(super) fn remove_snapshot(&mut self, offset: i64) -> Result<()> {
        self.snapshots.remove(&offset);
        let path = FileKind::ProducerSnapshot.path(&self.directory, offset);
        match self.disk.remove_file(&path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::io("remove", &path)(error)),
        }
    }
}
