//! What logs and the committing thread share.
//!
//! Logs hand entries in under their own locks; that takes a copy and no wait. One thread at a time
//! commits. Nobody who holds one of the locks in here takes a log's.
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::IoSlice;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ottla_wire::Uuid;
use ottla_world::Disk;
use parking_lot::{Condvar, Mutex};

use super::file::JournalFile;
use super::gathered::{Append, Event, Gathered, Unwritten};
use super::layout::{CommitId, FileHeader, LogKey};
use super::reader::Replay;
use super::ring::Ring;
use super::{Committed, JournalSize};
use crate::error::{Error, Result};

/// A new file is filled with zeros so far ahead of what is written.
const ZERO_STEP_BYTES: u64 = 1 << 20;
/// More than this waits to be written: whoever can wait should.
const BACKLOG_BYTES: u64 = 32 << 20;
/// While every file is needed, logs are asked this often to flush.
const PRESS_AGAIN: Duration = Duration::from_millis(50);

/// One directory's journal.
#[derive(Debug)]
pub struct Journal {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    size: JournalSize,
    shared: Mutex<Shared>,
    /// Somebody handed something in, a file became free, or it is over.
    changed: Condvar,
    ring: Mutex<Ring>,
    /// Held while a commit is written.
    writer: Mutex<Writer>,
    has_failed: AtomicBool,
    /// Bytes that were handed in and are not on disk.
    backlog_bytes: AtomicU64,
    stats: Counters,
}

#[derive(Debug)]
struct Shared {
    gathered: Gathered,
    /// What the last process left is void: there may be commits.
    is_ready: bool,
    /// Every file is needed: nothing is written until one is not.
    is_full: bool,
    /// The disk has no room for a journal: nothing is taken.
    is_without_room: bool,
    is_stopped: bool,
}

#[derive(Debug, Default)]
struct Writer {
    /// By number, as far as they were used.
    files: BTreeMap<usize, JournalFile>,
    has_begun: bool,
}

#[derive(Debug, Default)]
struct Counters {
    commits: AtomicU64,
    entries: AtomicU64,
    bytes: AtomicU64,
    waits: AtomicU64,
}

/// What a commit writes, and where.
struct Next {
    slot: usize,
    start: u64,
    /// The file begins with it.
    header: Option<FileHeader>,
    /// The range to fill ahead.
    zeros: Option<Range<u64>>,
    commits: Vec<(Unwritten, CommitId)>,
    pressed: Vec<LogKey>,
}

/// What a journal did since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalStats {
    /// Commits, each of which waited for the disk once.
    pub commits: u64,
    /// Entries in them.
    pub entries: u64,
    /// Bytes written.
    pub bytes: u64,
    /// How often every file was needed, so that a commit had to wait for segments.
    pub waits: u64,
    /// Files that hold what some segment does not have on disk.
    pub files_needed: u64,
}

/// What one commit did.
#[derive(Debug, Default)]
pub struct Commit {
    /// Logs with new durable records.
    pub logs: BTreeMap<LogKey, Committed>,
    /// Logs that should flush, so that files can be used again.
    pub pressed: Vec<LogKey>,
    /// Logs whose records the journal takes back, since there is no room for it: they flush.
    pub refused: Vec<LogKey>,
    /// Entries written.
    pub entries: u64,
}

impl Journal {
    /// The journal of `directory`, going on after what `replay` found. Nothing is written before
    /// [`Journal::begin`].
    pub fn new(
        disk: Arc<dyn Disk>,
        directory: &Path,
        directory_id: Uuid,
        size: JournalSize,
        replay: &Replay,
    ) -> Journal {
        let zeroed = replay.zeroed(size.files, size.file_bytes);
        Journal {
            disk,
            directory: directory.to_owned(),
            size,
            shared: Mutex::new(Shared {
                gathered: Gathered::new(size.file_bytes),
                is_ready: false,
                is_full: false,
                is_without_room: false,
                is_stopped: false,
            }),
            changed: Condvar::new(),
            ring: Mutex::new(Ring::new(directory_id, size.file_bytes, &zeroed, replay.next())),
            writer: Mutex::default(),
            has_failed: AtomicBool::new(false),
            backlog_bytes: AtomicU64::new(0),
            stats: Counters::default(),
        }
    }

