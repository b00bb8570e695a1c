//! Several log directories: where logs go, what the controller is told, what a failed one takes along.

use std::io;
use std::sync::Arc;

use ottla_log::Error;
use ottla_metadata::MetadataImage;
use ottla_wire::{ErrorCode, Uuid};
use ottla_world::memory::{Faults, ManualClock, MemoryDisk};

use crate::fixture::{Fixture, Places, START_MS};
use crate::partitions::{DirectoryNews, Placement};

fn fixture(directories: &[&str]) -> Fixture {
    let clock = Arc::new(ManualClock::new(START_MS));
    Fixture::on(MemoryDisk::new(1), clock, directories, MetadataImage::empty())
}

fn broken() -> Error {
    let source = io::Error::from_raw_os_error(5);
    Error::Io { operation: "write", path: "/b/t-0/0.log".into(), source }
}

fn directories(fixture: &Fixture, topic: &str, count: i32) -> Vec<usize> {
    (0..count).map(|index| fixture.partition(topic, index).directory()).collect()
}

#[tokio::test]
async fn new_logs_go_where_the_fewest_are_and_the_controller_is_told() {
    let mut fixture = fixture(&["/a", "/b", "/c"]);
    let news = fixture.partitions().directory_news().expect("nobody has taken them");
    let id = fixture.create("t", 5, &[]);
    assert_eq!(directories(&fixture, "t", 5), [0, 1, 2, 0, 1]);
    assert_eq!(news.try_iter().collect::<Vec<_>>(), [DirectoryNews::Assignments], "told once");
    let told = fixture.partitions().next_assignments().expect("three directories");
    let told_of: Vec<(Uuid, Uuid, usize)> = told
        .iter()
        .map(|told| (told.id, told.topics[0].topic_id, told.topics[0].partitions.len()))
        .collect();
    let ids = fixture.partitions().directory_ids();
    assert_eq!(told_of, [(ids[0], id, 2), (ids[1], id, 2), (ids[2], id, 1)]);
    fixture.partitions().assignments_told(&told);
    assert!(fixture.partitions().next_assignments().is_none());
    // The place of a deleted log is free again.
    fixture.delete(id);
    fixture.create("u", 1, &[]);
    assert_eq!(directories(&fixture, "u", 1), [0]);
}

#[tokio::test]
async fn new_logs_go_where_the_most_bytes_are_free_if_that_is_asked_for() {
    let disk = MemoryDisk::new(1);
    let room = |path: &str, capacity_bytes| {
        let faults = Faults { capacity_bytes, ..Faults::default() };
        disk.set_faults_under(std::path::Path::new(path), faults);
    };
    let (little, much) = (1 << 30, 2 << 30);
    for (path, capacity_bytes) in [("/a", little), ("/b", much), ("/c", little)] {
        room(path, capacity_bytes);
    }
    let places = Places {
        directories: &["/a", "/b", "/c"],
        placement: Placement::Bytes,
        ..Places::default()
    };
    let clock = Arc::new(ManualClock::new(START_MS));
    let mut fixture = Fixture::with_places(disk.clone(), clock, places, MetadataImage::empty());
    fixture.create("t", 3, &[]);
    assert_eq!(directories(&fixture, "t", 3), [1, 1, 1]);
    // Of those that have the same room the one with the fewest logs, and a cordoned one takes none.
    room("/c", much);
    fixture.create("u", 2, &[]);
    assert_eq!(directories(&fixture, "u", 2), [2, 2]);
    fixture.partitions().cordon(&["/c".to_owned()]);
    fixture.create("v", 1, &[]);
    assert_eq!(directories(&fixture, "v", 1), [1]);
    room("/b", little / 2);
    fixture.create("w", 1, &[]);
    assert_eq!(directories(&fixture, "w", 1), [0]);
}

#[tokio::test]
async fn a_failed_directory_takes_its_partitions_along_and_no_others() {
    let mut fixture = fixture(&["/a", "/b"]);
    fixture.create("t", 4, &[]);
    let waiting = fixture.partition("t", 1);
    let partitions = fixture.partitions();
    let news = partitions.directory_news().expect("nobody has taken them");
    waiting.report(&broken());
    waiting.report(&broken());
    assert!(news.try_iter().any(|news| news == DirectoryNews::Failed(1)));
    assert_eq!(partitions.take_offline(1), 2);
    for (index, expected) in [(0, true), (1, false), (2, true), (3, false)] {
        let found = partitions.find("t", index, &fixture.image);
        assert_eq!(found.is_ok(), expected, "{index}");
        assert!(expected || found.err() == Some(ErrorCode::KafkaStorageError), "{index}");
    }
    assert_eq!(waiting.log_offsets().err(), Some(ErrorCode::KafkaStorageError));
    assert_eq!((partitions.offline_count(), partitions.offline_directory_count()), (2, 1));
    assert_eq!(partitions.online_directory_ids(), [partitions.directory_ids()[0]]);
    // New topics have a place to go, and no checkpoint is tried where the disk is broken.
    fixture.create("u", 2, &[]);
    assert_eq!(directories(&fixture, "u", 2), [0, 0]);
    fixture.partitions().checkpoint_high_watermarks();
    fixture.partitions().shutdown(1, START_MS);
    let marked = |path: &str| {
        let marker = std::path::Path::new(path).join(".kafka_cleanshutdown");
        ottla_world::Disk::exists(&fixture.disk, &marker).expect("a disk in memory")
    };
    assert!(marked("/a") && !marked("/b"), "its logs were not closed in order");
}

#[tokio::test]
async fn a_log_that_may_lie_in_an_offline_directory_is_not_made_anew() {
    let mut before = fixture(&["/a", "/b"]);
    before.create("t", 2, &[]);
    before.partitions().shutdown(1, START_MS);
    let Fixture { disk, clock, image, broker, .. } = before;
    drop(broker);
    let image = Arc::unwrap_or_clone(image);
    let places = Places { directories: &["/a"], absent: &["/b"], ..Places::default() };
    let after = Fixture::with_places(disk, clock, places, image);
    let partitions = after.partitions();
    assert!(partitions.find("t", 0, &after.image).is_ok());
    assert_eq!(partitions.find("t", 1, &after.image).err(), Some(ErrorCode::KafkaStorageError));
    assert_eq!(partitions.offline_directory_count(), 1);
}
