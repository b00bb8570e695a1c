//! The hosted partitions follow the metadata, survive restarts, and leave nothing behind.

use std::path::Path;
use std::time::{Duration, Instant};

use ottla_metadata::MetadataImage;
use ottla_wire::ErrorCode;
use ottla_wire::messages::{MetadataRecord, PartitionRecord};
use ottla_world::memory::Faults;
use ottla_world::{Clock, Disk};

use crate::fixture::{BROKER, Fixture, START_MS, append, batch, config};

#[tokio::test]
async fn topics_come_grow_and_go() {
    let mut fixture = Fixture::new();
    let id = fixture.create("a", 2, &[]);
    assert_eq!(fixture.folders("/data"), ["a-0", "a-1"]);
    assert!(fixture.partition("a", 1).is_leader());
    assert_eq!(
        fixture.partitions().topic_by_id(id).map(|topic| topic.name.to_string()),
        Some("a".into())
    );
    let grown = PartitionRecord {
        partition_id: 2,
        topic_id: id,
        replicas: vec![BROKER],
        isr: vec![BROKER],
        leader: BROKER,
        leader_epoch: 0,
        partition_epoch: 0,
        ..PartitionRecord::default()
    };
    fixture.apply([MetadataRecord::Partition(grown)]);
    assert_eq!(fixture.partitions().all().len(), 3);
    let held = fixture.partition("a", 0);
    fixture.delete(id);
    assert!(fixture.partitions().get("a", 0).is_none());
    assert_eq!(
        held.append(batch(&["x"]), append(1)).map_err(|failure| failure.code),
        Err(ErrorCode::NotLeaderOrFollower)
    );
    let left = fixture.folders("/data");
    assert!(left.len() == 3 && left.iter().all(|name| name.ends_with("-delete")), "{left:?}");
    // The name is free at once; the files go a minute later.
    fixture.create("a", 1, &[]);
    fixture.clock.advance(Duration::from_secs(61));
    fixture.partitions().remove_deleted(fixture.clock.now_ms());
    assert_eq!(fixture.folders("/data"), ["a-0"]);
}

#[tokio::test]
async fn errors_say_why_there_is_no_partition() {
    let mut fixture = Fixture::new();
    fixture.create("ours", 1, &[]);
    fixture.create_replicated("theirs", 1, &[], &[2], &[2]);
    let cases = [
        ("ours", 0, None),
        ("ours", 1, Some(ErrorCode::UnknownTopicOrPartition)),
        ("ours", -1, Some(ErrorCode::UnknownTopicOrPartition)),
        ("theirs", 0, Some(ErrorCode::NotLeaderOrFollower)),
        ("nobody's", 0, Some(ErrorCode::UnknownTopicOrPartition)),
    ];
    for (topic, index, expected) in cases {
        let found = fixture.partitions().find(topic, index, &fixture.image);
        assert_eq!(found.err(), expected, "{topic}-{index}");
    }
}

#[tokio::test]
async fn settings_change_with_the_configuration() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[("max.message.bytes", "100")]);
    let partition = fixture.partition("a", 0);
    let long = "x".repeat(200);
    let refused = partition.append(batch(&[&long]), append(1)).map_err(|failure| failure.code);
    assert_eq!(refused.err(), Some(ErrorCode::MessageTooLarge));
    fixture.apply([config("a", "max.message.bytes", Some("1000"))]);
    assert!(partition.append(batch(&[&long]), append(1)).is_ok());
    fixture.apply([config("a", "max.message.bytes", None)]);
    assert_eq!(partition.settings().log.max_message_bytes, 1_048_588);
}

