//! Several log directories: where topics go, what happens when one of them fails or is missing.
//!
//! A directory fails when a file takes its place: works for everyone. What lies in it is moved away and
//! put back later, as a disk that is plugged out and in again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ottla_wire::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use ottla_wire::messages::{
    DescribeLogDirsRequest, DescribeLogDirsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, MetadataRequest, MetadataResponse,
};

use crate::harness::client::Client;
use crate::harness::held::Held;
use crate::harness::node::Setup;
use crate::harness::wait::until;

/// Kafka's code for a partition whose disk has failed.
const KAFKA_STORAGE_ERROR: i16 = 56;
const LEADER_NOT_AVAILABLE: i16 = 5;

/// A node with three log directories that looks at its disks often.
struct Disks {
    setup: Setup,
    paths: [PathBuf; 3],
}

impl Disks {
    fn new() -> Disks {
        let setup = Setup::new();
        let paths = ["a", "b", "c"].map(|name| setup.folder().join(name));
        let listed: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        let setup = setup
            .set("log.dirs", listed.join(","))
            .set("log.initial.task.delay.ms", 0)
            .set("replica.high.watermark.checkpoint.interval.ms", 50);
        Disks { setup, paths }
    }

    fn set(mut self, key: &str, value: &str) -> Disks {
        self.setup = self.setup.set(key, value);
        self
    }

    /// A file takes the directory's place.
    fn pull(&self, disk: usize) {
        let path = &self.paths[disk];
        fs::rename(path, away(path)).expect("renamed");
        fs::write(path, "no directory").expect("a writable folder");
    }

    /// Undoes [`Disks::pull`].
    fn put_back(&self, disk: usize) {
        let path = &self.paths[disk];
        fs::remove_file(path).expect("removed");
        fs::rename(away(path), path).expect("renamed");
    }
}

fn away(path: &Path) -> PathBuf {
    path.with_extension("away")
}

/// Each directory's error code and the partitions in it.
fn described(client: &mut Client) -> BTreeMap<String, (i16, Vec<String>)> {
    let request = DescribeLogDirsRequest { topics: None, ..Default::default() };
    let response: DescribeLogDirsResponse = client.call(&request, 4).expect("an answer");
    let directories = response.results.into_iter().map(|result| {
        let name = result.log_dir.rsplit('/').next().unwrap_or_default().to_owned();
        let names = result.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|each| format!("{}-{}", topic.name, each.partition_index))
        });
        (name, (result.error_code, names.collect()))
    });
    directories.collect()
}

/// The leader of partition 0 and its error.
fn leader(client: &mut Client, topic: &str) -> (i32, i16) {
    let request = MetadataRequest {
        topics: Some(vec![ottla_wire::messages::metadata_request::MetadataRequestTopic {
            name: Some(topic.to_owned()),
            ..Default::default()
        }]),
        ..Default::default()
    };
    let response: MetadataResponse = client.call(&request, 12).expect("an answer");
    let partition = &response.topics[0].partitions[0];
    (partition.leader_id, partition.error_code)
}

#[test]
fn a_failed_directory_goes_offline_and_comes_back_with_its_records() {
    let disks = Disks::new();
    let node = disks.setup.start();
    let mut client = Client::to(node.address);
    for topic in ["on-a", "on-b", "on-c"] {
        client.create_topic(topic, 1, &[]);
        client.produce(topic, &[topic.as_bytes()]).expect("an answer").expect("written");
    }
    let places = described(&mut client);
    assert_eq!(places["b"], (0, vec!["on-b-0".to_owned()]), "fewest partitions first");

    disks.pull(1);
    until("the controller has taken the leader away", || {
        (leader(&mut client, "on-b") == (-1, LEADER_NOT_AVAILABLE)).then_some(())
    });
    assert_eq!(described(&mut client)["b"], (KAFKA_STORAGE_ERROR, vec![]));
    let refused = client.produce("on-b", &[b"lost"]).expect("an answer");
    assert_eq!(refused, Err(KAFKA_STORAGE_ERROR));
    assert_eq!(client.fetch("on-b", 0).expect("an answer"), Err(KAFKA_STORAGE_ERROR));
    for topic in ["on-a", "on-c"] {
        client.produce(topic, &[b"more"]).expect("an answer").expect("written");
        assert_eq!(client.read_all(topic), [topic.as_bytes(), b"more"]);
    }
    client.create_topic("later", 1, &[]);
    client.produce("later", &[b"new"]).expect("an answer").expect("written");
    node.stop();

    // It is still missing at the next start: nothing is made anew in another place.
    let node = disks.setup.start();
    let mut client = Client::to(node.address);
    assert_eq!(described(&mut client)["b"], (KAFKA_STORAGE_ERROR, vec![]));
    assert_eq!(leader(&mut client, "on-b"), (-1, LEADER_NOT_AVAILABLE));
    assert_eq!(client.read_all("later"), ["new"]);
    node.kill();

    disks.put_back(1);
    let node = disks.setup.start();
    let mut client = Client::to(node.address);
    assert_eq!(client.read_all("on-b"), ["on-b"]);
    client.produce("on-b", &[b"again"]).expect("an answer").expect("written");
    assert_eq!(described(&mut client)["b"].0, 0);
    let ended = node.stop();
    assert!(!ended.output.contains("panicked"), "{}", ended.output);
}

/// Sets `cordoned.log.dirs` of the broker; the code of the answer.
fn cordon(client: &mut Client, value: &str) -> i16 {
    let config = AlterableConfig {
        name: "cordoned.log.dirs".to_owned(),
        value: Some(value.to_owned()),
        ..Default::default()
    };
    let resource = AlterConfigsResource {
        resource_type: 4,
        resource_name: "1".to_owned(),
        configs: vec![config],
        ..Default::default()
    };
    let request =
        IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
    let response: IncrementalAlterConfigsResponse = client.call(&request, 1).expect("an answer");
    response.responses[0].error_code
}

