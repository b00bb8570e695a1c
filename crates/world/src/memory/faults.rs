//! What goes wrong, where, and when the machine stops.
use std::io;
use std::path::{Path, PathBuf};

use super::SeededRandom;
use crate::Random;

/// What goes wrong, and how often. The default is a perfect disk without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// One write in so many fails with an IO error (0: never).
    pub write_error_one_in: u64,
    /// One read in so many fails with an IO error (0: never).
    pub read_error_one_in: u64,
    /// One sync in so many fails with an IO error (0: never). Of what it should have kept some is
    /// durable and the rest is forgotten: the next sync succeeds and keeps nothing of it.
    pub sync_error_one_in: u64,
    /// One creation, renaming or removal in so many fails with an IO error (0: never).
    pub name_error_one_in: u64,
    /// One read or write in so many does only a part of its work (0: never).
    pub short_one_in: u64,
    /// Room for file bytes (0: no limit); a write that goes beyond is cut short there, and one that
    /// begins beyond fails with `StorageFull`. A full disk may have no place for another name.
    pub capacity_bytes: u64,
    /// A sync that fails says that the disk is full, and not that it is broken.
    pub sync_says_full: bool,
    /// The machine stops as a sync of a file fails: whoever waited for it does not hear of that.
    pub sync_error_stops: bool,
}

/// Which faults hold where.
#[derive(Debug, Default)]
pub(super) struct FaultMap {
    everywhere: Faults,
    under: Vec<(PathBuf, Faults)>,
}

impl FaultMap {
    pub(super) fn set(&mut self, faults: Faults) {
        *self = FaultMap { everywhere: faults, under: Vec::new() };
    }

    pub(super) fn set_under(&mut self, path: &Path, faults: Faults) {
        self.under.retain(|(known, _)| known != path);
        self.under.push((path.to_owned(), faults));
    }

    /// Those of the longest path that `path` is below.
    pub(super) fn at(&self, path: &Path) -> Faults {
        let below = self.under.iter().filter(|(root, _)| path.starts_with(root));
        let closest = below.max_by_key(|(root, _)| root.as_os_str().len());
        closest.map_or(self.everywhere, |(_, faults)| *faults)
    }
}

/// Counts what changes the disk, and stops the machine in the middle of it.
#[derive(Debug, Default)]
pub(super) struct Countdown {
    pub(super) operations: u64,
    left: Option<u64>,
    pub(super) is_stopped: bool,
}

/// Whether an operation happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// As asked.
    Whole,
    /// The machine stops in it: it happens in part, or as a whole, and nobody is told.
    Last,
}

impl Countdown {
    /// The machine stops in the operation that follows so many others.
    pub(super) fn stop_after(&mut self, operations: u64) {
        self.left = Some(operations);
    }

    /// The machine stops now.
    pub(super) fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// It runs again.
    pub(super) fn restart(&mut self) {
        self.left = None;
        self.is_stopped = false;
    }

    pub(super) fn require_running(&self) -> io::Result<()> {
        if self.is_stopped { Err(stopped()) } else { Ok(()) }
    }

    pub(super) fn step(&mut self) -> io::Result<Step> {
        self.require_running()?;
        self.operations += 1;
        match &mut self.left {
            Some(0) => {
                self.is_stopped = true;
                Ok(Step::Last)
            }
            Some(left) => {
                *left -= 1;
                Ok(Step::Whole)
            }
            None => Ok(Step::Whole),
        }
    }
}

/// What everybody is told once the machine has stopped.
pub(super) fn stopped() -> io::Error {
    io::Error::other("the machine has stopped")
}

/// A sync fails, one time in so many.
pub(super) fn fail_sync(random: &SeededRandom, faults: &Faults) -> io::Result<()> {
    match fail(random, faults.sync_error_one_in) {
        Err(_) if faults.sync_says_full => Err(io::ErrorKind::StorageFull.into()),
        outcome => outcome,
    }
}

/// Fails with an IO error, one time in so many.
pub(super) fn fail(random: &SeededRandom, one_in: u64) -> io::Result<()> {
    if happens(random, one_in) { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
}

pub(super) fn happens(random: &SeededRandom, one_in: u64) -> bool {
    one_in > 0 && random.below(one_in) == 0
}
