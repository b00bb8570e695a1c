//! The bytes of a journal file. Pure.
//!
//! A file begins with a header in a block of its own. Commits follow, each from a block's start on, so
//! that no block is written twice in a lap: what was acknowledged is never rewritten. A commit holds
//! entries; its CRC covers all of it, so it is there as a whole or not at all. Numbers are big-endian.
//!
//! Directory, lap and sequence stand in every commit: what an earlier lap left in the file, or another
//! directory's journal, never passes for this one's.
use ottla_wire::Uuid;
use ottla_wire::records::crc32c;

/// Where commits begin: at multiples of this.
pub(crate) const BLOCK_BYTES: u64 = 4096;
/// Size of a commit's header.
pub(crate) const COMMIT_HEADER_BYTES: usize = 48;
/// Size of an entry's header.
pub(crate) const ENTRY_HEADER_BYTES: usize = 56;

const MAGIC: [u8; 8] = *b"ottlajnl";
const VERSION: u32 = 1;
const FILE_HEADER_BYTES: usize = 72;

/// Names a log in the journal: its topic's id, so that a topic of the same name is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogKey {
    /// The topic.
    pub topic_id: Uuid,
    /// The partition's number.
    pub partition: i32,
}

/// What the first block of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileHeader {
    /// `directory.id` of the directory the journal belongs to.
    pub(crate) directory_id: Uuid,
    /// Counts files begun; a file that is used again begins a new lap.
    pub(crate) lap: u64,
    /// The first lap whose commits a start has to look at.
    pub(crate) oldest_lap: u64,
    /// Number of the file's first commit.
    pub(crate) first_sequence: u64,
    /// Every block of the file has been written before.
    pub(crate) is_zeroed: bool,
}

impl FileHeader {
    /// The file's first block.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BLOCK_BYTES as usize);
        bytes.extend(MAGIC);
        bytes.extend([0; 4]);
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend(self.directory_id.as_bytes());
        bytes.extend(self.lap.to_be_bytes());
        bytes.extend(self.oldest_lap.to_be_bytes());
        bytes.extend(self.first_sequence.to_be_bytes());
        bytes.extend(u64::from(self.is_zeroed).to_be_bytes());
        bytes.resize(FILE_HEADER_BYTES, 0);
        let crc = crc32c(&bytes[12..]);
        bytes[8..12].copy_from_slice(&crc.to_be_bytes());
        bytes.resize(BLOCK_BYTES as usize, 0);
        bytes
    }

    /// Reads a file's first block; `None` when it is not whole or not a journal's.
    pub(crate) fn decode(block: &[u8]) -> Option<FileHeader> {
        let bytes = block.get(..FILE_HEADER_BYTES)?;
        let mut fields = Fields(bytes);
        if fields.take::<8>() != MAGIC
            || u32::from_be_bytes(fields.take()) != crc32c(&bytes[12..])
            || u32::from_be_bytes(fields.take()) != VERSION
        {
            return None;
        }
        Some(FileHeader {
            directory_id: Uuid::from_bytes(fields.take()),
            lap: u64::from_be_bytes(fields.take()),
            oldest_lap: u64::from_be_bytes(fields.take()),
            first_sequence: u64::from_be_bytes(fields.take()),
            is_zeroed: u64::from_be_bytes(fields.take()) == 1,
        })
    }
}

/// Whose commit it is, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommitId {
    pub(crate) directory_id: Uuid,
    pub(crate) lap: u64,
    /// Counts commits without a gap, over all laps.
    pub(crate) sequence: u64,
}

/// Fills in the header at the start of `commit`, whose entries are there already, and pads it to whole blocks.
pub(crate) fn seal_commit(commit: &mut Vec<u8>, id: CommitId) {
    let entry_bytes = commit.len() - COMMIT_HEADER_BYTES;
    let entry_bytes = u32::try_from(entry_bytes).expect("a commit is smaller than its file");
    commit[4..8].copy_from_slice(&entry_bytes.to_be_bytes());
    commit[8..24].copy_from_slice(id.directory_id.as_bytes());
    commit[24..32].copy_from_slice(&id.lap.to_be_bytes());
    commit[32..40].copy_from_slice(&id.sequence.to_be_bytes());
    let crc = crc32c(&commit[4..]);
    commit[..4].copy_from_slice(&crc.to_be_bytes());
    commit.resize(padded(commit.len() as u64) as usize, 0);
}