    /// Voids what the journal held: every log has on disk itself what `replay` found for it.
    ///
    /// # Errors
    /// When the disk refuses; nothing may be gathered then.
    pub fn begin(&self, replay: &Replay) -> Result<()> {
        if replay.has_files() {
            let mut writer = self.writer.lock();
            if self.has_room(&mut writer)? {
                self.begin_lap(&mut writer)?;
                self.remove(replay.beyond(self.size.files))?;
            } else {
                self.give_up(&mut writer, replay.newest_first())?;
            }
        }
        self.shared.lock().is_ready = true;
        self.changed.notify_one();
        Ok(())
    }

    /// Hands batches in. False when they are too large for the journal, or there is none.
    ///
    /// # Errors
    /// When the journal has failed.
    pub fn append(&self, key: LogKey, append: &Append<'_>) -> Result<bool> {
        self.require_working()?;
        let mut shared = self.shared.lock();
        let was_empty = shared.gathered.is_empty();
        let is_taken = !shared.is_without_room && shared.gathered.append(key, append);
        drop(shared);
        if is_taken {
            let bytes: usize = append.records.iter().map(|piece| piece.len()).sum();
            self.backlog_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        if was_empty && is_taken {
            self.changed.notify_one();
        }
        Ok(is_taken)
    }

    /// Hands in what happened to a log.
    pub fn event(&self, key: LogKey, event: Event) {
        match event {
            Event::Truncated(offset) | Event::StartedOver(offset) => {
                let mut shared = self.shared.lock();
                shared.gathered.truncated(key, offset);
                self.ring.lock().truncated(key, offset);
            }
            Event::Forgotten => self.release(key),
            Event::StartMoved(_) => {}
        }
        let mut shared = self.shared.lock();
        if !shared.is_without_room {
            shared.gathered.event(key, event);
        }
        drop(shared);
        self.changed.notify_one();
    }

    /// Nothing of a log has to be kept, whatever was handed in: it is on disk, or gone.
    pub fn release(&self, key: LogKey) {
        let mut shared = self.shared.lock();
        shared.gathered.released(key);
        let is_freed = self.ring.lock().released(key);
        drop(shared);
        self.freed(is_freed);
    }

    /// A log has everything before `offset` on disk itself.
    pub fn flushed(&self, key: LogKey, offset: i64) {
        let is_freed = self.ring.lock().flushed(key, offset);
        self.freed(is_freed);
    }

    fn freed(&self, is_freed: bool) {
        if is_freed {
            self.shared.lock().is_full = false;
            self.changed.notify_one();
        }
    }

    /// True when so much waits for the disk that more should not be accepted before. Those who wait for
    /// their own answers bound themselves; this is for those who do not.
    pub fn is_behind(&self) -> bool {
        self.backlog_bytes.load(Ordering::Relaxed) > BACKLOG_BYTES
    }

    /// Nothing is taken any more: a log that relies on the journal lost what it wrote.
    pub fn fail(&self) {
        self.has_failed.store(true, Ordering::Release);
        drop(self.shared.lock());
        self.changed.notify_one();
    }

    /// True once a write or sync failed. What was acknowledged is in the files, for the next start.
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    fn require_working(&self) -> Result<()> {
        match self.has_failed() {
            true => Err(Error::Offline { path: self.directory.clone() }),
            false => Ok(()),
        }
    }

    /// Sleeps until there is something to commit. False once it is over and nothing is left.
    pub fn wait(&self) -> bool {
        let mut shared = self.shared.lock();
        loop {
            if self.has_failed() {
                return true;
            }
            let is_idle = shared.gathered.is_empty() || !shared.is_ready;
            if shared.is_stopped && (is_idle || shared.is_full) {
                return false;
            }
            if is_idle {
                self.changed.wait(&mut shared);
            } else if !shared.is_full || self.changed.wait_for(&mut shared, PRESS_AGAIN).timed_out()
            {
                return true;
            }
        }
    }

    /// Lets [`Journal::wait`] end.
    pub fn stop(&self) {
        self.shared.lock().is_stopped = true;
        self.changed.notify_all();
    }

    /// Writes what has gathered and waits for the disk, once. What the commit tells of is durable.
    ///
    /// # Errors
    /// After an error nothing is taken any more: what is in the files, and what is not, the next
    /// start finds out.
    pub fn commit(&self) -> Result<Commit> {
        let mut writer = self.writer.lock();
        let outcome = self.require_working().and_then(|()| self.write_gathered(&mut writer));
        if outcome.is_err() {
            self.fail();
        }
        outcome
    }

    fn write_gathered(&self, writer: &mut Writer) -> Result<Commit> {
        let is_idle = {
            let shared = self.shared.lock();
            shared.gathered.is_empty() || !shared.is_ready
        };
        if is_idle {
            return Ok(Commit::default());
        }
        if !self.has_room(writer)? {
            self.give_up(writer, Vec::new())?;
            return Ok(self.refuse());
        }
        if !writer.has_begun {
            self.begin_lap(writer)?;
        }
        let mut next = match self.take_gathered() {
            Ok(next) => next,
            Err(pressed) => return Ok(Commit { pressed, ..Commit::default() }),
        };
        let first_block = next.header.as_ref().map(FileHeader::encode).unwrap_or_default();
        let mut slices = vec![IoSlice::new(&first_block)];
        for (commit, id) in &mut next.commits {
            slices.push(IoSlice::new(commit.seal(*id)));
        }
        let file = self.file(writer, next.slot)?;
        if let Some(zeros) = next.zeros {
            file.fill_with_zeros(zeros)?;
        }
        file.write(&mut slices, next.start - first_block.len() as u64)?;
        file.sync()?;
        let commits = next.commits.into_iter().map(|(commit, _)| commit).collect();
        Ok(self.written(commits, next.pressed))
    }

    /// What is written next, and where. While every file is needed it is nothing, and who keeps them.
    fn take_gathered(&self) -> std::result::Result<Next, Vec<LogKey>> {
        // Both are held together: a log that is forgotten meanwhile is in one of them.
        let mut shared = self.shared.lock();
        let mut ring = self.ring.lock();
        let room = ring.room();
        let commits = shared.gathered.take(room);
        let len: u64 = commits.iter().map(Unwritten::len).sum();
        let header = if len > room { ring.advance() } else { None };
        if len > room && header.is_none() {
            shared.gathered.put_back(commits);
            if !std::mem::replace(&mut shared.is_full, true) {
                self.stats.waits.fetch_add(1, Ordering::Relaxed);
            }
            return Err(ring.pressed_again());
        }
        let (slot, start, lap) = (ring.current(), ring.position(), ring.lap());
        let end = start + len;
        let zeros = ring.zero_before(end, ZERO_STEP_BYTES);
        let directory_id = ring.directory_id();
        for commit in &commits {
            ring.note(commit.len(), commit.logs.iter().map(|(key, log)| (*key, log.end_offset)));
        }
        let mut number = |commit| {
            let sequence = ring.take_sequence();
            (commit, CommitId { directory_id, lap, sequence })
        };
        let commits = commits.into_iter().map(&mut number).collect();
        let zeros = zeros.map(|zeros| end.max(zeros.start)..zeros.end);
        Ok(Next { slot, start, header, zeros, commits, pressed: ring.pressed() })
    }

    fn written(&self, commits: Vec<Unwritten>, pressed: Vec<LogKey>) -> Commit {
        let mut outcome = Commit { pressed, ..Commit::default() };
        let mut len = 0;
        for commit in &commits {
            self.backlog_bytes.fetch_sub(commit.record_bytes, Ordering::Relaxed);
            outcome.entries += commit.entries;
            len += commit.len();
            for (key, committed) in &commit.logs {
                let none = Committed { bytes: 0, ..*committed };
                let known = outcome.logs.entry(*key).or_insert(none);
                *known = Committed { bytes: known.bytes + committed.bytes, ..*committed };
            }
        }
        self.stats.commits.fetch_add(1, Ordering::Relaxed);
        self.stats.entries.fetch_add(outcome.entries, Ordering::Relaxed);
        self.stats.bytes.fetch_add(len, Ordering::Relaxed);
        let mut shared = self.shared.lock();
        commits.into_iter().for_each(|commit| shared.gathered.reuse(commit));
        outcome
    }

    /// Makes the file that is going to be written after the current one; in the beginning the first two,
    /// for fewer are no journal. False when there is no room for that. Where there is none for a further
    /// one, the journal goes on with those it has.
    fn has_room(&self, writer: &mut Writer) -> Result<bool> {
        let (next, count) = {
            let ring = self.ring.lock();
            (ring.next(), self.size.files)
        };
        let needed = if writer.has_begun { next..next + 1 } else { 0..2.min(count) };
        for slot in needed {
            let Err(error) = self.file(writer, slot).map(|_| ()) else { continue };
            let path = self.directory.display();
            if !error.is_without_room() {
                return Err(error);
            }
            if !writer.has_begun {
                if !self.shared.lock().is_without_room {
                    tracing::warn!(
                        directory = %path,
                        error = &error as &dyn std::error::Error,
                        "no room for a journal: with ottla.durability=fsync segments are flushed one by one, \
                         which is slower, until there is room for two files of ottla.journal.file.bytes"
                    );
                }
                return Ok(false);
            }
            tracing::warn!(
                directory = %path,
                files = slot,
                error = &error as &dyn std::error::Error,
                "no room for another file of the journal: it goes on with fewer"
            );
            self.ring.lock().shrink(slot);
        }
        Ok(true)
    }

    /// Where the disk had no room for a journal: looks whether it has by now, so that the next appends are
    /// handed in again. True when it has just found some.
    ///
    /// # Errors
    /// When the disk refuses otherwise. Nothing relies on the journal then, and nothing is lost.
    pub fn look_for_room(&self) -> Result<bool> {
        if !self.shared.lock().is_without_room || self.has_failed() {
            return Ok(false);
        }
        let needed = self.size.file_bytes.saturating_mul(self.size.files.min(2) as u64);
        let space = self.disk.space(&self.directory);
        if space.map_err(Error::io("look at", &self.directory))?.free_bytes < needed {
            return Ok(false);
        }
        let mut writer = self.writer.lock();
        let has_room = self.has_room(&mut writer);
        if !matches!(has_room, Ok(true)) {
            self.give_up(&mut writer, Vec::new())?;
            return has_room;
        }
        self.ring.lock().forget_zeros();
        self.shared.lock().is_without_room = false;
        tracing::info!(directory = %self.directory.display(), "there is room for a journal now");
        Ok(true)
    }

    /// Goes on without a journal: every log has on disk itself what is in the files that are there.
    fn give_up(&self, writer: &mut Writer, known: Vec<&Path>) -> Result<()> {
        self.shared.lock().is_without_room = true;
        let made = std::mem::take(&mut writer.files);
        let new = made.values().map(JournalFile::path).filter(|path| !known.contains(path));
        self.remove(known.iter().copied().chain(new))
    }

    /// Takes back what was handed in: nothing is going to be written.
    fn refuse(&self) -> Commit {
        let mut refused = Vec::new();
        for commit in self.shared.lock().gathered.take_all() {
            self.backlog_bytes.fetch_sub(commit.record_bytes, Ordering::Relaxed);
            refused.extend(commit.logs.into_keys());
        }
        Commit { refused, ..Commit::default() }
    }

    fn remove<'a>(&self, paths: impl Iterator<Item = &'a Path>) -> Result<()> {
        let mut is_changed = false;
        for path in paths {
            self.disk.remove_file(path).map_err(Error::io("remove", path))?;
            is_changed = true;
        }
        if is_changed {
            let directory = &self.directory;
            self.disk.sync_dir(directory).map_err(Error::io("sync", directory))?;
        }
        Ok(())
    }

