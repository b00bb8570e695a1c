//! The journal of a directory on a disk in memory, and logs that rely on it.
mod crashes;
mod damage;
mod room;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use ottla_wire::Uuid;
use ottla_wire::records::{BatchBuilder, BatchOptions, BatchViews};
use ottla_world::Disk;
use ottla_world::memory::MemoryDisk;

use crate::directory::LoadOptions;
use crate::fixture::{NOW, disk as new_disk, everything, in_transaction, leader, marker};
use crate::{
    AppendOrigin, CleanupPolicy, Commit, Durability, Journal, JournalSize, Log, LogConfig,
    LogDirectory, TopicPartition,
};

const DIRECTORY_ID: Uuid = Uuid::from_halves(7, 7);
const TOPIC: Uuid = Uuid::from_halves(1, 1);
const SMALL: JournalSize = JournalSize { files: 3, file_bytes: 8 * 4096 };

/// A directory with logs that promise `fsync`.
struct Place {
    disk: MemoryDisk,
    directory: LogDirectory,
    journal: Arc<Journal>,
    logs: Vec<Log>,
}

fn config() -> Arc<LogConfig> {
    Arc::new(LogConfig {
        segment_bytes: 20_000,
        segment_index_bytes: 240,
        durability: Durability::Fsync,
        ..LogConfig::default()
    })
}

impl Place {
    fn open(disk: &MemoryDisk) -> Place {
        Place::open_as(disk, DIRECTORY_ID)
    }

    fn open_as(disk: &MemoryDisk, id: Uuid) -> Place {
        Place::open_with(disk, id, config())
    }

    fn open_with(disk: &MemoryDisk, id: Uuid, config: Arc<LogConfig>) -> Place {
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let mut directory = LogDirectory::open(shared, Path::new("/data")).expect("a free lock");
        let journal = directory.open_journal(id, SMALL).expect("a disk that works");
        let config_for = |_: &TopicPartition| Arc::clone(&config);
        let options = LoadOptions { config_for: &config_for, threads: 1, now_ms: NOW };
        let loaded = directory.load(&options).expect("a directory that can be listed");
        assert!(loaded.failed.is_empty(), "{:?}", loaded.failed);
        Place { disk: disk.clone(), directory, journal, logs: loaded.logs }
    }

    /// A new log whose names and place are on disk, so that the journal is all it takes.
    fn create(&mut self, partition: i32) -> usize {
        self.create_with_id(partition, TOPIC)
    }

    fn create_with_id(&mut self, partition: i32, id: Uuid) -> usize {
        let name = TopicPartition::new("topic", partition);
        let mut log = self.directory.create_log(&name, Some(id), config(), NOW).expect("a new log");
        log.flush(NOW).expect("a disk that works");
        self.logs.push(log);
        self.logs.len() - 1
    }

    fn append(&mut self, log: usize, epoch: i32, value: &str) -> i64 {
        append(&mut self.logs[log], epoch, value)
    }

    fn put(&mut self, log: usize, numbers: std::ops::Range<i64>) {
        for number in numbers {
            self.append(log, 0, &number.to_string());
        }
    }

    fn commit(&mut self) -> Commit {
        let commit = self.journal.commit().expect("a disk that works");
        self.tell(&commit);
        commit
    }

    fn tell(&mut self, commit: &Commit) {
        for (key, committed) in &commit.logs {
            let log = self.logs.iter_mut().find(|log| log.journal_key() == Some(*key));
            if let Some(log) = log {
                log.journaled(*committed);
            }
        }
    }

    /// Power fails; what a new process finds.
    fn crash(self) -> Place {
        let disk = self.leave();
        disk.crash();
        Place::open(&disk)
    }

    /// The process is killed; the page cache stays.
    fn kill(self) -> Place {
        let disk = self.leave();
        disk.kill();
        Place::open(&disk)
    }

    fn leave(self) -> MemoryDisk {
        self.disk.clone()
    }
}

fn batch(value: &str) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    builder.append(NOW, None, Some(value.as_bytes()), &[]).expect("a small record");
    builder.build().expect("a batch").freeze()
}

fn append(log: &mut Log, leader_epoch: i32, value: &str) -> i64 {
    log.append(batch(value), AppendOrigin::Client, leader(leader_epoch))
        .expect("accepted")
        .last_offset
        + 1
}

