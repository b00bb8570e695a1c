//! SIGTERM: what was accepted is finished, and the next start has nothing to repair.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::harness::client::{Client, fetch_request};
use crate::harness::load::Load;
use crate::harness::node::Setup;
use crate::harness::wait::until_true;

/// Kafka's name for the file that a clean shutdown leaves.
const MARKER: &str = ".kafka_cleanshutdown";

#[test]
fn under_load_what_was_accepted_is_finished() {
    let setup = Setup::new();
    let node = setup.start();
    let load = Load::prepare(&node);
    let mut ended = None;
    load.run(node, |acknowledged, node| {
        until_true("the load is under way", || acknowledged.load(Ordering::Relaxed) >= 200);
        ended = Some(node.stop());
    });
    let ended = ended.expect("stopped");
    assert!(!ended.output.contains(" ERROR "), "{}", ended.output);
    assert!(!ended.output.contains("did not finish"), "{}", ended.output);
    assert!(setup.data.join(MARKER).exists());
    assert!(setup.data.join(".lock").exists());

    let node = setup.start();
    assert!(!setup.data.join(MARKER).exists(), "the marker vouches for one start");
    let recovered: Vec<String> = node
        .output()
        .lines()
        .filter(|line| line.contains("recovering segment") && line.contains("load-"))
        .map(str::to_owned)
        .collect();
    assert!(recovered.is_empty(), "{recovered:#?}");
    load.verify(&node);
    node.stop();
}

/// Clients that wait for records, or for nothing, don't keep a node from stopping.
#[test]
fn waiting_clients_do_not_hold_it_up() {
    let setup = Setup::new();
    let node = setup.start();
    let mut client = Client::to(node.address);
    client.create_topic("quiet", 1, &[]);
    let mut waiting: Vec<Client> = (0..20).map(|_| Client::to(node.address)).collect();
    for (number, client) in waiting.iter_mut().enumerate() {
        assert!(client.is_answered());
        if number % 2 == 0 {
            client.send(&fetch_request("quiet", 0, 600_000), 12).expect("sent");
        }
    }
    let begun = Instant::now();
    let ended = node.stop();
    assert!(begun.elapsed() < Duration::from_secs(4), "it took {:?}", begun.elapsed());
    assert!(!ended.output.contains("did not finish"), "{}", ended.output);
    assert!(setup.data.join(MARKER).exists());
}