    /// Begins a lap that nothing before counts for, and has its header on disk.
    fn begin_lap(&self, writer: &mut Writer) -> Result<()> {
        let mut ring = self.ring.lock();
        let Some(header) = ring.advance() else {
            return Err(Error::Offline { path: self.directory.clone() });
        };
        let slot = ring.current();
        drop(ring);
        let file = self.file(writer, slot)?;
        file.write(&mut [IoSlice::new(&header.encode())], 0)?;
        file.sync()?;
        writer.has_begun = true;
        Ok(())
    }

    fn file<'a>(&self, writer: &'a mut Writer, slot: usize) -> Result<&'a JournalFile> {
        Ok(match writer.files.entry(slot) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(place) => {
                let bytes = self.size.file_bytes;
                let directory = &self.directory;
                place.insert(JournalFile::open(self.disk.as_ref(), directory, slot, bytes)?)
            }
        })
    }

    /// Voids what the journal holds, at the orderly end: every log is closed.
    ///
    /// # Errors
    /// When the disk refuses, or some log did not close in order: the journal is needed then.
    pub fn close(&self) -> Result<()> {
        self.require_working()?;
        let mut writer = self.writer.lock();
        let is_needed = self.ring.lock().needed() > 0;
        if is_needed {
            return Err(Error::Offline { path: self.directory.clone() });
        }
        if writer.has_begun { self.begin_lap(&mut writer) } else { Ok(()) }
    }

    /// What it did so far.
    pub fn stats(&self) -> JournalStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        JournalStats {
            commits: read(&self.stats.commits),
            entries: read(&self.stats.entries),
            bytes: read(&self.stats.bytes),
            waits: read(&self.stats.waits),
            files_needed: self.ring.lock().needed() as u64,
        }
    }
}
