//! Files that a crash, a disk or a person has spoiled. What can be rebuilt is rebuilt; what was torn
//! goes; what is lost is said; the rest of the node does not notice.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ottla_wire::records::BatchViews;

use crate::harness::client::Client;
use crate::harness::node::{Node, Setup, durability};
use crate::harness::random::Random;

const COUNT: usize = 400;

/// A topic of several segments, and another that must stay as it is.
struct Spoiled {
    setup: Setup,
    values: Vec<Bytes>,
}

impl Spoiled {
    /// Writes the records, and ends the node in order or not.
    fn written(in_order: bool) -> Spoiled {
        let setup = Setup::new().set("log.index.interval.bytes", 1000);
        let node = setup.start();
        let mut client = Client::to(node.address);
        client.create_topic("spoiled", 1, &[("segment.bytes", "1048576")]);
        client.create_topic("whole", 1, &[]);
        let value = |number| Bytes::from(format!("{number} {}", "z".repeat(8_000)));
        let values: Vec<Bytes> = (0..COUNT).map(value).collect();
        for value in &values {
            client.produce("spoiled", &[value]).expect("an answer").expect("written");
        }
        client.produce("whole", &[b"untouched"]).expect("an answer").expect("written");
        match in_order {
            true => drop(node.stop()),
            false => node.kill(),
        }
        let spoiled = Spoiled { setup, values };
        spoiled.files(".log").iter().for_each(|path| cut_to_records(path));
        spoiled
    }

    fn folder(&self) -> PathBuf {
        self.setup.data.join("spoiled-0")
    }

    /// Files of the topic with this ending, in order.
    fn files(&self, ending: &str) -> Vec<PathBuf> {
        files(&self.folder(), ending)
    }

    /// Starts the node again: the first `count` records are there, and it goes on from there.
    #[track_caller]
    fn restarts_with(&self, count: usize) -> Node {
        let node = self.setup.start();
        let mut client = Client::to(node.address);
        assert_eq!(client.read_all("whole"), ["untouched"]);
        assert!(client.read_all("spoiled") == self.values[..count], "not the first {count}");
        let next = client.produce("spoiled", &[b"next"]).expect("an answer");
        assert_eq!(next, Ok(count as i64));
        assert!(!node.output().contains("panicked"), "{}", node.output());
        node
    }
}

impl Spoiled {
    /// Starts the node again after what [`Spoiled::restarts_with`] wrote was taken from the segment: it is
    /// gone, or the journal has it.
    #[track_caller]
    fn restarts_without_the_next(&self, count: usize) -> Node {
        if durability() != "fsync" {
            return self.restarts_with(count);
        }
        let node = self.setup.start();
        let mut client = Client::to(node.address);
        assert_eq!(client.read_all("whole"), ["untouched"]);
        let found = client.read_all("spoiled");
        assert!(found[..count] == self.values[..count], "not the first {count}");
        assert_eq!(found[count..], ["next"]);
        assert!(!node.output().contains("panicked"), "{}", node.output());
        node
    }
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(ending));
    paths.sort();
    paths
}

/// Takes off the zeros that a node writes ahead of a log that grows fast.
fn cut_to_records(path: &Path) {
    let bytes = fs::read(path).expect("a file");
    let whole =
        BatchViews::new(&bytes).map_while(Result::ok).map(|batch| batch.size()).sum::<usize>();
    truncate_by(path, bytes.len() as u64 - whole as u64);
}

fn truncate_by(path: &Path, bytes: u64) {
    let file = OpenOptions::new().write(true).open(path).expect("a file");
    let length = file.metadata().expect("a file").len();
    file.set_len(length.saturating_sub(bytes)).expect("a writable file");
}

fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(path).expect("a file");
    file.write_all(bytes).expect("a writable file");
}

fn overwrite(path: &Path, position: u64, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(path).expect("a file");
    file.seek(SeekFrom::Start(position)).expect("a file");
    file.write_all(bytes).expect("a writable file");
}

/// With `ottla.durability=fsync` the journal gives back what a segment has lost.
#[test]
fn a_torn_last_batch_goes_and_nothing_else() {
    let is_journaled = durability() == "fsync";
    let left = if is_journaled { COUNT } else { COUNT - 1 };
    for torn in [1, 4_000, 8_000] {
        let spoiled = Spoiled::written(false);
        truncate_by(spoiled.files(".log").last().expect("a segment"), torn);
        let node = spoiled.restarts_with(left);
        node.says("the end of a segment is not whole; cut off");
        if is_journaled {
            node.says("records restored from the journal partition=spoiled-0 batches=1 ");
        }
        node.kill();
        // What was written in its place, torn as well.
        let last = spoiled.files(".log").pop().expect("a segment");
        cut_to_records(&last);
        truncate_by(&last, torn.min(10));
        spoiled.restarts_without_the_next(left).stop();
    }
}

#[test]
fn garbage_after_the_last_batch_goes() {
    let mut random = Random::new();
    let spoiled = Spoiled::written(false);
    let last = spoiled.files(".log").pop().expect("a segment");
    let length = fs::metadata(&last).expect("a file").len();
    append(&last, &random.bytes(5_000));
    spoiled.restarts_with(COUNT).kill();
    // Zeros, as a file system leaves them when its journal knew the length and not the contents.
    overwrite(&last, length, &[0; 100_000]);
    OpenOptions::new()
        .write(true)
        .open(&last)
        .expect("a file")
        .set_len(length + 100_000)
        .expect("cut");
    spoiled.restarts_without_the_next(COUNT).kill();
}

