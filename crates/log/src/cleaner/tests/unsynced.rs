//! A crash takes what is not on disk: the cleaner does nothing for the sake of that.
use super::*;

const PRODUCER: i64 = 5;

fn produced(epoch: i16, base_sequence: i32, is_transactional: bool, pairs: &[Pair]) -> Bytes {
    let options = BatchOptions {
        producer_id: PRODUCER,
        producer_epoch: epoch,
        base_sequence,
        is_transactional,
        ..BatchOptions::default()
    };
    batch(options, pairs)
}

fn end(log: &mut Log, epoch: i16, is_commit: bool) {
    let marker = EndTransactionMarker { is_commit, coordinator_epoch: 0 };
    append(log, AppendOrigin::Coordinator, marker.batch(PRODUCER, epoch, NOW).unwrap().freeze());
}

/// As [`compact`], of what is on disk already.
fn compact_flushed(log: &mut Log, now_ms: i64) -> Option<i64> {
    let plan = log.plan_compaction(None, now_ms).unwrap()?;
    let cleaned = plan.run(&CleanerMemory::default(), now_ms, &FullSpeed).unwrap();
    let to = cleaned.cleaned_to();
    assert!(log.install_compaction(cleaned, now_ms).unwrap());
    Some(to)
}

/// Number of records in every batch, by base offset.
fn counts(log: &Log) -> Vec<(i64, i32)> {
    let bytes = log.read(everything(log.log_start_offset())).unwrap().slice.read().unwrap();
    BatchViews::new(&bytes)
        .map(|batch| batch.map(|batch| (batch.base_offset, batch.count)).unwrap())
        .collect()
}

#[test]
fn a_transaction_is_open_until_its_marker_is_on_disk() {
    for is_commit in [false, true] {
        let mut log = open(&disk(1), false, 0);
        put(&mut log, &[pair("a", Some("first"))]);
        let records = produced(0, 0, true, &[pair("a", Some("second"))]);
        append(&mut log, AppendOrigin::Client, records);
        log.roll(NOW).unwrap();
        put(&mut log, &[pair("c", None)]);
        log.flush(NOW).unwrap();
        end(&mut log, 0, is_commit);
        assert_eq!(compact_flushed(&mut log, NOW), None, "a crash may take the marker");
        assert!(log.has_closed_unflushed(), "nobody would flush the marker");
        let under_way = log.prepare_flush().unwrap().expect("a marker to sync");
        assert_eq!(compact_flushed(&mut log, NOW), None, "the flush is under way");
        log.finish_flush(under_way.run(), NOW).unwrap();
        assert!(!log.has_closed_unflushed());
        assert_eq!(compact_flushed(&mut log, NOW), Some(2));
        let left = if is_commit { "second" } else { "first" };
        assert_eq!(records_of(&log, "a"), [Some(left.to_owned())]);
    }
}

fn records_of(log: &Log, key: &str) -> Vec<Option<String>> {
    records(log).into_iter().filter(|(_, known, _)| known == key).map(|found| found.2).collect()
}

#[test]
fn a_marker_that_only_a_killed_process_wrote_does_not_count_either() {
    let disk = disk(1);
    let mut log = open(&disk, false, 0);
    append(&mut log, AppendOrigin::Client, produced(0, 0, true, &[pair("a", Some("void"))]));
    log.roll(NOW).unwrap();
    put(&mut log, &[pair("c", None)]);
    log.flush(NOW).unwrap();
    let recovery_point = log.recovery_point();
    end(&mut log, 0, false);
    drop(log);
    disk.kill();
    let mut log = open(&disk, false, recovery_point);
    log.update_high_watermark(log.log_end_offset()).unwrap();
    assert_eq!(compact_flushed(&mut log, NOW), None);
    log.flush(NOW).unwrap();
    assert_eq!(compact_flushed(&mut log, NOW), Some(1));
}

