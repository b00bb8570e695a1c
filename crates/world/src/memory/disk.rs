//! A disk in memory.
//!
//! Strict where real file systems are kind: bytes survive a crash once synced, names once their
//! directory is synced. Of what was not synced a seed decides, page by page or sector by sector, and
//! name by name; a size may be ahead of the bytes or behind.
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::SeededRandom;
use super::contents::{Change, Contents};
use super::faults::{Countdown, FaultMap, Faults, Step, fail, fail_sync, happens, stopped};
use super::names::{NameChange, Names, Node};
use crate::Random;
use crate::disk::{Disk, Entry, File, Lock, Metadata, OpenMode, Space};

/// A disk in memory. Clones share it.
#[derive(Clone, Debug)]
pub struct MemoryDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    names: Names,
    files: BTreeMap<u64, Contents>,
    next_file: u64,
    /// Starts so far: a handle from before one is dead.
    starts: u64,
    locks: BTreeMap<PathBuf, u64>,
    /// Files that a sync has failed for since the last start.
    failed_syncs: BTreeSet<PathBuf>,
    faults: FaultMap,
    countdown: Countdown,
    random: SeededRandom,
}

impl MemoryDisk {
    /// An empty disk whose faults and crashes `seed` decides.
    pub fn new(seed: u64) -> MemoryDisk {
        MemoryDisk(Arc::new(Mutex::new(State {
            names: Names::new(),
            files: BTreeMap::new(),
            next_file: 0,
            starts: 0,
            locks: BTreeMap::new(),
            failed_syncs: BTreeSet::new(),
            faults: FaultMap::default(),
            countdown: Countdown::default(),
            random: SeededRandom::new(seed),
        })))
    }

    /// Names that are not durable are lost in the reverse of the order in which they came, and in no
    /// other, as file systems lose them that keep a journal of their names (ext4, XFS).
    #[must_use]
    pub fn with_names_in_order(self) -> MemoryDisk {
        self.state().names.keep_order();
        self
    }

    /// From now on these faults happen, wherever.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults.set(faults);
    }

    /// From now on these faults happen below `path`, in place of those that happen elsewhere: one
    /// disk of several fails.
    pub fn set_faults_under(&self, path: &Path, faults: Faults) {
        self.state().faults.set_under(path, faults);
    }

    /// Operations so far that change anything: what [`MemoryDisk::stop_after`] counts.
    pub fn operations(&self) -> u64 {
        self.state().countdown.operations
    }

    /// After so many more operations the machine stops in the middle of the next one: that one fails,
    /// though it may have happened, and so does everything after it, until [`MemoryDisk::crash`] or
    /// [`MemoryDisk::kill`] starts it again.
    pub fn stop_after(&self, operations: u64) {
        self.state().countdown.stop_after(operations);
    }

    /// Files that a sync has failed for since the last start: they may show what is not on disk, and what
    /// no later sync writes, until the power is lost.
    pub fn failed_syncs(&self) -> BTreeSet<PathBuf> {
        self.state().failed_syncs.clone()
    }

    /// Whether the machine has stopped.
    pub fn is_stopped(&self) -> bool {
        self.state().countdown.is_stopped
    }

    /// Power fails and comes back: unsynced pages and names are kept, torn or lost as the seed
    /// decides. Handles and locks from before are dead, faults end.
    pub fn crash(&self) {
        let state = &mut *self.state();
        state.names.crash(&state.random);
        for contents in state.files.values_mut() {
            contents.crash(&state.random);
        }
        state.restart();
    }

    /// The process is killed and started again: the page cache stays as it is. Handles and locks from
    /// before are dead, faults end.
    pub fn kill(&self) {
        self.state().restart();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    /// Runs what changes the disk, unless the machine has stopped or stops now.
    fn change<T>(&self, change: impl FnOnce(&mut State, Step) -> io::Result<T>) -> io::Result<T> {
        self.state().run(change)
    }

    fn change_names<T>(
        &self,
        path: &Path,
        change: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        self.change(|state, _| {
            fail(&state.random, state.faults.at(path).name_error_one_in)?;
            change(state)
        })
    }
}

impl State {
    fn run<T>(&mut self, change: impl FnOnce(&mut State, Step) -> io::Result<T>) -> io::Result<T> {
        let step = self.countdown.step()?;
        if step == Step::Whole {
            return change(self, step);
        }
        if self.random.below(2) == 0 {
            // Whether it succeeded is for nobody to know.
            let _ = change(self, step);
        }
        Err(stopped())
    }

    fn restart(&mut self) {
        self.starts += 1;
        self.locks.clear();
        self.failed_syncs.clear();
        self.faults.set(Faults::default());
        self.countdown.restart();
        self.files.values_mut().for_each(|contents| contents.handles = 0);
        self.forget_unnamed();
    }

