//! Compaction against a model, with transactions, and across crashes.
mod unsynced;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use ottla_wire::records::{
    BatchBuilder, BatchOptions, BatchViews, Compression, CompressionType, EndTransactionMarker,
};
use ottla_world::memory::{MemoryDisk, SeededRandom};
use ottla_world::{Disk, Random};

use super::*;
use crate::fixture::{NOW, disk, everything, in_transaction, leader, marker};
use crate::{AppendOrigin, CleanupPolicy, Isolation, Log, LogConfig, OpenLog, ReadOptions};

const DIRECTORY: &str = "/data/compacted-0";

type Pair = (String, Option<String>);
/// Offset, key, value.
type Found = (i64, String, Option<String>);

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 600,
        segment_index_bytes: 480,
        index_interval_bytes: 100,
        cleanup_policy: CleanupPolicy { delete: false, compact: true },
        min_cleanable_dirty_ratio: 0.0,
        delete_retention_ms: 1000,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    }
}

fn open(disk: &MemoryDisk, clean: bool, recovery_point: i64) -> Log {
    let mut options = OpenLog::new(DIRECTORY, Arc::new(config()), NOW);
    (options.clean, options.recovery_point) = (clean, recovery_point);
    Log::open(Arc::new(disk.clone()), options).unwrap()
}

fn pair(key: &str, value: Option<&str>) -> Pair {
    (key.to_owned(), value.map(str::to_owned))
}

fn batch(options: BatchOptions, pairs: &[Pair]) -> Bytes {
    let mut builder = BatchBuilder::new(options);
    for (key, value) in pairs {
        let value = value.as_ref().map(String::as_bytes);
        builder.append(NOW, Some(key.as_bytes()), value, &[]).unwrap();
    }
    builder.build().unwrap().freeze()
}

fn append(log: &mut Log, origin: AppendOrigin, records: Bytes) -> i64 {
    let appended = log.append(records, origin, leader(0)).unwrap();
    log.update_high_watermark(log.log_end_offset()).unwrap();
    appended.base_offset
}

fn put(log: &mut Log, pairs: &[Pair]) -> i64 {
    append(log, AppendOrigin::Client, batch(BatchOptions::default(), pairs))
}

/// Every record that is no marker, by reading the whole log.
fn records(log: &Log) -> Vec<Found> {
    let mut found = Vec::new();
    let mut next = log.log_start_offset();
    while next < log.log_end_offset() {
        let bytes = log.read(everything(next)).unwrap().slice.read().unwrap();
        if bytes.is_empty() {
            break;
        }
        for batch in BatchViews::new(&bytes) {
            let batch = batch.unwrap();
            batch.check_crc().unwrap();
            assert!(batch.last_offset() >= next);
            next = batch.next_offset();
            if batch.is_control() {
                continue;
            }
            for record in batch.records(1 << 20).unwrap().views() {
                let record = record.unwrap();
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                found.push((record.offset, text(record.key.unwrap()), record.value.map(text)));
            }
        }
    }
    found
}

fn compact(log: &mut Log, cleaned_to: Option<i64>, now_ms: i64) -> Option<i64> {
    log.flush(now_ms).unwrap();
    let plan = log.plan_compaction(cleaned_to, now_ms).unwrap()?;
    let cleaned = plan.run(&CleanerMemory::default(), now_ms, &FullSpeed).unwrap();
    let to = cleaned.cleaned_to();
    assert!(log.install_compaction(cleaned, now_ms).unwrap());
    log.remove_deleted_files(now_ms).unwrap();
    Some(to)
}

fn latest(records: &[Found]) -> BTreeMap<String, (i64, Option<String>)> {
    let by_key = |(offset, key, value): &Found| (key.clone(), (*offset, value.clone()));
    records.iter().map(by_key).collect()
}