/// Every value in the log, with its offset.
fn values(log: &Log) -> Vec<(i64, String)> {
    let mut found = Vec::new();
    let mut start_offset = log.log_start_offset();
    while start_offset < log.log_end_offset() {
        let bytes = log
            .read(everything(start_offset))
            .expect("in range")
            .slice
            .read()
            .expect("a disk that works");
        for batch in BatchViews::new(&bytes) {
            let batch = batch.expect("a batch");
            for record in batch.records(1 << 20).expect("records").views() {
                let record = record.expect("a record");
                let value = record.value.expect("a value");
                let offset = batch.base_offset + i64::from(record.offset_delta);
                found.push((offset, String::from_utf8(value.to_vec()).expect("text")));
            }
            start_offset = batch.next_offset();
        }
    }
    found
}

fn numbered(range: std::ops::Range<i64>) -> Vec<(i64, String)> {
    range.map(|number| (number, number.to_string())).collect()
}

#[test]
fn what_was_committed_survives_what_the_segment_lost() {
    let mut lost = 0;
    for seed in 0..50 {
        let mut place = Place::open(&new_disk(seed));
        let log = place.create(0);
        place.put(log, 0..10);
        assert_eq!(place.logs[log].durable_end(), 0, "nothing waited for the disk");
        let commit = place.commit();
        assert_eq!((commit.entries, place.journal.stats().commits), (10, 1), "one sync for all");
        assert_eq!(place.logs[log].durable_end(), 10);
        let disk = place.leave();
        disk.crash();
        lost += usize::from(without_journal(&disk).log_end_offset() < 10);
        let place = Place::open(&disk);
        assert_eq!(values(&place.logs[0]), numbered(0..10), "seed {seed}");
        // Doing it again finds nothing to do.
        let place = place.crash();
        assert_eq!(values(&place.logs[0]), numbered(0..10), "seed {seed}, again");
    }
    assert!(lost > 10, "the segments lost hardly anything: the journal had nothing to show");
}

/// The log as it is found without its journal; leaves the disk as it is.
fn without_journal(disk: &MemoryDisk) -> Log {
    let options = crate::OpenLog::new("/data/topic-0", config(), NOW);
    let found = crate::UnopenedLog::find(Arc::new(disk.clone()), options).expect("a log");
    found.open(&crate::RecoveryWatch::default()).expect("a disk that works")
}

#[test]
fn a_log_is_flushed_before_its_first_run_counts() {
    let disk = new_disk(1);
    let mut place = Place::open(&disk);
    let name = TopicPartition::new("topic", 0);
    let log = place.directory.create_log(&name, Some(TOPIC), config(), NOW).expect("a new log");
    place.logs.push(log);
    place.put(0, 0..3);
    place.commit();
    let log = &mut place.logs[0];
    assert!(log.waits_for_flush(), "its names may not be on disk");
    assert_eq!(log.durable_end(), 0);
    log.flush(NOW).expect("a disk that works");
    assert_eq!((log.durable_end(), log.waits_for_flush()), (3, false));
    place.put(0, 3..5);
    assert_eq!(place.logs[0].durable_end(), 3);
    place.commit();
    assert_eq!((place.logs[0].durable_end(), place.logs[0].recovery_point()), (5, 3));
}

#[test]
fn what_is_too_large_for_the_journal_is_flushed() {
    let mut place = Place::open(&new_disk(1));
    let log = place.create(0);
    let large = "x".repeat(SMALL.file_bytes as usize / 2);
    let size = JournalSize { files: 3, file_bytes: 4 * 4096 };
    let replay = crate::Replay::read(&place.disk, Path::new("/data"), DIRECTORY_ID, true);
    let replay = replay.expect("a disk that works");
    let disk: Arc<dyn Disk> = Arc::new(place.disk.clone());
    let small = Arc::new(Journal::new(disk, Path::new("/data"), DIRECTORY_ID, size, &replay));
    small.begin(&replay).expect("a disk that works");
    place.logs[log].attach_journal(Arc::clone(&small));
    place.append(log, 0, &large);
    assert!(place.logs[log].waits_for_flush());
    assert_eq!(small.commit().expect("a disk that works").entries, 0);
    place.logs[log].flush(NOW).expect("a disk that works");
    assert_eq!(place.logs[log].durable_end(), 1);
    place.append(log, 0, "small");
    assert!(!place.logs[log].waits_for_flush(), "it goes on after what was flushed");
}

