//! ListOffsets, OffsetForLeaderEpoch, DeleteRecords, DescribeProducers, DescribeLogDirs and
//! InitProducerId, against a broker on a memory disk.

use std::sync::Arc;

use bytes::Bytes;
use ottla_wire::ErrorCode;
use ottla_wire::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use ottla_wire::messages::describe_log_dirs_request::DescribableLogDirTopic;
use ottla_wire::messages::describe_producers_request::TopicRequest;
use ottla_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use ottla_wire::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use ottla_wire::messages::{
    DeleteRecordsRequest, DescribeLogDirsRequest, DescribeProducersRequest, InitProducerIdRequest,
    ListOffsetsRequest, OffsetForLeaderEpochRequest,
};
use ottla_wire::records::{BatchBuilder, BatchOptions};
use ottla_world::memory::Faults;

use super::cluster::describe_log_dirs;
use super::records::delete_records;
use super::records::describe_producers;
use super::records::list_offsets;
use super::records::offset_for_leader_epoch;
use super::transactions::init_producer_id;
use crate::fixture::{BROKER, Fixture, START_MS, append, batch, batch_with, caller, follow};

fn put(fixture: &Fixture, topic: &str, records: Bytes) {
    fixture.partition(topic, 0).append(records, append(1)).expect("appended");
}

/// A batch with one record a timestamp, relative to the fixture's start.
fn timed(timestamps: &[i64]) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for timestamp in timestamps {
        builder.append(START_MS + timestamp, None, Some(b"v"), &[]).expect("a small record");
    }
    builder.build().expect("a small batch").freeze()
}

fn list(topic: &str, index: i32, timestamp: i64, epoch: i32) -> ListOffsetsRequest {
    let partition = ListOffsetsPartition {
        partition_index: index,
        timestamp,
        current_leader_epoch: epoch,
        ..ListOffsetsPartition::default()
    };
    let topic = ListOffsetsTopic {
        name: topic.to_owned(),
        partitions: vec![partition],
        ..ListOffsetsTopic::default()
    };
    ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..ListOffsetsRequest::default() }
}

#[tokio::test]
async fn offsets_are_found_by_time() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    fixture.create("empty", 1, &[]);
    put(&fixture, "a", timed(&[10, 30]));
    put(&fixture, "a", timed(&[20, 15]));
    let none = ErrorCode::None;
    // Version, topic, partition, timestamp, epoch; error, offset, timestamp, leader epoch.
    let cases = [
        ("the end", 10, "a", 0, -1, -1, none, 4, -1, 0),
        ("the start", 10, "a", 0, -2, -1, none, 0, -1, 0),
        ("the largest time", 10, "a", 0, -3, -1, none, 1, START_MS + 30, 0),
        ("the local start", 10, "a", 0, -4, -1, none, 0, -1, 0),
        ("the tiered end", 10, "a", 0, -5, -1, none, -1, -1, -1),
        ("the pending start", 11, "a", 0, -6, -1, none, -1, -1, -1),
        ("the first", 10, "a", 0, 0, -1, none, 0, START_MS + 10, 0),
        ("one between", 10, "a", 0, START_MS + 11, -1, none, 1, START_MS + 30, 0),
        ("one beyond", 10, "a", 0, START_MS + 31, -1, none, -1, -1, -1),
        ("no epoch before version 4", 3, "a", 0, -1, -1, none, 4, -1, -1),
        ("an empty log's end", 10, "empty", 0, -1, -1, none, 0, -1, 0),
        ("an empty log's largest time", 10, "empty", 0, -3, -1, none, -1, -1, -1),
        ("-3 too early", 6, "a", 0, -3, -1, ErrorCode::UnsupportedVersion, -1, -1, -1),
        ("-6 too early", 10, "a", 0, -6, -1, ErrorCode::UnsupportedVersion, -1, -1, -1),
        ("-7", 11, "a", 0, -7, -1, ErrorCode::UnsupportedVersion, -1, -1, -1),
        ("a later epoch", 10, "a", 0, -1, 1, ErrorCode::UnknownLeaderEpoch, -1, -1, -1),
        ("nobody", 10, "b", 0, -1, -1, ErrorCode::UnknownTopicOrPartition, -1, -1, -1),
        ("no partition", 10, "a", 9, -1, -1, ErrorCode::UnknownTopicOrPartition, -1, -1, -1),
    ];
    for (what, version, topic, index, timestamp, epoch, error, offset, time, leader_epoch) in cases
    {
        let request = list(topic, index, timestamp, epoch);
        let response = list_offsets(&fixture.broker, &caller(version), request).await;
        let found = &response.topics[0].partitions[0];
        assert_eq!(ErrorCode::try_from_code(found.error_code), Some(error), "{what}");
        let all = (found.offset, found.timestamp, found.leader_epoch);
        assert_eq!(all, (offset, time, leader_epoch), "{what}");
    }
}

