//! kill -9 under load, again and again: what was acknowledged is there afterwards.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use ottla_client::producer::{Producer, ProducerConfig, ProducerRecord};

use crate::harness::client::Client;
use crate::harness::load::Load;
use crate::harness::node::Setup;
use crate::harness::random::Random;
use crate::harness::wait::until_true;

/// How often the node is killed; `OTTLA_TEST_ROUNDS` asks for more.
fn rounds(default: usize) -> usize {
    let asked = std::env::var("OTTLA_TEST_ROUNDS").ok();
    asked.map_or(default, |rounds| rounds.parse().expect("OTTLA_TEST_ROUNDS is a number"))
}

#[test]
fn acknowledged_records_offsets_and_topics_survive_kills() {
    let setup = Setup::new().set("log.flush.offset.checkpoint.interval.ms", 50);
    survive_kills(&setup, rounds(12));
}

/// A journal so small that it goes round many times: files are used again while segments are flushed.
#[test]
fn with_a_journal_they_survive_kills_too() {
    let setup = Setup::new()
        .set("log.flush.offset.checkpoint.interval.ms", 50)
        .set("ottla.durability", "fsync")
        .set("ottla.journal.file.bytes", 1 << 20)
        .set("ottla.journal.files", 2);
    survive_kills(&setup, rounds(6));
    let journals = ["ottla-journal-0", "ottla-journal-1"].map(|name| setup.data.join(name));
    for journal in journals {
        let metadata = std::fs::metadata(&journal).expect("a journal");
        assert_eq!(metadata.len(), 1 << 20, "{}", journal.display());
    }
}

fn survive_kills(setup: &Setup, rounds: usize) {
    let mut random = Random::new();
    let node = setup.start();
    let load = Load::prepare(&node);
    node.kill();
    for round in 0..rounds {
        if random.one_in(3) {
            // Once more, while it recovers or begins to serve.
            let node = setup.spawn();
            until_true("the node has said something", || !node.output().is_empty());
            node.kill();
        }
        let node = setup.start();
        load.verify(&node);
        let enough = random.below(400);
        load.run(node, |acknowledged, node| {
            until_true("the load is under way", || acknowledged.load(Ordering::Relaxed) >= enough);
            node.kill();
        });
        println!("round {round}: killed after {enough}");
    }
    let node = setup.start();
    load.verify(&node);
    let ended = node.stop();
    assert!(!ended.output.contains("panicked"), "{}", ended.output);
}

/// A producer that asks again whenever it does not know writes each record once, in order.
#[test]
fn an_idempotent_producer_loses_and_doubles_nothing() {
    const COUNT: usize = 20_000;
    let setup = Setup::new();
    let node = setup.start();
    Client::to(node.address).create_topic("exactly", 1, &[("segment.bytes", "1048576")]);
    let properties = BTreeMap::from([
        ("bootstrap.servers".to_owned(), node.address.to_string()),
        ("acks".to_owned(), "all".to_owned()),
        ("enable.idempotence".to_owned(), "true".to_owned()),
        ("reconnect.backoff.max.ms".to_owned(), "100".to_owned()),
        ("linger.ms".to_owned(), "1".to_owned()),
    ]);
    let values: Vec<Bytes> =
        (0..COUNT).map(|number| format!("{number} {}", "y".repeat(number % 200)).into()).collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let node = runtime.block_on(async {
        let config = ProducerConfig::from_properties(&properties).expect("good properties").config;
        let producer = Producer::new(config).expect("a producer");
        let mut node = Some(node);
        let mut deliveries = Vec::new();
        for (number, value) in values.iter().enumerate() {
            if number % (COUNT / 4) == COUNT / 8 {
                node.take().expect("it runs").kill();
                node = Some(setup.start());
            }
            let record = ProducerRecord::new("exactly", value.clone());
            deliveries.push(producer.send(record).await.expect("room"));
        }
        for (number, delivery) in deliveries.into_iter().enumerate() {
            let written = delivery.await.expect("written");
            // A duplicate is acknowledged without saying where the first one lies.
            assert!([-1, number as i64].contains(&written.offset), "{number}: {written:?}");
        }
        producer.close(Duration::from_secs(30)).await.expect("closed");
        node.expect("it runs")
    });
    assert!(Client::to(node.address).read_all("exactly") == values, "not what was sent");
    node.kill();
    let node = setup.start();
    assert!(Client::to(node.address).read_all("exactly") == values, "not what was there");
    node.stop();
}
