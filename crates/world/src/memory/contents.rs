//! What a file holds: in the page cache, on the platter, and after a crash.
use super::SeededRandom;
use crate::Random;

const SECTOR_BYTES: usize = 512;
const PAGE_BYTES: usize = 4096;

/// A file's bytes.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// As the page cache has them.
    pub(super) bytes: Vec<u8>,
    /// As they are after a crash at the least.
    durable: Vec<u8>,
    /// How one became the other, in order.
    unsynced: Vec<Change>,
    pub(super) modified_ms: i64,
    /// Open handles: a file without a name lives as long as it has one.
    pub(super) handles: usize,
}

#[derive(Debug)]
pub(super) enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Resize(usize),
}

/// How much of what was not synced reaches the platter.
#[derive(Clone, Copy)]
enum Fate {
    Nothing,
    Everything,
    /// Each piece of so many bytes as it was at some moment since the last sync.
    Pieces(usize),
}

impl Contents {
    pub(super) fn apply(&mut self, change: Change) {
        change.apply(&mut self.bytes);
        self.unsynced.push(change);
    }

    /// Everything is on the platter.
    pub(super) fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// Power fails.
    pub(super) fn crash(&mut self, random: &SeededRandom) {
        self.write_back(random);
        self.bytes.clone_from(&self.durable);
    }

    /// A sync fails: what should have become durable may or may not have, and no later sync will
    /// try again. The page cache shows what was written, or what the platter has.
    pub(super) fn fail_sync(&mut self, random: &SeededRandom) {
        self.write_back(random);
        if random.below(2) == 0 {
            self.bytes.clone_from(&self.durable);
        }
    }

    /// Pages are written back in any order, whole or by sectors; the size is a matter of its own and
    /// may be ahead of the pages, which are zero then, or behind.
    fn write_back(&mut self, random: &SeededRandom) {
        let changes = std::mem::take(&mut self.unsynced);
        if changes.is_empty() {
            return;
        }
        let fate = match random.below(4) {
            0 => Fate::Nothing,
            1 => Fate::Everything,
            2 => Fate::Pieces(PAGE_BYTES),
            _ => Fate::Pieces(SECTOR_BYTES),
        };
        match fate {
            Fate::Nothing => {}
            Fate::Everything => {
                changes.iter().for_each(|change| change.apply(&mut self.durable));
            }
            Fate::Pieces(piece_bytes) => self.write_pieces(&changes, piece_bytes, random),
        }
    }

    fn write_pieces(&mut self, changes: &[Change], piece_bytes: usize, random: &SeededRandom) {
        let moments = changes.len() as u64 + 1;
        let sizes_kept = random.below(moments) as usize;
        let salt = random.next_u64();
        let piece_is_kept = |piece: usize, index: usize| {
            SeededRandom::new(salt ^ (piece as u64).wrapping_mul(0x2545_f491_4f6c_dd1d))
                .below(moments) as usize
                > index
        };
        let mut size = self.durable.len();
        // Blocks that a lost truncation has freed belong to nobody that comes later.
        let mut freed_from = usize::MAX;
        for (index, change) in changes.iter().enumerate() {
            let size_is_kept = index < sizes_kept;
            match change {
                Change::Resize(len) if size_is_kept => {
                    self.durable.resize(*len, 0);
                    size = *len;
                }
                Change::Resize(len) => {
                    freed_from = freed_from.min(len.next_multiple_of(piece_bytes));
                }
                Change::Write { offset, bytes } => {
                    if size_is_kept {
                        size = size.max(offset + bytes.len());
                    }
                    for (start, part) in pieces(*offset, bytes, piece_bytes) {
                        if start < freed_from && piece_is_kept(start / piece_bytes, index) {
                            put(&mut self.durable, start, part);
                        }
                    }
                }
            }
        }
        self.durable.resize(size, 0);
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

/// A write in parts that each lie in one piece of the file.
fn pieces(
    offset: usize,
    written: &[u8],
    piece_bytes: usize,
) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = written;
    let mut position = offset;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let room = piece_bytes - position % piece_bytes;
        let (part, later) = rest.split_at(room.min(rest.len()));
        let start = position;
        (rest, position) = (later, position + part.len());
        Some((start, part))
    })
}