    /// Drops files that nothing leads to any more.
    fn forget_unnamed(&mut self) {
        let named = self.names.files();
        self.files.retain(|id, contents| contents.handles > 0 || named.contains(id));
    }

    fn contents(&mut self, id: u64) -> &mut Contents {
        self.files.get_mut(&id).expect("a named or open file has contents")
    }

    fn part_of(&self, len: usize, faults: &Faults) -> usize {
        if len > 1 && happens(&self.random, faults.short_one_in) {
            1 + self.random.below(len as u64 - 1) as usize
        } else {
            len
        }
    }

    fn used_bytes(&self) -> u64 {
        self.files.values().map(|contents| contents.bytes.len() as u64).sum()
    }

    /// How far the file may grow, up to `wanted`.
    fn room_for(&self, id: u64, wanted: usize, faults: &Faults) -> io::Result<usize> {
        let len = self.files[&id].bytes.len();
        if faults.capacity_bytes == 0 || wanted <= len {
            return Ok(wanted);
        }
        let free = faults.capacity_bytes.saturating_sub(self.used_bytes());
        let most = len.saturating_add(usize::try_from(free).unwrap_or(usize::MAX));
        Ok(wanted.min(most))
    }

    fn open(&mut self, path: &Path, mode: OpenMode) -> io::Result<u64> {
        let id = match (self.names.find(path), mode) {
            (Some(Node::Directory), _) => return Err(ErrorKind::IsADirectory.into()),
            (Some(Node::File(_)), OpenMode::CreateNew) => {
                return Err(ErrorKind::AlreadyExists.into());
            }
            (Some(Node::File(id)), _) => id,
            (None, OpenMode::Read | OpenMode::Write) => return Err(ErrorKind::NotFound.into()),
            (None, _) => {
                self.names.require_parent(path)?;
                let capacity_bytes = self.faults.at(path).capacity_bytes;
                let is_full = capacity_bytes > 0 && self.used_bytes() >= capacity_bytes;
                if is_full && self.random.below(2) == 0 {
                    return Err(ErrorKind::StorageFull.into());
                }
                let id = self.next_file;
                self.next_file += 1;
                self.files.insert(id, Contents::default());
                self.names.change(NameChange::Add(path.to_owned(), Node::File(id)));
                id
            }
        };
        if mode == OpenMode::Truncate {
            self.contents(id).apply(Change::Resize(0));
        }
        Ok(id)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let moved = self.names.node(from)?;
        self.names.require_parent(to)?;
        match (moved, self.names.find(to)) {
            (Node::File(_), Some(Node::Directory)) => return Err(ErrorKind::IsADirectory.into()),
            (Node::Directory, Some(_)) if !self.names.children(to).is_empty() => {
                return Err(ErrorKind::DirectoryNotEmpty.into());
            }
            _ => {}
        }
        self.names.change(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let exists = self.state().names.find(path).is_some();
        let id = if exists && mode != OpenMode::Truncate {
            let state = &mut *self.state();
            state.countdown.require_running()?;
            state.open(path, mode)?
        } else {
            self.change_names(path, |state| state.open(path, mode))?
        };
        let state = &mut *self.state();
        state.contents(id).handles += 1;
        Ok(Arc::new(MemoryFile {
            disk: self.clone(),
            id,
            path: path.to_owned(),
            start: state.starts,
            writable: mode != OpenMode::Read,
        }))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let state = self.state();
        state.countdown.require_running()?;
        Ok(match state.names.node(path)? {
            Node::Directory => Metadata { len: 0, is_dir: true, modified_ms: 0 },
            Node::File(id) => {
                let contents = &state.files[&id];
                let len = contents.bytes.len() as u64;
                Metadata { len, is_dir: false, modified_ms: contents.modified_ms }
            }
        })
    }

    fn set_modified(&self, path: &Path, modified_ms: i64) -> io::Result<()> {
        self.change(|state, _| {
            if let Node::File(id) = state.names.node(path)? {
                state.contents(id).modified_ms = modified_ms;
            }
            Ok(())
        })
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut ancestors: Vec<&Path> = path.ancestors().collect();
        ancestors.reverse();
        for ancestor in ancestors {
            let found = self.state().names.find(ancestor);
            match found {
                Some(Node::Directory) => {}
                Some(Node::File(_)) => return Err(ErrorKind::NotADirectory.into()),
                None => self.change_names(ancestor, |state| {
                    state.names.change(NameChange::Add(ancestor.to_owned(), Node::Directory));
                    Ok(())
                })?,
            }
        }
        self.state().countdown.require_running()
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let state = self.state();
        state.countdown.require_running()?;
        fail(&state.random, state.faults.at(path).read_error_one_in)?;
        if state.names.node(path)? != Node::Directory {
            return Err(ErrorKind::NotADirectory.into());
        }
        let mut entries = Vec::new();
        for (child, node) in state.names.children(path) {
            if let Some(name) = child.file_name().and_then(|name| name.to_str()) {
                entries.push(Entry { name: name.to_owned(), is_dir: node == Node::Directory });
            }
        }
        entries.sort();
        Ok(entries)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change_names(from, |state| state.rename(from, to))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change_names(path, |state| match state.names.node(path)? {
            Node::Directory => Err(ErrorKind::IsADirectory.into()),
            Node::File(_) => {
                state.names.change(NameChange::Remove(path.to_owned()));
                Ok(())
            }
        })
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.change_names(path, |state| {
            state.names.node(path)?;
            state.names.change(NameChange::Remove(path.to_owned()));
            Ok(())
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.change(|state, _| {
            state.names.node(path)?;
            fail_sync(&state.random, &state.faults.at(path))?;
            state.names.sync(path);
            state.forget_unnamed();
            Ok(())
        })
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let state = self.state();
        let total_bytes = match state.faults.at(path).capacity_bytes {
            0 => 1 << 40,
            capacity => capacity,
        };
        Ok(Space { total_bytes, free_bytes: total_bytes.saturating_sub(state.used_bytes()) })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.open(path, OpenMode::Create)?;
        let state = &mut *self.state();
        if state.locks.contains_key(path) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let start = state.starts;
        state.locks.insert(path.to_owned(), start);
        Ok(Box::new(MemoryLock { disk: self.clone(), path: path.to_owned(), start }))
    }
}

#[derive(Debug)]
struct MemoryLock {
    disk: MemoryDisk,
    path: PathBuf,
    start: u64,
}

impl Lock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.locks.get(&self.path) == Some(&self.start) {
            state.locks.remove(&self.path);
        }
    }
}

#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    id: u64,
    /// As it was opened: where faults are looked up.
    path: PathBuf,
    start: u64,
    writable: bool,
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.starts == self.start
            && let Some(contents) = state.files.get_mut(&self.id)
        {
            contents.handles -= 1;
        }
    }
}

