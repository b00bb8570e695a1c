//! A log with many more files than may be open.
use ottla_world::memory::MemoryDisk;

use super::*;
use crate::cleaner::{CleanerMemory, FullSpeed};
use crate::{CleanupPolicy, Descriptors, RecoveryWatch, UnopenedLog};

/// Two batches a segment.
fn many_segments(config: &mut LogConfig) {
    config.segment_bytes = 300;
    config.file_delete_delay_ms = 0;
}

#[test]
fn everything_works_with_two_files_open() {
    let disk = MemoryDisk::new(1);
    let descriptors = Arc::new(Descriptors::new(2));
    let start = |clean| {
        open_with(&disk, |options, config| {
            many_segments(config);
            config.cleanup_policy = CleanupPolicy { delete: true, compact: true };
            options.descriptors = Arc::clone(&descriptors);
            options.clean = clean;
        })
    };
    let mut log = start(false);
    for number in 0..60 {
        append(&mut log, produced(4, 0, number * 2, 2));
    }
    let segments = log.segment_count();
    assert!(segments > 20, "{segments}");
    let expected = ranges(&log, 0);
    for offset in (0..120).rev() {
        assert!(!log.read(everything(offset)).unwrap().slice.is_empty());
    }
    assert!(log.offset_for_timestamp(NOW).unwrap().is_some());
    assert!(descriptors.open_files() <= 2);
    log.close(NOW).unwrap();
    assert_eq!(descriptors.open_files(), 0, "a closed log holds none");
    drop(log);
    for clean in [true, false] {
        let log = start(clean);
        assert_eq!(ranges(&log, 0), expected);
        assert!(descriptors.open_files() <= 2);
    }
    let mut log = start(true);
    log.update_high_watermark(120).unwrap();
    log.flush(NOW).unwrap();
    let plan = log.plan_compaction(None, NOW).unwrap().expect("all of it is dirty");
    // Retention may come between: what is compacted has other names then, and is found.
    assert!(log.increment_log_start_offset(30).unwrap());
    assert!(log.delete_old_segments(NOW).unwrap() > 2);
    let cleaned = plan.run(&CleanerMemory::default(), NOW, &FullSpeed).unwrap();
    assert!(!log.install_compaction(cleaned, NOW).unwrap(), "its segments are gone");
    let plan = log.plan_compaction(None, NOW).unwrap().expect("all of it is dirty");
    let cleaned = plan.run(&CleanerMemory::default(), NOW, &FullSpeed).unwrap();
    assert!(log.install_compaction(cleaned, NOW).unwrap());
    assert!(log.segment_count() < segments);
    log.delete_old_segments(NOW + log.config().retention_ms + 1).unwrap();
    log.remove_deleted_files(NOW + 1).unwrap();
    assert_eq!(log.segment_count(), 1);
    assert!(descriptors.open_files() <= 2);
}

#[test]
fn a_start_reads_the_newest_segment_alone() {
    let disk = MemoryDisk::new(1);
    let mut log = open_with(&disk, |_, config| many_segments(config));
    for number in 0..60 {
        append(&mut log, produced(4, 0, number * 2, 2));
    }
    log.close(NOW).unwrap();
    let descriptors = Arc::new(Descriptors::default());
    let log = open_with(&disk, |options, config| {
        many_segments(config);
        options.descriptors = Arc::clone(&descriptors);
        options.clean = true;
    });
    assert!(log.segment_count() > 20);
    assert!(descriptors.open_files() <= 3, "{}", descriptors.open_files());
}

#[test]
fn what_a_start_will_take_is_known_before() {
    let disk = MemoryDisk::new(1);
    let mut log = open_with(&disk, |_, config| many_segments(config));
    for number in 0..60 {
        append(&mut log, produced(4, 0, number * 2, 2));
    }
    let (bytes, segments) = (log.size(), log.segment_count());
    log.close(NOW).unwrap();
    let find = |recovery_point, clean| {
        let mut options = OpenLog::new(DIRECTORY, Arc::new(small()), NOW);
        (options.recovery_point, options.clean) = (recovery_point, clean);
        UnopenedLog::find(Arc::new(disk.clone()), options).unwrap()
    };
    let needs =
        |unopened: UnopenedLog| (unopened.segments_to_recover(), unopened.bytes_to_recover());
    assert_eq!(needs(find(0, false)), (segments, bytes));
    assert_eq!(needs(find(60, true)), (0, 0));
    let (some, some_bytes) = needs(find(60, false));
    assert!(some > 2 && some < segments && some_bytes < bytes, "{some} {some_bytes}");
    assert_eq!(needs(find(1_000, false)).0, 1, "the newest is always looked at");
    disk.remove_file(&Path::new(DIRECTORY).join("00000000000000000000.index")).unwrap();
    assert_eq!(needs(find(60, true)).0, 1, "its index has to be built");
}

#[test]
fn a_recovery_can_be_stopped_and_goes_on_at_the_next_start() {
    let disk = MemoryDisk::new(1);
    let mut log = open(&disk);
    append(&mut log, batch(&[NOW; 3]));
    drop(log);
    let options = || OpenLog::new(DIRECTORY, Arc::new(small()), NOW);
    let watch = RecoveryWatch::default();
    watch.stop();
    let unopened = UnopenedLog::find(Arc::new(disk.clone()), options()).unwrap();
    assert!(matches!(unopened.open(&watch), Err(crate::Error::Stopped { .. })));
    assert_eq!(watch.remaining_segments(), 0);
    assert_eq!(open(&disk).log_end_offset(), 3);
}

#[test]
fn a_time_index_of_garbage_ages_nothing() {
    let disk = MemoryDisk::new(1);
    let mut log = open_with(&disk, |_, config| many_segments(config));
    for _ in 0..10 {
        append(&mut log, batch(&[NOW; 3]));
    }
    log.close(NOW).unwrap();
    for garbage in [&[0xff; 24][..], &[0; 24], &[0x7f; 7], b""] {
        let path = Path::new(DIRECTORY).join("00000000000000000000.timeindex");
        ottla_world::disk::replace_file(&disk, &path, garbage).unwrap();
        let mut log = open_with(&disk, |options, config| {
            many_segments(config);
            (options.clean, options.recovery_point) = (true, 30);
        });
        log.update_high_watermark(30).unwrap();
        let retention_ms = log.config().retention_ms;
        assert_eq!(log.delete_old_segments(NOW + retention_ms).unwrap(), 0, "{garbage:?}");
        let found = log.offset_for_timestamp(NOW).unwrap().expect("it is in the records");
        assert_eq!(found.offset, 0, "{garbage:?}");
    }
}
