//! A consumer by itself: assigned partitions, positions, times.

use std::time::Duration;

use ottla_client::TopicPartition;
use ottla_client::admin::OffsetAndMetadata;
use ottla_client::consumer::{Consumer, ConsumerConfig, OffsetReset};

use crate::node::Node;

pub const POLL: Duration = Duration::from_secs(30);

/// Reads until `count` records have come: partition and value of each.
pub async fn read(consumer: &mut Consumer, count: usize) -> Vec<(i32, u32)> {
    let mut found = Vec::new();
    while found.len() < count {
        let records = consumer.poll(POLL).await.expect("readable");
        assert!(!records.is_empty(), "only {} of {count} records came", found.len());
        found.extend(records.iter().map(|record| {
            let value = record.value.as_deref().expect("written with a value");
            let value = std::str::from_utf8(value).expect("text").parse().expect("a number");
            (record.partition, value)
        }));
    }
    found
}

pub fn values(found: &[(i32, u32)]) -> Vec<u32> {
    found.iter().map(|(_, value)| *value).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assigned_partitions_are_read_from_where_it_is_wanted() {
    let node = Node::start();
    node.create("t", 2).await;
    node.write("t", 0, 0..10).await;
    node.write("t", 1, 100..105).await;
    let keys: Vec<TopicPartition> = (0..2).map(|index| TopicPartition::new("t", index)).collect();
    let config = ConsumerConfig {
        offset_reset: OffsetReset::Earliest,
        poll_records_max: 3,
        ..ConsumerConfig::new(&node.address, None)
    };
    let mut consumer = Consumer::new(config).expect("valid");
    assert!(consumer.poll(POLL).await.is_err(), "nothing is assigned");
    consumer.assign(&keys).await.expect("possible");

    let mut first = values(&read(&mut consumer, 15).await);
    first.sort_unstable();
    assert_eq!(first, (0..10).chain(100..105).collect::<Vec<u32>>());
    assert_eq!(consumer.position(&keys[0]).await.expect("known"), 10);
    assert_eq!(consumer.lag(&keys[1]), Some(0));

    consumer.pause(&keys[1..]).expect("assigned");
    consumer.seek(&keys[0], 7).expect("assigned");
    consumer.seek_to_beginning(&keys[1..]).expect("assigned");
    assert_eq!(read(&mut consumer, 3).await, [(0, 7), (0, 8), (0, 9)]);
    assert_eq!(consumer.paused(), keys[1..]);
    consumer.resume(&keys[1..]).expect("assigned");
    assert_eq!(values(&read(&mut consumer, 5).await), (100..105).collect::<Vec<u32>>());

    consumer.seek_to_end(&keys).expect("assigned");
    assert_eq!(consumer.position(&keys[0]).await.expect("known"), 10);
    node.write("t", 0, 10..11).await;
    assert_eq!(read(&mut consumer, 1).await, [(0, 10)]);

    let times = [(keys[0].clone(), 3_500), (keys[1].clone(), 999_000)];
    let found = consumer.offsets_for_times(&times).await.expect("answered");
    assert_eq!(found[0].1.expect("there is one").offset, 3);
    assert_eq!(found[1].1, None);
    let edges = consumer.beginning_offsets(&keys).await.expect("answered");
    assert_eq!(edges, [(keys[0].clone(), 0), (keys[1].clone(), 0)]);
    let edges = consumer.end_offsets(&keys).await.expect("answered");
    assert_eq!(edges, [(keys[0].clone(), 11), (keys[1].clone(), 5)]);
    assert_eq!(consumer.partitions_of("t").await.expect("answered"), keys);
    assert!(consumer.commit().await.is_err(), "there is no group to commit for");
    consumer.close(POLL).await.expect("closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_out_of_range_is_reset_or_told() {
    let node = Node::start();
    node.create("t", 1).await;
    node.write("t", 0, 0..3).await;
    let key = TopicPartition::new("t", 0);
    for (offset_reset, expected) in [
        (OffsetReset::Earliest, Some(0)),
        (OffsetReset::ByDuration(Duration::ZERO), Some(3)),
        (OffsetReset::Latest, Some(3)),
        (OffsetReset::None, None),
    ] {
        let config = ConsumerConfig { offset_reset, ..ConsumerConfig::new(&node.address, None) };
        let mut consumer = Consumer::new(config).expect("valid");
        consumer.assign(std::slice::from_ref(&key)).await.expect("possible");
        consumer.seek(&key, 99).expect("assigned");
        let outcome = match expected {
            // Until the broker has said so, the position is what it was set to.
            Some(3) => {
                consumer.poll(Duration::from_millis(1)).await.expect("nothing yet");
                while consumer.position(&key).await.expect("known") == 99 {
                    consumer.poll(Duration::from_millis(50)).await.expect("nothing");
                }
                Ok(consumer.position(&key).await.expect("known"))
            }
            _ => consumer.poll(POLL).await.map(|records| records[0].offset),
        };
        assert_eq!(outcome.ok(), expected, "{offset_reset:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_are_committed_by_hand_without_membership() {
    let node = Node::start();
    node.create("t", 1).await;
    node.write("t", 0, 0..5).await;
    let key = TopicPartition::new("t", 0);
    let config = ConsumerConfig {
        offset_reset: OffsetReset::Earliest,
        auto_commit: None,
        ..ConsumerConfig::new(&node.address, Some("by-hand"))
    };
    let mut consumer = Consumer::new(config.clone()).expect("valid");
    consumer.assign(std::slice::from_ref(&key)).await.expect("possible");
    let committed = consumer.committed(std::slice::from_ref(&key)).await.expect("answered");
    assert_eq!(committed, [(key.clone(), None)]);
    read(&mut consumer, 5).await;
    let offset = OffsetAndMetadata { offset: 2, metadata: "why".to_owned(), leader_epoch: None };
    let later = consumer.commit_later().expect("a group");
    let latest = consumer.commit_offsets_later(&[(key.clone(), offset)]).expect("a group");
    latest.await.expect("committed");
    later.await.expect("the one before it was committed before it");
    let committed = consumer.committed(std::slice::from_ref(&key)).await.expect("answered");
    let committed = committed[0].1.as_ref().expect("there is one");
    assert_eq!((committed.offset, committed.metadata.as_str()), (2, "why"));
    consumer.close(POLL).await.expect("closed");

    let mut next = Consumer::new(config).expect("valid");
    next.assign(std::slice::from_ref(&key)).await.expect("possible");
    assert_eq!(values(&read(&mut next, 3).await), [2, 3, 4]);
}
