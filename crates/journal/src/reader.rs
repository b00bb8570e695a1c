//! The journal that a start finds.
//!
//! Read from the oldest lap that counted to the first commit that is not whole: it and what follows
//! were never acknowledged, for a commit is written once the one before it is on disk.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use ottla_wire::Uuid;
use ottla_world::disk::{read_exact_at, read_up_to};
use ottla_world::{Disk, File, OpenMode};

use super::file::{path, slot_of};
use super::layout::{
    BLOCK_BYTES, COMMIT_HEADER_BYTES, CommitId, ENTRY_HEADER_BYTES, EntryHeader, FileHeader,
    LogKey, commit_entry_bytes, commit_header, commit_is_whole, padded,
};
use super::plan::{LogPlan, Place, Plan};
use crate::error::{Error, Result};

/// No journal gets there by counting.
const NUMBER_MAX: u64 = 1 << 62;
/// Appended to the name of a journal that belongs to another directory.
const STRAY_SUFFIX: &str = "-stray";

/// What a directory's journal holds for its logs.
#[derive(Debug)]
pub struct Replay {
    files: BTreeMap<usize, Found>,
    logs: BTreeMap<LogKey, LogPlan>,
    next_lap: u64,
    next_sequence: u64,
}

#[derive(Debug)]
struct Found {
    file: Arc<dyn File>,
    path: PathBuf,
    bytes: u64,
    header: Option<FileHeader>,
}

impl Replay {
    /// Reads the journal in `directory`, whose `directory.id` is `directory_id`. `is_settled`: the
    /// directory was left in order, so that nothing in the journal counts any more.
    ///
    /// # Errors
    /// When the disk refuses. A journal that is damaged is read as far as it goes.
    pub fn read(
        disk: &dyn Disk,
        directory: &Path,
        directory_id: Uuid,
        is_settled: bool,
    ) -> Result<Replay> {
        let mut replay =
            Replay { files: BTreeMap::new(), logs: BTreeMap::new(), next_lap: 0, next_sequence: 0 };
        for entry in disk.read_dir(directory).map_err(Error::io("list", directory))? {
            if let Some(slot) = slot_of(&entry.name).filter(|_| !entry.is_dir)
                && let Some(found) = Found::open(disk, directory, slot, directory_id)?
            {
                replay.files.insert(slot, found);
            }
        }
        let headers = replay.files.values().filter_map(|found| found.header);
        let newest = headers.max_by_key(|header| header.lap);
        let mut last = (0, 0);
        if let Some(newest) = newest {
            let end = if is_settled { newest.first_sequence } else { replay.plan(&newest)? };
            last = (newest.lap, end.max(newest.first_sequence));
        }
        for found in replay.files.values().filter(|found| found.header.is_none()) {
            let (lap, sequence) = found.largest_numbers(directory_id)?;
            last = (last.0.max(lap), last.1.max(sequence));
        }
        // A write of several commits that a crash cut short may have left any of them behind, in this
        // lap or as the first of the next: their numbers are never given again.
        let largest = replay.files.values().map(|found| found.bytes).max().unwrap_or(0);
        let commits_max = largest / BLOCK_BYTES + 1;
        replay.next_sequence = last.1.saturating_add(2 * commits_max);
        replay.next_lap = last.0.saturating_add(2);
        Ok(replay)
    }

    /// True when no log may lack anything.
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    /// The logs that may lack something.
    pub fn logs(&self) -> impl Iterator<Item = LogKey> {
        self.logs.keys().copied()
    }

    /// What a log may lack.
    pub fn log(&self, key: LogKey) -> Option<&LogPlan> {
        self.logs.get(&key)
    }

    /// The records of a planned append.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn records(&self, place: Place) -> Result<Bytes> {
        let found = &self.files[&place.slot];
        let mut records = vec![0; place.bytes as usize];
        read_exact_at(found.file.as_ref(), &mut records, place.position)
            .map_err(Error::io("read", &found.path))?;
        Ok(records.into())
    }

    /// True when the directory has a journal.
    pub(crate) fn has_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// Every file, newest first: what is left at any time is a journal by itself.
    pub(crate) fn newest_first(&self) -> Vec<&Path> {
        let mut files: Vec<&Found> = self.files.values().collect();
        let lap = |found: &Found| found.header.map_or(u64::MAX, |header| header.lap);
        files.sort_by_key(|found| std::cmp::Reverse(lap(found)));
        files.into_iter().map(|found| found.path.as_path()).collect()
    }

    /// Files beyond the first `count`.
    pub(crate) fn beyond(&self, count: usize) -> impl Iterator<Item = &Path> {
        self.files.range(count..).map(|(_, found)| found.path.as_path())
    }

    /// Which of the first `count` files were written throughout, at this size.
    pub(crate) fn zeroed(&self, count: usize, file_bytes: u64) -> Vec<bool> {
        let is_zeroed = |found: &Found| {
            found.bytes == file_bytes && found.header.is_some_and(|header| header.is_zeroed)
        };
        (0..count).map(|slot| self.files.get(&slot).is_some_and(is_zeroed)).collect()
    }

    /// Numbers that no commit has had: lap and sequence.
    pub(crate) fn next(&self) -> (u64, u64) {
        (self.next_lap, self.next_sequence)
    }

    /// Reads every lap that counts. Returns the first sequence that is not there.
    fn plan(&mut self, newest: &FileHeader) -> Result<u64> {
        let mut plan = Plan::default();
        let mut sequence = None;
        for lap in newest.oldest_lap..=newest.lap {
            let of_lap = |(_, found): &(&usize, &Found)| {
                found.header.is_some_and(|header| header.lap == lap)
            };
            let file = self.files.iter().find(of_lap);
            let starts =
                file.and_then(|(_, found)| found.header).map(|header| header.first_sequence);
            let (Some((slot, found)), true) =
                (file, sequence.is_none_or(|next| starts == Some(next)))
            else {
                tracing::error!(
                    lap,
                    newest = newest.lap,
                    "the journal is damaged: acknowledged records in it may be lost"
                );
                break;
            };
            sequence = Some(found.plan(*slot, &mut plan)?);
        }
        self.logs = plan.logs;
        Ok(sequence.unwrap_or(newest.first_sequence))
    }
}

