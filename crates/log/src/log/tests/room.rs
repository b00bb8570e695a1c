//! Zeros ahead of a log that is written fast.
use ottla_world::memory::{Faults, MemoryDisk};

use super::*;
use crate::names::FileKind;

const ROOM: u64 = 64 * 1024;

fn fast(disk: &MemoryDisk) -> Log {
    open_with(disk, |_, config| config.segment_bytes = 1 << 20)
}

fn value(bytes: usize) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    builder.append(NOW, None, Some(&vec![7; bytes]), &[]).unwrap();
    builder.build().unwrap().freeze()
}

fn file_bytes(disk: &MemoryDisk) -> u64 {
    disk.metadata(&FileKind::Records.path(Path::new(DIRECTORY), 0)).unwrap().len
}

fn offsets(count: i64) -> Vec<(i64, i64)> {
    (0..count).map(|offset| (offset, offset)).collect()
}

/// A log that grew fast, and the bytes of its records.
fn grown(disk: &MemoryDisk) -> (Log, u64) {
    let mut log = fast(disk);
    let bytes = (0..5).map(|_| append(&mut log, value(30_000)).bytes).sum();
    assert!(log.has_room());
    assert_eq!((file_bytes(disk) % ROOM, file_bytes(disk) > bytes), (0, true));
    (log, bytes)
}

#[test]
fn zeros_behind_the_records_go_when_the_log_is_quiet_rolled_or_closed() {
    let ends: [fn(&mut Log); 3] = [
        |log| {
            assert!(log.trim_room(NOW + 1).unwrap(), "it is still written");
            assert!(log.has_room());
            assert!(!log.trim_room(NOW + 250).unwrap());
        },
        |log| log.roll(NOW).unwrap(),
        |log| {
            let _ = log.close(NOW).unwrap();
        },
    ];
    for end in ends {
        let disk = MemoryDisk::new(1);
        let (mut log, bytes) = grown(&disk);
        assert_eq!(ranges(&log, 0), offsets(5));
        end(&mut log);
        assert_eq!((file_bytes(&disk), log.has_room()), (bytes, false));
        assert_eq!(ranges(&log, 0), offsets(5));
    }
}

#[test]
fn what_comes_after_the_cut_follows_the_records() {
    let disk = MemoryDisk::new(1);
    let (mut log, bytes) = grown(&disk);
    assert!(!log.trim_room(NOW + 250).unwrap());
    let more = append(&mut log, value(10)).bytes;
    assert_eq!((file_bytes(&disk), ranges(&log, 0)), (bytes + more, offsets(6)));
}

#[test]
fn a_process_that_dies_leaves_zeros_which_recovery_cuts_off() {
    let disk = MemoryDisk::new(1);
    let (log, bytes) = grown(&disk);
    drop(log);
    disk.kill();
    let log = fast(&disk);
    assert_eq!((file_bytes(&disk), ranges(&log, 0)), (bytes, offsets(5)));
}

#[test]
fn records_that_still_fit_are_kept_where_zeros_do_not() {
    let disk = MemoryDisk::new(1);
    let mut log = fast(&disk);
    for _ in 0..3 {
        append(&mut log, value(30_000));
    }
    let path = |name: &String| Path::new(DIRECTORY).join(name);
    let used: u64 = names(&disk).iter().map(|name| disk.metadata(&path(name)).unwrap().len).sum();
    // The records take 30,000 of it, and up to the next multiple of 64 KiB it would be 41,000.
    disk.set_faults(Faults { capacity_bytes: used + 40_000, ..Faults::default() });
    append(&mut log, value(30_000));
    assert!(log.has_room());
    assert_eq!(ranges(&log, 0), offsets(4));
}