/// The size of the entries of the commit whose header this is, if it is the one that is expected.
pub(crate) fn commit_entry_bytes(header: &[u8], expected: CommitId) -> Option<usize> {
    let (id, entry_bytes) = commit_header(header)?;
    (id == expected && entry_bytes > 0).then_some(entry_bytes as usize)
}

/// Whose commit a header says it is, and how many bytes of entries follow. Nobody has checked it.
pub(crate) fn commit_header(header: &[u8]) -> Option<(CommitId, u32)> {
    let header = header.get(..COMMIT_HEADER_BYTES)?;
    let mut fields = Fields(&header[4..]);
    let entry_bytes = u32::from_be_bytes(fields.take());
    let id = CommitId {
        directory_id: Uuid::from_bytes(fields.take()),
        lap: u64::from_be_bytes(fields.take()),
        sequence: u64::from_be_bytes(fields.take()),
    };
    Some((id, entry_bytes))
}

/// True when a commit, header and entries, is as it was written.
pub(crate) fn commit_is_whole(commit: &[u8]) -> bool {
    let stored = commit.first_chunk().map(|crc| u32::from_be_bytes(*crc));
    stored.is_some_and(|stored| stored == crc32c(&commit[4..]))
}

/// The next block's start.
pub(crate) const fn padded(len: u64) -> u64 {
    len.next_multiple_of(BLOCK_BYTES)
}

/// What an entry tells of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// Batches follow.
    Append {
        /// Where the log ended before.
        follows: i64,
        base_offset: i64,
        last_offset: i64,
        leader_epoch: i32,
    },
    /// Everything from the offset on was cut off.
    Truncated { offset: i64 },
    /// Nothing before the offset counts any more.
    StartMoved { offset: i64 },
    /// Everything was dropped, and the log went on at the offset.
    StartedOver { offset: i64 },
    /// The directory gave the log up.
    Forgotten,
}

/// An entry's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryHeader {
    pub(crate) key: LogKey,
    pub(crate) kind: EntryKind,
    /// Bytes of records that follow.
    pub(crate) bytes: u32,
}

impl EntryHeader {
    pub(crate) fn encode(&self) -> [u8; ENTRY_HEADER_BYTES] {
        let (kind, epoch, offsets) = match self.kind {
            EntryKind::Append { follows, base_offset, last_offset, leader_epoch } => {
                (1u32, leader_epoch, [follows, base_offset, last_offset])
            }
            EntryKind::Truncated { offset } => (2, -1, [offset, 0, 0]),
            EntryKind::StartMoved { offset } => (3, -1, [offset, 0, 0]),
            EntryKind::StartedOver { offset } => (4, -1, [offset, 0, 0]),
            EntryKind::Forgotten => (5, -1, [0; 3]),
        };
        let mut bytes = [0; ENTRY_HEADER_BYTES];
        bytes[..4].copy_from_slice(&kind.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.bytes.to_be_bytes());
        bytes[8..24].copy_from_slice(self.key.topic_id.as_bytes());
        bytes[24..28].copy_from_slice(&self.key.partition.to_be_bytes());
        bytes[28..32].copy_from_slice(&epoch.to_be_bytes());
        for (at, offset) in offsets.iter().enumerate() {
            bytes[32 + 8 * at..40 + 8 * at].copy_from_slice(&offset.to_be_bytes());
        }
        bytes
    }

