//! Between the start and the moment at which a log is open.

use std::path::Path;
use std::sync::Arc;

use ottla_metadata::MetadataImage;
use ottla_wire::messages::{MetadataRecord, RemoveTopicRecord};
use ottla_wire::{ErrorCode, Uuid};
use ottla_world::Disk;
use ottla_world::disk::replace_file;
use ottla_world::memory::{ManualClock, MemoryDisk};

use crate::fixture::{Fixture, START_MS, append, batch};

/// What a broker leaves that was killed: two topics with two records each, everything checkpointed.
fn left_behind() -> (MemoryDisk, Arc<ManualClock>, MetadataImage, [Uuid; 2]) {
    let mut fixture = Fixture::new();
    let ids = ["a", "b"].map(|topic| fixture.create(topic, 1, &[]));
    for topic in ["a", "b"] {
        let partition = fixture.partition(topic, 0);
        partition.append(batch(&["x", "y"]), append(1)).expect("appended");
        partition.flush(START_MS);
        partition.delete_records(1).expect("deleted");
    }
    fixture.partitions().checkpoint_recovery_points();
    fixture.partitions().checkpoint_high_watermarks();
    fixture.partitions().checkpoint_log_starts();
    fixture.disk.crash();
    let Fixture { disk, clock, image, .. } = fixture;
    (disk, clock, image.as_ref().clone(), ids)
}

fn refusal(fixture: &Fixture, topic: &str) -> Option<ErrorCode> {
    fixture.partitions().find(topic, 0, &fixture.image).err()
}

fn checkpoints(fixture: &Fixture) -> [String; 3] {
    [
        "recovery-point-offset-checkpoint",
        "replication-offset-checkpoint",
        "log-start-offset-checkpoint",
    ]
    .map(|name| fixture.text(&format!("/data/{name}")))
}

fn removed(topic_id: Uuid) -> MetadataRecord {
    MetadataRecord::RemoveTopic(RemoveTopicRecord { topic_id, ..Default::default() })
}

#[tokio::test]
async fn a_partition_has_no_leader_here_until_its_log_is_open() {
    let (disk, clock, image, _) = left_behind();
    let mut fixture = Fixture::loading_on(disk, clock, image);
    assert_eq!(refusal(&fixture, "a"), Some(ErrorCode::NotLeaderOrFollower));
    assert_eq!(refusal(&fixture, "nobody's"), Some(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(fixture.partitions().offline_count(), 0, "it is not broken");
    let remaining = |fixture: &Fixture| {
        fixture.partitions().loading_progress().map(|each| each.remaining_logs).collect::<Vec<_>>()
    };
    assert_eq!(remaining(&fixture), [2]);
    // Others are served meanwhile.
    fixture.create("c", 1, &[]);
    fixture.partition("c", 0).append(batch(&["z"]), append(1)).expect("appended");
    fixture.load();
    for topic in ["a", "b"] {
        let offsets = fixture.partition(topic, 0).log_offsets().expect("online");
        assert_eq!((offsets.log_start, offsets.high_watermark, offsets.log_end), (1, 2, 2));
        fixture.partition(topic, 0).append(batch(&["z"]), append(1)).expect("it leads");
    }
    assert_eq!(remaining(&fixture), [0]);
}

#[tokio::test]
async fn what_is_not_open_keeps_its_checkpoints_and_vouches_for_nothing() {
    let (disk, clock, image, _) = left_behind();
    let fixture = Fixture::loading_on(disk, clock, image);
    let expected = ["0\n2\na 0 2\nb 0 2\n"; 2];
    let log_starts = "0\n2\na 0 1\nb 0 1\n";
    fixture.partitions().checkpoint_recovery_points();
    fixture.partitions().checkpoint_high_watermarks();
    fixture.partitions().checkpoint_log_starts();
    assert_eq!(checkpoints(&fixture), [expected[0], expected[1], log_starts]);
    fixture.partitions().shutdown(5, START_MS);
    assert_eq!(checkpoints(&fixture), [expected[0], expected[1], log_starts]);
    let marker = Path::new("/data/.kafka_cleanshutdown");
    assert!(!fixture.disk.exists(marker).expect("a disk"), "nobody has looked at the logs");
}

#[tokio::test]
async fn a_topic_deleted_meanwhile_goes_once_its_log_is_open() {
    let (disk, clock, image, [id, _]) = left_behind();
    let mut fixture = Fixture::loading_on(disk, clock, image);
    fixture.apply([removed(id)]);
    assert_eq!(refusal(&fixture, "a"), Some(ErrorCode::UnknownTopicOrPartition));
    // Its name is taken again at once: the new topic has none of the old records.
    fixture.create("a", 1, &[]);
    fixture.load();
    assert_eq!(fixture.partition("a", 0).log_offsets().expect("online").log_end, 0);
    let entries = fixture.disk.read_dir(Path::new("/data")).expect("a directory");
    let old: Vec<&str> = (entries.iter().map(|entry| entry.name.as_str()))
        .filter(|name| name.starts_with("a-0."))
        .collect();
    assert!(old.len() == 1 && old[0].ends_with("-delete"), "{old:?}");
}

#[tokio::test]
async fn a_log_that_the_metadata_does_not_know_is_set_aside() {
    let (disk, clock, image, _) = left_behind();
    let mut image = image;
    let [a, _] = ["a", "b"].map(|name| image.topics.by_name(name).expect("a topic").id);
    image.apply(&removed(a)).expect("a topic");
    let fixture = Fixture::loading_on(disk, clock, image);
    fixture.load();
    let entries = fixture.disk.read_dir(Path::new("/data")).expect("a directory");
    let is_stray = |name: &str| name.starts_with("a-0.") && name.ends_with("-stray");
    assert!(entries.iter().any(|entry| is_stray(&entry.name)), "{entries:?}");
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_leaves_its_partition_offline() {
    let (disk, clock, image, _) = left_behind();
    // Records of a format from before 2017 are not cut off as a torn tail.
    let mut old = vec![0; 34];
    old[8..12].copy_from_slice(&22i32.to_be_bytes());
    old[12..16].copy_from_slice(&0xcc2f_79d9_u32.to_be_bytes());
    old[16] = 1;
    old[26..].fill(0xff);
    let path = Path::new("/data/a-0/00000000000000000000.log");
    replace_file(&disk, path, &old).expect("written");
    let fixture = Fixture::loading_on(disk, clock, image);
    fixture.load();
    assert_eq!(refusal(&fixture, "a"), Some(ErrorCode::KafkaStorageError));
    assert_eq!(refusal(&fixture, "b"), None);
    assert_eq!(fixture.partitions().offline_count(), 1);
}

#[tokio::test]
async fn a_directory_that_fails_takes_its_unopened_logs_along() {
    let (disk, clock, image, _) = left_behind();
    let fixture = Fixture::loading_on(disk, clock, image);
    assert_eq!(fixture.partitions().take_offline(0), 2);
    fixture.load();
    assert_eq!(refusal(&fixture, "a"), Some(ErrorCode::KafkaStorageError));
    assert_eq!(fixture.partitions().offline_count(), 2);
}
