//! Logs are compacted when they ask for it, and how far is remembered.

use std::io::IoSlice;
use std::path::Path;

use bytes::Bytes;
use ottla_log::{Isolation, ReadOptions};
use ottla_metadata::MetadataImage;
use ottla_wire::messages::{ConfigRecord, MetadataRecord};
use ottla_wire::records::{BatchBuilder, BatchOptions, Batches};
use ottla_world::{Disk, OpenMode};

use crate::fixture::{Fixture, START_MS, append, config};
use crate::partition::Partition;

const COMPACT: [(&str, &str); 4] = [
    ("cleanup.policy", "compact"),
    ("segment.bytes", "400"),
    ("segment.index.bytes", "480"),
    ("min.cleanable.dirty.ratio", "0.01"),
];

fn keyed(key: &str, value: &str) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    builder
        .append(START_MS, Some(key.as_bytes()), Some(value.as_bytes()), &[])
        .expect("a small record");
    builder.build().expect("a small batch").freeze()
}

/// Writes each key in turn, so often, and has everything synced.
fn write(fixture: &Fixture, topic: &str, keys: usize, records: usize) {
    let partition = fixture.partition(topic, 0);
    for number in 0..records {
        let record = keyed(&format!("k{}", number % keys), &format!("v{number}"));
        partition.append(record, append(1)).expect("appended");
    }
    partition.flush(START_MS);
}

fn offsets(partition: &Partition) -> Vec<i64> {
    let mut found = Vec::new();
    let mut next = partition.log_offsets().expect("open").log_start;
    loop {
        let options = ReadOptions {
            start_offset: next,
            max_bytes: 1 << 20,
            min_one_batch: true,
            isolation: Isolation::LogEnd,
        };
        let read = partition.with_log(|log| log.read(options)).expect("open").expect("readable");
        let bytes = read.slice.read().expect("readable");
        if bytes.is_empty() {
            return found;
        }
        for batch in Batches::new(bytes) {
            let Ok(batch) = batch else { break };
            next = batch.view().last_offset() + 1;
            let records = batch.records(1 << 20).expect("small");
            found.extend(records.iter().map(|record| record.expect("whole").offset));
        }
    }
}

/// Overwrites the format's number in the first batch of a log's last closed segment.
fn set_magic(fixture: &Fixture, topic: &str, magic: u8) {
    let directory = Path::new("/data").join(format!("{topic}-0"));
    let names = fixture.disk.read_dir(&directory).expect("a log").into_iter();
    let mut segments: Vec<String> =
        names.map(|entry| entry.name).filter(|name| name.ends_with(".log")).collect();
    segments.sort();
    let path = directory.join(&segments[segments.len() - 2]);
    let file = fixture.disk.open(&path, OpenMode::Write).expect("a segment");
    file.write_at(&[IoSlice::new(&[magic])], 16).expect("written");
}

fn broker_config(broker: &str, name: &str, value: &str) -> MetadataRecord {
    MetadataRecord::Config(ConfigRecord {
        resource_type: 4,
        resource_name: broker.to_owned(),
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..ConfigRecord::default()
    })
}

#[tokio::test]
async fn a_compacted_topic_keeps_the_last_of_each_key_and_remembers_how_far() {
    let mut fixture = Fixture::new();
    fixture.create("compacted", 1, &COMPACT);
    fixture.create("plain", 1, &[("segment.bytes", "400")]);
    write(&fixture, "compacted", 3, 40);
    write(&fixture, "plain", 3, 40);
    assert!(fixture.broker.cleaner.clean_once());
    assert!(!fixture.broker.cleaner.clean_once(), "once is enough");
    let left = offsets(&fixture.partition("compacted", 0));
    assert!(left.len() < 12 && left.ends_with(&[37, 38, 39]), "{left:?}");
    assert_eq!(offsets(&fixture.partition("plain", 0)).len(), 40);
    let written = fixture.text("/data/cleaner-offset-checkpoint");
    assert!(written.starts_with("0\n1\ncompacted 0 "), "{written}");
    let report = fixture.broker.cleaner.report();
    assert_eq!((report.dirty_percent, report.since_last_run_ms), (0, 0));
    assert!((1..60).contains(&report.recopy_percent), "{report:?}");

    // A restart knows what is clean.
    let image = MetadataImage::clone(&fixture.image);
    let (disk, clock) = (fixture.disk.clone(), fixture.clock.clone());
    fixture.partitions().shutdown(1, START_MS);
    drop(fixture);
    let mut fixture = Fixture::on(disk, clock, &["/data"], image);
    assert!(!fixture.broker.cleaner.clean_once());
    // A topic of the same name begins anew.
    let id = fixture.partition("compacted", 0).topic_id();
    fixture.delete(id);
    fixture.create("compacted", 1, &COMPACT);
    write(&fixture, "compacted", 3, 90);
    assert!(fixture.broker.cleaner.clean_once());
    assert!(offsets(&fixture.partition("compacted", 0)).len() < 12);
}