impl MemoryFile {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        state.countdown.require_running()?;
        if state.starts != self.start {
            return Err(io::Error::other("this handle is from before the crash"));
        }
        Ok(state)
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut State, Faults, Step) -> io::Result<T>,
    ) -> io::Result<T> {
        if !self.writable {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let state = &mut *self.state()?;
        state.run(|state, step| {
            let faults = state.faults.at(&self.path);
            fail(&state.random, faults.write_error_one_in)?;
            change(state, faults, step)
        })
    }
}

impl File for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.state()?;
        let faults = state.faults.at(&self.path);
        fail(&state.random, faults.read_error_one_in)?;
        let bytes = &state.files[&self.id].bytes;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let len = state.part_of(buffer.len().min(bytes.len() - start), &faults);
        buffer[..len].copy_from_slice(&bytes[start..start + len]);
        Ok(len)
    }

    fn write_at(&self, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let mut bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let offset = usize::try_from(offset).map_err(|_| ErrorKind::FileTooLarge)?;
        self.change(|state, faults, step| {
            if step == Step::Last {
                bytes.truncate(state.random.below(bytes.len() as u64 + 1) as usize);
            }
            bytes.truncate(state.part_of(bytes.len(), &faults));
            let end = state.room_for(self.id, offset + bytes.len(), &faults)?;
            if end <= offset && !bytes.is_empty() {
                return Err(ErrorKind::StorageFull.into());
            }
            bytes.truncate(end - offset);
            let written = bytes.len();
            state.contents(self.id).apply(Change::Write { offset, bytes });
            Ok(written)
        })
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.state()?.files[&self.id].bytes.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| ErrorKind::FileTooLarge)?;
        self.change(|state, _, _| {
            state.contents(self.id).apply(Change::Resize(len));
            Ok(())
        })
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| ErrorKind::FileTooLarge)?;
        self.change(|state, faults, _| {
            if state.room_for(self.id, len, &faults)? < len {
                return Err(ErrorKind::StorageFull.into());
            }
            if state.files[&self.id].bytes.len() < len {
                state.contents(self.id).apply(Change::Resize(len));
            }
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        let state = &mut *self.state()?;
        state.run(|state, _| {
            let faults = state.faults.at(&self.path);
            let outcome = fail_sync(&state.random, &faults);
            let contents = state.files.get_mut(&self.id).expect("an open file has contents");
            match outcome {
                Ok(()) => contents.sync(),
                Err(_) => {
                    contents.fail_sync(&state.random);
                    state.failed_syncs.insert(self.path.clone());
                    if faults.sync_error_stops {
                        state.countdown.stop();
                        return Err(stopped());
                    }
                }
            }
            outcome
        })
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
