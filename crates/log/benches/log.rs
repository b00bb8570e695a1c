//! Appending to a log, finding an offset in it, and compacting it, on a disk of memory.
use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ottla_log::{
    AppendOrigin, CleanerMemory, CleanupPolicy, FullSpeed, Isolation, LeaderAppend, Log, LogConfig,
    OpenLog, ReadOptions, Verification,
};
use ottla_wire::records::{BatchBuilder, BatchOptions};
use ottla_world::memory::MemoryDisk;

const RECORD_BYTES: usize = 1024;
/// Batches in the log that is searched: enough for some thousand index entries.
const BATCHES: i64 = 10_000;

fn batch(count: i64) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for timestamp in 0..count {
        builder.append(timestamp, None, Some(&[b'v'; RECORD_BYTES]), &[]).expect("a good record");
    }
    builder.build().expect("a batch").freeze()
}

fn options() -> LeaderAppend {
    LeaderAppend {
        leader_epoch: 0,
        now_ms: 0,
        transaction_version: 0,
        verification: Verification::NotRequired,
    }
}

fn open() -> Log {
    let disk = Arc::new(MemoryDisk::new(1));
    let config = Arc::new(LogConfig::default());
    Log::open(disk, OpenLog::new("/data/topic-0", config, 0)).expect("a log")
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    for count in [1, 16] {
        let records = batch(count);
        let policy = open().append_policy();
        group.throughput(Throughput::Bytes(records.len() as u64));
        group.bench_function(format!("check-{count}-records"), |bencher| {
            bencher.iter(|| {
                let records = black_box(records.clone());
                policy.validate(records, AppendOrigin::Client, 0).expect("good records")
            });
        });
        group.bench_function(format!("write-{count}-records"), |bencher| {
            bencher.iter_batched(
                || {
                    let checked = policy.validate(records.clone(), AppendOrigin::Client, 0);
                    (open(), checked.expect("good records"))
                },
                |(mut log, checked)| log.append_as_leader(checked, options()).expect("appended"),
                criterion::BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn find(criterion: &mut Criterion) {
    let mut log = open();
    let records = batch(1);
    for _ in 0..BATCHES {
        log.append(records.clone(), AppendOrigin::Client, options()).expect("appended");
    }
    log.update_high_watermark(BATCHES).expect("committed");
    let mut start_offset = 0;
    criterion.bench_function("find-offset", |bencher| {
        bencher.iter(|| {
            start_offset = (start_offset + 7919) % BATCHES;
            let read = ReadOptions {
                start_offset,
                max_bytes: 1 << 20,
                min_one_batch: true,
                isolation: Isolation::HighWatermark,
            };
            log.read(black_box(read)).expect("found")
        });
    });
}

/// Mostly the map of keys and offsets: every record goes into it once and is looked up once.
fn compact(criterion: &mut Criterion) {
    let config = LogConfig {
        cleanup_policy: CleanupPolicy { delete: false, compact: true },
        min_cleanable_dirty_ratio: 0.0,
        ..LogConfig::default()
    };
    let opened = OpenLog::new("/data/topic-0", Arc::new(config), 0);
    let mut log = Log::open(Arc::new(MemoryDisk::new(1)), opened).expect("a log");
    for number in 0..100u32 {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        for record in 0..100u32 {
            let key = (number * 100 + record).to_be_bytes();
            builder.append(0, Some(&key), Some(b"value"), &[]).expect("a good record");
        }
        let records = builder.build().expect("a batch").freeze();
        log.append(records, AppendOrigin::Client, options()).expect("appended");
    }
    log.roll(0).expect("rolled");
    log.flush(0).expect("flushed");
    log.update_high_watermark(log.log_end_offset()).expect("committed");
    let plan = log.plan_compaction(None, 0).expect("readable").expect("all of it is dirty");
    let memory = CleanerMemory::default();
    let mut group = criterion.benchmark_group("compact");
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("distinct-keys", |bencher| {
        bencher.iter(|| plan.run(black_box(&memory), 0, &FullSpeed).expect("compacted"));
    });
    group.finish();
}

criterion_group!(benches, append, find, compact);
criterion_main!(benches);