#[test]
fn the_last_value_of_every_key_stays_where_it_was() {
    for seed in 0..60 {
        let random = SeededRandom::new(seed);
        let disk = disk(seed);
        let mut log = open(&disk, false, 0);
        let mut cleaned_to = None;
        let mut all: Vec<Found> = Vec::new();
        for _ in 0..120 {
            match random.below(12) {
                0 => cleaned_to = compact(&mut log, cleaned_to, NOW).or(cleaned_to),
                1 => {
                    let recovery_point = log.close(NOW).unwrap();
                    log = open(&disk, random.below(2) == 0, recovery_point);
                    log.update_high_watermark(log.log_end_offset()).unwrap();
                }
                _ => {
                    let pairs: Vec<Pair> = (0..1 + random.below(4))
                        .map(|_| {
                            let value =
                                (random.below(6) > 0).then(|| format!("v{}", random.below(1000)));
                            (format!("k{}", random.below(15)), value)
                        })
                        .collect();
                    let kinds = CompressionType::ALL;
                    let kind = kinds[random.below(kinds.len() as u64) as usize];
                    let compression = Compression::of(kind);
                    let options = BatchOptions { compression, ..BatchOptions::default() };
                    let base = append(&mut log, AppendOrigin::Client, batch(options, &pairs));
                    all.extend(
                        pairs
                            .into_iter()
                            .zip(base..)
                            .map(|((key, value), offset)| (offset, key, value)),
                    );
                }
            }
            let kept = records(&log);
            assert!(kept.is_sorted_by_key(|(offset, _, _)| *offset), "seed {seed}");
            assert!(kept.iter().all(|record| all.contains(record)), "seed {seed}");
            assert_eq!(latest(&kept), latest(&all), "seed {seed}");
            assert_eq!(log.log_end_offset(), all.last().map_or(0, |(offset, _, _)| offset + 1));
        }
        if let Some(to) = cleaned_to {
            let clean =
                records(&log).into_iter().filter(|(offset, _, _)| *offset < to).collect::<Vec<_>>();
            assert_eq!(latest(&clean).len(), clean.len(), "seed {seed}: a key is there twice");
        }
    }
}

#[test]
fn tombstones_go_after_a_while() {
    let mut log = open(&disk(1), false, 0);
    put(&mut log, &[pair("a", Some("1")), pair("b", Some("1"))]);
    put(&mut log, &[pair("a", None)]);
    log.roll(NOW).unwrap();
    put(&mut log, &[pair("c", Some("1"))]);
    let cleaned_to = compact(&mut log, None, NOW);
    assert_eq!(cleaned_to, Some(3));
    let offsets =
        |log: &Log| records(log).iter().map(|(offset, _, _)| *offset).collect::<Vec<i64>>();
    assert_eq!(offsets(&log), [1, 2, 3]);
    // Each run needs something new, as in Kafka.
    let mut more = |now_ms: i64, cleaned_to: Option<i64>| {
        log.roll(now_ms).unwrap();
        put(&mut log, &[pair("d", Some("1"))]);
        let cleaned_to = compact(&mut log, cleaned_to, now_ms);
        (cleaned_to, offsets(&log)[1])
    };
    let (cleaned_to, second) = more(NOW + 999, cleaned_to);
    assert_eq!(second, 2, "the tombstone stays");
    let (_, second) = more(NOW + 1000, cleaned_to);
    assert_eq!(second, 3, "the tombstone is gone");
}