    /// Reads the header of the entry that `bytes` begins with, all of whose records must be there.
    pub(crate) fn decode(bytes: &[u8]) -> Option<EntryHeader> {
        let header = bytes.get(..ENTRY_HEADER_BYTES)?;
        let mut fields = Fields(header);
        let kind = u32::from_be_bytes(fields.take());
        let len = u32::from_be_bytes(fields.take());
        let topic_id = Uuid::from_bytes(fields.take());
        let partition = i32::from_be_bytes(fields.take());
        let leader_epoch = i32::from_be_bytes(fields.take());
        let offset = i64::from_be_bytes(fields.take());
        let base_offset = i64::from_be_bytes(fields.take());
        let last_offset = i64::from_be_bytes(fields.take());
        let kind = match kind {
            1 => EntryKind::Append { follows: offset, base_offset, last_offset, leader_epoch },
            2 => EntryKind::Truncated { offset },
            3 => EntryKind::StartMoved { offset },
            4 => EntryKind::StartedOver { offset },
            5 => EntryKind::Forgotten,
            _ => return None,
        };
        let is_there = bytes.len() - ENTRY_HEADER_BYTES >= len as usize;
        is_there.then_some(EntryHeader { key: LogKey { topic_id, partition }, kind, bytes: len })
    }
}

/// Fixed-size fields one after the other; whoever reads knows that they are there.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const SIZE: usize>(&mut self) -> [u8; SIZE] {
        let (field, rest) = self.0.split_first_chunk().expect("the header's size was checked");
        self.0 = rest;
        *field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: CommitId = CommitId { directory_id: Uuid::from_halves(7, 8), lap: 3, sequence: 41 };
    const KEY: LogKey = LogKey { topic_id: Uuid::from_halves(1, 2), partition: 5 };

    #[test]
    fn a_file_header_comes_back_and_no_flipped_bit_passes() {
        let header = FileHeader {
            directory_id: Uuid::from_halves(1, 2),
            lap: 9,
            oldest_lap: 7,
            first_sequence: 100,
            is_zeroed: true,
        };
        let block = header.encode();
        assert_eq!(block.len() as u64, BLOCK_BYTES);
        assert_eq!(FileHeader::decode(&block), Some(header));
        for bit in 0..FILE_HEADER_BYTES * 8 {
            let mut damaged = block.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FileHeader::decode(&damaged), None, "bit {bit}");
        }
        for len in 0..FILE_HEADER_BYTES {
            assert_eq!(FileHeader::decode(&block[..len]), None, "{len} bytes");
        }
    }

    #[test]
    fn entries_come_back() {
        for kind in [
            EntryKind::Append { follows: 4, base_offset: 5, last_offset: 9, leader_epoch: 2 },
            EntryKind::Truncated { offset: 6 },
            EntryKind::StartMoved { offset: 7 },
            EntryKind::StartedOver { offset: 8 },
            EntryKind::Forgotten,
        ] {
            let header = EntryHeader { key: KEY, kind, bytes: 3 };
            let mut bytes = header.encode().to_vec();
            assert_eq!(EntryHeader::decode(&bytes), None, "its records are missing");
            bytes.extend([0; 3]);
            assert_eq!(EntryHeader::decode(&bytes), Some(header));
            bytes[3] = 77;
            assert_eq!(EntryHeader::decode(&bytes), None, "of an unknown kind");
        }
    }

    #[test]
    fn a_commit_is_whole_or_nothing() {
        let header = EntryHeader { key: KEY, kind: EntryKind::Forgotten, bytes: 0 };
        let mut commit = vec![0; COMMIT_HEADER_BYTES];
        commit.extend(header.encode());
        let len = commit.len();
        seal_commit(&mut commit, ID);
        assert_eq!(commit.len() as u64, BLOCK_BYTES);
        assert_eq!(commit_entry_bytes(&commit, ID), Some(ENTRY_HEADER_BYTES));
        assert!(commit_is_whole(&commit[..len]));
        for bit in 0..len * 8 {
            let mut damaged = commit[..len].to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!commit_is_whole(&damaged), "bit {bit}");
        }
        let others = [
            CommitId { directory_id: Uuid::ONE, ..ID },
            CommitId { lap: 2, ..ID },
            CommitId { sequence: 40, ..ID },
        ];
        for other in others {
            assert_eq!(commit_entry_bytes(&commit, other), None, "{other:?}");
        }
    }
}
