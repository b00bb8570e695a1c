//! What a killed process leaves that did not see the disk keep what it wrote.
use ottla_wire::Uuid;
use ottla_world::memory::{Faults, MemoryDisk};

use super::simulated::disk;
use super::*;
use crate::DOUBT_FILE;

fn small_segments(disk: &MemoryDisk, recovery_point: i64) -> Log {
    open_with(disk, |options, config| {
        config.segment_bytes = 300;
        options.recovery_point = recovery_point;
    })
}

fn is_doubted(disk: &MemoryDisk) -> bool {
    names(disk).iter().any(|name| name == DOUBT_FILE)
}

fn append_in(log: &mut Log, leader_epoch: i32) {
    log.append(batch(&[NOW]), AppendOrigin::Client, leader(leader_epoch)).unwrap();
}

/// Base offset and leader epoch of every batch.
fn batches(log: &Log) -> Vec<(i64, i32)> {
    let epoch_at = |at| {
        let bytes = log.read(everything(at)).unwrap().slice.read().unwrap();
        first_batch(&bytes).partition_leader_epoch
    };
    ranges(log, 0).into_iter().map(|(base, _)| (base, epoch_at(base))).collect()
}

/// Has the machine stop in each operation of what is done to a log of eight batches, one after the other,
/// and looks at what that has left. Says how often it stopped.
fn stopped_everywhere(
    seed: u64,
    is_flushed: bool,
    act: impl Fn(&mut Log) -> bool,
    look: impl Fn(&MemoryDisk, u64, i64),
) -> u64 {
    let mut stop = 0;
    loop {
        let disk = disk(seed);
        let mut log = small_segments(&disk, 0);
        (0..8).for_each(|_| append_in(&mut log, 0));
        if is_flushed {
            log.flush(NOW).unwrap();
        }
        disk.stop_after(stop);
        let is_over = act(&mut log);
        // The broker writes checkpoints of logs that are offline as well.
        let checkpoint = log.recovery_point();
        drop(log);
        look(&disk, stop, checkpoint);
        if is_over {
            return stop;
        }
        stop += 1;
    }
}

#[test]
fn what_a_failed_sync_has_forgotten_is_written_again_after_a_kill() {
    let topic_id = Uuid::from_halves(1, 2);
    // Whoever is killed while the sync fails does not hear of that.
    for (seed, sync_error_stops) in (0..200).flat_map(|seed| [(seed, false), (seed, true)]) {
        let disk = disk(seed);
        let mut log = small_segments(&disk, 0);
        log.assign_topic_id(topic_id).unwrap();
        append_in(&mut log, 0);
        log.flush(NOW).unwrap();
        let recovery_point = log.recovery_point();
        (1..9).for_each(|epoch| append_in(&mut log, epoch));
        disk.set_faults(Faults { sync_error_one_in: 2, sync_error_stops, ..Faults::default() });
        if log.flush(NOW).is_ok() {
            continue;
        }
        drop(log);
        disk.kill();
        assert!(is_doubted(&disk), "seed {seed}");
        let mut log = small_segments(&disk, recovery_point);
        assert!(!is_doubted(&disk), "seed {seed}: nothing is doubted once it is synced");
        append_in(&mut log, 9);
        log.flush(NOW).unwrap();
        let (expected, recovery_point) = (batches(&log), log.recovery_point());
        drop(log);
        disk.crash();
        let log = small_segments(&disk, recovery_point);
        assert_eq!(batches(&log), expected, "seed {seed}");
        assert_eq!(log.topic_id(), Some(topic_id), "seed {seed}");
        let epochs = |log: &Log| expected.iter().map(|(at, _)| log.epoch_for_offset(*at)).collect();
        let found: Vec<Option<i32>> = epochs(&log);
        let sent: Vec<Option<i32>> = expected.iter().map(|(_, epoch)| Some(*epoch)).collect();
        assert_eq!(found, sent, "seed {seed}");
    }
}

#[test]
fn a_full_disk_has_room_for_the_note() {
    let disk = disk(1);
    let mut log = open(&disk);
    append(&mut log, batch(&[NOW]));
    // A name may not find its place on a full disk; bytes never do.
    while !is_doubted(&disk) {
        disk.set_faults(Faults { capacity_bytes: 1, ..Faults::default() });
        crate::log::durability::raise_doubt(&disk, Path::new(DIRECTORY));
    }
    drop(log);
    disk.kill();
    assert_eq!(open(&disk).log_end_offset(), 1);
    assert!(!is_doubted(&disk));
}

#[test]
fn a_cut_that_nobody_lived_to_sync_does_not_come_undone_under_what_follows() {
    for seed in 0..40 {
        let cut = |log: &mut Log| log.truncate_to(3, NOW).is_ok();
        let stops = stopped_everywhere(seed, true, cut, |disk, stop, _| {
            disk.kill();
            // The checkpoint is from before the cut.
            let mut log = small_segments(disk, 8);
            (0..4).for_each(|_| append_in(&mut log, 7));
            let expected = batches(&log);
            drop(log);
            disk.crash();
            let found = batches(&small_segments(disk, 8));
            assert!(
                expected.starts_with(&found),
                "seed {seed}, stop {stop}: {found:?} of {expected:?}"
            );
        });
        assert!(stops > 5, "it stopped {stops} times");
    }
}

