//! Rolling, retention, deletion and truncation.
use ottla_world::memory::MemoryDisk;

use super::*;
use crate::CleanupPolicy;

/// Batches of one record, a second apart, four to a segment.
fn twelve(disk: &MemoryDisk, change: impl FnOnce(&mut LogConfig)) -> Log {
    let mut log = open_with(disk, |_, config| {
        config.segment_bytes = 90 * 4;
        config.segment_index_bytes = 4096;
        change(config);
    });
    for number in 0..12 {
        append(&mut log, batch(&[NOW + number * 1000]));
    }
    assert_eq!(log.segment_count(), 3);
    log.update_high_watermark(12).unwrap();
    log
}

#[test]
fn segments_roll() {
    type Change = fn(&mut LogConfig);
    let by: [(&str, Change); 4] = [
        ("size", |config| config.segment_bytes = 100),
        ("time", |config| config.segment_ms = 999),
        ("offset index", |config| {
            (config.segment_index_bytes, config.index_interval_bytes) = (8, 0)
        }),
        ("nothing", |_| {}),
    ];
    for (why, change) in by {
        let disk = MemoryDisk::new(1);
        let mut log = open_with(&disk, |_, config| change(config));
        for number in 0..4 {
            append(&mut log, batch(&[NOW + number * 1000]));
        }
        assert_eq!(log.segment_count() > 1, why != "nothing", "{why}");
        assert_eq!(ranges(&log, 0).len(), 4, "{why}");
        if why != "nothing" {
            assert!(names(&disk).iter().any(|name| name.ends_with(".snapshot")), "{why}");
        }
    }
}

#[test]
fn retention() {
    type Change = fn(&mut LogConfig);
    let cases: [(&str, Change, i64, i64); 7] = [
        ("young", |_| {}, NOW, 0),
        ("time", |config| config.retention_ms = 5000, NOW + 9000, 4),
        ("time, everything", |config| config.retention_ms = 5000, NOW + 100_000, 12),
        ("size", |config| config.retention_bytes = 90 * 9, NOW, 0),
        ("size", |config| config.retention_bytes = 90 * 8, NOW, 4),
        ("size, everything", |config| config.retention_bytes = 0, NOW, 12),
        (
            "compaction only",
            |config| {
                config.retention_ms = 0;
                config.cleanup_policy = CleanupPolicy { delete: false, compact: true };
            },
            NOW + 100_000,
            0,
        ),
    ];
    for (name, change, now_ms, log_start) in cases {
        let disk = MemoryDisk::new(1);
        let mut log = twelve(&disk, change);
        log.delete_old_segments(now_ms).unwrap();
        assert_eq!(log.log_start_offset(), log_start, "{name}");
        assert_eq!(log.log_end_offset(), 12, "{name}");
        append(&mut log, batch(&[NOW]));
        assert_eq!(log.log_end_offset(), 13, "{name}");
    }
}

#[test]
fn nothing_uncommitted_is_deleted() {
    let disk = MemoryDisk::new(1);
    let mut log = twelve(&disk, |config| config.retention_bytes = 0);
    log.update_high_watermark(7).unwrap();
    assert_eq!(log.delete_old_segments(NOW).unwrap(), 1);
    assert_eq!(log.log_start_offset(), 4);
}

#[test]
fn deleted_files_stay_for_a_while() {
    let disk = MemoryDisk::new(1);
    let mut log = twelve(&disk, |_| {});
    let slice = log.read(everything(0)).unwrap().slice;
    assert!(log.increment_log_start_offset(5).unwrap());
    assert!(!log.increment_log_start_offset(5).unwrap());
    assert!(log.increment_log_start_offset(13).is_err());
    assert!(log.log_start_is_within_segment());
    assert_eq!(log.delete_old_segments(NOW).unwrap(), 1);
    let deleted = || names(&disk).iter().filter(|name| name.ends_with(".deleted")).count();
    assert_eq!(deleted(), 3, "records and two indexes");
    log.remove_deleted_files(NOW + 59_999).unwrap();
    assert_eq!(deleted(), 3, "records and two indexes");
    log.remove_deleted_files(NOW + 60_000).unwrap();
    assert_eq!(deleted(), 0);
    assert!(slice.read().is_ok() || slice.file().is_some());
}

#[test]
fn truncation() {
    for (offset, end, segments) in
        [(12, 12, 3), (11, 11, 3), (8, 8, 3), (7, 7, 2), (4, 4, 2), (0, 0, 1)]
    {
        let disk = MemoryDisk::new(1);
        let mut log = twelve(&disk, |_| {});
        assert_eq!(log.truncate_to(offset, NOW).unwrap(), offset < 12);
        assert_eq!((log.log_end_offset(), log.segment_count()), (end, segments), "{offset}");
        assert_eq!(ranges(&log, 0).len() as i64, end, "{offset}");
        assert!(log.high_watermark() <= end);
        append(&mut log, batch(&[NOW + 77]));
        assert_eq!(ranges(&log, 0).len() as i64, end + 1, "{offset}");
        log.close(NOW).unwrap();
        let log = open_with(&disk, |options, _| options.clean = true);
        assert_eq!(ranges(&log, 0).len() as i64, end + 1, "{offset}");
    }
}

#[test]
fn starting_over() {
    let disk = MemoryDisk::new(1);
    let mut log = twelve(&disk, |_| {});
    log.truncate_fully_and_start_at(100, NOW).unwrap();
    let offsets = log.offsets();
    assert_eq!((offsets.log_start, offsets.high_watermark, offsets.log_end), (100, 100, 100));
    append(&mut log, batch(&[NOW]));
    assert_eq!(ranges(&log, 100), [(100, 100)]);
    assert_eq!(log.segment_count(), 1);
}

#[test]
fn a_flush_does_not_vouch_for_what_was_rewritten() {
    let disk = MemoryDisk::new(1);
    let mut log = twelve(&disk, |_| {});
    let pending = log.prepare_flush().unwrap().unwrap();
    log.truncate_to(3, NOW).unwrap();
    for _ in 0..9 {
        append(&mut log, batch(&[NOW]));
    }
    log.finish_flush(pending.run(), NOW).unwrap();
    assert!(log.recovery_point() <= 3, "{}", log.recovery_point());
    log.flush(NOW).unwrap();
    assert_eq!(log.recovery_point(), 12);
    assert!(log.prepare_flush().unwrap().is_none());
}