#[tokio::test]
async fn the_policy_is_switched_while_the_topic_lives() {
    let mut fixture = Fixture::new();
    let small = [("segment.bytes", "400"), ("segment.index.bytes", "480")];
    fixture.create("t", 1, &small);
    fixture.apply([config("t", "retention.ms", Some("1000"))]);
    write(&fixture, "t", 1, 20);
    assert!(!fixture.broker.cleaner.clean_once());
    fixture.apply([
        config("t", "cleanup.policy", Some("compact")),
        config("t", "min.cleanable.dirty.ratio", Some("0")),
    ]);
    assert!(fixture.broker.cleaner.clean_once());
    let partition = fixture.partition("t", 0);
    assert!(offsets(&partition).len() < 8);
    // Old segments of a compacted log stay, unless it is to delete as well.
    fixture.clock.advance(std::time::Duration::from_secs(60));
    fixture.partitions().run_retention(START_MS + 60_000);
    assert!(!offsets(&partition).is_empty());
    fixture.apply([config("t", "cleanup.policy", Some("compact,delete"))]);
    fixture.partitions().run_retention(START_MS + 60_000);
    assert!(offsets(&partition).is_empty());
}

#[tokio::test]
async fn the_dirtiest_log_is_first_and_one_that_is_damaged_holds_nobody_back() {
    let mut fixture = Fixture::new();
    for topic in ["little", "much", "damaged"] {
        fixture.create(topic, 1, &COMPACT);
        write(&fixture, topic, 2, 40);
    }
    while fixture.broker.cleaner.clean_once() {}
    write(&fixture, "little", 2, 20);
    write(&fixture, "much", 2, 200);
    assert!(fixture.broker.cleaner.clean_once());
    assert!(offsets(&fixture.partition("much", 0)).len() < 20);
    let before = offsets(&fixture.partition("little", 0)).len();
    assert!(before > 15, "{before}");
    write(&fixture, "damaged", 2, 300);
    set_magic(&fixture, "damaged", 9);
    while fixture.broker.cleaner.clean_once() {}
    assert!(offsets(&fixture.partition("little", 0)).len() < before);
    let report = fixture.broker.cleaner.report();
    let (directory, uncleanable) = &report.uncleanable[0];
    assert_eq!((directory.as_str(), uncleanable.partitions), ("/data", 1));
    assert!(uncleanable.bytes > 0);
    // Changed settings give it another chance.
    set_magic(&fixture, "damaged", 2);
    fixture.apply([broker_config("", "log.cleaner.backoff.ms", "7")]);
    fixture.broker.cleaner.start().expect("threads");
    fixture.apply([broker_config("", "log.cleaner.backoff.ms", "8")]);
    while offsets(&fixture.partition("damaged", 0)).len() > 20 {
        std::thread::yield_now();
    }
    fixture.broker.cleaner.stop();
}

#[tokio::test]
async fn threads_come_and_go_with_the_settings() {
    let mut fixture = Fixture::new();
    fixture.broker.cleaner.start().expect("threads");
    assert_eq!(fixture.broker.cleaner.thread_count(), 1);
    fixture.apply([broker_config("", "log.cleaner.threads", "3")]);
    assert_eq!(fixture.broker.cleaner.thread_count(), 3);
    fixture.apply([broker_config("1", "log.cleaner.threads", "2")]);
    assert_eq!(fixture.broker.cleaner.thread_count(), 2);
    fixture.broker.cleaner.stop();
    assert_eq!(fixture.broker.cleaner.thread_count(), 0);
}

#[tokio::test]
async fn deleting_a_topic_stops_its_cleaning() {
    let mut fixture = Fixture::new();
    let id = fixture.create("slow", 1, &COMPACT);
    // A byte a second: the run waits for the throttle until it is told to stop.
    fixture.apply([broker_config("", "log.cleaner.io.max.bytes.per.second", "1")]);
    write(&fixture, "slow", 3, 40);
    let partition = fixture.partition("slow", 0);
    fixture.broker.cleaner.start().expect("threads");
    while !partition.is_being_cleaned() {
        std::thread::yield_now();
    }
    fixture.delete(id);
    assert!(fixture.partitions().get("slow", 0).is_none());
    fixture.broker.cleaner.stop();
    assert_eq!(fixture.broker.cleaner.report().uncleanable[0].1.partitions, 0);
}
