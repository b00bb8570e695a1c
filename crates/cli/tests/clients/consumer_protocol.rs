//! Groups whose coordinator decides who reads what (KIP-848).

use std::sync::Arc;
use std::time::Duration;

use ottla_client::consumer::{Consumer, ConsumerConfig, GroupProtocol, OffsetReset};
use ottla_wire::ErrorCode;

use crate::consumer::{POLL, read, values};
use crate::group::{Heard, Listener, settle};
use crate::node::Node;

const BRIEF: Duration = Duration::from_millis(20);

fn config(node: &Node, group: &str) -> ConsumerConfig {
    ConsumerConfig {
        offset_reset: OffsetReset::Earliest,
        group_protocol: GroupProtocol::Consumer,
        ..ConsumerConfig::new(&node.address, Some(group))
    }
}

/// Polls until what is wanted holds.
async fn until(consumer: &mut Consumer, what: &str, holds: impl Fn(&Consumer) -> bool) {
    let polled = async {
        while !holds(consumer) {
            consumer.poll(BRIEF).await.expect("readable");
        }
    };
    tokio::time::timeout(POLL, polled).await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_share_partitions_and_take_over_from_those_that_leave() {
    let node = Node::start_with(&[
        "group.consumer.heartbeat.interval.ms=100",
        "group.consumer.min.heartbeat.interval.ms=100",
    ]);
    for assignor in [None, Some("uniform"), Some("range")] {
        let name = assignor.unwrap_or("default");
        let config = || ConsumerConfig {
            remote_assignor: assignor.map(str::to_owned),
            ..config(&node, name)
        };
        node.create(name, 4).await;
        for (partition, first) in [(0, 0), (1, 5), (2, 10), (3, 15)] {
            node.write(name, partition, first..first + 5).await;
        }
        let heard = Heard::default();
        let mut first = Consumer::new(config()).expect("valid");
        first.subscribe([name]).await.expect("possible");
        first.listen(Listener(Arc::clone(&heard))).expect("subscribed");
        assert_eq!(read(&mut first, 20).await.len(), 20, "{name}: all records, each once");
        let before = first.group_metadata().expect("a group");
        assert_eq!(before.member_id.len(), 22, "the member's own id: {before:?}");
        let mut second = Consumer::new(config()).expect("valid");
        second.subscribe([name]).await.expect("possible");
        let again = settle(&mut first, &mut second, 2).await;
        assert!(again.is_empty(), "{name}: what was read is committed before it is given away");
        let after = first.group_metadata().expect("a group");
        assert_eq!(after.member_id, before.member_id);
        assert!(after.generation > before.generation, "the epoch goes up: {after:?}");
        let words = heard.lock().expect("no panic before").join(" ");
        // The very first assignment may be empty.
        let words = words.trim_start_matches("+0 ");
        assert_eq!(words, "+4 -2 +0", "{name}: only what moves is given back");

        first.close(POLL).await.expect("closed");
        node.write(name, 0, 50..52).await;
        node.write(name, 3, 60..62).await;
        let mut read = values(&read(&mut second, 4).await);
        read.sort_unstable();
        assert_eq!(read, [50, 51, 60, 61], "{name}: offsets were taken over");
        second.close(POLL).await.expect("closed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_regular_expression_finds_topics_that_come_and_so_does_a_function() {
    let node = Node::start_with(&[
        "group.consumer.heartbeat.interval.ms=100",
        "group.consumer.min.heartbeat.interval.ms=100",
        "group.consumer.regex.refresh.interval.ms=10000",
    ]);
    node.create("log-a", 1).await;
    node.create("other", 1).await;
    node.write("log-a", 0, 0..2).await;
    node.write("other", 0, 90..92).await;
    let mut by_regex = Consumer::new(config(&node, "regex")).expect("valid");
    by_regex.subscribe_regex("log-[a-z]").expect("possible");
    assert_eq!(values(&read(&mut by_regex, 2).await), [0, 1]);
    assert!(by_regex.subscribe(["other"]).await.is_err(), "names and patterns do not mix");
    let mut config_of_matching = config(&node, "matching");
    config_of_matching.client.metadata_max_age = Duration::from_millis(200);
    let mut by_function = Consumer::new(config_of_matching).expect("valid");
    by_function.subscribe_matching(|topic| topic.starts_with("log-")).expect("possible");
    assert_eq!(values(&read(&mut by_function, 2).await), [0, 1]);
    node.create("log-b", 1).await;
    node.write("log-b", 0, 10..12).await;
    for consumer in [&mut by_regex, &mut by_function] {
        assert_eq!(values(&read(consumer, 2).await), [10, 11]);
    }
    by_regex.unsubscribe().await;
    assert!(by_regex.assignment().is_empty());
    by_regex.subscribe(["other"]).await.expect("possible again");
    assert_eq!(values(&read(&mut by_regex, 2).await), [90, 91]);

    let mut wrong = Consumer::new(config(&node, "wrong")).expect("valid");
    wrong.subscribe_regex("[").expect("the coordinator reads it");
    let refused = async {
        loop {
            if let Err(error) = wrong.poll(BRIEF).await {
                return error;
            }
        }
    };
    let error = tokio::time::timeout(POLL, refused).await.expect("the coordinator refuses");
    assert_eq!(error.code(), Some(ErrorCode::InvalidRegularExpression));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_static_member_comes_back_to_its_partitions() {
    let node = Node::start_with(&[]);
    node.create("t", 2).await;
    node.write("t", 0, 0..2).await;
    let fixed =
        || ConsumerConfig { group_instance_id: Some("one".to_owned()), ..config(&node, "static") };
    let mut first = Consumer::new(fixed()).expect("valid");
    first.subscribe(["t"]).await.expect("possible");
    read(&mut first, 2).await;
    let before = first.group_metadata().expect("a group");
    let mut usurper = Consumer::new(fixed()).expect("valid");
    usurper.subscribe(["t"]).await.expect("possible");
    let refused = async {
        loop {
            if let Err(error) = usurper.poll(BRIEF).await {
                return error;
            }
        }
    };
    let error = tokio::time::timeout(POLL, refused).await.expect("the place is taken");
    assert_eq!(error.code(), Some(ErrorCode::UnreleasedInstanceId));
    first.close(POLL).await.expect("closed");
    node.write("t", 1, 7..8).await;
    let mut again = Consumer::new(fixed()).expect("valid");
    again.subscribe(["t"]).await.expect("possible");
    assert_eq!(values(&read(&mut again, 1).await), [7]);
    let after = again.group_metadata().expect("a group");
    assert_ne!(after.member_id, before.member_id);
    assert_eq!(after.generation, before.generation, "no rebalance took place");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_put_out_hears_of_it_and_joins_again() {
    let node = Node::start_with(&[]);
    node.create("t", 2).await;
    node.write("t", 0, 0..3).await;
    let mut config = config(&node, "slow");
    config.poll_interval_max = Duration::from_millis(500);
    let heard = Heard::default();
    let mut consumer = Consumer::new(config).expect("valid");
    consumer.subscribe(["t"]).await.expect("possible");
    consumer.listen(Listener(Arc::clone(&heard))).expect("subscribed");
    assert_eq!(values(&read(&mut consumer, 3).await), [0, 1, 2]);
    // Nobody polls: the member leaves by itself, and a commit is refused.
    let gone = async {
        while consumer.group_metadata().is_some_and(|own| own.generation > 0)
            && consumer.commit().await.is_ok()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(POLL, gone).await.expect("it leaves");
    node.write("t", 1, 8..9).await;
    let words = || heard.lock().expect("no panic before").join(" ");
    let is_back = |own: &Consumer| words().contains("!2") && own.assignment().len() == 2;
    until(&mut consumer, "it is a member again", is_back).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_deleted_and_created_again_is_read_from_its_start() {
    let node = Node::start_with(&[
        "group.consumer.heartbeat.interval.ms=100",
        "group.consumer.min.heartbeat.interval.ms=100",
    ]);
    node.create("again", 1).await;
    node.write("again", 0, 0..3).await;
    let mut config = config(&node, "again");
    config.client.metadata_max_age = Duration::from_millis(200);
    config.create_topics = false;
    let mut consumer = Consumer::new(config).expect("valid");
    consumer.subscribe(["again"]).await.expect("possible");
    assert_eq!(values(&read(&mut consumer, 3).await), [0, 1, 2]);
    node.delete("again").await;
    until(&mut consumer, "the topic goes", |own| own.assignment().is_empty()).await;
    node.create("again", 1).await;
    node.write("again", 0, 40..42).await;
    assert_eq!(values(&read(&mut consumer, 2).await), [40, 41]);
}