#[test]
fn aborted_records_go_and_markers_follow() {
    let mut log = open(&disk(1), false, 0);
    let transactional = |base_sequence, value: &str| {
        batch(in_transaction(5, base_sequence), &[pair("a", Some(value)), pair("b", Some(value))])
    };
    let end = |log: &mut Log, is_commit| {
        append(log, AppendOrigin::Coordinator, marker(5, is_commit));
    };
    append(&mut log, AppendOrigin::Client, transactional(0, "kept"));
    end(&mut log, true);
    append(&mut log, AppendOrigin::Client, transactional(2, "void"));
    end(&mut log, false);
    log.roll(NOW).unwrap();
    put(&mut log, &[pair("c", None)]);
    let cleaned_to = compact(&mut log, None, NOW);
    let values: Vec<Option<String>> =
        records(&log).into_iter().map(|(_, _, value)| value).collect();
    assert_eq!(values, [Some("kept".to_owned()), Some("kept".to_owned()), None]);
    // The producer's last batch stays, empty, and what it wrote last is known after a restart.
    let before = log.active_producers();
    assert_eq!((before[0].producer_id, before[0].last_sequence), (5, 3));
    let bytes = log.read(everything(0)).unwrap().slice.read().unwrap();
    let emptied = BatchViews::new(&bytes).map(Result::unwrap).find(|batch| batch.count == 0);
    let emptied = emptied.expect("the producer's last batch");
    // Without the time of its last record the producer would be taken for one long gone.
    assert_eq!((emptied.base_sequence, emptied.max_timestamp), (2, NOW));
    assert_eq!(emptied.base_timestamp, -1);
    let isolation = Isolation::TransactionCommitted;
    let read = log.read(ReadOptions { isolation, ..everything(0) });
    assert_eq!(read.unwrap().aborted_transactions.unwrap().len(), 1);
    assert!(cleaned_to.is_some());
}

#[test]
fn an_abort_counts_wherever_its_marker_lies() {
    let mut log = open(&disk(1), false, 0);
    put(&mut log, &[pair("a", Some("kept"))]);
    let void = batch(in_transaction(5, 0), &[pair("a", Some("void"))]);
    append(&mut log, AppendOrigin::Client, void);
    log.roll(NOW).unwrap();
    // In the active segment, which is not compacted.
    append(&mut log, AppendOrigin::Coordinator, marker(5, false));
    compact(&mut log, None, NOW).expect("something to compact");
    assert_eq!(records(&log), [(0, "a".to_owned(), Some("kept".to_owned()))]);
}

#[test]
fn a_small_map_is_filled_and_the_rest_left_for_the_next_run() {
    let mut log = open(&disk(1), false, 0);
    for number in 0..40 {
        put(&mut log, &[pair(&format!("k{}", number % 20), Some("value"))]);
    }
    log.roll(NOW).unwrap();
    log.flush(NOW).unwrap();
    let mut cleaned_to = None;
    let mut runs = 0;
    let memory =
        CleanerMemory { dedupe_bytes: 24 * 7, load_factor: 1.0, ..CleanerMemory::default() };
    while let Some(plan) = log.plan_compaction(cleaned_to, NOW).unwrap() {
        let cleaned = plan.run(&memory, NOW, &FullSpeed).unwrap();
        assert!(Some(cleaned.cleaned_to()) > cleaned_to, "a run that gets nowhere");
        cleaned_to = Some(cleaned.cleaned_to());
        assert!(log.install_compaction(cleaned, NOW).unwrap());
        runs += 1;
    }
    assert!(runs > 3, "{runs}");
    let offsets: Vec<i64> = records(&log).into_iter().map(|(offset, _, _)| offset).collect();
    assert_eq!(offsets, (20..40).collect::<Vec<i64>>());
}

#[test]
fn when_to_compact() {
    let mut log = open(&disk(1), false, 0);
    for _ in 0..10 {
        put(&mut log, &[pair("a", Some("1"))]);
    }
    assert!(log.plan_compaction(None, NOW).unwrap().is_none(), "nothing is closed");
    log.roll(NOW).unwrap();
    assert!(log.plan_compaction(None, NOW).unwrap().is_none(), "nothing is on disk");
    log.flush(NOW).unwrap();
    assert_eq!(log.compaction_need(None, NOW).unwrap().unwrap().ratio(), 1.0);
    assert!(log.plan_compaction(Some(10), NOW).unwrap().is_none(), "nothing is dirty");
    let with = |change: fn(&mut LogConfig)| {
        let mut changed = config();
        change(&mut changed);
        Arc::new(changed)
    };
    log.update_config(with(|config| config.min_compaction_lag_ms = 10));
    assert!(log.plan_compaction(None, NOW + 9).unwrap().is_none(), "too young");
    assert!(log.plan_compaction(None, NOW + 10).unwrap().is_some());
    log.update_config(with(|config| config.min_cleanable_dirty_ratio = 1.0));
    assert!(log.plan_compaction(None, NOW).unwrap().is_none(), "not dirty enough");
    log.update_config(with(|config| {
        (config.min_cleanable_dirty_ratio, config.max_compaction_lag_ms) = (1.0, 10);
    }));
    assert!(log.plan_compaction(None, NOW + 11).unwrap().is_some(), "overdue");
    log.update_config(with(|config| config.cleanup_policy.compact = false));
    assert!(log.plan_compaction(None, NOW).unwrap().is_none());
}