#[tokio::test]
async fn an_orderly_restart_finds_everything() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    let gone = fixture.create("gone", 1, &[]);
    fixture.partition("a", 0).append(batch(&["x", "y"]), append(-1)).expect("appended");
    fixture.partitions().shutdown(5, START_MS);
    assert!(fixture.disk.exists(Path::new("/data/.kafka_cleanshutdown")).expect("a disk"));
    // While the broker is down a topic is deleted.
    let Fixture { disk, clock, image, broker } = fixture;
    drop(broker);
    let mut image = image.as_ref().clone();
    let removal = ottla_wire::messages::RemoveTopicRecord { topic_id: gone, ..Default::default() };
    image.apply(&MetadataRecord::RemoveTopic(removal)).expect("a topic");
    let fixture = Fixture::on(disk, clock, &["/data"], image);
    let offsets = fixture.partition("a", 0).log_offsets().expect("online");
    assert_eq!((offsets.high_watermark, offsets.log_end), (2, 2));
    let left = fixture.folders("/data");
    assert!(left.iter().any(|name| name == "a-0"), "{left:?}");
    assert!(!left.iter().any(|name| name == "gone-0"), "{left:?}");
    // Nobody has said that its records may go: they wait for a person.
    let Fixture { disk, clock, image, broker } = fixture;
    broker.partitions.shutdown(5, START_MS);
    drop(broker);
    let fixture = Fixture::on(disk, clock, &["/data"], image.as_ref().clone());
    fixture.partitions().remove_deleted(START_MS + 60_000);
    let left = fixture.folders("/data");
    assert!(left.iter().any(|name| name.starts_with("gone-0.") && name.ends_with("-stray")));
    assert_eq!(left.len(), 2, "{left:?}");
}

#[tokio::test]
async fn after_a_crash_what_was_flushed_is_there() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    let partition = fixture.partition("a", 0);
    partition.append(batch(&["kept"]), append(-1)).expect("appended");
    partition.flush(START_MS);
    fixture.partitions().checkpoint_recovery_points();
    fixture.partitions().checkpoint_high_watermarks();
    partition.append(batch(&["perhaps"]), append(-1)).expect("appended");
    fixture.disk.crash();
    let Fixture { disk, clock, image, .. } = fixture;
    let fixture = Fixture::on(disk, clock, &["/data"], image.as_ref().clone());
    let offsets = fixture.partition("a", 0).log_offsets().expect("online");
    assert!((1..=2).contains(&offsets.log_end), "{offsets:?}");
    assert_eq!(offsets.high_watermark, offsets.log_end);
}

#[tokio::test]
async fn a_failed_write_takes_the_partition_offline() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    let partition = fixture.partition("a", 0);
    fixture.disk.set_faults(Faults { write_error_one_in: 1, ..Faults::default() });
    let failure = partition.append(batch(&["x"]), append(1)).expect_err("a broken disk");
    assert_eq!(failure.code, ErrorCode::KafkaStorageError);
    fixture.disk.set_faults(Faults::default());
    let failure = partition.append(batch(&["x"]), append(1)).expect_err("still offline");
    assert_eq!(failure.code, ErrorCode::KafkaStorageError);
    assert_eq!(fixture.partitions().offline_count(), 1);
}

#[tokio::test]
async fn a_log_that_found_no_room_is_created_when_there_is_some() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    let space = fixture.disk.space(Path::new("/data")).expect("a disk");
    let full = space.total_bytes - space.free_bytes;
    fixture.disk.set_faults(Faults { capacity_bytes: full, ..Faults::default() });
    fixture.create("b", 1, &[]);
    let found = |fixture: &Fixture| fixture.partitions().find("b", 0, &fixture.image).err();
    assert_eq!(found(&fixture), Some(ErrorCode::KafkaStorageError));
    assert_eq!(fixture.partitions().create_missing(START_MS), []);
    assert_eq!(found(&fixture), Some(ErrorCode::KafkaStorageError));

    fixture.disk.set_faults(Faults::default());
    let created = fixture.partitions().create_missing(START_MS);
    assert_eq!(created, [ottla_log::TopicPartition::new("b", 0)]);
    fixture.partition("b", 0).append(batch(&["x"]), append(1)).expect("it serves");
    assert_eq!(fixture.partitions().create_missing(START_MS), []);
    assert_eq!(fixture.partitions().offline_count(), 0);
}

#[tokio::test]
async fn new_logs_go_where_there_are_fewest() {
    let clock = std::sync::Arc::new(ottla_world::memory::ManualClock::new(START_MS));
    let disk = ottla_world::memory::MemoryDisk::new(3);
    let mut fixture = Fixture::on(disk, clock, &["/one", "/two"], MetadataImage::empty());
    fixture.create("a", 3, &[]);
    fixture.create("b", 1, &[]);
    let (one, two) = (fixture.folders("/one"), fixture.folders("/two"));
    assert_eq!((one.len(), two.len()), (2, 2), "{one:?} {two:?}");
}

