//! A directory that Apache Kafka wrote: opened, and written again byte for byte.
use std::path::PathBuf;

use ottla_world::RealDisk;
use ottla_world::disk::{read_file, replace_file};
use ottla_world::memory::MemoryDisk;

use super::*;
use crate::AbortedTransaction;

const FILES: [&str; 7] = [
    "00000000000000000000.index",
    "00000000000000000000.log",
    "00000000000000000000.timeindex",
    "00000000000000000000.txnindex",
    "00000000000000000056.snapshot",
    "leader-epoch-checkpoint",
    "partition.metadata",
];
/// Of all these, what can't be made from the others.
const RECORDS: [&str; 2] = ["00000000000000000000.log", "partition.metadata"];

fn golden(name: &str) -> Vec<u8> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/log/golden-0");
    read_file(&RealDisk, &root.join(name), 1 << 20).unwrap()
}

fn copied(names: &[&str]) -> MemoryDisk {
    let disk = MemoryDisk::new(1);
    disk.create_dir_all(Path::new(DIRECTORY)).unwrap();
    for name in names {
        replace_file(&disk, &Path::new(DIRECTORY).join(name), &golden(name)).unwrap();
    }
    disk
}

/// With the settings that Kafka had. The producers are not to expire.
fn open_golden(disk: &MemoryDisk, clean: bool) -> Log {
    open_with(disk, |options, config| {
        options.clean = clean;
        (config.index_interval_bytes, config.segment_bytes) = (100, 1 << 30);
        config.producer_id_expiration_ms = i64::MAX;
    })
}

fn check_contents(log: &mut Log) {
    assert_eq!((log.log_end_offset(), ranges(log, 0).len()), (56, 48));
    assert_eq!(log.topic_id().unwrap().to_string().len(), 22);
    assert_eq!(log.active_producers().len(), 2);
    log.update_high_watermark(56).unwrap();
    assert_eq!(log.last_stable_offset(), 56);
    let read = log
        .read(ReadOptions { isolation: Isolation::TransactionCommitted, ..everything(0) })
        .unwrap();
    let starts: Vec<i64> = read.aborted_transactions.unwrap().iter().map(first_offset).collect();
    assert_eq!(starts, [44, 52]);
}

fn first_offset(aborted: &AbortedTransaction) -> i64 {
    aborted.first_offset
}

#[test]
fn kafkas_files_are_understood() {
    let disk = copied(&FILES);
    check_contents(&mut open_golden(&disk, true));
}

#[test]
fn kafkas_files_are_made_again() {
    let disk = copied(&RECORDS);
    let mut log = open_golden(&disk, false);
    check_contents(&mut log);
    log.close(NOW).unwrap();
    for name in FILES {
        let made = read_file(&disk, &Path::new(DIRECTORY).join(name), 1 << 20).unwrap();
        assert_eq!(made, golden(name), "{name}");
    }
    assert_eq!(names(&disk), FILES);
}

/// The same batches, appended as a leader does.
#[test]
fn appending_makes_kafkas_files() {
    let disk = MemoryDisk::new(1);
    let mut log = open_golden(&disk, false);
    let records = Bytes::from(golden(RECORDS[0]));
    for batch in BatchViews::new(&records) {
        let batch = batch.unwrap();
        let mut sent = bytes::BytesMut::from(batch.bytes());
        ottla_wire::records::BatchMut::first(&mut sent).unwrap().set_base_offset(0);
        let origin =
            if batch.is_control() { AppendOrigin::Coordinator } else { AppendOrigin::Client };
        let now_ms = batch.max_timestamp;
        let options = LeaderAppend {
            leader_epoch: 0,
            now_ms,
            transaction_version: 2,
            verification: crate::Verification::NotRequired,
        };
        log.append(sent.freeze(), origin, options).unwrap();
    }
    log.close(NOW).unwrap();
    for name in FILES.into_iter().filter(|name| *name != "partition.metadata") {
        let made = read_file(&disk, &Path::new(DIRECTORY).join(name), 1 << 20).unwrap();
        assert_eq!(made, golden(name), "{name}");
    }
}