#[test]
fn a_result_that_comes_too_late_is_discarded() {
    let disk = disk(1);
    let mut log = open(&disk, false, 0);
    for _ in 0..30 {
        put(&mut log, &[pair("a", Some("1"))]);
    }
    log.flush(NOW).unwrap();
    let plan = log.plan_compaction(None, NOW).unwrap().unwrap();
    log.truncate_to(3, NOW).unwrap();
    let before = records(&log);
    let cleaned = plan.run(&CleanerMemory::default(), NOW, &FullSpeed);
    if let Ok(cleaned) = cleaned {
        assert!(!log.install_compaction(cleaned, NOW).unwrap());
    }
    assert_eq!(records(&log), before);
}

/// Stops a run after so many bytes.
struct StopAfter(std::cell::Cell<u64>);

impl Pace for StopAfter {
    fn spend(&self, bytes: u64) -> bool {
        let left = self.0.get().checked_sub(bytes);
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }
}

#[test]
fn a_run_that_is_stopped_leaves_nothing_behind() {
    let disk = disk(1);
    let mut log = open(&disk, false, 0);
    for number in 0..40 {
        put(&mut log, &[pair(&format!("k{}", number % 4), Some("1"))]);
    }
    log.roll(NOW).unwrap();
    log.flush(NOW).unwrap();
    let names = || -> Vec<String> {
        let entries = disk.read_dir(Path::new(DIRECTORY)).unwrap();
        entries.into_iter().map(|entry| entry.name).collect()
    };
    let (before, kept) = (names(), records(&log));
    let mut stopped = 0;
    for bytes in (0..).step_by(97) {
        let plan = log.plan_compaction(None, NOW).unwrap().unwrap();
        let pace = StopAfter(std::cell::Cell::new(bytes));
        match plan.run(&CleanerMemory::default(), NOW, &pace) {
            Err(crate::Error::Stopped { .. }) => stopped += 1,
            Err(error) => panic!("{error}"),
            Ok(_) => break,
        }
        assert_eq!(names(), before, "after {bytes} bytes");
    }
    assert!(stopped > 40, "reads and writes count: {stopped}");
    assert_eq!(records(&log), kept);
}

/// Power fails at some point of a compaction: the last values are there in any case.
#[test]
fn crashes() {
    for seed in 0..200 {
        let random = SeededRandom::new(seed);
        let disk = disk(seed);
        let mut log = open(&disk, false, 0);
        let mut all = Vec::new();
        for number in 0..40 {
            let pairs = [pair(&format!("k{}", random.below(6)), Some(&format!("v{number}")))];
            let offset = put(&mut log, &pairs);
            all.push((offset, pairs[0].0.clone(), pairs[0].1.clone()));
        }
        log.flush(NOW).unwrap();
        let recovery_point = log.recovery_point();
        let plan = log.plan_compaction(None, NOW).unwrap().unwrap();
        let cleaned = plan.run(&CleanerMemory::default(), NOW, &FullSpeed).unwrap();
        if random.below(3) > 0 {
            log.install_compaction(cleaned, NOW).unwrap();
            if random.below(2) == 0 {
                log.remove_deleted_files(NOW).unwrap();
            }
        }
        disk.crash();
        let mut log = open(&disk, false, recovery_point);
        let kept = records(&log);
        assert_eq!(latest(&kept), latest(&all), "seed {seed}");
        assert!(kept.iter().all(|record| all.contains(record)), "seed {seed}");
        put(&mut log, &[pair("new", Some("1"))]);
        assert_eq!(log.log_end_offset(), 41, "seed {seed}");
    }
}