#[tokio::test]
async fn what_is_not_committed_is_not_listed_to_consumers() {
    let mut fixture = Fixture::new();
    fixture.create_replicated("a", 1, &[], &[BROKER, 2], &[BROKER, 2]);
    put(&fixture, "a", timed(&[10]));
    let cases =
        [("a consumer", -1, -1, 0), ("a follower", 2, -1, 1), ("by time", -1, START_MS, -1)];
    for (what, replica_id, timestamp, expected) in cases {
        let request = ListOffsetsRequest { replica_id, ..list("a", 0, timestamp, -1) };
        let response = list_offsets(&fixture.broker, &caller(10), request).await;
        let found = &response.topics[0].partitions[0];
        assert_eq!((found.error_code, found.offset), (0, expected), "{what}");
    }
}

#[tokio::test]
async fn a_partition_listed_twice_is_refused_once() {
    let mut fixture = Fixture::new();
    fixture.create("a", 2, &[]);
    let mut request = list("a", 0, -1, -1);
    let again = request.topics[0].partitions[0].clone();
    let other = ListOffsetsPartition { partition_index: 1, ..again.clone() };
    request.topics[0].partitions.extend([other, again]);
    let response = list_offsets(&fixture.broker, &caller(10), request).await;
    let found = response.topics[0].partitions.iter();
    let found: Vec<_> = found.map(|each| (each.partition_index, each.error_code)).collect();
    assert_eq!(found, [(0, ErrorCode::InvalidRequest.code()), (1, 0)]);
}

#[tokio::test]
async fn epochs_end_where_the_next_begins() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    put(&fixture, "a", batch(&["x", "y"]));
    let ask = |topic: &str, current_leader_epoch, leader_epoch| {
        let partition = OffsetForLeaderPartition {
            partition: 0,
            current_leader_epoch,
            leader_epoch,
            ..OffsetForLeaderPartition::default()
        };
        OffsetForLeaderEpochRequest {
            topics: vec![OffsetForLeaderTopic {
                topic: topic.to_owned(),
                partitions: vec![partition],
                ..OffsetForLeaderTopic::default()
            }],
            ..OffsetForLeaderEpochRequest::default()
        }
    };
    let cases = [
        ("the current one", "a", 0, 0, ErrorCode::None, 0, 2),
        ("without a check", "a", -1, 0, ErrorCode::None, 0, 2),
        ("a later one", "a", -1, 5, ErrorCode::None, -1, -1),
        ("none", "a", -1, -1, ErrorCode::None, -1, -1),
        ("before them all", "a", -1, -2, ErrorCode::None, -2, 0),
        ("a check of nothing", "a", -2, 0, ErrorCode::FencedLeaderEpoch, -1, -1),
        ("a wrong check", "a", 3, 0, ErrorCode::UnknownLeaderEpoch, -1, -1),
        ("nobody", "b", -1, 0, ErrorCode::UnknownTopicOrPartition, -1, -1),
    ];
    for (what, topic, current, epoch, error, leader_epoch, end) in cases {
        let request = ask(topic, current, epoch);
        let response = offset_for_leader_epoch(&fixture.broker, &caller(4), request).await;
        let found = &response.topics[0].partitions[0];
        let all = (found.error_code, found.leader_epoch, found.end_offset);
        assert_eq!(all, (error.code(), leader_epoch, end), "{what}");
    }
}

