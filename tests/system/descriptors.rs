//! No file descriptors left.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::harness::client::Client;
use crate::harness::node::Setup;
use crate::harness::wait::until_true;

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
