//! What has gathered for the next commits. Pure.
use std::collections::{HashMap, VecDeque};

use super::Committed;
use super::layout::{
    BLOCK_BYTES, COMMIT_HEADER_BYTES, CommitId, ENTRY_HEADER_BYTES, EntryHeader, EntryKind, LogKey,
    padded, seal_commit,
};

/// A commit takes no further entry once it is this large, unless a single one is larger.
const COMMIT_BYTES_MAX: usize = 4 << 20;
/// Buffers that are kept for reuse, and the largest of them.
const SPARES_MAX: usize = 2;
/// Room for larger entries is made as large as they are; for smaller ones it doubles.
const LARGE_BYTES: usize = 256 << 10;

/// Batches that a log wrote.
#[derive(Clone, Copy, Debug)]
pub struct Append<'a> {
    /// Where the log ended before.
    pub follows: i64,
    /// Offset of the first record.
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// Of the last batch.
    pub leader_epoch: i32,
    /// Of the log, so far.
    pub truncations: u64,
    /// One after the other.
    pub records: [&'a [u8]; 2],
}

/// What happened to a log besides an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Everything from the offset on was cut off.
    Truncated(i64),
    /// Nothing before the offset counts any more.
    StartMoved(i64),
    /// Everything was dropped, and the log goes on at the offset.
    StartedOver(i64),
    /// The directory gives the log up.
    Forgotten,
}

/// Entries of one commit, and whom they make durable.
#[derive(Debug, Default)]
pub(crate) struct Unwritten {
    /// Room for the commit's header, then entries.
    bytes: Vec<u8>,
    pub(crate) entries: u64,
    /// Bytes of records in the entries.
    pub(crate) record_bytes: u64,
    pub(crate) logs: HashMap<LogKey, Committed>,
}

impl Unwritten {
    fn starting_in(mut bytes: Vec<u8>) -> Unwritten {
        bytes.clear();
        bytes.resize(COMMIT_HEADER_BYTES, 0);
        Unwritten { bytes, ..Unwritten::default() }
    }

    /// Bytes that it takes in the file.
    pub(crate) fn len(&self) -> u64 {
        padded(self.bytes.len() as u64)
    }

    /// The bytes as they are written.
    pub(crate) fn seal(&mut self, id: CommitId) -> &[u8] {
        seal_commit(&mut self.bytes, id);
        &self.bytes
    }

    fn push(&mut self, header: EntryHeader, records: &[&[u8]]) {
        // Room for the padding, too: what is large would be copied for it.
        let len = self.bytes.len() + ENTRY_HEADER_BYTES + header.bytes as usize;
        let more = padded(len as u64) as usize - self.bytes.len();
        if more > self.bytes.capacity() - self.bytes.len() && header.bytes as usize >= LARGE_BYTES {
            self.bytes.reserve_exact(more);
        }
        self.bytes.extend(header.encode());
        for slice in records {
            self.bytes.extend_from_slice(slice);
        }
        self.entries += 1;
        self.record_bytes += u64::from(header.bytes);
    }
}

/// Commits that wait to be written, in order.
#[derive(Debug)]
pub(crate) struct Gathered {
    waiting: VecDeque<Unwritten>,
    spares: Vec<Vec<u8>>,
    /// The largest commit that a file takes.
    commit_bytes_max: u64,
}

impl Gathered {
    /// For files of this size.
    pub(crate) fn new(file_bytes: u64) -> Gathered {
        let commit_bytes_max = file_bytes.saturating_sub(BLOCK_BYTES);
        Gathered { waiting: VecDeque::new(), spares: Vec::new(), commit_bytes_max }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes batches. False when no file could hold them.
    pub(crate) fn append(&mut self, key: LogKey, append: &Append<'_>) -> bool {
        let bytes: usize = append.records.iter().map(|slice| slice.len()).sum();
        let alone = padded((COMMIT_HEADER_BYTES + ENTRY_HEADER_BYTES + bytes) as u64);
        let Ok(len) = u32::try_from(bytes) else { return false };
        if alone > self.commit_bytes_max.min(u64::from(u32::MAX)) {
            return false;
        }
        let &Append { follows, base_offset, last_offset, leader_epoch, .. } = append;
        let kind = EntryKind::Append { follows, base_offset, last_offset, leader_epoch };
        let commit = self.room_for(bytes);
        commit.push(EntryHeader { key, kind, bytes: len }, &append.records);
        let end_offset = last_offset + 1;
        let truncations = append.truncations;
        let reached =
            commit.logs.entry(key).or_insert(Committed { end_offset, bytes: 0, truncations });
        reached.end_offset = end_offset;
        reached.truncations = truncations;
        reached.bytes += bytes as u64;
        true
    }

    /// Takes what happened to a log.
    pub(crate) fn event(&mut self, key: LogKey, event: Event) {
        let kind = match event {
            Event::Truncated(offset) => EntryKind::Truncated { offset },
            Event::StartMoved(offset) => EntryKind::StartMoved { offset },
            Event::StartedOver(offset) => EntryKind::StartedOver { offset },
            Event::Forgotten => EntryKind::Forgotten,
        };
        self.room_for(0).push(EntryHeader { key, kind, bytes: 0 }, &[]);
    }

    /// A log ends at `offset` now: of what was handed in before, nothing behind it is needed.
    pub(crate) fn truncated(&mut self, key: LogKey, offset: i64) {
        for commit in &mut self.waiting {
            if let Some(log) = commit.logs.get_mut(&key) {
                log.end_offset = offset.min(log.end_offset);
            }
        }
    }

    /// Nothing of a log is needed any more.
    pub(crate) fn released(&mut self, key: LogKey) {
        for commit in &mut self.waiting {
            commit.logs.remove(&key);
        }
    }

    fn room_for(&mut self, bytes: usize) -> &mut Unwritten {
        let most = (COMMIT_BYTES_MAX as u64).min(self.commit_bytes_max) as usize;
        let fits = |commit: &Unwritten| commit.bytes.len() + ENTRY_HEADER_BYTES + bytes <= most;
        if !self.waiting.back().is_some_and(fits) {
            let spare = self.spares.pop().unwrap_or_default();
            self.waiting.push_back(Unwritten::starting_in(spare));
        }
        self.waiting.back_mut().expect("one was there or was made")
    }

    /// The commits that come next and fit into `room` bytes together. The first one comes at any rate
    /// if there is any: whoever asks finds another file for it.
    pub(crate) fn take(&mut self, room: u64) -> Vec<Unwritten> {
        let mut taken: Vec<Unwritten> = self.waiting.pop_front().into_iter().collect();
        let mut len: u64 = taken.iter().map(Unwritten::len).sum();
        while let Some(next) = self.waiting.front()
            && len + next.len() <= room
        {
            len += next.len();
            taken.extend(self.waiting.pop_front());
        }
        taken
    }

    /// Takes everything, for nothing of it is going to be written.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = Unwritten> {
        std::mem::take(&mut self.waiting).into_iter()
    }

    /// Puts back what could not be written yet.
    pub(crate) fn put_back(&mut self, taken: Vec<Unwritten>) {
        for commit in taken.into_iter().rev() {
            self.waiting.push_front(commit);
        }
    }

    /// Keeps a written commit's buffer for the next ones.
    pub(crate) fn reuse(&mut self, written: Unwritten) {
        if self.spares.len() < SPARES_MAX && written.bytes.capacity() <= COMMIT_BYTES_MAX {
            self.spares.push(written.bytes);
        }
    }
}
