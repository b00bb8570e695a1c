//! Logs that move to another directory while they are written and read, and what can come in between.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ottla_wire::messages::alter_replica_log_dirs_request::{
    AlterReplicaLogDir, AlterReplicaLogDirTopic,
};
use ottla_wire::messages::delete_topics_request::DeleteTopicState;
use ottla_wire::messages::describe_log_dirs_response::DescribeLogDirsPartition;
use ottla_wire::messages::{
    AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, DeleteTopicsRequest,
    DeleteTopicsResponse, DescribeLogDirsRequest, DescribeLogDirsResponse,
};

use crate::harness::client::Client;
use crate::harness::node::Setup;
use crate::harness::wait::until;

const KAFKA_STORAGE_ERROR: i16 = 56;

struct Disks {
    setup: Setup,
    paths: [PathBuf; 2],
}

impl Disks {
    fn new() -> Disks {
        let setup = Setup::new();
        let paths = ["a", "b"].map(|name| setup.folder().join(name));
        let listed = format!("{},{}", paths[0].display(), paths[1].display());
        let setup = setup
            .set("log.dirs", listed)
            .set("log.initial.task.delay.ms", 0)
            .set("replica.high.watermark.checkpoint.interval.ms", 50);
        Disks { setup, paths }
    }

    fn holds(&self, disk: usize, name: impl Fn(&str) -> bool) -> bool {
        names(&self.paths[disk]).iter().any(|entry| name(entry))
    }

    /// Which of the two disks has the log.
    fn place(&self, topic: &str) -> usize {
        let log = format!("{topic}-0");
        let places: Vec<usize> =
            (0..2).filter(|disk| self.paths[*disk].join(&log).is_dir()).collect();
        assert_eq!(places.len(), 1, "{places:?}");
        places[0]
    }
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).expect("a directory");
    entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect()
}

fn is_copy(name: &str) -> bool {
    name.starts_with("moved-0.") && name.ends_with("-future")
}

