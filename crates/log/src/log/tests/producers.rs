//! What a producer may send again is known: a snapshot tells of its last batch alone.
use ottla_wire::ErrorCode;
use ottla_world::memory::{Faults, MemoryDisk};

use super::simulated::disk;
use super::*;

const PRODUCER: i64 = 4;

/// Batch `number` of a producer who sends two records at once.
fn sent(number: i32) -> Bytes {
    produced(PRODUCER, 0, number * 2, 2)
}

/// Six of its batches, each followed by a record of somebody else, and a new segment after each of `rolls`.
fn write(log: &mut Log, rolls: &[i32]) {
    for number in 0..6 {
        append(log, sent(number));
        append(log, batch(&[NOW]));
        if rolls.contains(&number) {
            log.roll(NOW).unwrap();
        }
    }
}

/// These batches are answered with the offsets that they got, what came before them is refused, and what
/// comes next is appended.
fn knows(log: &mut Log, known: std::ops::Range<i32>, when: &str) {
    let before = sent(known.start - 1);
    let code = refused(log, before.clone()).code;
    assert_eq!(code, ErrorCode::OutOfOrderSequenceNumber, "{when}");
    for number in known.clone() {
        let again = append(log, sent(number));
        let expected = (true, i64::from(number) * 3);
        assert_eq!((again.duplicate, again.base_offset), expected, "{when}: batch {number}");
    }
    let end = log.log_end_offset();
    let next = append(log, sent(known.end));
    assert_eq!((next.duplicate, next.base_offset), (false, end), "{when}");
    assert_eq!(refused(log, before).code, ErrorCode::OutOfOrderSequenceNumber, "{when}");
}

#[test]
fn after_an_orderly_restart_the_last_five_batches_of_a_producer_are_known() {
    for rolls in [&[][..], &[2], &[5], &[0, 1, 2, 3, 4]] {
        let disk = disk(1);
        let mut log = open(&disk);
        write(&mut log, rolls);
        log.close(NOW).unwrap();
        drop(log);
        disk.kill();
        let mut log =
            open_with(&disk, |options, _| (options.clean, options.recovery_point) = (true, 18));
        knows(&mut log, 1..6, &format!("rolled after {rolls:?}"));
    }
}

#[test]
fn after_a_crash_they_are_known_though_a_segment_was_closed_between_them() {
    let disk = disk(1);
    let mut log = open(&disk);
    write(&mut log, &[3]);
    log.flush(NOW).unwrap();
    let recovery_point = log.recovery_point();
    drop(log);
    disk.kill();
    let mut log = open_with(&disk, |options, _| options.recovery_point = recovery_point);
    knows(&mut log, 1..6, "killed");
}

#[test]
fn after_a_cut_they_are_known_as_far_as_they_are_left() {
    for rolls in [&[][..], &[1], &[3], &[0, 1, 2, 3, 4]] {
        let mut log = log_with(|_| {});
        write(&mut log, rolls);
        log.truncate_to(15, NOW).unwrap();
        // The first one was forgotten when the sixth came, and may be found again.
        let when = format!("rolled after {rolls:?}");
        for number in 1..5 {
            let again = append(&mut log, sent(number));
            assert_eq!(
                (again.duplicate, again.base_offset),
                (true, i64::from(number) * 3),
                "{when}"
            );
        }
        assert_eq!(append(&mut log, sent(5)).base_offset, 15, "{when}");
        assert!(!append(&mut log, sent(6)).duplicate, "{when}");
    }
}

#[test]
fn what_does_not_join_up_is_not_taken_for_sent_before() {
    let disk = disk(1);
    let mut log = open(&disk);
    let reopen = |mut log: Log, log_start_offset: i64| {
        log.close(NOW).unwrap();
        let end = log.log_end_offset();
        drop(log);
        disk.kill();
        open_with(&disk, |options, _| {
            (options.clean, options.recovery_point) = (true, end);
            options.log_start_offset = log_start_offset;
        })
    };
    write(&mut log, &[2]);
    // Its next epoch begins anew, in memory and on disk.
    append(&mut log, produced(PRODUCER, 1, 0, 2));
    append(&mut log, produced(PRODUCER, 1, 2, 2));
    let mut log = reopen(log, 0);
    assert_eq!(append(&mut log, produced(PRODUCER, 1, 0, 2)).base_offset, 18);
    assert_eq!(refused(&mut log, sent(5)).code, ErrorCode::InvalidProducerEpoch);
    // Others are known by their last batch, and begin anew once that is forgotten.
    for base_sequence in [0, 1, 2] {
        append(&mut log, produced(9, 0, base_sequence, 1));
    }
    let mut log = reopen(log, 0);
    log.expire_producers(i64::MAX);
    append(&mut log, produced(9, 0, 7, 1));
    let mut log = reopen(log, 0);
    assert_eq!(refused(&mut log, produced(9, 0, 2, 1)).code, ErrorCode::OutOfOrderSequenceNumber);
    // What is deleted is nobody's.
    append(&mut log, produced(9, 0, 8, 1));
    append(&mut log, produced(9, 0, 9, 1));
    log.update_high_watermark(log.log_end_offset()).unwrap();
    let start = log.log_end_offset() - 2;
    log.increment_log_start_offset(start).unwrap();
    let mut log = reopen(log, start);
    assert_eq!(append(&mut log, produced(9, 0, 8, 1)).base_offset, start);
    assert_eq!(refused(&mut log, produced(9, 0, 7, 1)).code, ErrorCode::OutOfOrderSequenceNumber);
}

