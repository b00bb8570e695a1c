//! What the simulated disk has found, each as small as it gets.
use ottla_wire::Uuid;
use ottla_world::OpenMode;
use ottla_world::memory::{Faults, MemoryDisk};

use super::*;

pub(super) fn disk(seed: u64) -> MemoryDisk {
    crate::fixture::disk(seed).with_names_in_order()
}

#[test]
fn what_is_left_of_a_cut_segment_keeps_its_largest_timestamp() {
    let disk = disk(1);
    let mut log = open(&disk);
    // The first one has no entry in the index.
    for timestamp in [NOW + 5000, NOW] {
        append(&mut log, batch(&[timestamp]));
    }
    log.truncate_to(1, NOW).unwrap();
    append(&mut log, batch(&[NOW + 1000]));
    let found = log.offset_for_timestamp(NOW + 4000).unwrap();
    assert_eq!(found.map(|found| found.offset), Some(0));
}

#[test]
fn a_gap_at_the_end_of_a_segment_is_no_torn_end() {
    let disk = disk(1);
    let mut log = open_with(&disk, |_, config| config.segment_bytes = 200);
    for base_offset in [0, 5, 10, 20, 30] {
        let options =
            BatchOptions { base_offset, partition_leader_epoch: 0, ..BatchOptions::default() };
        log.append_as_follower(batch_with(options, &[NOW]), 0, NOW).unwrap();
    }
    assert!(log.segment_count() > 1);
    log.truncate_to(20, NOW).unwrap();
    log.roll(NOW).unwrap();
    append(&mut log, batch(&[NOW]));
    let expected = ranges(&log, 0);
    drop(log);
    disk.kill();
    assert_eq!(ranges(&open(&disk), 0), expected);
}

#[test]
fn a_flush_syncs_the_names_that_one_under_way_was_to_sync() {
    for seed in 0..30 {
        let disk = disk(seed);
        let mut log = open(&disk);
        append(&mut log, batch(&[NOW]));
        let never_run = log.prepare_flush().unwrap();
        append(&mut log, batch(&[NOW]));
        log.flush(NOW).unwrap();
        drop((never_run, log));
        disk.crash();
        assert_eq!(open(&disk).log_end_offset(), 2, "seed {seed}");
    }
}

#[test]
fn a_flush_syncs_the_names_that_a_killed_process_made() {
    for seed in 0..30 {
        let disk = disk(seed);
        append(&mut open(&disk), batch(&[NOW]));
        disk.kill();
        let mut log = open(&disk);
        append(&mut log, batch(&[NOW]));
        log.flush(NOW).unwrap();
        drop(log);
        disk.crash();
        assert_eq!(open(&disk).log_end_offset(), 2, "seed {seed}");
    }
}

#[test]
fn what_was_cut_off_does_not_come_back() {
    for seed in 0..60 {
        let disk = disk(seed);
        let mut log = open_with(&disk, |_, config| config.segment_bytes = 200);
        for _ in 0..6 {
            append(&mut log, batch(&[NOW]));
        }
        log.flush(NOW).unwrap();
        log.truncate_to(1, NOW).unwrap();
        log.append(batch(&[NOW]), AppendOrigin::Client, leader(7)).unwrap();
        drop(log);
        disk.crash();
        let log = open(&disk);
        assert!([1, 2].contains(&log.log_end_offset()), "seed {seed}");
        let is_new = log.epoch_for_offset(1) == Some(7);
        assert!(log.log_end_offset() == 1 || is_new, "seed {seed}: an old record is back");
    }
}

#[test]
fn zeros_behind_a_closed_segment_are_no_torn_end() {
    let disk = disk(1);
    let mut log = open(&disk);
    append(&mut log, batch(&[NOW]));
    log.roll(NOW).unwrap();
    append(&mut log, batch(&[NOW]));
    drop(log);
    disk.kill();
    let path = Path::new(DIRECTORY).join("00000000000000000000.log");
    disk.open(&path, OpenMode::Write).unwrap().set_len(10_000).unwrap();
    assert_eq!(ranges(&open(&disk), 0), [(0, 0), (1, 1)]);
}

#[test]
fn a_segment_that_was_closed_after_its_flush_is_synced_by_the_next_one() {
    for (seed, has_gap) in (0..30).flat_map(|seed| [(seed, false), (seed, true)]) {
        let disk = disk(seed);
        let mut log = open_with(&disk, |_, config| config.preallocate = true);
        append(&mut log, batch(&[NOW + 7]));
        if has_gap {
            let options = BatchOptions {
                base_offset: 5,
                partition_leader_epoch: 0,
                ..BatchOptions::default()
            };
            log.append_as_follower(batch_with(options, &[NOW]), 0, NOW).unwrap();
            log.truncate_to(5, NOW).unwrap();
        }
        log.flush(NOW).unwrap();
        log.roll(NOW).unwrap();
        append(&mut log, batch(&[NOW]));
        log.flush(NOW).unwrap();
        let (recovery_point, expected) = (log.recovery_point(), ranges(&log, 0));
        drop(log);
        disk.crash();
        let log = open_with(&disk, |options, _| options.recovery_point = recovery_point);
        assert_eq!(ranges(&log, 0), expected, "seed {seed}, {has_gap}");
        let found = log.offset_for_timestamp(NOW + 7).unwrap();
        assert_eq!(found.map(|found| found.offset), Some(0), "seed {seed}, {has_gap}");
    }
}

