//! Which file is written, and which may be used again. Pure.
//!
//! A file is needed as long as a log has records in it that its own segments may not have on disk.
//! Files are used one after the other; the oldest is waited for rather than written over.
use std::collections::HashMap;

use super::layout::{BLOCK_BYTES, FileHeader, LogKey};
use ottla_wire::Uuid;

/// One file's use.
#[derive(Debug, Default)]
struct Slot {
    /// None: not used since the start.
    lap: Option<u64>,
    /// Up to where each log has to be on disk before the file may be used again.
    needs: HashMap<LogKey, i64>,
    /// Bytes from the start that were written before.
    zeroed: u64,
    /// Its logs were asked to hurry.
    is_pressed: bool,
}

/// The files of a journal in their order of use.
#[derive(Debug)]
pub(crate) struct Ring {
    directory_id: Uuid,
    file_bytes: u64,
    slots: Vec<Slot>,
    /// The file that is written.
    current: usize,
    /// Where the next commit goes in it.
    position: u64,
    next_lap: u64,
    next_sequence: u64,
}

impl Ring {
    /// A ring that begins its first lap at `next_lap`. `zeroed` says which files are written throughout.
    pub(crate) fn new(
        directory_id: Uuid,
        file_bytes: u64,
        zeroed: &[bool],
        (next_lap, next_sequence): (u64, u64),
    ) -> Ring {
        let slot = |is_zeroed: &bool| Slot {
            zeroed: if *is_zeroed { file_bytes } else { 0 },
            ..Slot::default()
        };
        let slots: Vec<Slot> = zeroed.iter().map(slot).collect();
        // Full, so that the first commit begins the first file.
        let current = slots.len() - 1;
        Ring {
            directory_id,
            file_bytes,
            slots,
            current,
            position: file_bytes,
            next_lap,
            next_sequence,
        }
    }

    /// Bytes that the current file still takes.
    pub(crate) fn room(&self) -> u64 {
        self.file_bytes - self.position
    }

    pub(crate) fn directory_id(&self) -> Uuid {
        self.directory_id
    }

    pub(crate) fn current(&self) -> usize {
        self.current
    }

    /// The file that is written after the current one.
    pub(crate) fn next(&self) -> usize {
        (self.current + 1) % self.slots.len()
    }

    /// Goes on with the first `count` files: the current one is the last of them, and the rest were not
    /// used since the start.
    pub(crate) fn shrink(&mut self, count: usize) {
        assert!(count >= 2 && self.current == count - 1, "files are used in their order");
        self.slots.truncate(count);
    }

    /// The files are new ones, in which nothing was written.
    pub(crate) fn forget_zeros(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.zeroed = 0);
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn lap(&self) -> u64 {
        self.next_lap - 1
    }

    /// The number of the next commit.
    pub(crate) fn take_sequence(&mut self) -> u64 {
        self.next_sequence += 1;
        self.next_sequence - 1
    }

    /// Begins the next file, if it is free. Returns its header.
    pub(crate) fn advance(&mut self) -> Option<FileHeader> {
        let next = self.next();
        if !self.slots[next].needs.is_empty() {
            return None;
        }
        let lap = self.next_lap;
        let is_zeroed = self.slots[next].zeroed == self.file_bytes;
        self.slots[next] =
            Slot { lap: Some(lap), zeroed: self.slots[next].zeroed, ..Slot::default() };
        self.next_lap += 1;
        self.current = next;
        self.position = BLOCK_BYTES;
        let needed = self.slots.iter().filter(|slot| !slot.needs.is_empty());
        let oldest_lap = needed.filter_map(|slot| slot.lap).min().unwrap_or(lap);
        Some(FileHeader {
            directory_id: self.directory_id,
            lap,
            oldest_lap,
            first_sequence: self.next_sequence,
            is_zeroed,
        })
    }

    /// The range that should be filled with zeros before `end` is written, so that later laps overwrite
    /// blocks that are there: a file system then has nothing to note but the bytes.
    pub(crate) fn zero_before(&mut self, end: u64, step: u64) -> Option<std::ops::Range<u64>> {
        let file_bytes = self.file_bytes;
        let slot = &mut self.slots[self.current];
        if end <= slot.zeroed {
            return None;
        }
        let start = slot.zeroed;
        slot.zeroed = end.next_multiple_of(step).min(file_bytes);
        Some(start..slot.zeroed)
    }

    /// A commit of so many bytes goes into the current file, with records of a log up to an offset each.
    pub(crate) fn note(&mut self, len: u64, logs: impl Iterator<Item = (LogKey, i64)>) {
        self.position += len;
        assert!(self.position <= self.file_bytes, "a commit is never longer than its room");
        let needs = &mut self.slots[self.current].needs;
        for (key, end) in logs {
            let need = needs.entry(key).or_insert(end);
            *need = end.max(*need);
        }
    }

