//! Opening what was closed in order, and what was not.
use std::io::IoSlice;
use std::path::Path;

use ottla_world::OpenMode;
use ottla_world::disk::{read_file, write_all_at};
use ottla_world::memory::MemoryDisk;

use super::*;
use crate::Error;

fn file(name: &str) -> std::path::PathBuf {
    Path::new(DIRECTORY).join(name)
}

fn overwrite(disk: &MemoryDisk, name: &str, position: u64, bytes: &[u8]) {
    let file = disk.open(&file(name), OpenMode::Write).unwrap();
    write_all_at(file.as_ref(), &mut [IoSlice::new(bytes)], position).unwrap();
}

fn bytes_of(disk: &MemoryDisk, name: &str) -> Vec<u8> {
    read_file(disk, &file(name), 1 << 20).unwrap()
}

/// Thirty batches over several segments, closed in order.
fn closed(disk: &MemoryDisk) -> Vec<(i64, i64)> {
    let mut log = open_with(disk, |_, config| config.segment_bytes = 1000);
    for number in 0..30 {
        append(&mut log, produced(4, 0, number * 2, 2));
    }
    let expected = ranges(&log, 0);
    log.close(NOW).unwrap();
    assert!(log.segment_count() > 2);
    expected
}

#[test]
fn closing_trims_and_opening_restores() {
    let disk = MemoryDisk::new(1);
    let expected = closed(&disk);
    let before = names(&disk);
    for name in before.iter().filter(|name| name.ends_with("index")) {
        assert!(bytes_of(&disk, name).len() < 240, "{name} is not trimmed");
    }
    assert!(before.contains(&"00000000000000000060.snapshot".to_owned()), "{before:?}");
    let mut log =
        open_with(&disk, |options, _| (options.clean, options.recovery_point) = (true, 60));
    assert_eq!(ranges(&log, 0), expected);
    assert!(append(&mut log, produced(4, 0, 58, 2)).duplicate);
    assert_eq!(append(&mut log, produced(4, 0, 60, 2)).base_offset, 60);
}

/// A producer asks again for all that it had no answer for, up to five batches.
#[test]
fn after_a_crash_every_batch_is_known_that_may_be_sent_again() {
    let disk = MemoryDisk::new(1);
    let mut log = open(&disk);
    for number in 0..7 {
        append(&mut log, produced(4, 0, number * 2, 2));
    }
    drop(log);
    disk.kill();
    let mut log = open(&disk);
    for number in 2..7 {
        let again = append(&mut log, produced(4, 0, number * 2, 2));
        assert_eq!((again.duplicate, again.base_offset), (true, i64::from(number) * 2));
    }
    assert_eq!(
        refused(&mut log, produced(4, 0, 2, 2)).code,
        ottla_wire::ErrorCode::OutOfOrderSequenceNumber
    );
    assert_eq!(append(&mut log, produced(4, 0, 14, 2)).base_offset, 14);
}

#[test]
fn a_torn_tail_is_cut_off() {
    let disk = MemoryDisk::new(1);
    let expected = closed(&disk);
    let last = names(&disk).into_iter().rfind(|name| name.ends_with(".log")).unwrap();
    let len = bytes_of(&disk, &last).len() as u64;
    for (garbage, lost) in
        [(&b"\0\0\0\0"[..], 0), (&[0xff; 200], 0), (&batch(&[NOW])[..60], 0), (b"", 1)]
    {
        if garbage.is_empty() {
            overwrite(&disk, &last, len - 3, b"xxx");
        } else {
            overwrite(&disk, &last, len, garbage);
        }
        let log = open(&disk);
        assert_eq!(ranges(&log, 0), expected[..expected.len() - lost], "{garbage:?}");
        assert!(log.size() <= bytes_of(&disk, &last).len() as u64 + 10_000);
    }
}

