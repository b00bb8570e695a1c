//! The kernels of the data path: checksum, validation and building of batches.
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ottla_wire::records::{
    BatchBuilder, BatchLimits, BatchOptions, BatchView, Compression, CompressionType, RecordRules,
    TimestampType, validate_produce,
};

const RECORD_BYTES: usize = 1024;

/// A batch of `count` records of 1 KiB that compress to about a half.
fn batch(count: usize, compression: Compression) -> Vec<u8> {
    let options = BatchOptions { compression, ..BatchOptions::default() };
    let mut builder = BatchBuilder::new(options);
    let mut state = 1u32;
    for index in 0..count {
        let value: Vec<u8> = (0..RECORD_BYTES)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 28) as u8 + b'a'
            })
            .collect();
        builder
            .append(index as i64, Some(&index.to_be_bytes()), Some(&value), &[])
            .expect("a good record");
    }
    builder.build().expect("a batch").to_vec()
}

fn kernels(criterion: &mut Criterion) {
    let rules = RecordRules {
        now_ms: 0,
        timestamp_type: TimestampType::CreateTime,
        before_max_ms: i64::MAX,
        after_max_ms: i64::MAX,
        needs_key: false,
    };
    let limits = BatchLimits { bytes_max: usize::MAX };
    for count in [1, 16, 1000] {
        let bytes = batch(count, Compression::NONE);
        let mut group = criterion.benchmark_group(format!("{count}-records"));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("crc", |bencher| {
            let view = BatchView::first(&bytes).expect("a batch");
            bencher.iter(|| black_box(&view).compute_crc());
        });
        group.bench_function("validate", |bencher| {
            bencher.iter(|| validate_produce(black_box(&bytes), 9, &limits, &rules));
        });
        for kind in CompressionType::ALL {
            let compressed = batch(count, Compression::of(kind));
            group.bench_function(format!("validate-{kind}"), |bencher| {
                bencher.iter(|| validate_produce(black_box(&compressed), 9, &limits, &rules));
            });
            group.bench_function(format!("build-{kind}"), |bencher| {
                bencher.iter(|| batch_again(&bytes, Compression::of(kind)));
            });
        }
        group.finish();
    }
}

fn batch_again(bytes: &[u8], compression: Compression) -> usize {
    let view = BatchView::first(bytes).expect("a batch");
    ottla_wire::records::rebuild(&view, compression, usize::MAX).expect("a batch").len()
}

criterion_group!(benches, kernels);
criterion_main!(benches);