#[test]
fn a_full_journal_waits_for_segments() {
    let mut place = Place::open(&new_disk(1));
    let (busy, idle) = (place.create(0), place.create(1));
    place.put(idle, 0..1);
    let mut acknowledged = 0;
    let pressed = loop {
        place.put(busy, acknowledged..acknowledged + 1);
        let commit = place.commit();
        assert!(acknowledged < 100, "it is never full");
        if place.logs[busy].durable_end() == acknowledged {
            break commit.pressed;
        }
        acknowledged += 1;
        // The busy one keeps up, the idle one sleeps.
        place.logs[busy].flush(NOW).expect("a disk that works");
    };
    assert_eq!(pressed, [place.logs[idle].journal_key().expect("it has an id")]);
    assert_eq!(place.journal.stats().waits, 1);
    place.commit();
    assert_eq!(place.logs[busy].durable_end(), acknowledged, "nothing is written over");
    place.logs[idle].flush(NOW).expect("a disk that works");
    place.commit();
    assert_eq!(place.logs[busy].durable_end(), acknowledged + 1);
    let place = place.crash();
    assert_eq!(values(&place.logs[0]), numbered(0..acknowledged + 1));
    assert_eq!(values(&place.logs[1]), numbered(0..1));
}

#[test]
fn what_was_cut_off_deleted_or_given_up_does_not_come_back() {
    type Change = fn(&mut Place);
    let truncate: Change = |place| {
        place.logs[0].truncate_to(6, NOW).expect("a disk that works");
    };
    let raise: Change = |place| {
        place.logs[0].update_high_watermark(10).expect("online");
        place.logs[0].increment_log_start_offset(7).expect("below the high watermark");
    };
    let start_over: Change = |place| {
        place.logs[0].truncate_fully_and_start_at(20, NOW).expect("a disk that works");
    };
    let recreate: Change = |place| {
        let log = place.logs.remove(0);
        let gone = place.directory.delete_log(log, "0123").expect("a disk that works");
        place.directory.remove(&gone).expect("a disk that works");
        place.create_with_id(0, Uuid::from_halves(2, 2));
    };
    let again: Change = |place| {
        let log = place.logs.remove(0);
        let gone = place.directory.delete_log(log, "0123").expect("a disk that works");
        place.directory.remove(&gone).expect("a disk that works");
        place.create(0);
    };
    for (change, left) in
        [(truncate, 0..6), (raise, 7..10), (start_over, 20..20), (recreate, 0..0), (again, 0..0)]
    {
        for seed in 0..20 {
            let mut place = Place::open(&new_disk(seed));
            let log = place.create(0);
            place.put(log, 0..10);
            place.commit();
            change(&mut place);
            place.commit();
            let place = if seed % 2 == 0 { place.crash() } else { place.kill() };
            assert_eq!(values(&place.logs[0]), numbered(left.clone()), "seed {seed}");
            assert_eq!(place.logs[0].log_end_offset(), left.end, "seed {seed}");
        }
    }
}

#[test]
fn a_new_end_takes_the_place_of_one_that_was_cut_off() {
    for seed in 0..50 {
        let mut place = Place::open(&new_disk(seed));
        let log = place.create(0);
        place.put(log, 0..10);
        place.commit();
        place.logs[log].truncate_to(4, NOW).expect("a disk that works");
        for value in ["new 4", "new 5"] {
            place.append(log, 1, value);
        }
        place.commit();
        let place = place.crash();
        let mut expected = numbered(0..4);
        expected.extend([(4, "new 4".to_owned()), (5, "new 5".to_owned())]);
        assert_eq!(values(&place.logs[0]), expected, "seed {seed}");
        assert_eq!(place.logs[0].epoch_for_offset(5), Some(1), "seed {seed}");
    }
}

/// A cut between two batches of a follower: what comes next begins after a gap, and where the log ends on disk.
#[test]
fn what_follows_a_cut_within_a_gap_is_restored() {
    let replicate = |place: &mut Place, base_offset: i64| {
        let options =
            BatchOptions { base_offset, partition_leader_epoch: 0, ..BatchOptions::default() };
        let mut builder = BatchBuilder::new(options);
        builder.append(NOW, None, Some(b"value"), &[]).expect("a small record");
        let records = builder.build().expect("a batch").freeze();
        place.logs[0].append_as_follower(records, 0, NOW).expect("accepted");
    };
    for seed in 0..50 {
        let mut place = Place::open(&new_disk(seed));
        let log = place.create(0);
        for base_offset in [0, 10] {
            replicate(&mut place, base_offset);
            place.commit();
        }
        place.logs[log].truncate_to(10, NOW).expect("a disk that works");
        replicate(&mut place, 10);
        place.commit();
        assert_eq!(place.logs[log].durable_end(), 11);
        let place = place.crash();
        let offsets: Vec<i64> = values(&place.logs[0]).iter().map(|(offset, _)| *offset).collect();
        assert_eq!(offsets, [0, 10], "seed {seed}");
    }
}

