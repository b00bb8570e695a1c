//! With `ottla.durability=fsync` nothing is answered or read before the disk has it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ottla_log::Isolation;
use ottla_wire::ErrorCode;
use ottla_world::Disk;
use ottla_world::memory::{Faults, MemoryDisk};

use super::Partition;
use crate::fixture::{Fixture, START_MS, append, batch, config};
use crate::waiters::{Until, Waiter};

const FSYNC: [(&str, &str); 1] = [("ottla.durability", "fsync")];
const JOURNAL: &str = "/data/ottla-journal-0";

/// Waits as a produce request does.
async fn is_durable(partition: &Partition, end: i64, acks: i16) -> Result<(), ErrorCode> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let waiter = Waiter::for_commit();
        let _joined = partition.waiters().join(&waiter, Until::Committed(end));
        if partition.is_durable(end, acks)? {
            return Ok(());
        }
        let woken = tokio::time::timeout_at(deadline, waiter.woken()).await;
        woken.expect("it becomes durable");
    }
}

/// A broker with one partition, and one record in it that the disk has.
async fn with_a_record() -> (Fixture, Arc<Partition>) {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &FSYNC);
    let partition = fixture.partition("a", 0);
    partition.append(batch(&["x"]), append(1)).expect("accepted");
    is_durable(&partition, 1, 1).await.expect("durable");
    (fixture, partition)
}

/// The next broker on a disk that the last one has left.
fn restarted(fixture: Fixture) -> Fixture {
    let Fixture { disk, clock, image, broker } = fixture;
    drop(broker);
    Fixture::on(disk, clock, &["/data"], image.as_ref().clone())
}

/// A disk whose journal never answers but with an error.
fn break_journal(disk: &MemoryDisk) {
    let faults = Faults { sync_error_one_in: 1, ..Faults::default() };
    disk.set_faults_under(Path::new(JOURNAL), faults);
}

#[tokio::test]
async fn an_answer_means_that_a_crash_takes_nothing_back() {
    for acks in [1, -1] {
        let mut fixture = Fixture::new();
        fixture.create("a", 2, &FSYNC);
        let mut partitions = Vec::new();
        for index in 0..2 {
            let partition = fixture.partition("a", index);
            for value in ["x", "y", "z"] {
                let end = partition.append(batch(&[value]), append(acks)).expect("accepted");
                is_durable(&partition, end.last_offset + 1, acks).await.expect("durable");
            }
            let readable = partition.readable_end(Isolation::HighWatermark);
            assert_eq!(readable, Ok(3), "what is durable can be read");
            partitions.push(partition);
        }
        fixture.disk.crash();
        let fixture = restarted(fixture);
        for index in 0..2 {
            let offsets = fixture.partition("a", index).log_offsets().expect("online");
            assert_eq!((offsets.log_end, offsets.high_watermark), (3, 3));
        }
    }
}

#[tokio::test]
async fn nobody_reads_what_is_not_durable() {
    let (fixture, partition) = with_a_record().await;
    partition.with_log(|log| log.flush(START_MS)).expect("open").expect("a disk that works");
    break_journal(&fixture.disk);
    // Whether the thread has met the error yet or not.
    let appended = partition.append(batch(&["y"]), append(1));
    assert_ne!(partition.readable_end(Isolation::HighWatermark), Ok(2));
    if appended.is_ok() {
        let outcome = is_durable(&partition, 2, 1).await;
        assert_eq!(outcome, Err(ErrorCode::KafkaStorageError));
    }
    let refused = partition.append(batch(&["z"]), append(1)).expect_err("offline");
    assert_eq!(refused.code, ErrorCode::KafkaStorageError);
}

#[tokio::test]
async fn a_topic_may_ask_for_more_than_the_broker_and_for_less_again() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    let partition = fixture.partition("a", 0);
    partition.append(batch(&["x"]), append(1)).expect("accepted");
    assert_eq!(partition.is_durable(1, 1), Ok(true), "the page cache is enough");
    assert!(!fixture.disk.exists(Path::new(JOURNAL)).expect("a disk that works"));
    fixture.apply([config("a", FSYNC[0].0, Some(FSYNC[0].1))]);
    partition.append(batch(&["y"]), append(1)).expect("accepted");
    is_durable(&partition, 2, 1).await.expect("durable");
    partition.append(batch(&["y"]), append(1)).expect("accepted");
    is_durable(&partition, 3, -1).await.expect("durable");
    assert!(fixture.disk.exists(Path::new(JOURNAL)).expect("a disk that works"));
    fixture.apply([config("a", FSYNC[0].0, None)]);
    partition.append(batch(&["z"]), append(1)).expect("accepted");
    assert_eq!(partition.is_durable(4, 1), Ok(true));
    assert_eq!(partition.readable_end(Isolation::HighWatermark), Ok(4));
}

