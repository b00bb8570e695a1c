//! Appending: offsets, epochs, timestamps, codecs, producers, refusals.
use bytes::{Bytes, BytesMut};
use ottla_wire::ErrorCode;
use ottla_wire::records::{
    BatchBuilder, BatchMut, BatchOptions, Compression, CompressionType, HEADER_BYTES, TimestampType,
};
use ottla_world::memory::{Faults, MemoryDisk};

use super::*;
use crate::{BrokerCompression, CleanupPolicy, Error};

#[test]
fn batches_get_offsets_and_the_leader_epoch() {
    let mut log = log_with(|_| {});
    assert_eq!(append(&mut log, batch(&[NOW, NOW])).base_offset, 0);
    let second = log.append(batch(&[NOW + 5]), AppendOrigin::Client, leader(3)).unwrap();
    assert_eq!((second.base_offset, second.last_offset, second.log_append_time_ms), (2, 2, -1));
    assert_eq!(ranges(&log, 0), [(0, 1), (2, 2)]);
    let bytes = log.read(everything(2)).unwrap().slice.read().unwrap();
    assert_eq!(first_batch(&bytes).partition_leader_epoch, 3);
    assert_eq!(log.latest_epoch(), Some(3));
    assert_eq!(log.end_offset_for_epoch(0).unwrap().end_offset, 2);
    assert_eq!(log.epoch_for_offset(1), Some(0));
}

#[test]
fn log_append_time_replaces_timestamps() {
    let mut log = log_with(|config| config.timestamp_type = TimestampType::LogAppendTime);
    let appended = append(&mut log, batch(&[5, 6]));
    assert_eq!(appended.log_append_time_ms, NOW);
    let bytes = log.read(everything(0)).unwrap().slice.read().unwrap();
    let found = first_batch(&bytes);
    found.check_crc().unwrap();
    assert_eq!((found.timestamp_type(), found.max_timestamp), (TimestampType::LogAppendTime, NOW));
    assert_eq!(log.max_timestamp_offset().unwrap().unwrap().timestamp, NOW);
}

#[test]
fn the_largest_timestamp_is_what_the_records_say() {
    let mut records = BytesMut::from(&batch(&[NOW, NOW + 7])[..]);
    BatchMut::first(&mut records).unwrap().set_max_timestamp(TimestampType::CreateTime, NOW + 99);
    let mut log = log_with(|_| {});
    append(&mut log, records.freeze());
    let bytes = log.read(everything(0)).unwrap().slice.read().unwrap();
    assert_eq!(first_batch(&bytes).max_timestamp, NOW + 7);
    first_batch(&bytes).check_crc().unwrap();
}

#[test]
fn the_brokers_codec_wins() {
    let kinds = [
        (BrokerCompression::Producer, CompressionType::Gzip, CompressionType::Gzip),
        (BrokerCompression::Uncompressed, CompressionType::Zstd, CompressionType::None),
        (BrokerCompression::Zstd(5), CompressionType::None, CompressionType::Zstd),
        (BrokerCompression::Lz4(9), CompressionType::Snappy, CompressionType::Lz4),
        (BrokerCompression::Gzip(6), CompressionType::Gzip, CompressionType::Gzip),
        (BrokerCompression::Snappy, CompressionType::Lz4, CompressionType::Snappy),
    ];
    for (setting, sent, kept) in kinds {
        let mut log = log_with(|config| config.compression = setting);
        append(&mut log, batch(&[NOW]));
        let options =
            BatchOptions { compression: Compression::of(sent), ..BatchOptions::default() };
        append(&mut log, batch_with(options, &[NOW, NOW + 1]));
        let bytes = log.read(everything(1)).unwrap().slice.read().unwrap();
        let found = first_batch(&bytes);
        found.check_crc().unwrap();
        assert_eq!(found.attributes.compression().unwrap(), kept, "{setting:?} {sent:?}");
        assert_eq!(offsets(&bytes), [1, 2], "{setting:?} {sent:?}");
    }
}

