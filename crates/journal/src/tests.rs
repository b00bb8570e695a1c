//! A journal by itself: what a start finds of what was handed in. With logs: `ottla-log`.
use std::path::Path;
use std::sync::Arc;

use ottla_wire::Uuid;
use ottla_world::Disk;
use ottla_world::memory::MemoryDisk;

use super::*;

const DIRECTORY: &str = "/data";
const DIRECTORY_ID: Uuid = Uuid::from_halves(7, 7);
const KEY: LogKey = LogKey { topic_id: Uuid::ONE, partition: 0 };
const SMALL: JournalSize = JournalSize { files: 2, file_bytes: 4 * 4096 };

fn disk(seed: u64) -> MemoryDisk {
    let disk = MemoryDisk::new(seed);
    disk.create_dir_all(Path::new(DIRECTORY)).expect("a free name");
    disk.sync_dir(Path::new("/")).expect("a disk that works");
    disk
}

fn found(disk: &MemoryDisk, directory_id: Uuid) -> Replay {
    Replay::read(disk, Path::new(DIRECTORY), directory_id, false).expect("a disk that works")
}

fn begin(disk: &MemoryDisk) -> Journal {
    let replay = found(disk, DIRECTORY_ID);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let journal = Journal::new(shared, Path::new(DIRECTORY), DIRECTORY_ID, SMALL, &replay);
    journal.begin(&replay).expect("a disk that works");
    journal
}

/// Hands in one record at this offset.
fn append(journal: &Journal, offset: i64) {
    let value = format!("record {offset}");
    let append = Append {
        follows: offset,
        base_offset: offset,
        last_offset: offset,
        leader_epoch: 0,
        truncations: 0,
        records: [value.as_bytes(), b"!"],
    };
    assert!(journal.append(KEY, &append).expect("a journal that works"));
}

/// The offsets of what the log may lack, whose records are those that were handed in.
fn planned(replay: &Replay) -> Vec<i64> {
    let Some(plan) = replay.log(KEY) else { return Vec::new() };
    let offset = |append: &PlannedAppend| {
        let records = replay.records(append.records).expect("a disk that works");
        assert_eq!(records, format!("record {}!", append.base_offset));
        append.base_offset
    };
    plan.appends.iter().map(offset).collect()
}

#[test]
fn what_was_committed_is_found_and_what_was_not_is_not() {
    for seed in 0..50 {
        let disk = disk(seed);
        let journal = begin(&disk);
        for offset in 0..6 {
            append(&journal, offset);
            if offset % 2 == 1 {
                let commit = journal.commit().expect("a disk that works");
                assert_eq!(commit.logs[&KEY].end_offset, offset + 1);
            }
        }
        append(&journal, 6);
        disk.crash();
        let replay = found(&disk, DIRECTORY_ID);
        assert_eq!(planned(&replay), [0, 1, 2, 3, 4, 5], "seed {seed}");
        // Once it has begun anew nothing of that counts.
        begin(&disk);
        assert!(found(&disk, DIRECTORY_ID).is_empty(), "seed {seed}");
    }
}

#[test]
fn a_full_journal_waits_until_its_logs_are_flushed() {
    let disk = disk(1);
    let journal = begin(&disk);
    let mut end = 0;
    let pressed = loop {
        append(&journal, end);
        let commit = journal.commit().expect("a disk that works");
        if commit.entries == 0 {
            break commit.pressed;
        }
        end += 1;
    };
    assert_eq!(pressed, [KEY]);
    assert_eq!(planned(&found(&disk, DIRECTORY_ID)), (0..end).collect::<Vec<_>>());
    journal.flushed(KEY, end);
    assert_eq!(journal.commit().expect("a disk that works").entries, 1);
    disk.crash();
    assert!(planned(&found(&disk, DIRECTORY_ID)).contains(&end));
}

#[test]
fn what_happened_to_a_log_is_found_as_well() {
    for (event, left, log_start) in [
        (Event::Truncated(1), vec![0], None),
        (Event::StartMoved(1), vec![0, 1], Some(1)),
        (Event::StartedOver(9), vec![], Some(9)),
        (Event::Forgotten, vec![], None),
    ] {
        let disk = disk(1);
        let journal = begin(&disk);
        (0..2).for_each(|offset| append(&journal, offset));
        journal.commit().expect("a disk that works");
        journal.event(KEY, event);
        journal.commit().expect("a disk that works");
        disk.crash();
        let replay = found(&disk, DIRECTORY_ID);
        assert_eq!(planned(&replay), left, "{event:?}");
        assert_eq!(replay.log(KEY).and_then(|plan| plan.log_start), log_start, "{event:?}");
        // Another directory's journal is nothing to this one.
        assert!(found(&disk, Uuid::ONE).is_empty());
    }
}