/// A snapshot does not say which transactions ended above the high watermark, where a cut may take their
/// markers.
#[test]
fn a_marker_above_the_high_watermark_does_not_count_after_a_restart() {
    for is_commit in [false, true] {
        let disk = disk(1);
        let mut log = open(&disk, false, 0);
        put(&mut log, &[pair("a", Some("first"))]);
        let records = produced(0, 0, true, &[pair("a", Some("second"))]);
        append(&mut log, AppendOrigin::Client, records);
        log.roll(NOW).unwrap();
        let marker_at = log.log_end_offset();
        end(&mut log, 0, is_commit);
        log.close(NOW).unwrap();
        drop(log);
        let mut log = open(&disk, true, 0);
        log.update_high_watermark(marker_at).unwrap();
        assert_eq!(compact_flushed(&mut log, NOW), None, "a cut may take the marker");
        log.update_high_watermark(log.log_end_offset()).unwrap();
        assert_eq!(compact_flushed(&mut log, NOW), Some(2));
        let left = if is_commit { "second" } else { "first" };
        assert_eq!(records_of(&log, "a"), [Some(left.to_owned())]);
    }
}

#[test]
fn an_emptied_marker_still_tells_the_epoch() {
    let disk = disk(1);
    let mut log = open(&disk, false, 0);
    append(&mut log, AppendOrigin::Client, produced(0, 0, true, &[pair("a", Some("1"))]));
    // KIP-890: the next epoch.
    end(&mut log, 1, true);
    put(&mut log, &[pair("a", Some("2"))]);
    for run in 0..3 {
        log.roll(NOW).unwrap();
        put(&mut log, &[pair("b", Some("x"))]);
        compact(&mut log, None, NOW + run * 10_000).expect("something to compact");
    }
    assert!(counts(&log).contains(&(1, 0)), "{:?}", counts(&log));
    let before = log.active_producers();
    drop(log);
    disk.kill();
    let log = open(&disk, false, 0);
    let after = log.active_producers();
    assert_eq!((after[0].producer_epoch, after[0].last_sequence), (1, -1));
    assert_eq!(after.len(), before.len());
    assert_eq!(after[0].current_transaction_start_offset, -1);
}

#[test]
fn a_producers_last_batch_on_disk_stays_while_a_later_one_is_not() {
    let disk = disk(1);
    let mut log = open(&disk, false, 0);
    append(&mut log, AppendOrigin::Client, produced(0, 0, false, &[pair("a", Some("1"))]));
    put(&mut log, &[pair("a", Some("2"))]);
    log.roll(NOW).unwrap();
    put(&mut log, &[pair("b", Some("x"))]);
    log.flush(NOW).unwrap();
    let recovery_point = log.recovery_point();
    for (epoch, sequence) in [(0, 1), (1, 0), (1, 1), (1, 2)] {
        let records = produced(epoch, sequence, false, &[pair("b", Some("y"))]);
        append(&mut log, AppendOrigin::Client, records);
    }
    assert_eq!(compact_flushed(&mut log, NOW), Some(2));
    assert_eq!(counts(&log)[..2], [(0, 0), (1, 1)], "emptied, and not gone");
    log.truncate_to(recovery_point, NOW).unwrap();
    let left = log.active_producers();
    assert_eq!((left[0].producer_epoch, left[0].last_sequence), (0, 0));
    // Once the later ones are on disk they are enough.
    append(&mut log, AppendOrigin::Client, produced(0, 1, false, &[pair("b", Some("z"))]));
    compact(&mut log, None, NOW).expect("something to compact");
    assert_eq!(counts(&log)[0], (1, 1));
}

#[test]
fn a_result_does_not_outlive_what_it_was_made_from() {
    type Change = fn(&mut Log);
    let deleted: Change = |log| {
        log.increment_log_start_offset(log.high_watermark()).unwrap();
        log.delete_old_segments(NOW).unwrap();
    };
    let emptied: Change = |log| log.truncate_fully_and_start_at(100, NOW).unwrap();
    for change in [deleted, emptied] {
        let disk = disk(1);
        let mut log = open(&disk, false, 0);
        put(&mut log, &[pair("a", Some("1")), pair("a", Some("2"))]);
        log.roll(NOW).unwrap();
        put(&mut log, &[pair("b", Some("x"))]);
        log.flush(NOW).unwrap();
        let plan = log.plan_compaction(None, NOW).unwrap().expect("something to compact");
        plan.run(&CleanerMemory::default(), NOW, &FullSpeed).unwrap();
        change(&mut log);
        drop(log);
        disk.kill();
        let log = open(&disk, false, 0);
        assert_eq!(records_of(&log, "a"), []);
        assert!(log.log_start_offset() >= 2);
    }
}
