//! One partition's log, on a disk in memory.
mod append;
mod crash;
mod descriptors;
mod doubt;
mod golden;
mod producers;
mod read;
mod recovery;
mod retention;
mod room;
mod simulated;
mod transactions;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use ottla_wire::records::{BatchBuilder, BatchOptions, BatchView, BatchViews};
use ottla_world::Disk;
use ottla_world::memory::MemoryDisk;

pub(super) use crate::fixture::{NOW, everything, in_transaction, leader, marker};
use crate::{
    AppendError, AppendOrigin, Appended, Isolation, LeaderAppend, Log, LogConfig, OpenLog,
    ReadOptions, Refusal, Verification,
};

pub(super) const DIRECTORY: &str = "/data/topic-0";

/// Small files, so that the disk in memory stays small.
pub(super) fn small() -> LogConfig {
    LogConfig {
        segment_bytes: 10_000,
        segment_index_bytes: 240,
        index_interval_bytes: 200,
        ..LogConfig::default()
    }
}

pub(super) fn open_with(
    disk: &MemoryDisk,
    change: impl FnOnce(&mut OpenLog, &mut LogConfig),
) -> Log {
    let mut config = small();
    let mut options = OpenLog::new(DIRECTORY, Arc::new(LogConfig::default()), NOW);
    change(&mut options, &mut config);
    options.config = Arc::new(config);
    Log::open(Arc::new(disk.clone()) as Arc<dyn Disk>, options).unwrap()
}

pub(super) fn open(disk: &MemoryDisk) -> Log {
    open_with(disk, |_, _| {})
}

/// A log with these settings on a disk of its own.
pub(super) fn log_with(change: impl FnOnce(&mut LogConfig)) -> Log {
    open_with(&MemoryDisk::new(1), |_, config| change(config))
}

/// A batch of records with these timestamps, each with key and value.
pub(super) fn batch_with(options: BatchOptions, timestamps: &[i64]) -> Bytes {
    let mut builder = BatchBuilder::new(options);
    for (index, timestamp) in timestamps.iter().enumerate() {
        builder
            .append(*timestamp, Some(format!("k{index}").as_bytes()), Some(&[7; 20]), &[])
            .unwrap();
    }
    builder.build().unwrap().freeze()
}

pub(super) fn batch(timestamps: &[i64]) -> Bytes {
    batch_with(BatchOptions::default(), timestamps)
}

pub(super) fn produced(
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    count: usize,
) -> Bytes {
    let options =
        BatchOptions { producer_id, producer_epoch, base_sequence, ..BatchOptions::default() };
    batch_with(options, &vec![NOW; count])
}

pub(super) fn append(log: &mut Log, records: Bytes) -> Appended {
    log.append(records, AppendOrigin::Client, leader(0)).unwrap()
}

pub(super) fn refused(log: &mut Log, records: Bytes) -> Refusal {
    match log.append(records, AppendOrigin::Client, leader(0)) {
        Err(AppendError::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// Base and last offset of every batch from `start` to the end, over all segments.
pub(super) fn ranges(log: &Log, start: i64) -> Vec<(i64, i64)> {
    let mut found = Vec::new();
    let mut next = start;
    while next < log.log_end_offset() {
        let bytes = log.read(everything(next)).unwrap().slice.read().unwrap();
        for batch in BatchViews::new(&bytes) {
            let batch = batch.unwrap();
            batch.check_crc().unwrap();
            found.push((batch.base_offset, batch.last_offset()));
        }
        let end = found.last().expect("a read below the end finds something").1 + 1;
        assert!(end > next, "nothing at {next} of {}: {found:?}", log.log_end_offset());
        next = end;
    }
    found
}

/// The names in the log's directory.
pub(super) fn names(disk: &MemoryDisk) -> Vec<String> {
    let entries = disk.read_dir(Path::new(DIRECTORY)).unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

pub(super) fn first_batch(bytes: &Bytes) -> BatchView<'_> {
    BatchView::first(bytes).unwrap()
}