#[test]
fn records_that_were_numbered_badly_are_written_again() {
    let mut records = BytesMut::from(&batch(&[NOW, NOW, NOW])[..]);
    // All records are alike; a record is its length, its attributes, its time delta, its number.
    let record = (records.len() - HEADER_BYTES) / 3;
    for (place, number) in [(1, 0), (2, 2)] {
        records[HEADER_BYTES + place * record + 3] = 2 * number;
    }
    // Another largest timestamp brings a checksum that is true.
    BatchMut::first(&mut records).unwrap().set_max_timestamp(TimestampType::CreateTime, NOW + 1);
    let records = records.freeze();
    assert_eq!(offsets(&records), [0, 0, 2]);

    let mut log = log_with(|_| {});
    append(&mut log, records);
    let bytes = log.read(everything(0)).unwrap().slice.read().unwrap();
    first_batch(&bytes).check_crc().unwrap();
    assert_eq!((offsets(&bytes), log.log_end_offset()), (vec![0, 1, 2], 3));
}

fn offsets(batch: &Bytes) -> Vec<i64> {
    let records = first_batch(batch).records(1 << 20).unwrap();
    records.views().map(|record| record.unwrap().offset).collect()
}

#[test]
fn refusals() {
    type Change = fn(&mut LogConfig);
    let two: Bytes = [&batch(&[NOW])[..], &batch(&[NOW])[..]].concat().into();
    let corrupt = {
        let mut bytes = BytesMut::from(&batch(&[NOW])[..]);
        *bytes.last_mut().unwrap() ^= 1;
        bytes.freeze()
    };
    let no_key = {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        builder.append(NOW, None, Some(b"v"), &[]).unwrap();
        builder.build().unwrap().freeze()
    };
    let cases: Vec<(Bytes, Change, ErrorCode, &str)> = vec![
        (Bytes::new(), |_| {}, ErrorCode::InvalidRecord, "Record batch has no batches at all"),
        (two, |_| {}, ErrorCode::InvalidRecord, "Compressed outer record has more than one batch"),
        (corrupt, |_| {}, ErrorCode::CorruptMessage, "Record is corrupt (stored crc = "),
        (
            batch(&[NOW]),
            |config| config.max_message_bytes = 80,
            ErrorCode::MessageTooLarge,
            "The record batch size in the append to topic-0 is 90 bytes which exceeds the maximum configured \
             value of 80).",
        ),
        (
            batch(&[NOW]),
            |config| config.segment_bytes = 80,
            ErrorCode::RecordListTooLarge,
            "Message batch size is 90 bytes in append to partition topic-0, which exceeds the maximum \
             configured segment size of 80.",
        ),
        (
            no_key,
            |config| config.cleanup_policy = CleanupPolicy { delete: false, compact: true },
            ErrorCode::InvalidRecord,
            "One or more records have been rejected due to 1 record errors in total, and only showing the \
             first three errors at most: [RecordError(batchIndex=0, message='Compacted topic cannot accept \
             message without key in topic partition topic-0')]",
        ),
        (
            batch(&[NOW, NOW + 3_600_001]),
            |_| {},
            ErrorCode::InvalidTimestamp,
            "One or more records have been rejected due to invalid timestamp",
        ),
    ];
    for (records, change, code, message) in cases {
        let mut log = log_with(change);
        let refusal = refused(&mut log, records);
        assert_eq!(refusal.code, code, "{refusal:?}");
        assert!(refusal.message.starts_with(message), "{refusal:?}");
        assert_eq!((log.log_end_offset(), log.is_offline()), (0, false));
    }
}

#[test]
fn a_timestamp_out_of_range_is_named() {
    let mut log = log_with(|config| config.timestamp_before_max_ms = 10);
    let refusal = refused(&mut log, batch(&[NOW, NOW - 11]));
    assert_eq!(refusal.record_errors.len(), 1);
    assert_eq!(refusal.record_errors[0].batch_index, 1);
    assert_eq!(
        refusal.record_errors[0].message,
        format!(
            "Timestamp {} of message with offset 1 is out of range. The timestamp should be within [{}, {}]",
            NOW - 11,
            NOW - 10,
            NOW + 3_600_000
        )
    );
}

