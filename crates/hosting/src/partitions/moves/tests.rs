//! Logs that move to another directory, on a disk in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ottla_log::TopicPartition;
use ottla_metadata::MetadataImage;
use ottla_wire::ErrorCode;
use ottla_wire::messages::{MetadataRecord, PartitionChangeRecord};
use ottla_world::Disk;
use ottla_world::memory::{ManualClock, MemoryDisk};

use crate::fixture::{BROKER, Fixture, START_MS, append, batch};
use crate::partitions::Copiers;

/// Two directories and a topic `t` in `/a` with a few records.
fn fixture() -> Fixture {
    let clock = Arc::new(ManualClock::new(START_MS));
    let mut fixture = Fixture::on(MemoryDisk::new(1), clock, &["/a", "/b"], MetadataImage::empty());
    fixture.create("t", 1, &[("segment.bytes", "1048576")]);
    let partition = fixture.partition("t", 0);
    for value in ["x", "y", "z"] {
        partition.append(batch(&[value]), append(1)).expect("appended");
    }
    fixture
}

fn name() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn ask(fixture: &Fixture, path: &str) -> Result<(), ErrorCode> {
    fixture.partitions().move_to(&name(), path, &fixture.image, START_MS)
}

/// Works as the copying threads do until nothing is left to be done.
fn copy(fixture: &Fixture) {
    let copiers = Copiers::new(Arc::clone(&fixture.broker.partitions), fixture.clock.clone());
    copiers.start(Some(1)).expect("a thread");
    let partition = fixture.partition("t", 0);
    while partition.future_directory().is_some() {
        std::thread::yield_now();
    }
    copiers.stop();
}

#[tokio::test]
async fn a_log_keeps_its_offsets_and_the_controller_hears_where_it_is() {
    let fixture = fixture();
    let partition = fixture.partition("t", 0);
    partition.delete_records(1).expect("below the high watermark");
    let before = partition.log_offsets().expect("online");
    let told = fixture.partitions().next_assignments().expect("a new log");
    fixture.partitions().assignments_told(&told);
    assert_eq!(ask(&fixture, "/b"), Ok(()));
    assert_eq!(
        partition.future_usage().map(|copy| (copy.directory, copy.offset_lag)),
        Some((1, 3))
    );
    copy(&fixture);
    assert_eq!(partition.directory(), 1);
    assert_eq!(partition.log_offsets().expect("online"), before);
    assert_eq!(fixture.folders("/b"), ["t-0"]);
    let left = fixture.folders("/a");
    assert!(left.len() == 1 && left[0].ends_with("-delete"), "{left:?}");
    let told = fixture.partitions().next_assignments().expect("it lies elsewhere");
    assert_eq!(told[0].id, fixture.partitions().directory_ids()[1]);
    // It goes on where it was.
    let appended = partition.append(batch(&["more"]), append(1)).expect("appended");
    assert_eq!(appended.base_offset, 3);
    partition.flush(START_MS);
    assert_eq!(partition.with_log(|log| log.recovery_point()), Some(4));
}

#[tokio::test]
async fn a_copy_is_cut_where_the_log_is() {
    let mut fixture = fixture();
    let partition = fixture.partition("t", 0);
    assert_eq!(ask(&fixture, "/b"), Ok(()));
    partition.copy_some(1 << 20, START_MS).expect("copied");
    // As a follower's log is that has to agree with another leader.
    partition.with_log(|log| log.truncate_to(1, START_MS)).expect("open").expect("cut");
    fixture.lead_elsewhere(partition.topic_id(), BROKER);
    for value in ["other", "records", "altogether"] {
        partition.append(batch(&[value]), append(1)).expect("appended");
    }
    copy(&fixture);
    let path = PathBuf::from("/b/t-0/00000000000000000000.log");
    let copied = ottla_world::disk::read_file(&fixture.disk, &path, 10_000).expect("a segment");
    let text = String::from_utf8_lossy(&copied);
    assert!(text.contains("altogether") && !text.contains('z'), "{text}");
    assert_eq!(partition.log_offsets().expect("online").log_end, 4);
}

#[tokio::test]
async fn refusals_are_kafkas() {
    let mut fixture = fixture();
    let unknown = TopicPartition::new("u", 0);
    let image = Arc::clone(&fixture.image);
    let ask_for = |name: &TopicPartition, path: &str| {
        fixture.partitions().move_to(name, path, &image, START_MS)
    };
    assert_eq!(ask_for(&name(), "/c"), Err(ErrorCode::LogDirNotFound));
    assert_eq!(ask_for(&unknown, "/b"), Err(ErrorCode::UnknownTopicOrPartition));
    let long = TopicPartition::new("l".repeat(249), 0);
    assert_eq!(ask_for(&long, "/c"), Err(ErrorCode::InvalidTopicException));
    fixture.partitions().cordon(&["/b".to_owned()]);
    assert_eq!(ask_for(&name(), "/b"), Err(ErrorCode::InvalidReplicaAssignment));
    fixture.partitions().cordon(&[]);
    // The wish counts once the log is made.
    assert_eq!(ask_for(&unknown, "/a"), Err(ErrorCode::UnknownTopicOrPartition));
    fixture.create("u", 1, &[]);
    assert_eq!(fixture.partition("u", 0).directory(), 0);
    fixture.partitions().take_offline(1);
    let error = ottla_log::Error::Io {
        operation: "write",
        path: "/b/x".into(),
        source: std::io::Error::from_raw_os_error(5),
    };
    fixture.partitions().states.report(1, &error);
    assert_eq!(ask(&fixture, "/b"), Err(ErrorCode::KafkaStorageError));
    assert_eq!(ask(&fixture, "/a"), Ok(()), "where it is");
}

#[tokio::test]
async fn of_two_logs_the_metadata_knows_the_right_one() {
    let before = fixture();
    before.partitions().shutdown(1, START_MS);
    let told = before.partitions().directory_ids()[0];
    let Fixture { disk, clock, image, broker } = before;
    drop(broker);
    // A crash between the two renames that end a move: both directories have the log.
    disk.create_dir_all(Path::new("/b/t-0")).expect("a free name");
    let topic = image.topics.by_name("t").expect("a topic").id;
    let mut image = Arc::unwrap_or_clone(image);
    let change = PartitionChangeRecord {
        topic_id: topic,
        partition_id: 0,
        directories: Some(vec![told]),
        ..Default::default()
    };
    let change = MetadataRecord::PartitionChange(change);
    image.apply(&change).expect("a known partition");
    let after = Fixture::on(disk, clock, &["/a", "/b"], image);
    assert_eq!(after.partition("t", 0).directory(), 0);
    assert_eq!(after.partition("t", 0).log_offsets().expect("online").log_end, 3);
    let left = after.folders("/b");
    assert!(left.len() == 1 && left[0].ends_with("-stray"), "{left:?}");
}