#[test]
fn records_that_were_not_journaled_stay_after_those_that_were() {
    let mut place = Place::open(&new_disk(1));
    let log = place.create(0);
    place.put(log, 0..5);
    place.commit();
    let relaxed = LogConfig { durability: Durability::Os, ..(*config()).clone() };
    place.logs[log].update_config(Arc::new(relaxed));
    place.put(log, 5..8);
    assert_eq!(place.logs[log].durable_end(), 8, "the page cache is enough");
    place.logs[log].update_config(config());
    place.put(log, 8..9);
    place.commit();
    assert!(place.logs[log].waits_for_flush(), "the journal has a gap");
    assert_eq!(place.logs[log].durable_end(), 0);
    place.logs[log].flush(NOW).expect("a disk that works");
    assert_eq!(place.logs[log].durable_end(), 9);
    let place = place.kill();
    assert_eq!(values(&place.logs[0]), numbered(0..9));
}

#[test]
fn an_orderly_end_voids_the_journal() {
    let disk = new_disk(1);
    let mut place = Place::open(&disk);
    let log = place.create(0);
    place.put(log, 0..10);
    place.commit();
    place.logs[log].close(NOW).expect("a disk that works");
    place.journal.close().expect("every log is closed");
    place.directory.mark_clean_shutdown(1).expect("a disk that works");
    drop(place);
    // Somebody else uses the directory, and cuts the log; then the marker is gone.
    let mut log = without_journal(&disk);
    log.truncate_to(3, NOW).expect("a disk that works");
    drop(log);
    disk.remove_file(Path::new("/data/.kafka_cleanshutdown")).expect("it is there");
    let place = Place::open(&disk);
    assert_eq!(values(&place.logs[0]), numbered(0..3));
}

#[test]
fn a_journal_that_is_needed_is_not_voided() {
    let mut place = Place::open(&new_disk(1));
    let log = place.create(0);
    place.put(log, 0..10);
    place.commit();
    place.journal.close().expect_err("a log is still open");
}

#[test]
fn a_backlog_is_told() {
    let mut place = Place::open(&new_disk(1));
    let log = place.create(0);
    let large = "x".repeat(SMALL.file_bytes as usize / 2);
    let mut count = 0;
    while !place.logs[log].is_behind() {
        place.append(log, 0, &large);
        count += 1;
        assert!(count < 10_000, "it is never behind");
    }
    while place.journal.commit().expect("a disk that works").entries > 0 {
        place.logs[log].flush(NOW).expect("a disk that works");
    }
    assert!(!place.logs[log].is_behind());
}

/// A hole that a crash has made looks like those of the cleaner, and the log's start hides it; but without the
/// marker that was there the transaction would hold readers back for good.
#[test]
fn the_end_of_a_transaction_is_restored_though_it_is_deleted() {
    for seed in 0..100 {
        let disk = new_disk(seed).with_names_in_order();
        let mut place = Place::open(&disk);
        let log = place.create(0);
        let mut builder = BatchBuilder::new(in_transaction(5, 0));
        builder.append(NOW, Some(b"key"), Some(b"value"), &[]).expect("a small record");
        let records = builder.build().expect("a batch").freeze();
        let log = &mut place.logs[log];
        log.append(records, AppendOrigin::Client, leader(0)).expect("accepted");
        log.append(marker(5, true), AppendOrigin::Coordinator, leader(0)).expect("accepted");
        log.roll(NOW).expect("a disk that works");
        log.update_high_watermark(2).expect("online");
        log.increment_log_start_offset(2).expect("below the high watermark");
        place.commit();
        drop(place);
        disk.crash();
        let cleanup_policy = CleanupPolicy { delete: false, compact: true };
        let compacted = LogConfig { cleanup_policy, ..LogConfig::clone(&config()) };
        let place = Place::open_with(&disk, DIRECTORY_ID, Arc::new(compacted));
        let log = &place.logs[0];
        assert_eq!((log.log_start_offset(), log.log_end_offset()), (2, 2), "seed {seed}");
        assert!(!log.has_open_transaction(5, 0), "seed {seed}");
    }
}