/// The directories that are told to be cordoned.
fn cordoned(client: &mut Client) -> Vec<String> {
    let request = DescribeLogDirsRequest { topics: None, ..Default::default() };
    let response: DescribeLogDirsResponse = client.call(&request, 5).expect("an answer");
    let cordoned = response.results.into_iter().filter(|result| result.is_cordoned);
    cordoned
        .map(|result| result.log_dir.rsplit('/').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn cordoned_directories_take_nothing_new() {
    const INVALID_REQUEST: i16 = 42;
    let disks = Disks::new();
    let node = disks.setup.start();
    let mut client = Client::to(node.address);
    client.create_topic("before", 1, &[]);
    let [a, b, c] = disks.paths.each_ref().map(|path| path.display().to_string());
    assert_eq!(cordon(&mut client, "/nowhere"), INVALID_REQUEST);
    assert_eq!(cordon(&mut client, &format!("*,{a}")), INVALID_REQUEST);
    assert_eq!(cordon(&mut client, &format!("{a},{b}")), 0);
    assert_eq!(cordoned(&mut client), ["a", "b"]);
    for topic in ["x", "y", "z"] {
        client.create_topic(topic, 1, &[]);
    }
    assert_eq!(described(&mut client)["c"].1.len(), 3);
    // What lies there is served on.
    client.produce("before", &[b"value"]).expect("an answer").expect("written");
    assert_eq!(cordon(&mut client, "*"), 0);
    until("the controller knows", || {
        (!client.try_create_topic("nowhere-to-go").expect("an answer")).then_some(())
    });
    node.stop();
    let node = disks.setup.start();
    let mut client = Client::to(node.address);
    assert_eq!(cordoned(&mut client), ["a", "b", "c"], "it outlives a start");
    assert_eq!(cordon(&mut client, &c), 0);
    until("the controller knows", || {
        client.try_create_topic("open-again").expect("an answer").then_some(())
    });
    node.stop();
}

#[test]
fn the_directory_of_the_metadata_log_ends_the_node() {
    let disks = Disks::new();
    let node = disks.setup.start();
    let mut client = Client::to(node.address);
    client.create_topic("kept", 1, &[]);
    client.produce("kept", &[b"value"]).expect("an answer").expect("written");
    disks.pull(0);
    let ended = node.wait();
    assert!(!ended.status.success());
    assert!(ended.output.contains("the directory of the metadata log"), "{}", ended.output);
    let refused = disks.setup.fail();
    assert!(refused.output.contains("cannot open log directory"), "{}", refused.output);
    disks.put_back(0);
    let node = disks.setup.start();
    assert_eq!(Client::to(node.address).read_all("kept"), ["value"]);
    node.stop();
}

#[test]
fn a_failure_that_the_controller_does_not_hear_of_ends_the_node() {
    let disks = Disks::new().set("log.dir.failure.timeout.ms", "700");
    let node = disks.setup.start();
    let mut client = Client::to(node.address);
    for topic in ["on-a", "on-b"] {
        client.create_topic(topic, 1, &[]);
        client.produce(topic, &[topic.as_bytes()]).expect("an answer").expect("written");
    }
    let Some(held) = Held::thread(&node, "controller") else {
        println!("left out: this system lets nobody hold a thread (ptrace)");
        return node.kill();
    };
    disks.pull(1);
    node.says("couldn't communicate offline log dir");
    assert!(node.output().contains("stopped serving the replicas in the directory"));
    drop(held);
    let ended = node.wait();
    assert!(!ended.status.success(), "{}", ended.output);
    disks.put_back(1);
    let node = disks.setup.start();
    assert_eq!(Client::to(node.address).read_all("on-b"), ["on-b"]);
    node.stop();
}

#[test]
fn a_node_without_any_directory_ends() {
    let disks = Disks::new();
    let metadata = disks.setup.folder().join("metadata").display().to_string();
    let disks = disks.set("metadata.log.dir", &metadata);
    let node = disks.setup.start();
    for disk in 0..3 {
        disks.pull(disk);
    }
    let ended = node.wait();
    assert!(!ended.status.success());
    assert!(ended.output.contains("all log directories have failed"), "{}", ended.output);
}

#[test]
fn directories_may_be_added_and_an_exchanged_metadata_directory_is_noticed() {
    let disks = Disks::new();
    let node = disks.setup.start();
    let mut client = Client::to(node.address);
    client.create_topic("kept", 1, &[]);
    node.stop();
    // A new, empty disk in place of one without metadata is formatted and used.
    fs::remove_dir_all(&disks.paths[2]).expect("removed");
    let node = disks.setup.start();
    assert!(disks.paths[2].join("meta.properties").exists());
    node.stop();
    // In place of the metadata log's it would make every record a stranger.
    fs::rename(&disks.paths[0], away(&disks.paths[0])).expect("renamed");
    let ended = disks.setup.fail();
    assert!(ended.output.contains("the metadata log belongs into it"), "{}", ended.output);
    fs::remove_dir_all(&disks.paths[0]).expect("removed");
    fs::rename(away(&disks.paths[0]), &disks.paths[0]).expect("renamed");
    let other = disks.paths[1].display().to_string();
    let elsewhere = disks.set("metadata.log.dir", &other);
    let ended = elsewhere.setup.fail();
    assert!(ended.output.contains("set metadata.log.dir to"), "{}", ended.output);
}
