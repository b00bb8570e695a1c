//! No room left on the disk. Two ways to get there: a limit on the size of files, which works for
//! everyone, and a small file system, where the system lets this process mount one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::harness::client::Client;
use crate::harness::node::{Node, Setup};
use crate::harness::wait::until;

/// Kafka's code for a partition whose disk has failed.
const KAFKA_STORAGE_ERROR: i16 = 56;

const VALUE_BYTES: usize = 500_000;

/// Values that differ, and are told apart by their first bytes.
fn value(number: usize) -> Vec<u8> {
    let mut value = format!("{number} ").into_bytes();
    value.resize(VALUE_BYTES, b'v');
    value
}

/// Writes until the disk is full; how many values were acknowledged.
#[track_caller]
fn fill(client: &mut Client, topic: &str) -> usize {
    for number in 0..1_000 {
        match client.produce(topic, &[&value(number)]).expect("an answer") {
            Ok(offset) => assert_eq!(offset, number as i64),
            Err(code) => {
                assert_eq!(code, KAFKA_STORAGE_ERROR);
                return number;
            }
        }
    }
    panic!("half a gigabyte fits");
}

/// After a start with room again everything that was acknowledged is there, and it goes on.
#[track_caller]
fn recovered(node: &Node, topic: &str, acknowledged: usize) {
    let mut client = Client::to(node.address);
    let values = client.read_all(topic);
    assert!(values.len() >= acknowledged, "{} of {acknowledged}", values.len());
    for (number, found) in values.iter().enumerate() {
        assert!(found[..] == value(number), "record {number} is not what was sent");
    }
    let next = client.produce(topic, &[b"there is room again"]).expect("an answer");
    assert_eq!(next, Ok(values.len() as i64));
}

#[test]
fn a_file_that_may_not_grow_stops_its_partition_alone() {
    // In blocks of 512 bytes: 24 MB.
    let setup = Setup::new().shell("trap '' XFSZ; ulimit -f 49152");
    let node = setup.start();
    let mut client = Client::to(node.address);
    client.create_topic("filled", 1, &[]);
    client.create_topic("other", 1, &[]);
    client.produce("other", &[b"before"]).expect("an answer").expect("written");
    let acknowledged = fill(&mut client, "filled");
    assert!(acknowledged > 10, "{acknowledged}");
    node.says("filled-0");
    // It says so again, and everyone else is served: also new topics.
    let again = client.produce("filled", &[b"no"]).expect("an answer");
    assert_eq!(again, Err(KAFKA_STORAGE_ERROR));
    client.produce("other", &[b"after"]).expect("an answer").expect("written");
    assert_eq!(client.read_all("other"), ["before", "after"]);
    client.create_topic("later", 1, &[]);
    client.produce("later", &[b"new"]).expect("an answer").expect("written");
    let ended = node.stop();
    assert!(!ended.output.contains("panicked"), "{}", ended.output);

    let setup = setup.shell("");
    let node = setup.start();
    recovered(&node, "filled", acknowledged);
    assert_eq!(Client::to(node.address).read_all("later"), ["new"]);
    node.stop();
}

/// A small file system in a mount namespace of its own, which lives as long as this process does.
struct SmallDisk {
    holder: Child,
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts it over `folder`; `None` with a reason where this system does not allow that.
    fn mount(folder: &Path, megabytes: usize) -> Option<SmallDisk> {
        fs::create_dir_all(folder).expect("a writable folder");
        let ready = folder.with_extension("ready");
        let script = format!(
            "mount -t tmpfs -o size={megabytes}m none '{0}' && touch '{1}' && exec cat",
            folder.display(),
            ready.display()
        );
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let is_mounted = until("the mount succeeds or fails", || {
            if ready.exists() {
                return Some(true);
            }
            holder.try_wait().expect("a child can be waited for").map(|_| false)
        });
        is_mounted.then(|| SmallDisk { holder, folder: folder.to_owned() })
    }

    /// Shell code that moves into the namespace.
    fn enter(&self) -> String {
        let holder = self.holder.id();
        format!(
            "if [ -z \"$INSIDE\" ]; then export INSIDE=1; \
             exec nsenter --preserve-credentials -U -m -t {holder} \"$0\" -c 'exec \"$@\"' sh \"$@\"; fi"
        )
    }

    /// Where a file of it is seen from outside.
    fn path(&self, name: &str) -> PathBuf {
        let inside = self.folder.join(name);
        let inside = inside.strip_prefix("/").expect("an absolute path");
        PathBuf::from(format!("/proc/{}/root", self.holder.id())).join(inside)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

#[test]
fn a_full_disk_refuses_records_and_loses_none() {
    let setup = Setup::new();
    let Some(disk) = SmallDisk::mount(&setup.data, 32) else {
        println!("left out: this system lets nobody mount a small file system (unshare, mount)");
        return;
    };
    // Something else takes room, and will give it back.
    fs::write(disk.path("ballast"), vec![0; 8 << 20]).expect("room");
    let setup = setup.shell(&disk.enter());
    let node = setup.start();
    let mut client = Client::to(node.address);
    client.create_topic("filled", 1, &[]);
    client.create_topic("other", 1, &[]);
    client.produce("other", &[b"before"]).expect("an answer").expect("written");
    let acknowledged = fill(&mut client, "filled");
    assert!(acknowledged > 5, "{acknowledged}");
    node.says("No space left on device");
    // Whoever reads is served, and whoever writes is told.
    assert_eq!(client.read_all("other"), ["before"]);
    let full = client.produce("other", &[&value(0)]).expect("an answer");
    assert_eq!(full, Err(KAFKA_STORAGE_ERROR));
    assert!(client.is_answered());
    node.kill();

    fs::remove_file(disk.path("ballast")).expect("removed");
    let node = setup.start();
    recovered(&node, "filled", acknowledged);
    let mut client = Client::to(node.address);
    assert_eq!(client.read_all("other")[0], "before");
    client.produce("other", &[b"after"]).expect("an answer").expect("written");
    let ended = node.stop();
    assert!(!ended.output.contains("panicked"), "{}", ended.output);
}

/// Metadata can't be written either: who asks for it is refused, who reads is served.
#[test]
fn a_full_disk_does_not_end_the_node() {
    let setup = Setup::new();
    let Some(disk) = SmallDisk::mount(&setup.data, 32) else {
        println!("left out: this system lets nobody mount a small file system (unshare, mount)");
        return;
    };
    let setup = setup.shell(&disk.enter());
    let node = setup.start();
    let mut client = Client::to(node.address);
    client.create_topic("kept", 1, &[]);
    client.produce("kept", &[b"value"]).expect("an answer").expect("written");
    let ballast = fs::write(disk.path("ballast"), vec![0; 64 << 20]);
    assert!(ballast.is_err(), "64 MB fit into 32");
    let mut refused = false;
    for number in 0..400 {
        let name = format!("{}-{number}", "t".repeat(200));
        if !client.try_create_topic(&name).expect("the node stays up") {
            refused = true;
            break;
        }
    }
    assert!(refused, "four hundred topics fit into nothing");
    assert_eq!(client.read_all("kept"), ["value"]);
    fs::remove_file(disk.path("ballast")).expect("removed");
    until("topics can be created again", || {
        client.try_create_topic("room-again").expect("the node stays up").then_some(())
    });
    let ended = node.stop();
    assert!(!ended.output.contains("panicked"), "{}", ended.output);
}