#[tokio::test]
async fn records_are_deleted_from_the_start() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    fixture.create("compacted", 1, &[("cleanup.policy", "compact")]);
    fixture.create("kept", 1, &[("cleanup.policy", "")]);
    fixture.create("__consumer_offsets", 1, &[]);
    put(&fixture, "a", batch(&["1", "2", "3", "4"]));
    put(&fixture, "kept", batch(&["1", "2"]));
    let ask = |topic: &str, offset| DeleteRecordsRequest {
        timeout_ms: 100,
        topics: vec![DeleteRecordsTopic {
            name: topic.to_owned(),
            partitions: vec![DeleteRecordsPartition {
                partition_index: 0,
                offset,
                ..DeleteRecordsPartition::default()
            }],
            ..DeleteRecordsTopic::default()
        }],
        ..DeleteRecordsRequest::default()
    };
    let cases = [
        ("to an offset", "a", 2, ErrorCode::None, 2),
        ("backwards", "a", 1, ErrorCode::None, 2),
        ("too far", "a", 5, ErrorCode::OffsetOutOfRange, -1),
        ("below zero", "a", -2, ErrorCode::OffsetOutOfRange, -1),
        ("to the high watermark", "a", -1, ErrorCode::None, 4),
        ("nobody's", "b", 0, ErrorCode::UnknownTopicOrPartition, -1),
        ("compacted", "compacted", 0, ErrorCode::PolicyViolation, -1),
        ("neither deleted nor compacted", "kept", 1, ErrorCode::None, 1),
        ("internal", "__consumer_offsets", 0, ErrorCode::InvalidTopicException, -1),
    ];
    for (what, topic, offset, error, low_watermark) in cases {
        let response = delete_records(&fixture.broker, &caller(2), ask(topic, offset)).await;
        let found = &response.topics[0].partitions[0];
        let all = (found.error_code, found.low_watermark);
        assert_eq!(all, (error.code(), low_watermark), "{what}");
    }
    let mut twice = ask("a", 4);
    twice.topics.extend(ask("a", 3).topics);
    let response = delete_records(&fixture.broker, &caller(2), twice).await;
    assert_eq!(response.topics.len(), 1, "a topic named twice is answered once");
    assert_eq!(response.topics[0].partitions.len(), 1);
}

#[tokio::test]
async fn a_deletion_that_is_promised_to_the_disk_survives_a_crash() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[("ottla.durability", "fsync")]);
    put(&fixture, "a", batch(&["1", "2", "3"]));
    let partition = fixture.partition("a", 0);
    partition.flush(START_MS);
    let ask = |offset| DeleteRecordsRequest {
        timeout_ms: 1_000,
        topics: vec![DeleteRecordsTopic {
            name: "a".to_owned(),
            partitions: vec![DeleteRecordsPartition {
                offset,
                ..DeleteRecordsPartition::default()
            }],
            ..DeleteRecordsTopic::default()
        }],
        ..DeleteRecordsRequest::default()
    };
    let answer = delete_records(&fixture.broker, &caller(2), ask(2)).await;
    let found = &answer.topics[0].partitions[0];
    assert_eq!((found.error_code, found.low_watermark), (0, 2));
    let faults = Faults { write_error_one_in: 1, ..Faults::default() };
    let checkpoint = std::path::Path::new("/data/log-start-offset-checkpoint.tmp");
    fixture.disk.set_faults_under(checkpoint, faults);
    let answer = delete_records(&fixture.broker, &caller(2), ask(3)).await;
    let found = &answer.topics[0].partitions[0];
    assert_eq!((found.error_code, found.low_watermark), (56, -1));
    drop(partition);
    fixture.disk.crash();
    let Fixture { disk, clock, image, .. } = fixture;
    let fixture = Fixture::on(disk, clock, &["/data"], image.as_ref().clone());
    let offsets = fixture.partition("a", 0).log_offsets().expect("online");
    assert!((2..=3).contains(&offsets.log_start), "{offsets:?}");
}

#[tokio::test(start_paused = true)]
async fn deletion_waits_for_the_followers() {
    let mut fixture = Fixture::new();
    fixture.create_replicated("a", 1, &[], &[BROKER, 2], &[BROKER, 2]);
    put(&fixture, "a", batch(&["1", "2"]));
    let fetch = |log_start_offset| {
        let partition = fixture.partition("a", 0);
        follow(&partition, 2, log_start_offset, 2);
    };
    fetch(0);
    let partition = DeleteRecordsPartition { offset: 1, ..DeleteRecordsPartition::default() };
    let topic = DeleteRecordsTopic {
        name: "a".to_owned(),
        partitions: vec![partition],
        ..DeleteRecordsTopic::default()
    };
    let request =
        DeleteRecordsRequest { timeout_ms: 100, topics: vec![topic], ..Default::default() };
    let late = delete_records(&fixture.broker, &caller(2), request.clone()).await;
    let found = &late.topics[0].partitions[0];
    assert_eq!(found.error_code, ErrorCode::RequestTimedOut.code());
    let caller = caller(2);
    let (in_time, ()) = tokio::join!(delete_records(&fixture.broker, &caller, request), async {
        tokio::task::yield_now().await;
        fetch(1);
    });
    let found = &in_time.topics[0].partitions[0];
    assert_eq!((found.error_code, found.low_watermark), (0, 1));
}

