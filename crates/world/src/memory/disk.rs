//! A disk in memory.
//!
//! Strict where real file systems are kind: bytes survive a crash once synced, names once their
//! directory is synced. Of what was not synced, a seed decides: writes may be kept, lost or torn at
//! sector borders, in any combination; name changes survive as a prefix of the order they happened in.
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::SeededRandom;
use crate::Random;
use crate::disk::{Disk, Entry, File, Lock, Metadata, OpenMode, Space};

const SECTOR_BYTES: usize = 512;

/// What goes wrong, and how often. The default is a perfect disk without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// One write in so many fails with an IO error (0: never).
    pub write_error_one_in: u64,
    /// One read in so many fails with an IO error (0: never).
    pub read_error_one_in: u64,
    /// One sync in so many fails with an IO error (0: never); what it should have kept stays unsynced.
    pub sync_error_one_in: u64,
    /// One read or write in so many does only a part of its work (0: never).
    pub short_one_in: u64,
    /// Room for file bytes (0: no limit); a write beyond it fails with `StorageFull`.
    pub capacity_bytes: u64,
}

/// A disk in memory. Clones share it.
#[derive(Clone, Debug)]
pub struct MemoryDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    names: BTreeMap<PathBuf, Node>,
    durable_names: BTreeMap<PathBuf, Node>,
    journal: Vec<NameChange>,
    files: BTreeMap<u64, Contents>,
    next_file: u64,
    /// Crashes so far: a handle from before one is dead.
    crashes: u64,
    locks: BTreeSet<PathBuf>,
    faults: Faults,
    random: SeededRandom,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Directory,
    File(u64),
}

#[derive(Clone, Debug)]
enum NameChange {
    Add(PathBuf, Node),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf),
}

#[derive(Debug, Default)]
struct Contents {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    modified_ms: i64,
}

#[derive(Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Resize(usize),
}

impl MemoryDisk {
    /// An empty disk whose faults and crashes `seed` decides.
    pub fn new(seed: u64) -> MemoryDisk {
        let root = BTreeMap::from([(PathBuf::from("/"), Node::Directory)]);
        MemoryDisk(Arc::new(Mutex::new(State {
            durable_names: root.clone(),
            names: root,
            journal: Vec::new(),
            files: BTreeMap::new(),
            next_file: 0,
            crashes: 0,
            locks: BTreeSet::new(),
            faults: Faults::default(),
            random: SeededRandom::new(seed),
        })))
    }

    /// From now on these faults happen.
    pub fn set_faults(&self, faults: Faults) {
        self.0.lock().faults = faults;
    }