    /// A log has everything before `offset` on disk itself. True when a file became free by it.
    pub(crate) fn flushed(&mut self, key: LogKey, offset: i64) -> bool {
        let mut is_freed = false;
        for slot in &mut self.slots {
            if slot.needs.get(&key).is_some_and(|need| *need <= offset) {
                slot.needs.remove(&key);
                is_freed |= slot.needs.is_empty();
            }
        }
        is_freed
    }

    /// A log ends at `offset` now: nothing behind it is needed.
    pub(crate) fn truncated(&mut self, key: LogKey, offset: i64) {
        for slot in &mut self.slots {
            if let Some(need) = slot.needs.get_mut(&key) {
                *need = offset.min(*need);
            }
        }
    }

    /// Nothing of a log is needed. True when a file became free by it.
    pub(crate) fn released(&mut self, key: LogKey) -> bool {
        self.flushed(key, i64::MAX)
    }

    /// Logs that keep full files from being used again, oldest file first; each file's once.
    pub(crate) fn pressed(&mut self) -> Vec<LogKey> {
        let mut pressed = Vec::new();
        for slot in self.full_slots() {
            let slot = &mut self.slots[slot];
            if !std::mem::replace(&mut slot.is_pressed, true) {
                pressed.extend(slot.needs.keys().copied());
            }
        }
        pressed
    }

    /// All logs that keep full files from being used again.
    pub(crate) fn pressed_again(&self) -> Vec<LogKey> {
        let needs = self.full_slots().into_iter().flat_map(|slot| self.slots[slot].needs.keys());
        needs.copied().collect()
    }

    fn full_slots(&self) -> Vec<usize> {
        let count = self.slots.len();
        (1..count).map(|step| (self.current + step) % count).collect()
    }

    /// Files that some log needs.
    pub(crate) fn needed(&self) -> usize {
        self.slots.iter().filter(|slot| !slot.needs.is_empty()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE_BYTES: u64 = 4 * BLOCK_BYTES;

    fn key(partition: i32) -> LogKey {
        LogKey { topic_id: Uuid::ONE, partition }
    }

    fn ring(files: usize) -> Ring {
        Ring::new(Uuid::ONE, FILE_BYTES, &vec![false; files], (5, 50))
    }

    fn fill(ring: &mut Ring, partition: i32, end: i64) {
        let header = ring.advance().expect("a free file");
        assert_eq!(header.lap, ring.lap());
        ring.note(ring.room(), std::iter::once((key(partition), end)));
    }

    #[test]
    fn a_file_is_used_again_once_every_log_has_its_own() {
        let mut ring = ring(2);
        fill(&mut ring, 1, 10);
        fill(&mut ring, 2, 20);
        assert!(ring.advance().is_none(), "the first is still needed");
        assert_eq!(ring.pressed(), [key(1)]);
        assert!(ring.pressed().is_empty(), "asked once");
        assert_eq!(ring.pressed_again(), [key(1)]);
        assert!(!ring.flushed(key(1), 9));
        assert!(ring.flushed(key(1), 10));
        let header = ring.advance().expect("a free file");
        assert_eq!((header.lap, header.oldest_lap), (7, 6));
    }

    #[test]
    fn what_was_cut_off_is_not_waited_for() {
        let mut ring = ring(2);
        fill(&mut ring, 1, 10);
        ring.truncated(key(1), 4);
        assert!(!ring.flushed(key(1), 3));
        assert!(ring.flushed(key(1), 4));
        assert_eq!(ring.needed(), 0);
    }

    #[test]
    fn a_first_lap_is_filled_ahead_and_a_second_is_not() {
        let mut ring = ring(2);
        for lap in 0..4 {
            assert_eq!(ring.advance().expect("a free file").is_zeroed, lap >= 2);
            let ahead = ring.zero_before(BLOCK_BYTES, 2 * BLOCK_BYTES);
            assert_eq!(ahead, (lap < 2).then_some(0..2 * BLOCK_BYTES));
            assert_eq!(ring.zero_before(2 * BLOCK_BYTES, 2 * BLOCK_BYTES), None);
            let rest = ring.zero_before(3 * BLOCK_BYTES, 2 * BLOCK_BYTES);
            assert_eq!(rest, (lap < 2).then_some(2 * BLOCK_BYTES..FILE_BYTES));
        }
    }

    #[test]
    fn a_ring_that_shrinks_goes_on_with_the_files_it_has() {
        let mut ring = ring(4);
        fill(&mut ring, 1, 10);
        fill(&mut ring, 2, 20);
        assert_eq!(ring.next(), 2);
        ring.shrink(2);
        assert_eq!(ring.next(), 0);
        assert!(ring.advance().is_none(), "the first is still needed");
        assert!(ring.flushed(key(1), 10));
        assert_eq!(ring.advance().expect("a free file").oldest_lap, 6);
    }

    #[test]
    fn sequences_go_on_over_files() {
        let mut ring = ring(3);
        assert_eq!(ring.advance().expect("a free file").first_sequence, 50);
        assert_eq!((ring.take_sequence(), ring.take_sequence()), (50, 51));
        assert_eq!(ring.advance().expect("a free file").first_sequence, 52);
    }
}
