//! Consumers that share topics as a group.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ottla_client::TopicPartition;
use ottla_client::admin::OffsetAndMetadata;
use ottla_client::consumer::{Assignor, Consumer, ConsumerConfig, OffsetReset, RebalanceListener};

use crate::consumer::{POLL, read, values};
use crate::node::Node;

/// What listeners heard: `+`, `-` and, for what was lost, `!` with the number of partitions.
pub type Heard = Arc<Mutex<Vec<String>>>;

pub struct Listener(pub Heard);

impl Listener {
    fn hear(&self, mark: char, partitions: &[TopicPartition]) {
        self.0.lock().expect("no panic before").push(format!("{mark}{}", partitions.len()));
    }
}

impl RebalanceListener for Listener {
    fn assigned(&mut self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, i64)> {
        self.hear('+', partitions);
        Vec::new()
    }

    fn revoked(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        self.hear('-', partitions);
        Vec::new()
    }

    fn lost(&mut self, partitions: &[TopicPartition]) {
        self.hear('!', partitions);
    }
}

fn config(node: &Node, group: &str, assignors: &[Assignor]) -> ConsumerConfig {
    ConsumerConfig {
        offset_reset: OffsetReset::Earliest,
        assignors: assignors.to_vec(),
        heartbeat_interval: Duration::from_millis(100),
        ..ConsumerConfig::new(&node.address, Some(group))
    }
}

/// Polls both until each has `share` partitions; what they read is answered.
pub async fn settle(first: &mut Consumer, second: &mut Consumer, share: usize) -> Vec<u32> {
    let mut found = Vec::new();
    let patience = tokio::time::Instant::now() + POLL;
    while first.assignment().len() != share || second.assignment().len() != share {
        assert!(tokio::time::Instant::now() < patience, "the group never settles");
        for consumer in [&mut *first, &mut *second] {
            let records = consumer.poll(Duration::from_millis(20)).await.expect("readable");
            found.extend(records.iter().filter_map(|record| {
                std::str::from_utf8(record.value.as_deref()?).ok()?.parse::<u32>().ok()
            }));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_share_partitions_and_take_over_from_those_that_leave() {
    let node = Node::start();
    for assignors in [
        vec![Assignor::Range, Assignor::CooperativeSticky],
        vec![Assignor::RoundRobin],
        vec![Assignor::Sticky],
        vec![Assignor::CooperativeSticky],
    ] {
        let name = assignors[0].name();
        node.create(name, 4).await;
        for partition in 0..4u32 {
            let partition = i32::try_from(partition).expect("small");
            node.write(name, partition, 0..5).await;
        }
        let heard = Heard::default();
        let mut first = Consumer::new(config(&node, name, &assignors)).expect("valid");
        first.subscribe([name]).await.expect("possible");
        first.listen(Listener(Arc::clone(&heard))).expect("subscribed");
        let alone = read(&mut first, 20).await;
        assert_eq!(alone.len(), 20, "{name}: all records, each once");
        let mut second = Consumer::new(config(&node, name, &assignors)).expect("valid");
        second.subscribe([name]).await.expect("possible");
        let again = settle(&mut first, &mut second, 2).await;
        assert!(again.is_empty(), "{name}: what was read is committed before it is given away");
        let kept: BTreeSet<_> = first.assignment().into_iter().collect();
        assert!(second.assignment().iter().all(|key| !kept.contains(key)), "{name}");
        let eager = !assignors.iter().all(|assignor| assignor.is_cooperative());
        let given_back = if eager { "-4" } else { "-2" };
        let words = heard.lock().expect("no panic before").join(" ");
        assert!(words.contains(given_back), "{name}: {words}");

        first.close(POLL).await.expect("closed");
        node.write(name, 0, 50..52).await;
        node.write(name, 3, 60..62).await;
        let mut after = values(&read(&mut second, 4).await);
        after.sort_unstable();
        assert_eq!(
            after,
            [50, 51, 60, 61],
            "{name}: offsets were taken over, nothing is read twice"
        );
        second.close(POLL).await.expect("closed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patterns_find_topics_that_come_and_grow() {
    let node = Node::start();
    node.create("log-a", 1).await;
    node.create("other", 1).await;
    node.write("log-a", 0, 0..2).await;
    node.write("other", 0, 90..92).await;
    let mut config = config(&node, "pattern", &[Assignor::Range]);
    config.client.metadata_max_age = Duration::from_millis(200);
    let mut consumer = Consumer::new(config).expect("valid");
    consumer.subscribe_matching(|topic| topic.starts_with("log-")).expect("possible");
    assert_eq!(values(&read(&mut consumer, 2).await), [0, 1]);
    node.create("log-b", 1).await;
    node.write("log-b", 0, 10..12).await;
    assert_eq!(values(&read(&mut consumer, 2).await), [10, 11]);
    node.grow("log-a", 2).await;
    node.write("log-a", 1, 20..22).await;
    assert_eq!(values(&read(&mut consumer, 2).await), [20, 21]);
    assert_eq!(consumer.subscription(), ["log-a", "log-b"]);
    let mixed = consumer.subscribe(["other"]).await;
    assert!(mixed.is_err(), "names and patterns do not mix");
    consumer.unsubscribe().await;
    assert!(consumer.assignment().is_empty());
    consumer.subscribe(["other"]).await.expect("possible again");
    assert_eq!(values(&read(&mut consumer, 2).await), [90, 91]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_static_member_comes_back_to_its_partitions() {
    let node = Node::start();
    node.create("t", 2).await;
    node.write("t", 0, 0..2).await;
    let fixed = |instance: &str| ConsumerConfig {
        group_instance_id: Some(instance.to_owned()),
        ..config(&node, "static", &[Assignor::Range])
    };
    let mut first = Consumer::new(fixed("one")).expect("valid");
    first.subscribe(["t"]).await.expect("possible");
    read(&mut first, 2).await;
    let generation = first.group_metadata().expect("a group").generation;
    first.close(POLL).await.expect("closed");
    node.write("t", 1, 7..8).await;
    let mut again = Consumer::new(fixed("one")).expect("valid");
    again.subscribe(["t"]).await.expect("possible");
    assert_eq!(values(&read(&mut again, 1).await), [7]);
    let metadata = again.group_metadata().expect("a group");
    assert_eq!(metadata.generation, generation, "no rebalance took place");

    let mut usurper = Consumer::new(fixed("one")).expect("valid");
    usurper.subscribe(["t"]).await.expect("possible");
    let joined = async {
        while usurper.assignment().is_empty() {
            usurper.poll(Duration::from_millis(20)).await.expect("readable");
        }
    };
    tokio::time::timeout(POLL, joined).await.expect("it takes the place");
    let fenced = async {
        loop {
            if let Err(error) = again.poll(Duration::from_millis(20)).await {
                return error;
            }
        }
    };
    let error = tokio::time::timeout(POLL, fenced).await.expect("the other one hears of it");
    assert_eq!(error.code(), Some(ottla_wire::ErrorCode::FencedInstanceId));
}