#[test]
fn a_transaction_that_goes_on_after_a_restart_knows_its_batches() {
    let disk = disk(1);
    let mut log = open(&disk);
    let record = |sequence| batch_with(in_transaction(PRODUCER, sequence), &[NOW]);
    (0..3).for_each(|sequence| assert!(!append(&mut log, record(sequence)).duplicate));
    log.close(NOW).unwrap();
    drop(log);
    disk.kill();
    let mut log =
        open_with(&disk, |options, _| (options.clean, options.recovery_point) = (true, 3));
    for sequence in 0..3 {
        let batches = log.append_policy().validate(record(sequence), AppendOrigin::Client, NOW);
        log.would_append(&batches.unwrap(), leader(0)).unwrap();
        let again = append(&mut log, record(sequence));
        assert_eq!((again.duplicate, again.base_offset), (true, i64::from(sequence)));
    }
    // Nor does it matter that it has ended meanwhile.
    log.append(marker(PRODUCER, true), AppendOrigin::Coordinator, leader(0)).unwrap();
    assert!(append(&mut log, record(0)).duplicate);
}

#[test]
fn so_much_is_read_back_and_no_more() {
    let mut log = log_with(|config| config.segment_bytes = 1_000);
    for number in 0..60 {
        append(&mut log, produced(PRODUCER, 0, number, 1));
    }
    assert!(log.segment_count() > 3);
    let bytes_from = |log: &Log, start: i64, end: i64| -> u64 {
        let held = |at: &(i64, i64)| at.0 >= start && at.0 < end;
        let each = log.size() / 60;
        ranges(log, 0).iter().filter(|at| held(at)).count() as u64 * each
    };
    for (end, bytes_max) in (1..=60).flat_map(|end| [(end, 0), (end, 150), (end, 1_500)]) {
        let start = log.read_back_from(end, bytes_max).unwrap();
        let bytes = bytes_from(&log, start, end);
        assert!(bytes <= bytes_max, "{bytes} of {bytes_max} before {end}");
        // The index has an entry for every few of these batches.
        assert!(start == 0 || bytes + 500 > bytes_max, "{bytes} of {bytes_max} before {end}");
    }
    assert_eq!(log.read_back_from(60, 1 << 20).unwrap(), 0);
    log.update_high_watermark(60).unwrap();
    log.increment_log_start_offset(41).unwrap();
    assert_eq!(log.read_back_from(60, 1 << 20).unwrap(), 41);
}

#[test]
fn reading_back_may_fail_and_is_tried_again() {
    let disk = disk(1);
    let mut log = open(&disk);
    write(&mut log, &[]);
    log.close(NOW).unwrap();
    drop(log);
    disk.kill();
    let mut log =
        open_with(&disk, |options, _| (options.clean, options.recovery_point) = (true, 18));
    disk.set_faults(Faults { read_error_one_in: 1, ..Faults::default() });
    let failed = log.append(sent(1), AppendOrigin::Client, leader(0));
    assert!(matches!(failed, Err(AppendError::Fault(_))), "{failed:?}");
    disk.set_faults(Faults::default());
    knows(&mut log, 1..6, "readable again");
}

#[test]
fn records_that_are_damaged_tell_nothing_and_keep_nobody_from_going_on() {
    let disk = MemoryDisk::new(1);
    let mut log = open(&disk);
    write(&mut log, &[5]);
    log.close(NOW).unwrap();
    drop(log);
    disk.kill();
    let path = Path::new(DIRECTORY).join("00000000000000000000.log");
    let file = disk.open(&path, ottla_world::OpenMode::Write).unwrap();
    file.write_at(&[std::io::IoSlice::new(&[0; 61])], 0).unwrap();
    let mut log =
        open_with(&disk, |options, _| (options.clean, options.recovery_point) = (true, 18));
    assert_eq!(refused(&mut log, sent(1)).code, ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(append(&mut log, sent(6)).base_offset, 18);
}
