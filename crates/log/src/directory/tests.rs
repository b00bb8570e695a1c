//! A folder of logs, on a disk in memory.
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use ottla_wire::Uuid;
use ottla_wire::records::{BatchBuilder, BatchOptions};
use ottla_world::Disk;
use ottla_world::disk::replace_file;
use ottla_world::memory::MemoryDisk;

use super::checkpoints::{HIGH_WATERMARKS, LOG_STARTS, RECOVERY_POINTS};
use super::*;
use crate::AppendOrigin;
use crate::config::LogConfig;
use crate::error::Error;
use crate::fixture::{NOW, leader};
use crate::log::Log;
use crate::names::TopicPartition;

fn config() -> Arc<LogConfig> {
    Arc::new(LogConfig { segment_index_bytes: 240, ..LogConfig::default() })
}

fn open(disk: &MemoryDisk) -> LogDirectory {
    LogDirectory::open(Arc::new(disk.clone()), Path::new("/data")).unwrap()
}

fn load(directory: &LogDirectory) -> LoadedLogs {
    let config_for = |_: &TopicPartition| config();
    directory.load(&LoadOptions { config_for: &config_for, threads: 3, now_ms: NOW }).unwrap()
}

fn append(log: &mut Log) {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    builder.append(NOW, None, Some(b"value"), &[]).unwrap();
    let records: Bytes = builder.build().unwrap().freeze();
    log.append(records, AppendOrigin::Client, leader(0)).unwrap();
}

fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("a-b", number)
}

#[test]
fn logs_are_loaded_with_their_checkpoints() {
    let disk = MemoryDisk::new(1);
    let directory = open(&disk);
    let id = Uuid::from_bytes([3; 16]);
    let mut points = OffsetsByPartition::new();
    for number in 0..5 {
        let mut log = directory.create_log(&partition(number), Some(id), config(), NOW).unwrap();
        for _ in 0..=number {
            append(&mut log);
        }
        points.insert(partition(number), log.close(NOW).unwrap());
    }
    directory.checkpoint_recovery_points(&points).unwrap();
    directory.checkpoint_high_watermarks(&points).unwrap();
    let starts = OffsetsByPartition::from([(partition(4), 3)]);
    directory.checkpoint_log_start_offsets(&starts).unwrap();
    directory.mark_clean_shutdown(42).unwrap();
    drop(directory);

    let directory = open(&disk);
    assert_eq!(directory.clean_shutdown_broker_epoch(), Some(42));
    assert!(
        !disk.exists(Path::new("/data/.kafka_cleanshutdown")).unwrap(),
        "it vouches for one start"
    );
    let loaded = load(&directory);
    assert!(loaded.failed.is_empty());
    for (number, log) in loaded.logs.iter().enumerate() {
        let end = number as i64 + 1;
        assert_eq!(*log.partition(), partition(number as i32));
        assert_eq!((log.log_end_offset(), log.high_watermark()), (end, end));
        assert_eq!(log.topic_id(), Some(id));
        assert_eq!(log.log_start_offset(), if number == 4 { 3 } else { 0 });
    }
}

#[test]
fn a_second_process_is_kept_out() {
    let disk = MemoryDisk::new(1);
    let directory = open(&disk);
    let second = LogDirectory::open(Arc::new(disk.clone()), Path::new("/data"));
    assert!(matches!(second, Err(Error::Locked { .. })));
    drop(directory);
    open(&disk);
}

#[test]
fn deleted_and_foreign_directories() {
    let disk = MemoryDisk::new(1);
    let directory = open(&disk);
    let log = directory.create_log(&partition(0), None, config(), NOW).unwrap();
    let deleted = directory.delete_log(log, "0123456789abcdef0123456789abcdef").unwrap();
    assert_eq!(deleted, Path::new("/data/a-b-0.0123456789abcdef0123456789abcdef-delete"));
    for name in ["__cluster_metadata-0", "lost+found", "a-b-1.0f-stray", "a-b-2.0f-future", "a-b-7"]
    {
        disk.create_dir_all(&Path::new("/data").join(name)).unwrap();
    }
    let loaded = load(&directory);
    assert_eq!(loaded.deleted, std::slice::from_ref(&deleted));
    let names: Vec<&TopicPartition> = loaded.logs.iter().map(Log::partition).collect();
    assert_eq!(names, [&partition(7)]);
    directory.remove(&deleted).unwrap();
    directory.remove(&deleted).unwrap();
    assert!(!disk.exists(&deleted).unwrap());
}

#[test]
fn a_log_that_cannot_be_loaded_leaves_the_others() {
    let disk = MemoryDisk::new(1);
    let directory = open(&disk);
    for number in 0..2 {
        append(&mut directory.create_log(&partition(number), None, config(), NOW).unwrap());
    }
    // A whole message of format 1.
    let mut old = vec![0; 34];
    old[8..12].copy_from_slice(&22i32.to_be_bytes());
    old[12..16].copy_from_slice(&0xcc2f_79d9_u32.to_be_bytes());
    old[16] = 1;
    old[26..].fill(0xff);
    replace_file(&disk, Path::new("/data/a-b-0/00000000000000000000.log"), &old).unwrap();
    let loaded = load(&directory);
    assert_eq!(loaded.failed[0].0, partition(0));
    assert_eq!(loaded.logs.len(), 1);
}

#[test]
fn garbage_in_a_checkpoint_means_more_to_recover() {
    let disk = MemoryDisk::new(1);
    let directory = open(&disk);
    let mut log = directory.create_log(&partition(0), None, config(), NOW).unwrap();
    append(&mut log);
    for name in [RECOVERY_POINTS, HIGH_WATERMARKS, LOG_STARTS] {
        replace_file(&disk, &Path::new("/data").join(name), b"garbage").unwrap();
    }
    drop(directory);
    assert_eq!(load(&open(&disk)).logs[0].log_end_offset(), 1);
}

#[test]
fn a_folder_that_was_made_with_its_parents_outlasts_a_loss_of_power() {
    let path = Path::new("/srv/ottla/data");
    for seed in 0..40 {
        let disk = MemoryDisk::new(seed);
        let open = || LogDirectory::open(Arc::new(disk.clone()), path).unwrap();
        let directory = open();
        let mut log = directory.create_log(&partition(0), None, config(), NOW).unwrap();
        append(&mut log);
        log.flush(NOW).unwrap();
        drop((log, directory));
        disk.crash();
        let loaded = load(&open());
        let ends: Vec<i64> = loaded.logs.iter().map(Log::log_end_offset).collect();
        assert_eq!(ends, [1], "seed {seed}");
    }
}

/// Else a log that a start after a kill has changed would pass for one that was closed in order.
#[test]
fn an_orderly_stop_that_a_killed_start_has_used_up_does_not_come_back() {
    let (mut killed, mut used_up) = (0, 0);
    for (seed, operations) in (0..40).flat_map(|seed| (0..4).map(move |after| (seed, after))) {
        let disk = MemoryDisk::new(seed);
        open(&disk).mark_clean_shutdown(7).unwrap();
        disk.stop_after(operations);
        killed +=
            u32::from(LogDirectory::open(Arc::new(disk.clone()), Path::new("/data")).is_err());
        disk.kill();
        let is_clean = |disk: &MemoryDisk| open(disk).clean_shutdown_broker_epoch().is_some();
        if !is_clean(&disk) {
            used_up += 1;
            disk.crash();
            assert!(!is_clean(&disk), "seed {seed}, killed after {operations} operations");
        }
    }
    assert!(killed > 40 && used_up > 40, "{killed} were killed, {used_up} stops were used up");
}