#[test]
fn what_follows_a_torn_segment_goes() {
    let disk = MemoryDisk::new(1);
    let expected = closed(&disk);
    overwrite(&disk, "00000000000000000000.log", 300, &[1; 50]);
    let log = open(&disk);
    let kept = ranges(&log, 0);
    assert!(!kept.is_empty() && kept.len() < 5, "{kept:?}");
    assert_eq!(kept, expected[..kept.len()]);
    assert_eq!(log.segment_count(), 1);
}

#[test]
fn garbage_in_an_index_costs_nothing() {
    for name in ["00000000000000000000.index", "00000000000000000000.timeindex"] {
        for garbage in [&[0xff; 7][..], &[0xff; 24], &[0; 24], &[0x7f; 12 * 8], &[1; 12 * 8]] {
            for clean in [true, false] {
                let disk = MemoryDisk::new(1);
                let expected = closed(&disk);
                let whole = bytes_of(&disk, name);
                overwrite(&disk, name, 0, garbage);
                // Everything is flushed, so an unclean start looks at the last segment only.
                let log = open_with(&disk, |options, _| {
                    (options.clean, options.recovery_point) = (clean, 60)
                });
                assert_eq!(ranges(&log, 0), expected, "{name} {garbage:?} {clean}");
                for offset in 0..60 {
                    assert!(!log.read(everything(offset)).unwrap().slice.is_empty());
                }
                assert!(log.offset_for_timestamp(NOW).is_ok());
                drop(log);
                disk.remove_file(&file(name)).unwrap();
                open_with(&disk, |options, _| (options.clean, options.recovery_point) = (true, 60));
                if name.ends_with(".index") {
                    assert_eq!(bytes_of(&disk, name), whole, "a missing index is rebuilt");
                }
            }
        }
    }
}

#[test]
fn left_over_files_are_settled() {
    let disk = MemoryDisk::new(1);
    let expected = closed(&disk);
    for name in [
        "00000000000000000000.log.deleted",
        "00000000000000000005.log.cleaned",
        "00000000000000000777.index",
        "00000000000000000003.snapshot",
        "leader-epoch-checkpoint.tmp",
    ] {
        disk.open(&file(name), OpenMode::Create).unwrap();
    }
    let log = open_with(&disk, |options, _| options.clean = true);
    assert_eq!(ranges(&log, 0), expected);
    let names = names(&disk);
    assert!(!names.iter().any(|name| name.contains("777") || name.contains("05.log")), "{names:?}");
    assert!(!names.contains(&"00000000000000000003.snapshot".to_owned()));
}

#[test]
fn lost_epochs_are_read_from_the_records() {
    for contents in [&b""[..], b"garbage", b"0\n2\n0 0\n"] {
        let disk = MemoryDisk::new(1);
        let mut log = open(&disk);
        for epoch in [0, 0, 2, 5] {
            log.append(batch(&[NOW]), AppendOrigin::Client, leader(epoch)).unwrap();
        }
        log.close(NOW).unwrap();
        let path = file("leader-epoch-checkpoint");
        ottla_world::disk::replace_file(&disk, &path, contents).unwrap();
        let log = open_with(&disk, |options, _| options.clean = true);
        let ends: Vec<i64> =
            [0, 2, 5].map(|epoch| log.end_offset_for_epoch(epoch).unwrap().end_offset).into();
        assert_eq!(ends, [2, 3, 4], "{contents:?}");
    }
}

#[test]
fn records_of_formats_before_2017_are_not_cut_off() {
    let disk = MemoryDisk::new(1);
    closed(&disk);
    let mut old = vec![0; 34];
    old[8..12].copy_from_slice(&22i32.to_be_bytes());
    old[12..16].copy_from_slice(&0xcc2f_79d9_u32.to_be_bytes());
    old[16] = 1;
    old[26..].fill(0xff);
    overwrite(&disk, "00000000000000000000.log", 0, &old);
    let options = OpenLog::new(DIRECTORY, Arc::new(small()), NOW);
    let failed = Log::open(Arc::new(disk.clone()), options.clone());
    assert!(matches!(failed, Err(Error::Corrupt { .. })));
    // Half a header has an old format's number too, where a crash left zeros in place of its own.
    overwrite(&disk, "00000000000000000000.log", 12, &[0; 22]);
    assert_eq!(Log::open(Arc::new(disk), options).unwrap().log_end_offset(), 0);
}