#[tokio::test]
async fn producers_are_described() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    let options = BatchOptions {
        producer_id: 9,
        producer_epoch: 3,
        base_sequence: 0,
        ..BatchOptions::default()
    };
    put(&fixture, "a", batch_with(options, &["x", "y"]));
    let ask = |name: &str, index| DescribeProducersRequest {
        topics: vec![TopicRequest {
            name: name.to_owned(),
            partition_indexes: vec![index],
            ..TopicRequest::default()
        }],
        ..DescribeProducersRequest::default()
    };
    let response = describe_producers(&fixture.broker, &caller(0), ask("a", 0)).await;
    let [producer] = &response.topics[0].partitions[0].active_producers[..] else {
        panic!("one producer, not {response:?}")
    };
    assert_eq!((producer.producer_id, producer.producer_epoch), (9, 3));
    assert_eq!((producer.last_sequence, producer.current_txn_start_offset), (1, -1));
    for (topic, index, has_message) in [("b", 0, true), ("a", 5, false)] {
        let response = describe_producers(&fixture.broker, &caller(0), ask(topic, index)).await;
        let found = &response.topics[0].partitions[0];
        assert_eq!(found.error_code, ErrorCode::UnknownTopicOrPartition.code());
        assert_eq!(found.error_message.is_some(), has_message, "{topic}-{index}");
    }
}

#[tokio::test]
async fn log_directories_are_described() {
    let mut fixture = Fixture::new();
    fixture.create("a", 2, &[]);
    let records = batch(&["x"]);
    let bytes = i64::try_from(records.len()).expect("small");
    put(&fixture, "a", records);
    let some = DescribableLogDirTopic {
        topic: "a".to_owned(),
        partitions: vec![0, 7],
        ..DescribableLogDirTopic::default()
    };
    let unknown = DescribableLogDirTopic { topic: "b".to_owned(), ..some.clone() };
    let cases = [
        (None, vec![("a".to_owned(), vec![(0, bytes), (1, 0)])]),
        (Some(vec![some]), vec![("a".to_owned(), vec![(0, bytes)])]),
        (Some(vec![unknown]), vec![]),
        (Some(vec![]), vec![]),
    ];
    for (topics, expected) in cases {
        let request = DescribeLogDirsRequest { topics, ..DescribeLogDirsRequest::default() };
        let response = describe_log_dirs(&fixture.broker, &caller(5), request).await;
        let [result] = &response.results[..] else { panic!("one directory") };
        assert_eq!((result.log_dir.as_str(), result.error_code), ("/data", 0));
        assert!(result.total_bytes >= result.usable_bytes && !result.is_cordoned);
        let found = result.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter();
            let mut sizes: Vec<_> =
                partitions.map(|each| (each.partition_index, each.partition_size)).collect();
            sizes.sort_unstable();
            (topic.name.clone(), sizes)
        });
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn producer_ids_are_never_given_twice() {
    let fixture = Fixture::new();
    let mut given = Vec::new();
    for _ in 0..25 {
        let request =
            InitProducerIdRequest { transactional_id: None, ..InitProducerIdRequest::default() };
        let response = init_producer_id(&fixture.broker, &caller(5), request).await;
        assert_eq!((response.error_code, response.producer_epoch), (0, 0));
        given.push(response.producer_id);
    }
    let mut distinct = given.clone();
    distinct.dedup();
    assert_eq!(distinct, (0..25).collect::<Vec<i64>>());
    let transactional = |id: &str| Some(id.to_owned());
    let cases = [
        (None, 5, -1, ErrorCode::InvalidRequest),
        (None, -1, 5, ErrorCode::InvalidRequest),
        (transactional(""), -1, -1, ErrorCode::InvalidRequest),
        (transactional("t"), -1, -1, ErrorCode::NotCoordinator),
    ];
    for (transactional_id, producer_id, producer_epoch, expected) in cases {
        let request = InitProducerIdRequest {
            transactional_id,
            transaction_timeout_ms: 60_000,
            producer_id,
            producer_epoch,
            ..InitProducerIdRequest::default()
        };
        let response = init_producer_id(&fixture.broker, &caller(5), request).await;
        let all = (response.error_code, response.producer_id, response.producer_epoch);
        assert_eq!(all, (expected.code(), -1, -1));
    }
}

#[tokio::test]
async fn many_producers_at_once_share_a_block() {
    let fixture = Fixture::new();
    let broker = Arc::clone(&fixture.broker);
    let ids = (0..40).map(|_| {
        let broker = Arc::clone(&broker);
        tokio::spawn(async move {
            let request = InitProducerIdRequest { transactional_id: None, ..Default::default() };
            init_producer_id(&broker, &caller(5), request).await.producer_id
        })
    });
    let mut given = Vec::new();
    for id in ids.collect::<Vec<_>>() {
        given.push(id.await.expect("no panic"));
    }
    given.sort_unstable();
    assert_eq!(given, (0..40).collect::<Vec<i64>>());
}