#[test]
fn a_snapshot_of_records_that_a_crash_took_is_not_believed() {
    let disk = disk(1);
    let mut log = open(&disk);
    append(&mut log, produced(1, 0, 0, 3));
    log.roll(NOW).unwrap();
    let path = Path::new(DIRECTORY).join("00000000000000000003.snapshot");
    let stale = ottla_world::disk::read_file(&disk, &path, 1 << 20).unwrap();
    drop(log);
    disk.kill();
    let mut log = open(&disk);
    log.truncate_to(0, NOW).unwrap();
    append(&mut log, produced(2, 0, 0, 3));
    drop(log);
    disk.kill();
    ottla_world::disk::replace_file(&disk, &path, &stale).unwrap();
    let producers: Vec<i64> =
        open(&disk).active_producers().iter().map(|producer| producer.producer_id).collect();
    assert_eq!(producers, [2]);
}

#[test]
fn a_flush_syncs_the_topic_id_that_a_killed_process_wrote() {
    let topic_id = Uuid::from_halves(1, 2);
    for seed in 0..30 {
        let disk = disk(seed);
        open(&disk).assign_topic_id(topic_id).unwrap();
        disk.kill();
        let mut log = open(&disk);
        append(&mut log, batch(&[NOW]));
        log.flush(NOW).unwrap();
        drop(log);
        disk.crash();
        assert_eq!(open(&disk).topic_id(), Some(topic_id), "seed {seed}");
    }
}

#[test]
fn epochs_that_were_being_read_from_the_records_are_not_taken_for_all() {
    let recover = |disk: &MemoryDisk| {
        let mut options = OpenLog::new(DIRECTORY, Arc::new(small()), NOW);
        options.recovery_point = 12;
        Log::open(Arc::new(disk.clone()), options)
    };
    for seed in 0..6 {
        let mut stop = 0;
        loop {
            let disk = disk(seed);
            let mut log = open_with(&disk, |_, config| config.segment_bytes = 200);
            for epoch in 0..12 {
                log.append(batch(&[NOW]), AppendOrigin::Client, leader(epoch)).unwrap();
            }
            log.flush(NOW).unwrap();
            drop(log);
            disk.kill();
            let path = Path::new(DIRECTORY).join("leader-epoch-checkpoint");
            ottla_world::disk::replace_file(&disk, &path, b"").unwrap();
            disk.stop_after(stop);
            let is_over = recover(&disk).is_ok();
            disk.crash();
            let log = recover(&disk).unwrap();
            let epochs: Vec<Option<i32>> = (0..12).map(|at| log.epoch_for_offset(at)).collect();
            assert_eq!(epochs, (0..12).map(Some).collect::<Vec<_>>(), "seed {seed}, stop {stop}");
            if is_over {
                break;
            }
            stop += 1;
        }
        assert!(stop > 3, "it stopped {stop} times");
    }
}

/// A log of several segments with an aborted transaction in the first one, all of it on disk. Says where it ends.
fn with_aborted(disk: &MemoryDisk) -> i64 {
    let mut log = open(disk);
    append(&mut log, batch_with(in_transaction(5, 0), &[NOW]));
    log.append(marker(5, false), AppendOrigin::Coordinator, leader(0)).unwrap();
    for _ in 0..3 {
        log.roll(NOW).unwrap();
        append(&mut log, batch(&[NOW]));
    }
    log.flush(NOW).unwrap();
    log.recovery_point()
}

fn aborted(log: &mut Log) -> usize {
    log.update_high_watermark(log.log_end_offset()).unwrap();
    let isolation = Isolation::TransactionCommitted;
    let read = log.read(ReadOptions { isolation, ..everything(0) }).unwrap();
    read.aborted_transactions.unwrap().len()
}

#[test]
fn indexes_that_were_built_anew_before_the_recovery_point_are_on_disk() {
    for seed in 0..30 {
        let disk = disk(seed);
        let recovery_point = with_aborted(&disk);
        let reopen = || open_with(&disk, |options, _| options.recovery_point = recovery_point);
        disk.kill();
        disk.remove_file(&Path::new(DIRECTORY).join("00000000000000000000.index")).unwrap();
        let mut log = reopen();
        append(&mut log, batch(&[NOW]));
        log.flush(NOW).unwrap();
        drop(log);
        disk.crash();
        assert_eq!(aborted(&mut reopen()), 1, "seed {seed}");
    }
}

#[test]
fn a_torn_transaction_index_is_built_anew() {
    let disk = disk(1);
    let recovery_point = with_aborted(&disk);
    disk.kill();
    let path = Path::new(DIRECTORY).join("00000000000000000000.txnindex");
    disk.open(&path, OpenMode::Write).unwrap().set_len(20).unwrap();
    let mut log = open_with(&disk, |options, _| options.recovery_point = recovery_point);
    assert_eq!(aborted(&mut log), 1);
}

#[test]
fn a_log_that_could_not_start_over_can_be_asked() {
    let disk = disk(1);
    let mut log = open(&disk);
    append(&mut log, batch(&[NOW]));
    disk.set_faults(Faults { name_error_one_in: 1, ..Faults::default() });
    log.truncate_fully_and_start_at(5, NOW).unwrap_err();
    assert!(log.is_offline() && !log.has_room());
    assert!(!log.flush_is_due(NOW), "{:?}", log.offsets());
    assert_eq!(log.segment_count(), 1);
}
