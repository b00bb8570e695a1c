//! Batches of random records, whole and damaged. A failure prints the input it shrank to and the seed that
//! repeats it.
use bytes::Bytes;
use ottla_wire::records::{
    BatchBuilder, BatchLimits, BatchMut, BatchOptions, BatchView, BatchViews, Batches, Compression,
    CompressionType, HeaderView, RecordRules, TimestampType, rebuild, validate_produce,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

const BYTES_MAX: usize = 1 << 20;
const RULES: RecordRules = RecordRules {
    now_ms: 0,
    timestamp_type: TimestampType::CreateTime,
    before_max_ms: i64::MAX,
    after_max_ms: i64::MAX,
    needs_key: false,
};
const LIMITS: BatchLimits = BatchLimits { bytes_max: BYTES_MAX };

type Content = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(Vec<u8>, Option<Vec<u8>>)>);

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..100), vec(0u8..3, 0..2000)]
}

fn content() -> impl Strategy<Value = Content> {
    (0..i64::MAX / 2, of(bytes()), of(bytes()), vec((bytes(), of(bytes())), 0..4))
}

fn batch(contents: &[Content], options: BatchOptions) -> Bytes {
    let mut builder = BatchBuilder::new(options);
    for (timestamp, key, value, headers) in contents {
        let headers: Vec<HeaderView<'_>> = headers
            .iter()
            .map(|(key, value)| HeaderView { key, value: value.as_deref() })
            .collect();
        builder
            .append(*timestamp, key.as_deref(), value.as_deref(), &headers)
            .expect("a good record");
    }
    builder.build().expect("a batch").freeze()
}

fn read(bytes: &Bytes) -> Vec<Content> {
    let batch = Batches::new(bytes.clone()).next().expect("a batch").expect("a whole batch");
    let records = batch.records(BYTES_MAX).expect("records");
    records
        .iter()
        .map(|record| {
            let record = record.expect("a record");
            let headers = record
                .headers
                .iter()
                .map(|header| {
                    (header.key.to_vec(), header.value.as_ref().map(|value| value.to_vec()))
                })
                .collect();
            let key = record.key.map(|key| key.to_vec());
            (record.timestamp, key, record.value.map(|value| value.to_vec()), headers)
        })
        .collect()
}

/// Everything that reads a batch, on bytes that may be anything.
fn read_everything(bytes: &[u8]) {
    let _ = validate_produce(bytes, 9, &LIMITS, &RULES);
    for batch in BatchViews::new(bytes).flatten() {
        let _ = batch.check_crc();
        if let Ok(records) = batch.records(BYTES_MAX) {
            for record in records.views().flatten() {
                let _ = record.headers().count();
            }
            let _ = records.iter().count();
        }
        let _ = rebuild(&batch, Compression::NONE, BYTES_MAX);
    }
}

/// Makes the checksum of a whole batch right, so that damage is looked at.
fn fix_crc(bytes: &mut [u8]) {
    if let Ok(view) = BatchView::first(bytes) {
        let crc = view.compute_crc();
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    }
}

proptest! {
    #[test]
    fn records_round_trip(
        contents in vec(content(), 1..20),
        kind in select(&CompressionType::ALL[..]),
        other in select(&CompressionType::ALL[..]),
    ) {
        let compression = Compression::of(kind);
        let bytes = batch(&contents, BatchOptions { compression, ..BatchOptions::default() });
        prop_assert_eq!(&read(&bytes), &contents);
        let (view, summary) = validate_produce(&bytes, 9, &LIMITS, &RULES).expect("a good batch");
        prop_assert!(summary.has_consecutive_offsets);
        prop_assert_eq!(summary.count as usize, contents.len());
        prop_assert_eq!(summary.max_timestamp, contents.iter().map(|content| content.0).max().expect("one"));
        prop_assert_eq!(summary.max_timestamp, contents[summary.max_timestamp_index as usize].0);
        prop_assert_eq!(summary.max_timestamp, view.max_timestamp);
        let again = rebuild(&view, Compression::of(other), BYTES_MAX).expect("a batch").freeze();
        prop_assert_eq!(&read(&again), &contents);
        prop_assert_eq!(summary.records_bytes, batch(&contents, BatchOptions::default()).len() - 61);
    }

    #[test]
    fn patches_keep_batches_whole(
        contents in vec(content(), 1..5),
        kind in select(&CompressionType::ALL[..]),
        base_offset in 0..i64::MAX / 2,
        epoch in any::<i32>(),
        append_time in any::<i64>(),
    ) {
        let compression = Compression::of(kind);
        let mut bytes = batch(&contents, BatchOptions { compression, ..BatchOptions::default() }).to_vec();
        let mut patch = BatchMut::first(&mut bytes).expect("a whole batch");
        patch.set_last_offset(base_offset + contents.len() as i64 - 1);
        patch.set_partition_leader_epoch(epoch);
        patch.set_max_timestamp(TimestampType::LogAppendTime, append_time);
        let view = BatchView::first(&bytes).expect("a whole batch");
        prop_assert!(view.check_crc().is_ok());
        prop_assert_eq!(view.base_offset, base_offset);
        prop_assert_eq!(view.partition_leader_epoch, epoch);
        let records = view.records(BYTES_MAX).expect("records");
        for (index, record) in records.views().enumerate() {
            let record = record.expect("a record");
            prop_assert_eq!(record.offset, base_offset + index as i64);
            prop_assert_eq!(record.timestamp, append_time);
        }
    }

    #[test]
    fn a_cut_off_batch_is_a_tail(contents in vec(content(), 1..3), cut in any::<prop::sample::Index>()) {
        let bytes = batch(&contents, BatchOptions::default());
        let cut = cut.index(bytes.len());
        let two = [&bytes[..], &bytes[..cut]].concat();
        let mut views = BatchViews::new(&two);
        prop_assert_eq!(views.by_ref().filter(Result::is_ok).count(), 1);
        prop_assert_eq!(views.rest().len(), cut);
    }

    #[test]
    fn damage_never_panics(
        contents in vec(content(), 1..6),
        kind in select(&CompressionType::ALL[..]),
        hits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let compression = Compression::of(kind);
        let mut bytes = batch(&contents, BatchOptions { compression, ..BatchOptions::default() }).to_vec();
        for (at, value) in hits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        read_everything(&bytes);
        fix_crc(&mut bytes);
        read_everything(&bytes);
    }

    #[test]
    fn random_bodies_never_panic(
        body in vec(any::<u8>(), 0..300),
        count in 1..20i32,
        kind in select(&CompressionType::ALL[..]),
    ) {
        let mut bytes = batch(&[], BatchOptions::default()).to_vec();
        bytes.extend_from_slice(&body);
        let length = bytes.len() as i32 - 12;
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[22] = kind.id();
        bytes[23..27].copy_from_slice(&(count - 1).to_be_bytes());
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        fix_crc(&mut bytes);
        read_everything(&bytes);
    }
}