#[tokio::test]
async fn what_a_start_finds_can_be_read_once_it_is_on_disk() {
    let (mut fixture, partition) = with_a_record().await;
    drop(partition);
    // The first start restores it from the journal, the second finds it in the segment alone.
    for _ in 0..2 {
        fixture.disk.kill();
        fixture = restarted(fixture);
        let partition = fixture.partition("a", 0);
        is_durable(&partition, 1, -1).await.expect("durable");
        assert_eq!(partition.readable_end(Isolation::HighWatermark), Ok(1));
    }
}

#[tokio::test]
async fn without_room_for_a_journal_an_answer_waits_for_a_flush() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &FSYNC);
    let faults = Faults { capacity_bytes: 1, ..Faults::default() };
    fixture.disk.set_faults_under(Path::new(JOURNAL), faults);
    let partition = fixture.partition("a", 0);
    for end in 1..=3 {
        partition.append(batch(&["x"]), append(1)).expect("accepted");
        is_durable(&partition, end, 1).await.expect("durable");
        assert!(partition.with_log(|log| log.recovery_point()) >= Some(end), "on disk");
    }
    assert!(!fixture.disk.exists(Path::new(JOURNAL)).expect("a disk that works"));
    drop(partition);
    fixture.disk.crash();
    let fixture = restarted(fixture);
    assert_eq!(fixture.partition("a", 0).log_offsets().expect("online").log_end, 3);
}

#[tokio::test]
async fn a_journal_goes_round_and_round() {
    let mut fixture = Fixture::new();
    fixture.create("a", 3, &FSYNC);
    // The fixture's journal has three files of sixteen blocks.
    for round in 0..70 {
        for index in 0..3 {
            let partition = fixture.partition("a", index);
            let end = partition.append(batch(&["x"]), append(1)).expect("accepted").last_offset + 1;
            assert_eq!(end, round + 1);
            is_durable(&partition, end, 1).await.expect("durable");
        }
    }
    let names = fixture.disk.read_dir(Path::new("/data")).expect("a directory").into_iter();
    let journals = names.filter(|entry| entry.name.starts_with("ottla-journal-")).count();
    assert_eq!(journals, 3);
    fixture.disk.crash();
    let fixture = restarted(fixture);
    for index in 0..3 {
        assert_eq!(fixture.partition("a", index).log_offsets().expect("online").log_end, 70);
    }
}

#[tokio::test]
async fn an_orderly_stop_leaves_nothing_to_restore() {
    let (fixture, partition) = with_a_record().await;
    partition.append(batch(&["y"]), append(1)).expect("accepted");
    fixture.partitions().shutdown(5, START_MS);
    drop(partition);
    let marker = Path::new("/data/.kafka_cleanshutdown");
    assert!(fixture.disk.exists(marker).expect("a disk that works"));
    fixture.disk.crash();
    let fixture = restarted(fixture);
    let partition = fixture.partition("a", 0);
    assert_eq!(partition.log_offsets().expect("online").log_end, 2);
    let end = partition.append(batch(&["z"]), append(1)).expect("accepted").last_offset + 1;
    is_durable(&partition, end, 1).await.expect("durable");
}

#[tokio::test]
async fn a_deleted_topic_lets_the_journal_go_on() {
    let mut fixture = Fixture::new();
    let gone = fixture.create("gone", 1, &FSYNC);
    fixture.create("a", 1, &FSYNC);
    let partition = fixture.partition("gone", 0);
    partition.append(batch(&["x"]), append(1)).expect("accepted");
    fixture.delete(gone);
    drop(partition);
    let partition = fixture.partition("a", 0);
    let begun = Instant::now();
    for number in 1..=120 {
        partition.append(batch(&["x"]), append(1)).expect("accepted");
        is_durable(&partition, number, 1).await.expect("durable");
    }
    assert!(begun.elapsed() < Duration::from_secs(30));
}