impl Found {
    /// Opens a file and reads its header. Another directory's is put aside.
    fn open(
        disk: &dyn Disk,
        directory: &Path,
        slot: usize,
        directory_id: Uuid,
    ) -> Result<Option<Found>> {
        let path = path(directory, slot);
        let file = disk.open(&path, OpenMode::Write).map_err(Error::io("open", &path))?;
        let bytes = file.len().map_err(Error::io("look at", &path))?;
        let mut block = vec![0; BLOCK_BYTES as usize];
        let read = read_up_to(file.as_ref(), &mut block, 0).map_err(Error::io("read", &path))?;
        let header = FileHeader::decode(&block[..read]);
        if header.is_some_and(|header| header.directory_id != directory_id) {
            let mut aside = path.clone().into_os_string();
            aside.push(STRAY_SUFFIX);
            let aside = PathBuf::from(aside);
            tracing::warn!(
                path = %aside.display(),
                "a journal of another directory is put aside: its records are not this directory's"
            );
            disk.rename(&path, &aside).map_err(Error::io("rename", &path))?;
            return Ok(None);
        }
        Ok(Some(Found { file, path, bytes, header }))
    }

    /// The largest lap and sequence in a file whose header is gone: nothing in it can be believed, and
    /// none of its numbers may be given again.
    fn largest_numbers(&self, directory_id: Uuid) -> Result<(u64, u64)> {
        let mut largest = (0, 0);
        let mut header = [0; COMMIT_HEADER_BYTES];
        for position in (BLOCK_BYTES..self.bytes).step_by(BLOCK_BYTES as usize) {
            let read = read_up_to(self.file.as_ref(), &mut header, position)
                .map_err(Error::io("read", &self.path))?;
            if let Some((id, _)) = commit_header(&header[..read])
                && id.directory_id == directory_id
                && id.lap.max(id.sequence) < NUMBER_MAX
            {
                largest = (largest.0.max(id.lap), largest.1.max(id.sequence));
            }
        }
        Ok(largest)
    }

    /// Takes every whole commit into account. Returns the sequence after the last one.
    fn plan(&self, slot: usize, plan: &mut Plan) -> Result<u64> {
        let header = self.header.expect("a file is read by its header's lap");
        let FileHeader { directory_id, lap, first_sequence: mut sequence, .. } = header;
        let mut position = BLOCK_BYTES;
        let mut commit = Vec::new();
        loop {
            let id = CommitId { directory_id, lap, sequence };
            let Some(entries) = self.read_commit(position, id, &mut commit)? else { break };
            if take_entries(entries, slot, position, plan).is_none() {
                let path = self.path.display();
                tracing::error!(%path, position, "a commit of the journal makes no sense");
                break;
            }
            position += padded(commit.len() as u64);
            sequence += 1;
        }
        tracing::debug!(path = %self.path.display(), lap, sequence, position, "journal read");
        Ok(sequence)
    }

    /// Reads one commit; its entries, or `None` when it is not there as a whole.
    fn read_commit<'a>(
        &self,
        position: u64,
        id: CommitId,
        commit: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>> {
        let read = |buffer: &mut [u8], at: u64| {
            read_up_to(self.file.as_ref(), buffer, at).map_err(Error::io("read", &self.path))
        };
        commit.clear();
        commit.resize(COMMIT_HEADER_BYTES, 0);
        let there = read(commit, position)?;
        let Some(entry_bytes) = commit_entry_bytes(&commit[..there], id) else { return Ok(None) };
        let end = position + (COMMIT_HEADER_BYTES + entry_bytes) as u64;
        if end > self.bytes {
            return Ok(None);
        }
        commit.resize(COMMIT_HEADER_BYTES + entry_bytes, 0);
        let there =
            read(&mut commit[COMMIT_HEADER_BYTES..], position + COMMIT_HEADER_BYTES as u64)?;
        let is_whole = there == entry_bytes && commit_is_whole(commit);
        Ok(is_whole.then(|| &commit[COMMIT_HEADER_BYTES..]))
    }
}

/// Takes a commit's entries into account; `None` when they are not what was written.
fn take_entries(entries: &[u8], slot: usize, position: u64, plan: &mut Plan) -> Option<()> {
    let mut at = 0;
    while at < entries.len() {
        let header = EntryHeader::decode(&entries[at..])?;
        at += ENTRY_HEADER_BYTES;
        let place = Place {
            slot,
            position: position + (COMMIT_HEADER_BYTES + at) as u64,
            bytes: header.bytes,
        };
        plan.take(&header, place);
        at += header.bytes as usize;
    }
    Some(())
}