#[test]
fn sequences_of_a_producer() {
    let mut log = log_with(|_| {});
    for number in 0..6 {
        let appended = append(&mut log, produced(9, 0, number * 2, 2));
        assert_eq!((appended.base_offset, appended.duplicate), (i64::from(number) * 2, false));
    }
    // The five last batches are known.
    for number in 1..6 {
        let again = append(&mut log, produced(9, 0, number * 2, 2));
        let expected = (i64::from(number) * 2, i64::from(number) * 2 + 1, true, 0);
        assert_eq!((again.base_offset, again.last_offset, again.duplicate, again.bytes), expected);
    }
    let cases = [
        (produced(9, 0, 0, 2), ErrorCode::OutOfOrderSequenceNumber),
        (produced(9, 0, 14, 1), ErrorCode::OutOfOrderSequenceNumber),
        (produced(9, 1, 12, 1), ErrorCode::OutOfOrderSequenceNumber),
    ];
    for (records, code) in cases {
        assert_eq!(refused(&mut log, records).code, code);
    }
    append(&mut log, produced(9, 1, 0, 1));
    let fenced = refused(&mut log, produced(9, 0, 12, 1));
    assert_eq!(fenced.code, ErrorCode::InvalidProducerEpoch);
    assert_eq!(
        fenced.message,
        "Epoch of producer 9 at offset 13 in topic-0 is 0, which is < the last seen epoch 1 (TV-1)"
    );
    assert_eq!(log.log_end_offset(), 13);
    // A producer that the log does not know may start anywhere: its past may have been deleted.
    append(&mut log, produced(77, 4, 100, 1));
    let active = log.active_producers();
    assert_eq!(
        (active[1].producer_id, active[1].producer_epoch, active[1].last_sequence),
        (77, 4, 100)
    );
}

#[test]
fn sequences_wrap() {
    let mut log = log_with(|_| {});
    append(&mut log, produced(1, 0, i32::MAX - 1, 2));
    let last = append(&mut log, produced(1, 0, 0, 3));
    assert_eq!((last.base_offset, log.active_producers()[0].last_sequence), (2, 2));
}

#[test]
fn silent_producers_are_forgotten() {
    let mut log = log_with(|_| {});
    append(&mut log, produced(1, 0, 0, 1));
    log.expire_producers(NOW + 86_399_999);
    assert_eq!(log.active_producers().len(), 1);
    log.expire_producers(NOW + 86_400_000);
    assert!(log.active_producers().is_empty());
}

#[test]
fn followers_take_offsets_as_given() {
    let mut leaders = log_with(|_| {});
    for _ in 0..5 {
        leaders.append(batch(&[NOW, NOW]), AppendOrigin::Client, leader(2)).unwrap();
    }
    let bytes = leaders.read(everything(0)).unwrap().slice.read().unwrap();
    let mut follower = log_with(|_| {});
    let cut = bytes.slice(..bytes.len() - 10);
    let appended = follower.append_as_follower(cut, 2, NOW).unwrap();
    assert_eq!((appended.base_offset, appended.last_offset, appended.record_count), (0, 7, 8));
    assert_eq!(follower.latest_epoch(), Some(2));
    // What it has already is refused; what is of a newer epoch is left out.
    assert!(follower.append_as_follower(bytes.clone(), 2, NOW).is_err());
    let rest = leaders.read(everything(8)).unwrap().slice.read().unwrap();
    assert_eq!(follower.append_as_follower(rest.clone(), 1, NOW).unwrap().bytes, 0);
    follower.append_as_follower(rest, 2, NOW).unwrap();
    assert_eq!(ranges(&follower, 0), ranges(&leaders, 0));
}

#[test]
fn a_follower_rolls_within_one_append() {
    let mut leaders = log_with(|_| {});
    for _ in 0..20 {
        append(&mut leaders, batch(&[NOW; 4]));
    }
    let bytes = leaders.read(everything(0)).unwrap().slice.read().unwrap();
    let mut follower = log_with(|config| config.segment_bytes = 600);
    follower.append_as_follower(bytes, 0, NOW).unwrap();
    assert!(follower.segment_count() > 3);
    assert_eq!(ranges(&follower, 0), ranges(&leaders, 0));
}

#[test]
fn a_failed_write_takes_the_log_offline() {
    for faults in [
        Faults { write_error_one_in: 1, ..Faults::default() },
        Faults { capacity_bytes: 300, ..Faults::default() },
    ] {
        let disk = MemoryDisk::new(1);
        let mut log = open(&disk);
        append(&mut log, batch(&[NOW]));
        disk.set_faults(faults);
        let failed = log.append(batch(&[NOW; 10]), AppendOrigin::Client, leader(0));
        assert!(matches!(failed, Err(AppendError::Fault(Error::Io { .. }))), "{failed:?}");
        disk.set_faults(Faults::default());
        let failed = log.append(batch(&[NOW]), AppendOrigin::Client, leader(0));
        assert!(matches!(failed, Err(AppendError::Fault(Error::Offline { .. }))), "{failed:?}");
        // What was there can still be read.
        assert_eq!(ranges(&log, 0), [(0, 0)]);
    }
}