#[tokio::test]
async fn checkpoints_hold_every_partition() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    fixture.partition("a", 0).append(batch(&["x"]), append(1)).expect("appended");
    fixture.partitions().checkpoint_high_watermarks();
    assert_eq!(fixture.text("/data/replication-offset-checkpoint"), "0\n1\na 0 1\n");
}

#[tokio::test]
async fn log_starts_are_written_down_where_no_segment_tells_them() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    fixture.create("b", 1, &[]);
    for topic in ["a", "b"] {
        fixture.partition(topic, 0).append(batch(&["x", "y"]), append(1)).expect("appended");
    }
    fixture.partition("a", 0).delete_records(1).expect("deleted");
    fixture.partitions().checkpoint_log_starts();
    assert_eq!(fixture.text("/data/log-start-offset-checkpoint"), "0\n1\na 0 1\n");
    fixture.disk.crash();
    let Fixture { disk, clock, image, .. } = fixture;
    let fixture = Fixture::on(disk, clock, &["/data"], image.as_ref().clone());
    assert_eq!(fixture.partition("a", 0).log_offsets().expect("online").log_start, 1);
}

#[tokio::test]
async fn producers_are_forgotten_when_they_were_silent_long_enough() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    let options = ottla_wire::records::BatchOptions {
        producer_id: 7,
        producer_epoch: 0,
        base_sequence: 0,
        ..Default::default()
    };
    let records = crate::fixture::batch_with(options, &["x"]);
    fixture.partition("a", 0).append(records, append(1)).expect("appended");
    let known = |fixture: &Fixture| {
        let partition = fixture.partition("a", 0);
        partition.with_log(|log| log.active_producers().len()).expect("open")
    };
    fixture.partitions().expire_producers(START_MS + 2000);
    assert_eq!(known(&fixture), 1);
    let record = ottla_wire::messages::ConfigRecord {
        resource_type: 4,
        name: "producer.id.expiration.ms".to_owned(),
        value: Some("1000".to_owned()),
        ..Default::default()
    };
    fixture.apply([MetadataRecord::Config(record)]);
    fixture.partitions().expire_producers(START_MS + 2000);
    assert_eq!(known(&fixture), 0);
}

#[tokio::test]
async fn files_of_deleted_segments_stay_for_their_delay() {
    let mut fixture = Fixture::new();
    let small = [("segment.bytes", "100"), ("segment.index.bytes", "48")];
    fixture.create("a", 1, &small);
    fixture.apply([
        config("a", "file.delete.delay.ms", Some("5000")),
        config("a", "retention.bytes", Some("0")),
    ]);
    for _ in 0..3 {
        fixture.partition("a", 0).append(batch(&["x"]), append(1)).expect("appended");
    }
    let deleted = || {
        let entries = fixture.disk.read_dir(Path::new("/data/a-0")).expect("a log");
        entries.into_iter().filter(|entry| entry.name.ends_with(".deleted")).count()
    };
    fixture.partitions().run_retention(START_MS);
    assert!(deleted() > 2, "renamed");
    fixture.partitions().remove_deleted(START_MS + 4999);
    assert!(deleted() > 2);
    fixture.partitions().remove_deleted(START_MS + 5000);
    assert_eq!(deleted(), 0);
}

#[tokio::test]
async fn a_log_that_was_written_fast_is_cut_to_its_records_once_it_is_quiet() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    let partition = fixture.partition("a", 0);
    let value = "x".repeat(30_000);
    let append = |_| partition.append(batch(&[&value]), append(1)).expect("appended").bytes;
    let bytes: u64 = (0..4).map(append).sum();
    let path = Path::new("/data/a-0/00000000000000000000.log");
    let file_bytes = || fixture.disk.metadata(path).expect("a file").len;
    assert!(file_bytes() > bytes);
    // The flushing thread looks again and again; by the fixture's clock the log is quiet from here.
    fixture.clock.advance(Duration::from_millis(250));
    let deadline = Instant::now() + Duration::from_secs(30);
    while file_bytes() > bytes && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(file_bytes(), bytes);
}
