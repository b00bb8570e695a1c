//! What the simulated disk has found, each as small as it gets.
use ottla_world::memory::MemoryDisk;

use super::*;

fn disk(seed: u64) -> MemoryDisk {
    let disk = MemoryDisk::new(seed).with_names_in_order();
    disk.create_dir_all(Path::new("/data")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

#[test]
fn what_is_left_of_a_cut_segment_keeps_its_largest_timestamp() {
    let disk = disk(1);
    let mut log = open_with(&disk, |_, config| config.index_interval_bytes = 0);
    for timestamp in [NOW, NOW + 1000, NOW + 1000, NOW + 2000] {
        append(&mut log, batch(&[timestamp]));
    }
    log.truncate_to(2, NOW).unwrap();
    // The index of the cut segment must not take this one for the first of its time.
    for _ in 0..3 {
        append(&mut log, batch(&[NOW + 1000]));
    }
    let found = log.offset_for_timestamp(NOW + 1000).unwrap();
    assert_eq!(found.map(|found| found.offset), Some(1));
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
fn preallocated_room_behind_a_closed_segment_is_no_torn_end() {
    for seed in 0..30 {
        let disk = disk(seed);
        let mut log = open_with(&disk, |_, config| config.preallocate = true);
        append(&mut log, batch(&[NOW]));
        log.flush(NOW).unwrap();
        log.roll(NOW).unwrap();
        append(&mut log, batch(&[NOW]));
        log.flush(NOW).unwrap();
        drop(log);
        disk.crash();
        assert_eq!(open(&disk).log_end_offset(), 2, "seed {seed}");
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