#[test]
fn a_checkpoint_from_before_a_cut_is_not_believed() {
    let mut found_torn = 0;
    for seed in 0..60 {
        let disk = disk(seed);
        let mut log = small_segments(&disk, 0);
        (0..12).for_each(|_| append_in(&mut log, 0));
        log.flush(NOW).unwrap();
        let checkpoint = log.recovery_point();
        log.truncate_to(1, NOW).unwrap();
        (0..11).for_each(|_| append_in(&mut log, 7));
        assert!(is_doubted(&disk), "the checkpoint has {checkpoint}");
        let expected = batches(&log);
        drop(log);
        disk.crash();
        let mut log = small_segments(&disk, checkpoint);
        let found = batches(&log);
        found_torn += usize::from(found.len() < expected.len());
        assert!(expected.starts_with(&found), "seed {seed}: {found:?} of {expected:?}");
        // It is believed as soon as it is right.
        while log.log_end_offset() < checkpoint {
            append_in(&mut log, 8);
        }
        log.flush(NOW).unwrap();
        assert!(!is_doubted(&disk), "seed {seed}");
    }
    assert!(found_torn > 20, "{found_torn}");
}

#[test]
fn a_log_that_did_not_start_over_is_not_taken_for_one_that_did() {
    for seed in 0..20 {
        let start_over = |log: &mut Log| log.truncate_fully_and_start_at(50, NOW).is_ok();
        stopped_everywhere(seed, false, start_over, |disk, stop, checkpoint| {
            disk.crash();
            let log = small_segments(disk, checkpoint);
            let found = ranges(&log, log.log_start_offset());
            let is_prefix =
                found.iter().zip(log.log_start_offset()..).all(|(at, next)| at.0 == next);
            assert!(is_prefix, "seed {seed}, stop {stop}: {found:?}");
        });
    }
}

#[test]
fn a_log_starts_over_or_stays_as_it_is() {
    for (seed, is_killed) in (0..40).map(|seed| (seed, seed % 2 == 0)) {
        let start_over = |log: &mut Log| log.truncate_fully_and_start_at(50, NOW).is_ok();
        let stops = stopped_everywhere(seed, true, start_over, |disk, stop, checkpoint| {
            if is_killed {
                disk.kill()
            } else {
                disk.crash()
            }
            let mut log = small_segments(disk, checkpoint);
            let start = log.log_start_offset();
            assert!([0, 50].contains(&start), "seed {seed}, stop {stop}: starts at {start}");
            let found = ranges(&log, start).len();
            assert_eq!(found, if start == 0 { 8 } else { 0 }, "seed {seed}, stop {stop}");
            if start == 50 {
                assert_eq!((log.latest_epoch(), log.active_producers()), (None, Vec::new()));
            }
            // What comes next is not taken for what was to go.
            let end = log.log_end_offset();
            append_in(&mut log, 3);
            drop(log);
            disk.kill();
            let log = small_segments(disk, checkpoint);
            assert_eq!((log.log_start_offset(), log.log_end_offset()), (start, end + 1));
        });
        assert!(stops > 10, "it stopped {stops} times");
    }
}

#[test]
fn a_transaction_index_that_was_cut_to_nothing_stays_so() {
    for seed in 0..40 {
        let disk = disk(seed);
        let mut log = open(&disk);
        append(&mut log, batch(&[NOW]));
        append(&mut log, batch_with(in_transaction(5, 0), &[NOW]));
        log.append(marker(5, false), AppendOrigin::Coordinator, leader(0)).unwrap();
        log.roll(NOW).unwrap();
        append(&mut log, batch(&[NOW]));
        log.flush(NOW).unwrap();
        log.truncate_to(1, NOW).unwrap();
        append_in(&mut log, 7);
        log.roll(NOW).unwrap();
        append_in(&mut log, 7);
        log.roll(NOW).unwrap();
        append_in(&mut log, 7);
        log.flush(NOW).unwrap();
        let recovery_point = log.recovery_point();
        drop(log);
        disk.crash();
        let log = open_with(&disk, |options, _| options.recovery_point = recovery_point);
        let read = ReadOptions { isolation: Isolation::TransactionCommitted, ..everything(0) };
        let mut log = log;
        log.update_high_watermark(log.log_end_offset()).unwrap();
        let aborted = log.read(read).unwrap().aborted_transactions.unwrap();
        assert!(aborted.is_empty(), "seed {seed}: {aborted:?}");
    }
}

