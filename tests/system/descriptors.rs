//! No file descriptors left, and many more files than descriptors.
//!
//! `OTTLA_TEST_SEGMENTS=100000` makes so many segments; without, there are 20,000.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::harness::client::Client;
use crate::harness::node::{Node, Setup};
use crate::harness::wait::until_true;

const TOPICS: usize = 10;
const SEGMENTS: usize = 20_000;
/// One topic is to be cut down to so many segments.
const SEGMENTS_KEPT: usize = 100;
/// What a closed segment may take of the node's memory.
const BYTES_A_SEGMENT_MAX: u64 = 1024;

/// Asks for as many descriptors as the system allows, and says how many that are.
pub fn claim() -> u64 {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[test]
fn connections_leave_descriptors_for_the_logs() {
    let setup = Setup::new().shell("ulimit -n 96");
    let node = setup.start();
    let mut client = Client::to(node.address);
    client.create_topic("before", 1, &[]);
    let crowd: Vec<Client> = (0..300).filter_map(|_| Client::open(node.address).ok()).collect();
    node.says("the last file descriptors are kept for the logs");
    // Who is in is served, new files included.
    client.create_topic("during", 2, &[]);
    for topic in ["before", "during"] {
        assert_eq!(client.produce(topic, &[b"value"]).expect("served"), Ok(0), "{topic}");
        assert_eq!(client.read_all(topic), ["value"]);
    }
    let complaints = node.output().matches("cannot take a connection").count();
    assert!(complaints < 5, "{complaints} complaints");
    drop(crowd);
    until_true("there is room again", || {
        Client::open(node.address).is_ok_and(|mut client| client.is_answered())
    });
    node.stop();
}

/// More files than descriptors: those that were used least recently are closed.
#[test]
fn more_partitions_than_descriptors() {
    let setup = Setup::new().shell("ulimit -n 96");
    let node = setup.start();
    let mut client = Client::to(node.address);
    let topics: Vec<String> = (0..60).map(|number| format!("topic-{number}")).collect();
    for topic in &topics {
        client.create_topic(topic, 1, &[]);
        client.produce(topic, &[topic.as_bytes()]).expect("an answer").expect("written");
    }
    let ended = node.stop();
    assert!(!ended.output.contains("panicked"), "{}", ended.output);

    let node = setup.start();
    let mut client = Client::to(node.address);
    for topic in &topics {
        assert_eq!(client.read_all(topic), [topic.as_str()]);
    }
    node.stop();
}

fn segments_a_topic() -> usize {
    let asked = std::env::var("OTTLA_TEST_SEGMENTS").ok();
    asked.map_or(SEGMENTS, |number| number.parse().expect("a number of segments")) / TOPICS
}

fn topic(number: usize) -> String {
    format!("topic-{number}")
}

fn file(folder: &Path, offset: usize, suffix: &str) -> PathBuf {
    folder.join(format!("{offset:020}.{suffix}"))
}

/// Gives a log with one batch so many segments, each with that batch under its own offset. Their
/// indexes are alike: names of the same two files.
fn multiply_segments(folder: &Path, segments: usize) {
    let [first, index, times] = ["log", "index", "timeindex"].map(|suffix| file(folder, 0, suffix));
    let mut batch = fs::read(first).expect("a segment");
    for offset in 1..segments {
        batch[..8].copy_from_slice(&(offset as i64).to_be_bytes());
        fs::write(file(folder, offset, "log"), &batch).expect("room");
        fs::hard_link(&index, file(folder, offset, "index")).expect("a free name");
        fs::hard_link(&times, file(folder, offset, "timeindex")).expect("a free name");
    }
    // Producers are known where the newest segment begins, as after a roll, and at the end, as after an
    // orderly stop: else all would be read for them.
    let snapshot = file(folder, 1, "snapshot");
    for offset in [segments - 1, segments] {
        fs::copy(&snapshot, file(folder, offset, "snapshot")).expect("room");
    }
}

fn serves_every_segment(node: &Node, segments: usize, produced: usize) {
    let mut client = Client::to(node.address);
    for number in 1..TOPICS {
        let topic = topic(number);
        let end = client.produce(&topic, &[b"one more"]).expect("an answer").expect("written");
        assert_eq!(end, (segments + produced) as i64, "{topic}");
        // From everywhere, and never in order.
        for step in 0..60 {
            let offset = (step * 7_919 + number * 101) % segments;
            let values = client.fetch(&topic, offset as i64).expect("an answer").expect("records");
            assert_eq!(values.first().map(AsRef::as_ref), Some(&b"value"[..]), "{topic} {offset}");
        }
    }
    let descriptors = node.descriptors();
    assert!((300..1024).contains(&descriptors), "{descriptors} descriptors");
}

#[test]
fn many_segments_with_a_thousand_descriptors() {
    let segments = segments_a_topic();
    let setup = Setup::new()
        .shell("ulimit -n 1024")
        .set("log.initial.task.delay.ms", 1)
        .set("log.retention.check.interval.ms", 100);
    let node = setup.start();
    let mut client = Client::to(node.address);
    for number in 0..TOPICS {
        client.create_topic(&topic(number), 1, &[("file.delete.delay.ms", "0")]);
        client.produce(&topic(number), &[b"value"]).expect("an answer").expect("written");
    }
    let idle = node.memory();
    node.stop();
    let mut recovery_points = format!("0\n{TOPICS}\n");
    for number in 0..TOPICS {
        multiply_segments(&setup.data.join(format!("{}-0", topic(number))), segments);
        recovery_points.push_str(&format!("{} 0 {segments}\n", topic(number)));
    }
    fs::write(setup.data.join("recovery-point-offset-checkpoint"), recovery_points).expect("room");

    let started = Instant::now();
    let node = setup.start();
    println!("{} segments: listens after {:?}", TOPICS * segments, started.elapsed());
    node.says("10/10 logs are open");
    println!("all are open after {:?}", started.elapsed());
    serves_every_segment(&node, segments, 0);
    let per_segment = node.memory().saturating_sub(idle) / (TOPICS * segments) as u64;
    println!("{per_segment} bytes of memory a segment");
    assert!(per_segment < BYTES_A_SEGMENT_MAX, "{per_segment} bytes a segment");

    // Retention reaches them all.
    let folder = setup.data.join(format!("{}-0", topic(0)));
    let mut client = Client::to(node.address);
    let kept = (segments - SEGMENTS_KEPT) as i64;
    client.delete_records(&topic(0), kept);
    until_true("old segments are gone", || {
        let names = fs::read_dir(&folder).expect("a directory").count();
        names < 4 * SEGMENTS_KEPT
    });
    assert!(client.fetch(&topic(0), kept - 1).expect("an answer").is_err());
    assert_eq!(client.fetch(&topic(0), kept).expect("an answer").expect("records").len(), 1);

    // After a crash no more than the newest segments are read.
    node.kill();
    let started = Instant::now();
    let node = setup.start();
    node.says("10/10 logs are open");
    println!("after kill -9: all are open after {:?}", started.elapsed());
    serves_every_segment(&node, segments, 1);
    let ended = node.stop();
    assert!(!ended.output.contains("panicked"), "{}", ended.output);
    assert!(!ended.output.contains("ERROR"), "{}", ended.output);
}