/// Asks for a move; the code of the answer.
fn move_to(client: &mut Client, topic: &str, path: &Path) -> i16 {
    let request = AlterReplicaLogDirsRequest {
        dirs: vec![AlterReplicaLogDir {
            path: path.display().to_string(),
            topics: vec![AlterReplicaLogDirTopic {
                name: topic.to_owned(),
                partitions: vec![0],
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let response: AlterReplicaLogDirsResponse = client.call(&request, 2).expect("an answer");
    response.results[0].partitions[0].error_code
}

/// What is told of the topic's partition in each directory.
fn described(client: &mut Client, topic: &str) -> Vec<(String, DescribeLogDirsPartition)> {
    let request = DescribeLogDirsRequest { topics: None, ..Default::default() };
    let response: DescribeLogDirsResponse = client.call(&request, 4).expect("an answer");
    let mut found = Vec::new();
    for directory in response.results {
        let topics = directory.topics.into_iter().filter(|each| each.name == topic);
        for partition in topics.flat_map(|topic| topic.partitions) {
            found.push((directory.log_dir.clone(), partition));
        }
    }
    found
}

/// Waits until nothing is told of a copy any more.
fn moved(client: &mut Client, topic: &str, to: &Path) {
    until("the log has moved", || {
        let found = described(client, topic);
        let [(path, partition)] = found.as_slice() else { return None };
        (!partition.is_future_key && *path == to.display().to_string()).then_some(())
    });
}

fn delete(client: &mut Client, topic: &str) {
    let state = DeleteTopicState { name: Some(topic.to_owned()), ..Default::default() };
    let request =
        DeleteTopicsRequest { topics: vec![state], timeout_ms: 5_000, ..Default::default() };
    let response: DeleteTopicsResponse = client.call(&request, 6).expect("an answer");
    assert_eq!(response.responses[0].error_code, 0);
}

fn fill(client: &mut Client, topic: &str, count: usize) {
    let large = vec![b'x'; 100_000];
    for number in 0..count {
        let mut value = format!("{number} ").into_bytes();
        value.extend_from_slice(&large);
        client.produce(topic, &[&value]).expect("an answer").expect("written");
    }
}

#[track_caller]
fn holds_all(client: &mut Client, topic: &str, count: usize) {
    // After a crash a log of this size is opened while the node serves already.
    until("the log is open", || client.fetch(topic, 0).expect("an answer").is_ok().then_some(()));
    let values = client.read_all(topic);
    assert_eq!(values.len(), count);
    for (number, value) in values.iter().enumerate() {
        assert!(value.starts_with(format!("{number} ").as_bytes()), "record {number}");
    }
}

#[test]
fn a_log_moves_there_and_back_while_it_is_written_and_read() {
    moves_under_load(&Disks::new());
}

#[test]
fn a_log_moves_from_journal_to_journal() {
    let disks = Disks::new();
    let setup = disks.setup.set("ottla.durability", "fsync");
    moves_under_load(&Disks { setup, paths: disks.paths });
}

fn moves_under_load(disks: &Disks) {
    let node = disks.setup.start();
    let mut client = Client::to(node.address);
    client.create_topic("moved", 1, &[("segment.bytes", "1048576")]);
    fill(&mut client, "moved", 50);
    let is_over = Arc::new(AtomicBool::new(false));
    let (address, flag) = (node.address, Arc::clone(&is_over));
    let writer = std::thread::spawn(move || {
        let mut client = Client::to(address);
        let mut count = 50;
        while !flag.load(Ordering::Acquire) {
            let value = format!("{count} while it moves");
            let offset = client.produce("moved", &[value.as_bytes()]).expect("an answer");
            assert_eq!(offset, Ok(count), "nothing is refused and nothing is lost");
            count += 1;
        }
        count as usize
    });
    let reader = {
        let flag = Arc::clone(&is_over);
        std::thread::spawn(move || {
            let mut client = Client::to(address);
            while !flag.load(Ordering::Acquire) {
                assert!(client.read_all("moved").len() >= 50);
            }
        })
    };
    for round in 0..6 {
        let to = &disks.paths[1 - disks.place("moved")];
        assert_eq!(move_to(&mut client, "moved", to), 0, "round {round}");
        moved(&mut client, "moved", to);
    }
    is_over.store(true, Ordering::Release);
    let count = writer.join().expect("the writer is content");
    reader.join().expect("the reader is content");
    holds_all(&mut client, "moved", count);
    assert!((0..2).any(|disk| disks.holds(disk, |name| name.ends_with("-delete"))));
    node.kill();
    let node = disks.setup.start();
    let mut client = Client::to(node.address);
    holds_all(&mut client, "moved", count);
    let ended = node.stop();
    assert!(!ended.output.contains("panicked"), "{}", ended.output);
}

#[test]
fn a_move_outlives_stops_and_crashes() {
    let disks = Disks::new();
    let setup = disks.setup;
    // Slow enough to be interrupted.
    let slow = setup.set("replica.alter.log.dirs.io.max.bytes.per.second", 1_000_000);
    let disks = Disks { setup: slow, paths: disks.paths };
    let node = disks.setup.start();
    let mut client = Client::to(node.address);
    client.create_topic("moved", 1, &[("segment.bytes", "1048576")]);
    fill(&mut client, "moved", 60);
    let from = disks.place("moved");
    let to = disks.paths[1 - from].clone();
    assert_eq!(move_to(&mut client, "moved", &to), 0);
    until("the copy is told of", || {
        let found = described(&mut client, "moved");
        let copy = found.iter().find(|(_, each)| each.is_future_key)?;
        let is_begun = copy.1.partition_size > 0 && copy.1.offset_lag > 0;
        (found.len() == 2 && copy.0 == to.display().to_string() && is_begun).then_some(())
    });
    node.kill();
    assert!(disks.holds(1 - from, is_copy));
    let node = disks.setup.start();
    let mut client = Client::to(node.address);
    until("it goes on", || (described(&mut client, "moved").len() == 2).then_some(()));
    node.stop();
    assert!(disks.holds(1 - from, is_copy));
    let fast = disks.setup.set("replica.alter.log.dirs.io.max.bytes.per.second", i64::MAX);
    let disks = Disks { setup: fast, paths: disks.paths };
    let node = disks.setup.start();
    let mut client = Client::to(node.address);
    moved(&mut client, "moved", &to);
    holds_all(&mut client, "moved", 60);
    assert_eq!(disks.place("moved"), 1 - from);
    let ended = node.stop();
    assert!(!ended.output.contains("panicked"), "{}", ended.output);
}

#[test]
fn a_move_ends_with_its_topic_or_with_another_wish() {
    let disks = Disks::new();
    let setup = disks.setup.set("replica.alter.log.dirs.io.max.bytes.per.second", 100_000);
    let disks = Disks { setup: setup.set("file.delete.delay.ms", 0), paths: disks.paths };
    let node = disks.setup.start();
    let mut client = Client::to(node.address);
    client.create_topic("moved", 1, &[]);
    fill(&mut client, "moved", 30);
    let from = disks.place("moved");
    let (here, there) = (disks.paths[from].clone(), disks.paths[1 - from].clone());
    assert_eq!(move_to(&mut client, "moved", &here), 0, "it is there");
    assert_eq!(described(&mut client, "moved").len(), 1);
    assert_eq!(move_to(&mut client, "moved", &there), 0);
    assert_eq!(move_to(&mut client, "moved", &there), 0, "asked for again");
    assert_eq!(described(&mut client, "moved").len(), 2);
    // The wish to stay takes the move back.
    assert_eq!(move_to(&mut client, "moved", &here), 0);
    assert_eq!(described(&mut client, "moved").len(), 1);
    assert!(!disks.holds(1 - from, is_copy));
    assert_eq!(move_to(&mut client, "moved", &there), 0);
    delete(&mut client, "moved");
    until("nothing is left", || {
        (!(0..2).any(|disk| {
            disks.holds(disk, |name| name.starts_with("moved-0") && !name.ends_with("-delete"))
        }))
        .then_some(())
    });
    client.create_topic("moved", 1, &[]);
    fill(&mut client, "moved", 1);
    holds_all(&mut client, "moved", 1);
    node.stop();
}

#[test]
fn a_failing_destination_leaves_the_log_where_it_is() {
    let disks = Disks::new();
    let setup = disks.setup.set("replica.alter.log.dirs.io.max.bytes.per.second", 100_000);
    let metadata = setup.folder().join("metadata").display().to_string();
    let disks = Disks { setup: setup.set("metadata.log.dir", metadata), paths: disks.paths };
    let node = disks.setup.start();
    let mut client = Client::to(node.address);
    client.create_topic("moved", 1, &[]);
    fill(&mut client, "moved", 30);
    let from = disks.place("moved");
    let there = disks.paths[1 - from].clone();
    assert_eq!(move_to(&mut client, "moved", &there), 0);
    fs::rename(&there, there.with_extension("away")).expect("renamed");
    fs::write(&there, "no directory").expect("a writable folder");
    until("the copy is given up", || (described(&mut client, "moved").len() == 1).then_some(()));
    holds_all(&mut client, "moved", 30);
    assert_eq!(move_to(&mut client, "moved", &there), KAFKA_STORAGE_ERROR);
    let here = disks.paths[from].clone();
    assert_eq!(move_to(&mut client, "moved", &here), 0, "where it is");
    node.stop();
    // The copy is still there when the disk is back, and goes on.
    fs::remove_file(&there).expect("removed");
    fs::rename(there.with_extension("away"), &there).expect("renamed");
    let fast = disks.setup.set("replica.alter.log.dirs.io.max.bytes.per.second", i64::MAX);
    let disks = Disks { setup: fast, paths: disks.paths };
    let node = disks.setup.start();
    let mut client = Client::to(node.address);
    moved(&mut client, "moved", &there);
    holds_all(&mut client, "moved", 30);
    node.stop();
}

#[test]
fn a_wish_counts_before_the_log_is_there() {
    const LOG_DIR_NOT_FOUND: i16 = 57;
    const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    const INVALID_TOPIC: i16 = 17;
    let disks = Disks::new();
    let node = disks.setup.start();
    let mut client = Client::to(node.address);
    let nowhere = disks.setup.folder().join("nowhere");
    assert_eq!(move_to(&mut client, "wished", &nowhere), LOG_DIR_NOT_FOUND);
    assert_eq!(move_to(&mut client, &"t".repeat(249), &disks.paths[1]), INVALID_TOPIC);
    for topic in ["wished", "also"] {
        assert_eq!(move_to(&mut client, topic, &disks.paths[1]), UNKNOWN_TOPIC_OR_PARTITION);
    }
    for topic in ["wished", "also"] {
        client.create_topic(topic, 1, &[]);
        assert_eq!(disks.place(topic), 1, "{topic}");
    }
    client.create_topic("any", 1, &[]);
    assert_eq!(disks.place("any"), 0);
    node.stop();
}