#[test]
fn topic_ids() {
    let id = ottla_wire::Uuid::from_bytes([7; 16]);
    let disk = MemoryDisk::new(1);
    let mut log = open(&disk);
    assert_eq!(log.topic_id(), None);
    log.assign_topic_id(id).unwrap();
    log.assign_topic_id(id).unwrap();
    assert!(log.assign_topic_id(ottla_wire::Uuid::from_bytes([8; 16])).is_err());
    assert_eq!(
        bytes_of(&disk, "partition.metadata"),
        format!("version: 0\ntopic_id: {id}").as_bytes()
    );
    append(&mut log, batch(&[NOW]));
    log.flush(NOW).unwrap();
    disk.crash();
    assert_eq!(open(&disk).topic_id(), Some(id));
}

#[test]
fn the_log_start_is_told_from_outside() {
    let disk = MemoryDisk::new(1);
    closed(&disk);
    for (told, expected) in [(0, 0), (7, 7), (60, 60), (61, 61)] {
        let log =
            open_with(&disk, |options, _| (options.clean, options.log_start_offset) = (true, told));
        assert_eq!(
            (log.log_start_offset(), log.log_end_offset()),
            (expected, expected.max(60)),
            "{told}"
        );
    }
}

#[test]
fn producers_whose_records_were_deleted_are_known_after_a_crash_too() {
    let disk = MemoryDisk::new(1);
    let mut log = open(&disk);
    append(&mut log, produced(5, 0, 0, 2));
    append(&mut log, produced(6, 0, 0, 2));
    log.update_high_watermark(4).unwrap();
    log.increment_log_start_offset(2).unwrap();
    let producers = |log: &Log| -> Vec<i64> {
        log.active_producers().iter().map(|producer| producer.producer_id).collect()
    };
    assert_eq!(producers(&log), [5, 6]);
    drop(log);
    let log = open_with(&disk, |options, _| options.log_start_offset = 2);
    assert_eq!(producers(&log), [5, 6]);
}

/// The states in which Kafka's cleaner can be interrupted, too.
#[test]
fn swaps_are_finished_or_undone_as_kafka_does() {
    let copy = |disk: &MemoryDisk, from: &str, to: &str| {
        let bytes = bytes_of(disk, from);
        disk.open(&file(to), OpenMode::Create).unwrap();
        overwrite(disk, to, 0, &bytes);
    };
    let segment = "00000000000000000000";
    // Complete, with the indexes still to be renamed: it takes the old one's place.
    let disk = MemoryDisk::new(1);
    let expected = closed(&disk);
    copy(&disk, &format!("{segment}.log"), &format!("{segment}.log.swap"));
    copy(&disk, &format!("{segment}.index"), &format!("{segment}.index.swap"));
    assert_eq!(ranges(&open_with(&disk, |options, _| options.clean = true), 0), expected);
    // The records have their name, the transaction index does not.
    let disk = MemoryDisk::new(1);
    closed(&disk);
    let index = format!("{segment}.txnindex");
    disk.open(&file(&format!("{index}.swap")), OpenMode::Create).unwrap();
    drop(open_with(&disk, |options, _| options.clean = true));
    let found = names(&disk);
    assert!(found.contains(&index) && !found.contains(&format!("{index}.swap")), "{found:?}");
    // A later part of what a segment was divided into is ready, the first is not: neither counts.
    let disk = MemoryDisk::new(1);
    let expected = closed(&disk);
    disk.open(&file(&format!("{segment}.log.cleaned")), OpenMode::Create).unwrap();
    copy(&disk, &format!("{segment}.log"), "00000000000000000003.log.swap");
    assert_eq!(ranges(&open_with(&disk, |options, _| options.clean = true), 0), expected);
    let found = names(&disk);
    assert!(
        !found.iter().any(|name| name.ends_with(".swap") || name.contains("03.log")),
        "{found:?}"
    );
}