#[test]
fn an_orderly_end_asks_nothing_of_the_disk_for_what_is_on_it() {
    let disk = disk(1);
    let mut log = small_segments(&disk, 0);
    (0..8).for_each(|_| append_in(&mut log, 0));
    log.close(NOW).unwrap();
    let expected = ranges(&log, 0);
    drop(log);
    disk.kill();
    let reopen = || {
        open_with(&disk, |options, config| {
            config.segment_bytes = 300;
            (options.clean, options.recovery_point) = (true, 8);
        })
    };
    let mut log = reopen();
    let before = disk.operations();
    log.close(NOW).unwrap();
    assert_eq!(disk.operations(), before, "it was not touched");
    // What is given up is gone for good all the same.
    let mut log = reopen();
    log.update_high_watermark(8).unwrap();
    log.increment_log_start_offset(5).unwrap();
    assert!(log.delete_old_segments(NOW).unwrap() > 0);
    let start = log.log_start_offset();
    log.close(NOW).unwrap();
    drop(log);
    disk.crash();
    let left: Vec<(i64, i64)> =
        expected.into_iter().filter(|(base, _)| *base >= start - 2).collect();
    let log = reopen();
    assert!(left.ends_with(&ranges(&log, log.log_start_offset())));
    assert!(log.log_start_offset() > 0, "what was given up is back");
}

#[test]
fn an_orderly_end_keeps_a_new_log() {
    for (seed, clean) in (0..40).flat_map(|seed| [(seed, false), (seed, true)]) {
        let disk = disk(seed);
        let mut log = open_with(&disk, |options, _| options.clean = clean);
        log.assign_topic_id(Uuid::from_halves(1, 2)).unwrap();
        log.close(NOW).unwrap();
        drop(log);
        disk.crash();
        let mut log = open_with(&disk, |options, _| options.clean = true);
        assert_eq!(log.topic_id(), Some(Uuid::from_halves(1, 2)), "seed {seed}");
        assert_eq!(log.segment_count(), 1);
        append(&mut log, batch(&[NOW]));
    }
}

/// The log starts at a segment, so no checkpoint says where, and the segments before it must not come back.
#[test]
fn an_orderly_end_gives_up_for_good_what_was_deleted() {
    for seed in 0..40 {
        let disk = disk(seed);
        let mut log = small_segments(&disk, 0);
        (0..8).for_each(|_| append_in(&mut log, 0));
        let bases =
            names(&disk).into_iter().filter_map(|name| name.strip_suffix(".log")?.parse().ok());
        let start: i64 = bases.max().unwrap();
        log.update_high_watermark(8).unwrap();
        log.increment_log_start_offset(start).unwrap();
        assert!(log.log_start_is_within_segment());
        log.close(NOW).unwrap();
        drop(log);
        disk.kill();
        let reopen = |log_start_offset| {
            open_with(&disk, |options, config| {
                config.segment_bytes = 300;
                (options.clean, options.recovery_point) = (true, 8);
                options.log_start_offset = log_start_offset;
            })
        };
        let mut log = reopen(start);
        log.update_high_watermark(8).unwrap();
        assert!(log.delete_old_segments(NOW).unwrap() > 0);
        assert!(!log.log_start_is_within_segment());
        log.close(NOW).unwrap();
        drop(log);
        disk.crash();
        assert_eq!(reopen(0).log_start_offset(), start, "seed {seed}: what was given up is back");
    }
}

/// A log whose very first flush fails, in the file with the topic's id.
#[test]
fn the_topic_id_that_a_failed_sync_has_forgotten_is_written_again() {
    let topic_id = Uuid::from_halves(1, 2);
    for seed in 0..100 {
        let disk = disk(seed);
        let mut log = open(&disk);
        log.assign_topic_id(topic_id).unwrap();
        append_in(&mut log, 0);
        let file = Path::new(DIRECTORY).join("partition.metadata");
        disk.set_faults_under(&file, Faults { sync_error_one_in: 1, ..Faults::default() });
        log.flush(NOW).unwrap_err();
        drop(log);
        disk.kill();
        let mut log = open(&disk);
        // Where the page cache does not show it either, the broker tells it again.
        let is_known = log.topic_id().is_some();
        append_in(&mut log, 0);
        log.flush(NOW).unwrap();
        drop(log);
        disk.crash();
        assert_eq!(open(&disk).topic_id().is_some(), is_known, "seed {seed}");
    }
}

#[test]
fn the_note_is_there_as_long_as_a_sync_takes() {
    let disk = disk(1);
    let mut log = small_segments(&disk, 0);
    (0..2).for_each(|_| append_in(&mut log, 0));
    let under_way = log.prepare_flush().unwrap().expect("something to sync");
    assert!(is_doubted(&disk));
    log.truncate_to(1, NOW).unwrap();
    assert!(is_doubted(&disk), "what a cut has synced does not tell how that ends");
    log.finish_flush(under_way.run(), NOW).unwrap();
    assert!(!is_doubted(&disk));
    append_in(&mut log, 1);
    let under_way = log.prepare_flush().unwrap().expect("something to sync");
    append_in(&mut log, 1);
    log.flush(NOW).unwrap();
    assert!(is_doubted(&disk), "the first one may fail yet");
    log.finish_flush(under_way.run(), NOW).unwrap();
    assert!(!is_doubted(&disk));
    // One that is given up is as good as over.
    append_in(&mut log, 1);
    drop(log.prepare_flush().unwrap().expect("something to sync"));
    assert!(is_doubted(&disk));
    log.close(NOW).unwrap();
    assert!(!is_doubted(&disk));
}
