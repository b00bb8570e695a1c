//! Reading by offset and by time, and how far.
use super::*;
use crate::ReadError;

/// Ten batches of two records in several segments; timestamps ascend by ten.
fn ten() -> Log {
    let mut log = log_with(|config| config.segment_bytes = 400);
    for number in 0..10 {
        append(&mut log, batch(&[NOW + number * 10, NOW + number * 10 + 1]));
    }
    assert!(log.segment_count() >= 3, "{}", log.segment_count());
    log.update_high_watermark(13).unwrap();
    log
}

#[test]
fn every_offset_finds_its_batch() {
    let log = ten();
    for offset in 0..20 {
        let read = log.read(everything(offset)).unwrap();
        let bytes = read.slice.read().unwrap();
        let found = first_batch(&bytes);
        assert!(found.base_offset <= offset && offset <= found.last_offset(), "{offset}");
    }
    assert!(log.read(everything(20)).unwrap().slice.is_empty());
    for offset in [-1, 21] {
        assert!(
            matches!(log.read(everything(offset)), Err(ReadError::OutOfRange { .. })),
            "{offset}"
        );
    }
}

#[test]
fn isolation_bounds_the_slice() {
    let log = ten();
    for (start, expected) in [(0, true), (11, true), (12, false), (13, false), (14, false)] {
        let read =
            log.read(ReadOptions { isolation: Isolation::HighWatermark, ..everything(start) });
        let slice = read.unwrap().slice;
        assert_eq!(!slice.is_empty(), expected, "{start}");
        for batch in BatchViews::new(&slice.read().unwrap()) {
            assert!(batch.unwrap().last_offset() < 13);
        }
    }
}

#[test]
fn limits() {
    let log = ten();
    let size = log.read(everything(0)).unwrap().slice.read().unwrap();
    let one = first_batch(&size).bytes().len();
    for (max_bytes, min_one_batch, expected) in
        [(1, true, one), (1, false, 0), (0, false, 0), (one + 5, true, one + 5), (one, false, one)]
    {
        let read = log.read(ReadOptions { max_bytes, min_one_batch, ..everything(0) }).unwrap();
        assert_eq!(read.slice.len(), expected, "{max_bytes} {min_one_batch}");
        assert_eq!(read.slice.read().unwrap().len(), expected);
    }
    let slice = log.read(everything(0)).unwrap().slice;
    assert_eq!(slice.clone().truncated(7).len(), 7);
    assert!(slice.truncated(0).is_empty());
}

#[test]
fn offsets_by_time() {
    let mut log = ten();
    for (timestamp, expected) in [
        (0, Some(0)),
        (NOW, Some(0)),
        (NOW + 1, Some(1)),
        (NOW + 2, Some(2)),
        (NOW + 55, Some(12)),
        (NOW + 91, Some(19)),
        (NOW + 92, None),
    ] {
        let found = log.offset_for_timestamp(timestamp).unwrap();
        assert_eq!(found.map(|found| found.offset), expected, "{timestamp}");
    }
    assert_eq!(log.max_timestamp_offset().unwrap().unwrap().offset, 19);
    append(&mut log, batch(&[NOW + 3, NOW + 500, NOW + 500, NOW + 4]));
    append(&mut log, batch(&[NOW + 5]));
    assert_eq!(log.max_timestamp_offset().unwrap().unwrap().offset, 21);
    assert_eq!(log.offset_for_timestamp(NOW + 400).unwrap().unwrap().offset, 21);
    log.increment_log_start_offset(6).unwrap();
    assert_eq!(log.offset_for_timestamp(0).unwrap().unwrap().offset, 6);
    assert!(log_with(|_| {}).max_timestamp_offset().unwrap().is_none());
}

#[test]
fn many_small_batches_are_found_through_the_index() {
    let mut log = log_with(|config| {
        config.segment_bytes = 1 << 20;
        config.segment_index_bytes = 4096;
    });
    for _ in 0..1000 {
        append(&mut log, batch(&[NOW]));
    }
    for offset in [0, 1, 499, 500, 933, 934, 999] {
        let bytes = log
            .read(ReadOptions { max_bytes: 1, ..everything(offset) })
            .unwrap()
            .slice
            .read()
            .unwrap();
        assert_eq!(first_batch(&bytes).base_offset, offset);
    }
}