#[test]
fn indexes_and_snapshots_of_any_kind_are_rebuilt() {
    let mut random = Random::new();
    for in_order in [false, true] {
        let spoiled = Spoiled::written(in_order);
        for ending in [".index", ".timeindex", ".snapshot"] {
            let found = spoiled.files(ending);
            assert!(!found.is_empty(), "no {ending}");
            for (number, path) in found.iter().enumerate() {
                match number % 4 {
                    0 => {
                        let count = 96 + random.below(4_000);
                        fs::write(path, random.bytes(count)).expect("written");
                    }
                    1 => truncate_by(path, 5),
                    2 => fs::write(path, []).expect("written"),
                    _ => fs::remove_file(path).expect("removed"),
                }
            }
        }
        spoiled.restarts_with(COUNT).stop();
    }
}

#[test]
fn checkpoints_of_any_kind_are_done_without() {
    let mut random = Random::new();
    for in_order in [false, true] {
        let spoiled = Spoiled::written(in_order);
        let noise = random.bytes(300);
        fs::write(spoiled.folder().join("leader-epoch-checkpoint"), &noise).expect("written");
        for name in [
            "recovery-point-offset-checkpoint",
            "replication-offset-checkpoint",
            "log-start-offset-checkpoint",
        ] {
            fs::write(spoiled.setup.data.join(name), &noise).expect("written");
        }
        spoiled.restarts_with(COUNT).stop();
        // An earlier one, as a disk that lost its last writes has it.
        fs::write(spoiled.setup.data.join("recovery-point-offset-checkpoint"), "0\n0\n")
            .expect("written");
        fs::write(spoiled.setup.data.join("replication-offset-checkpoint"), "").expect("written");
        let node = spoiled.setup.start();
        assert_eq!(Client::to(node.address).end_offset("spoiled"), COUNT as i64 + 1);
        node.stop();
    }
}

/// A file that the node can't do without stops one partition, or the start, with a reason.
#[test]
fn what_cannot_be_rebuilt_is_said() {
    let spoiled = Spoiled::written(true);
    fs::write(spoiled.folder().join("partition.metadata"), "noise").expect("written");
    let node = spoiled.setup.start();
    let mut client = Client::to(node.address);
    assert_eq!(client.read_all("whole"), ["untouched"]);
    node.says("partition.metadata");
    assert!(!node.output().contains("panicked"), "{}", node.output());
    node.stop();
    assert_eq!(spoiled.files(".log").len(), 4, "records were removed");

    let spoiled = Spoiled::written(true);
    let metadata = spoiled.setup.data.join("__cluster_metadata-0");
    fs::write(metadata.join("quorum-state"), "noise").expect("written");
    let ended = spoiled.setup.fail();
    for text in ["error: ", "quorum-state", "hint: "] {
        assert!(ended.output.contains(text), "no {text:?} in {}", ended.output);
    }
    assert!(!ended.output.contains("panicked"), "{}", ended.output);
}

#[test]
fn a_torn_metadata_log_keeps_what_was_before() {
    let mut random = Random::new();
    let spoiled = Spoiled::written(false);
    let log = files(&spoiled.setup.data.join("__cluster_metadata-0"), ".log").pop().expect("a log");
    append(&log, &random.bytes(100));
    spoiled.restarts_with(COUNT).kill();
    // The last batch is the start's own.
    truncate_by(&log, 3);
    let node = spoiled.setup.start();
    let mut client = Client::to(node.address);
    assert_eq!(client.end_offset("spoiled"), COUNT as i64 + 1);
    assert_eq!(client.read_all("whole"), ["untouched"]);
    node.stop();
}

/// Bits that have turned in the middle of the metadata log: topics that it told of are gone from it,
/// and their records must not go with them.
#[test]
fn a_metadata_log_that_is_broken_in_the_middle_costs_no_records() {
    let spoiled = Spoiled::written(false);
    let metadata = spoiled.setup.data.join("__cluster_metadata-0");
    let log = files(&metadata, ".log").pop().expect("a log");
    let mut bytes = Vec::new();
    fs::File::open(&log).expect("a file").read_to_end(&mut bytes).expect("readable");
    let name = b"spoiled";
    let at = bytes.windows(name.len()).position(|window| window == name).expect("its name");
    overwrite(&log, at as u64, b"SPOILED");
    let records: u64 =
        spoiled.files(".log").iter().map(|path| fs::metadata(path).expect("a file").len()).sum();
    // It starts without the topics, now and the next time; the records stay.
    for _ in 0..2 {
        let node = spoiled.setup.start();
        node.says("set aside");
        node.stop();
    }
    let kept: u64 = walk(&spoiled.setup.data)
        .iter()
        .filter(|path| path.to_string_lossy().contains("spoiled-0."))
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .map(|path| fs::metadata(path).expect("a file").len())
        .sum();
    assert_eq!(kept, records);
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(walk(&path)),
            false => found.push(path),
        }
    }
    found
}