    /// Power fails: unsynced writes and names are kept, torn or lost as the seed decides. Handles and
    /// locks from before are dead.
    pub fn crash(&self) {
        let state = &mut *self.0.lock();
        state.crashes += 1;
        state.locks.clear();
        let kept = state.random.below(state.journal.len() as u64 + 1) as usize;
        for change in std::mem::take(&mut state.journal).into_iter().take(kept) {
            apply_name_change(&mut state.durable_names, &change);
        }
        drop_orphans(&mut state.durable_names);
        state.names = state.durable_names.clone();
        for contents in state.files.values_mut() {
            contents.crash(&state.random);
        }
        state.forget_unnamed();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

impl State {
    fn node(&self, path: &Path) -> io::Result<Node> {
        self.names.get(path).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn change(&mut self, change: NameChange) {
        apply_name_change(&mut self.names, &change);
        self.journal.push(change);
    }

    fn require_parent(&self, path: &Path) -> io::Result<()> {
        match path.parent().and_then(|parent| self.names.get(parent)) {
            Some(Node::Directory) => Ok(()),
            Some(Node::File(_)) => Err(ErrorKind::NotADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    fn children(&self, path: &Path) -> Vec<PathBuf> {
        self.names.keys().filter(|name| name.parent() == Some(path)).cloned().collect()
    }

    fn happens(&self, one_in: u64) -> bool {
        one_in > 0 && self.random.below(one_in) == 0
    }

    fn fail(&self, one_in: u64) -> io::Result<()> {
        if self.happens(one_in) { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
    }

    fn part_of(&self, len: usize) -> usize {
        if len > 1 && self.happens(self.faults.short_one_in) {
            1 + self.random.below(len as u64 - 1) as usize
        } else {
            len
        }
    }

    fn require_room(&self, more: usize) -> io::Result<()> {
        let used: usize = self.files.values().map(|contents| contents.bytes.len()).sum();
        let capacity = self.faults.capacity_bytes;
        if capacity > 0 && (used + more) as u64 > capacity {
            return Err(ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn forget_unnamed(&mut self) {
        let named: BTreeSet<u64> = (self.names.values())
            .filter_map(|node| if let Node::File(id) = node { Some(*id) } else { None })
            .collect();
        self.files.retain(|id, _| named.contains(id));
    }
}

impl Contents {
    fn apply(&mut self, change: Change) {
        change.apply(&mut self.bytes);
        self.unsynced.push(change);
    }

    fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    fn crash(&mut self, random: &SeededRandom) {
        for change in self.unsynced.drain(..) {
            match (random.below(3), change) {
                (0, _) => {}
                (1, Change::Write { offset, bytes }) => {
                    tear(&mut self.durable, offset, &bytes, random);
                }
                (_, change) => change.apply(&mut self.durable),
            }
        }
        self.bytes.clone_from(&self.durable);
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Write { offset, bytes: written } => put(bytes, *offset, written),
            Change::Resize(len) => bytes.resize(*len, 0),
        }
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, written: &[u8]) {
    let end = offset + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(written);
}

/// Keeps some of the sectors of a write.
fn tear(bytes: &mut Vec<u8>, offset: usize, written: &[u8], random: &SeededRandom) {
    let mut position = 0;
    while position < written.len() {
        let sector_end = (offset + position) / SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES - offset;
        let end = sector_end.min(written.len());
        if random.below(2) == 0 {
            put(bytes, offset + position, &written[position..end]);
        }
        position = end;
    }
}

fn apply_name_change(names: &mut BTreeMap<PathBuf, Node>, change: &NameChange) {
    match change {
        NameChange::Add(path, node) => {
            names.insert(path.clone(), *node);
        }
        NameChange::Remove(path) => names.retain(|name, _| !name.starts_with(path)),
        NameChange::Rename(from, to) => {
            let moved: Vec<(PathBuf, Node)> = (names.iter())
                .filter(|(name, _)| name.starts_with(from))
                .map(|(name, node)| (name.clone(), *node))
                .collect();
            for (name, node) in moved {
                names.remove(&name);
                let rest = name.strip_prefix(from).expect("filtered on this prefix");
                let target = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                names.insert(target, node);
            }
        }
    }
}

/// A name is reachable only through its directories.
fn drop_orphans(names: &mut BTreeMap<PathBuf, Node>) {
    let known: BTreeSet<PathBuf> = names.keys().cloned().collect();
    names.retain(|name, _| name.ancestors().all(|ancestor| known.contains(ancestor)));
}

fn concerns(change: &NameChange, directory: &Path) -> bool {
    match change {
        NameChange::Add(path, _) | NameChange::Remove(path) => path.parent() == Some(directory),
        NameChange::Rename(from, to) => {
            from.parent() == Some(directory) || to.parent() == Some(directory)
        }
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let state = &mut *self.state();
        let id = match (state.names.get(path), mode) {
            (Some(Node::Directory), _) => return Err(ErrorKind::IsADirectory.into()),
            (Some(Node::File(_)), OpenMode::CreateNew) => {
                return Err(ErrorKind::AlreadyExists.into());
            }
            (Some(Node::File(id)), _) => *id,
            (None, OpenMode::Read | OpenMode::Write) => return Err(ErrorKind::NotFound.into()),
            (None, _) => {
                state.require_parent(path)?;
                let id = state.next_file;
                state.next_file += 1;
                state.files.insert(id, Contents::default());
                state.change(NameChange::Add(path.to_owned(), Node::File(id)));
                id
            }
        };
        if mode == OpenMode::Truncate {
            let contents = state.files.get_mut(&id).expect("a named file has contents");
            contents.apply(Change::Resize(0));
        }
        let writable = mode != OpenMode::Read;
        Ok(Arc::new(MemoryFile { disk: self.clone(), id, crashes: state.crashes, writable }))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let state = self.state();
        Ok(match state.node(path)? {
            Node::Directory => Metadata { len: 0, is_dir: true, modified_ms: 0 },
            Node::File(id) => {
                let contents = &state.files[&id];
                let len = contents.bytes.len() as u64;
                Metadata { len, is_dir: false, modified_ms: contents.modified_ms }
            }
        })
    }

    fn set_modified(&self, path: &Path, modified_ms: i64) -> io::Result<()> {
        let state = &mut *self.state();
        if let Node::File(id) = state.node(path)? {
            state.files.get_mut(&id).expect("a named file has contents").modified_ms = modified_ms;
        }
        Ok(())
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        let mut ancestors: Vec<&Path> = path.ancestors().collect();
        ancestors.reverse();
        for ancestor in ancestors {
            match state.names.get(ancestor) {
                Some(Node::Directory) => {}
                Some(Node::File(_)) => return Err(ErrorKind::NotADirectory.into()),
                None => state.change(NameChange::Add(ancestor.to_owned(), Node::Directory)),
            }
        }
        Ok(())
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let state = self.state();
        if state.node(path)? != Node::Directory {
            return Err(ErrorKind::NotADirectory.into());
        }
        let mut entries = Vec::new();
        for child in state.children(path) {
            let is_dir = state.node(&child)? == Node::Directory;
            if let Some(name) = child.file_name().and_then(|name| name.to_str()) {
                entries.push(Entry { name: name.to_owned(), is_dir });
            }
        }
        entries.sort();
        Ok(entries)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        let moved = state.node(from)?;
        state.require_parent(to)?;
        match (moved, state.names.get(to)) {
            (Node::File(_), Some(Node::Directory)) => return Err(ErrorKind::IsADirectory.into()),
            (Node::Directory, Some(_)) if !state.children(to).is_empty() => {
                return Err(ErrorKind::DirectoryNotEmpty.into());
            }
            _ => {}
        }
        state.change(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        match state.node(path)? {
            Node::Directory => Err(ErrorKind::IsADirectory.into()),
            Node::File(_) => {
                state.change(NameChange::Remove(path.to_owned()));
                Ok(())
            }
        }
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        state.node(path)?;
        state.change(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        state.node(path)?;
        state.fail(state.faults.sync_error_one_in)?;
        let (durable, pending) = std::mem::take(&mut state.journal)
            .into_iter()
            .partition(|change| concerns(change, path));
        let durable: Vec<NameChange> = durable;
        for change in &durable {
            apply_name_change(&mut state.durable_names, change);
        }
        state.journal = pending;
        Ok(())
    }

    fn space(&self, _path: &Path) -> io::Result<Space> {
        let state = self.state();
        let used: u64 = state.files.values().map(|contents| contents.bytes.len() as u64).sum();
        let total_bytes = match state.faults.capacity_bytes {
            0 => 1 << 40,
            capacity => capacity,
        };
        Ok(Space { total_bytes, free_bytes: total_bytes.saturating_sub(used) })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.open(path, OpenMode::Create)?;
        let state = &mut *self.state();
        if !state.locks.insert(path.to_owned()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let crashes = state.crashes;
        Ok(Box::new(MemoryLock { disk: self.clone(), path: path.to_owned(), crashes }))
    }
}

#[derive(Debug)]
struct MemoryLock {
    disk: MemoryDisk,
    path: PathBuf,
    crashes: u64,
}

impl Lock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.crashes == self.crashes {
            state.locks.remove(&self.path);
        }
    }
}

#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    id: u64,
    crashes: u64,
    writable: bool,
}

impl MemoryFile {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.crashes != self.crashes {
            return Err(io::Error::other("this handle is from before the crash"));
        }
        Ok(state)
    }

    fn change(
        &self,
        change: impl FnOnce(&mut State) -> io::Result<Option<Change>>,
    ) -> io::Result<()> {
        if !self.writable {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let state = &mut *self.state()?;
        state.fail(state.faults.write_error_one_in)?;
        if let Some(change) = change(state)? {
            state.files.get_mut(&self.id).expect("an open file has contents").apply(change);
        }
        Ok(())
    }

    fn room_to_grow(state: &State, id: u64, len: usize) -> io::Result<()> {
        state.require_room(len.saturating_sub(state.files[&id].bytes.len()))
    }
}

impl File for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.state()?;
        state.fail(state.faults.read_error_one_in)?;
        let bytes = &state.files[&self.id].bytes;
        let start = (offset as usize).min(bytes.len());
        let len = state.part_of(buffer.len().min(bytes.len() - start));
        buffer[..len].copy_from_slice(&bytes[start..start + len]);
        Ok(len)
    }

    fn write_at(&self, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let mut bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let mut written = 0;
        self.change(|state| {
            bytes.truncate(state.part_of(bytes.len()));
            written = bytes.len();
            Self::room_to_grow(state, self.id, offset as usize + written)?;
            Ok(Some(Change::Write { offset: offset as usize, bytes }))
        })?;
        Ok(written)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.state()?.files[&self.id].bytes.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|_| Ok(Some(Change::Resize(len as usize))))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.change(|state| {
            Self::room_to_grow(state, self.id, len as usize)?;
            let current = state.files[&self.id].bytes.len();
            Ok((current < len as usize).then_some(Change::Resize(len as usize)))
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        let state = &mut *self.state()?;
        state.fail(state.faults.sync_error_one_in)?;
        state.files.get_mut(&self.id).expect("an open file has contents").sync();
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
