//! Produce, Fetch and their look-ups, against a broker on a memory disk.

use std::time::Duration;

use bytes::Bytes;
use ottla_wire::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use ottla_wire::messages::fetch_response::PartitionData;
use ottla_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ottla_wire::messages::produce_response::PartitionProduceResponse;
use ottla_wire::messages::{FetchRequest, ProduceRequest, ProduceResponse};
use ottla_wire::records::{BatchOptions, BatchViews, Compression, CompressionType};
use ottla_wire::{ErrorCode, Records, Uuid};

use super::fetch::{FetchAnswer, fetch};
use super::produce::accept;
use super::produce_accepted::ProduceAnswer;
use super::produce_verify::Verified;
use crate::fixture::{BROKER, Fixture, START_MS, batch, batch_with, caller};

/// A produce request of one partition.
fn produce_request(topic: &str, index: i32, acks: i16, records: Option<Bytes>) -> ProduceRequest {
    let partition = PartitionProduceData {
        index,
        records: records.map(Records::Bytes),
        ..PartitionProduceData::default()
    };
    let topic = TopicProduceData {
        name: topic.to_owned(),
        partition_data: vec![partition],
        ..TopicProduceData::default()
    };
    ProduceRequest { acks, timeout_ms: 1000, topic_data: vec![topic], ..ProduceRequest::default() }
}

async fn produce(fixture: &Fixture, version: i16, request: ProduceRequest) -> ProduceAnswer {
    let caller = caller(version);
    let mut accepted = accept(&fixture.broker, &caller, request, &Verified::default());
    accepted.settled().await;
    accepted.answer(&fixture.broker, &caller.connection.listener)
}

fn response(answer: ProduceAnswer) -> ProduceResponse {
    match answer {
        ProduceAnswer::Response(response) => response,
        other => panic!("a response is due, not {other:?}"),
    }
}

fn only(response: &ProduceResponse) -> &PartitionProduceResponse {
    let [topic] = &response.responses[..] else { panic!("one topic, not {response:?}") };
    let [partition] = &topic.partition_responses[..] else { panic!("one partition") };
    partition
}

/// Appends values and expects that to work.
async fn put(fixture: &Fixture, topic: &str, values: &[&str]) -> i64 {
    let request = produce_request(topic, 0, -1, Some(batch(values)));
    let response = response(produce(fixture, 12, request).await);
    let answer = only(&response);
    assert_eq!(answer.error_code, 0, "{answer:?}");
    answer.base_offset
}

/// A fetch of partition 0 of topics, without a session.
fn fetch_request(topics: &[(&str, i64)]) -> FetchRequest {
    let topic = |(topic, fetch_offset): &(&str, i64)| FetchTopic {
        topic: (*topic).to_owned(),
        partitions: vec![FetchPartition {
            partition: 0,
            fetch_offset: *fetch_offset,
            partition_max_bytes: 1 << 20,
            ..FetchPartition::default()
        }],
        ..FetchTopic::default()
    };
    FetchRequest {
        min_bytes: 1,
        topics: topics.iter().map(topic).collect(),
        ..FetchRequest::default()
    }
}

/// Every answered partition with its topic and records.
fn parts(answer: &FetchAnswer) -> Vec<(String, PartitionData, Bytes)> {
    let mut parts = Vec::new();
    for topic in &answer.response.responses {
        for partition in &topic.partitions {
            let records = match partition.records.as_ref().expect("records are never null") {
                Records::Bytes(bytes) => bytes.clone(),
                Records::Slot { index, len } => {
                    let slice = &answer.slices[usize::try_from(*index).expect("small")];
                    assert_eq!(slice.len(), usize::try_from(*len).expect("small"));
                    slice.read().expect("a readable slice")
                }
            };
            parts.push((topic.topic.clone(), partition.clone(), records));
        }
    }
    parts
}

fn offsets(records: &[u8]) -> Vec<(i64, i64)> {
    let batches = BatchViews::new(records).map(|batch| batch.expect("a whole batch"));
    batches.map(|batch| (batch.base_offset, batch.last_offset())).collect()
}

#[tokio::test]
async fn what_is_produced_is_fetched() {
    let mut fixture = Fixture::new();
    let id = fixture.create("a", 1, &[]);
    assert_eq!(put(&fixture, "a", &["x", "y"]).await, 0);
    let compressed =
        BatchOptions { compression: Compression::of(CompressionType::Lz4), ..Default::default() };
    let request = produce_request("a", 0, 1, Some(batch_with(compressed, &["z"])));
    let answer = response(produce(&fixture, 9, request).await);
    assert_eq!((only(&answer).base_offset, only(&answer).log_append_time_ms), (2, -1));
    let mut by_id = produce_request("", 0, 1, Some(batch(&["w"])));
    by_id.topic_data[0].topic_id = id;
    let answer = response(produce(&fixture, 13, by_id).await);
    assert_eq!((only(&answer).error_code, only(&answer).base_offset), (0, 3));
    let answer = fetch(&fixture.broker, &caller(12), fetch_request(&[("a", 1)])).await;
    let parts = parts(&answer);
    let [(topic, data, records)] = &parts[..] else { panic!("one partition, not {parts:?}") };
    assert_eq!((topic.as_str(), data.error_code), ("a", 0));
    assert_eq!((data.high_watermark, data.last_stable_offset, data.log_start_offset), (4, 4, 0));
    assert_eq!(data.aborted_transactions, None);
    // Batches are whole, and the first one holds the offset that was asked for.
    assert_eq!(offsets(records), [(0, 1), (2, 2), (3, 3)]);
}

#[tokio::test]
async fn acks_decide_what_comes_back() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    let records = || Some(batch(&["x"]));
    let silent = produce(&fixture, 9, produce_request("a", 0, 0, records())).await;
    assert!(matches!(silent, ProduceAnswer::Silent), "{silent:?}");
    let closed = produce(&fixture, 9, produce_request("nobody", 0, 0, records())).await;
    assert!(matches!(&closed, ProduceAnswer::Close(reason) if reason.contains("UNKNOWN_TOPIC")));
    for acks in [2, -2, i16::MAX] {
        let answer = response(produce(&fixture, 9, produce_request("a", 0, acks, records())).await);
        let expected = (ErrorCode::InvalidRequiredAcks.code(), -1, -1);
        let only = only(&answer);
        assert_eq!((only.error_code, only.base_offset, only.log_start_offset), expected);
    }
    assert_eq!(fixture.partition("a", 0).log_offsets().expect("online").log_end, 1);
}

#[tokio::test]
async fn refusals_are_kafkas() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[("max.message.bytes", "200")]);
    fixture.create("keyed", 1, &[("cleanup.policy", "compact")]);
    fixture.create("__consumer_offsets", 1, &[]);
    let good = batch(&["x"]);
    let patched = |at: usize, byte: u8| {
        let mut bytes = good.to_vec();
        bytes[at] = byte;
        Some(Bytes::from(bytes))
    };
    let twice = Some(Bytes::from([&good[..], &good[..]].concat()));
    let zstd =
        BatchOptions { compression: Compression::of(CompressionType::Zstd), ..Default::default() };
    let (short, long) = (Some(good.slice(..good.len() - 1)), "x".repeat(300));
    let transactional = BatchOptions {
        is_transactional: true,
        producer_id: 5,
        producer_epoch: 0,
        base_sequence: 0,
        ..BatchOptions::default()
    };
    let cases = [
        ("good", 9, "a", 0, Some(good.clone()), ErrorCode::None),
        ("no such topic", 9, "b", 0, Some(good.clone()), ErrorCode::UnknownTopicOrPartition),
        ("no such partition", 9, "a", 1, Some(good.clone()), ErrorCode::UnknownTopicOrPartition),
        ("below zero", 9, "a", -1, Some(good.clone()), ErrorCode::UnknownTopicOrPartition),
        ("no such id", 13, "", 0, Some(good.clone()), ErrorCode::UnknownTopicId),
        ("nothing", 9, "a", 0, Some(Bytes::new()), ErrorCode::InvalidRecord),
        ("null", 9, "a", 0, None, ErrorCode::UnknownServerError),
        ("null for nobody", 9, "b", 0, None, ErrorCode::UnknownTopicOrPartition),
        ("cut short", 9, "a", 0, short, ErrorCode::InvalidRecord),
        ("two batches", 9, "a", 0, twice, ErrorCode::InvalidRecord),
        ("old format", 9, "a", 0, patched(16, 1), ErrorCode::InvalidRecord),
        ("unknown format", 9, "a", 0, patched(16, 9), ErrorCode::CorruptMessage),
        ("a lying length", 9, "a", 0, patched(11, 1), ErrorCode::CorruptMessage),
        ("a damaged record", 9, "a", 0, patched(good.len() - 2, 7), ErrorCode::CorruptMessage),
        ("too long", 9, "a", 0, Some(batch(&[&long])), ErrorCode::MessageTooLarge),
        ("no key", 9, "keyed", 0, Some(good.clone()), ErrorCode::InvalidRecord),
        (
            "zstd too early",
            6,
            "a",
            0,
            Some(batch_with(zstd.clone(), &["x"])),
            ErrorCode::UnsupportedCompressionType,
        ),
        ("zstd in time", 7, "a", 0, Some(batch_with(zstd, &["x"])), ErrorCode::None),
        (
            "internal",
            9,
            "__consumer_offsets",
            0,
            Some(good.clone()),
            ErrorCode::InvalidTopicException,
        ),
        (
            "a transaction without an id",
            9,
            "a",
            0,
            Some(batch_with(transactional, &["x"])),
            ErrorCode::TransactionalIdAuthorizationFailed,
        ),
    ];
    for (what, version, topic, index, records, expected) in cases {
        let request = produce_request(topic, index, 1, records);
        let answer = response(produce(&fixture, version, request).await);
        let only = only(&answer);
        assert_eq!(ErrorCode::try_from_code(only.error_code), Some(expected), "{what}: {only:?}");
        if expected != ErrorCode::None {
            assert_eq!((only.base_offset, only.log_append_time_ms), (-1, -1), "{what}");
        }
        let has_record_errors = what == "no key";
        assert_eq!(!only.record_errors.is_empty(), has_record_errors, "{what}: {only:?}");
        if has_record_errors {
            assert!(only.error_message.is_some(), "{only:?}");
        }
    }
}

#[tokio::test]
async fn a_partition_named_twice_is_appended_once() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    let mut request = produce_request("a", 0, 1, Some(batch(&["first"])));
    let mut second = request.topic_data[0].clone();
    second.partition_data[0].records = Some(Records::Bytes(batch(&["last", "word"])));
    request.topic_data.push(second);
    let response = response(produce(&fixture, 9, request).await);
    assert_eq!(fixture.partition("a", 0).log_offsets().expect("online").log_end, 2);
    assert_eq!(only(&response).error_code, 0, "and its topic is answered once");
}

#[tokio::test]
async fn idempotent_producers_are_held_to_their_sequences() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    let sequence = |producer_epoch, base_sequence| BatchOptions {
        producer_id: 7,
        producer_epoch,
        base_sequence,
        ..BatchOptions::default()
    };
    let cases = [
        ("the first", 1, 0, ErrorCode::None, 0),
        ("the next", 1, 1, ErrorCode::None, 1),
        ("again", 1, 1, ErrorCode::None, 1),
        ("a gap", 1, 3, ErrorCode::OutOfOrderSequenceNumber, -1),
        ("an old epoch", 0, 2, ErrorCode::InvalidProducerEpoch, -1),
        ("a new epoch", 2, 0, ErrorCode::None, 2),
    ];
    for (what, epoch, base_sequence, expected, offset) in cases {
        let records = batch_with(sequence(epoch, base_sequence), &["x"]);
        let request = produce_request("a", 0, -1, Some(records));
        let answer = response(produce(&fixture, 9, request).await);
        let only = only(&answer);
        assert_eq!(ErrorCode::try_from_code(only.error_code), Some(expected), "{what}: {only:?}");
        assert_eq!(only.base_offset, offset, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn acks_all_waits_for_the_replicas_and_gives_up_in_time() {
    let mut fixture = Fixture::new();
    fixture.create_replicated("a", 1, &[], &[BROKER, 2], &[BROKER, 2]);
    let request = produce_request("a", 0, -1, Some(batch(&["x"])));
    let answer = response(produce(&fixture, 9, request).await);
    assert_eq!(only(&answer).error_code, ErrorCode::RequestTimedOut.code());
    assert_eq!(only(&answer).base_offset, 0);
    // The follower asks for what follows: it has the rest, which makes it committed.
    let request = produce_request("a", 0, -1, Some(batch(&["y"])));
    let caller_12 = caller(12);
    let mut accepted = accept(&fixture.broker, &caller_12, request, &Verified::default());
    let follower = FetchRequest { replica_id: 2, ..fetch_request(&[("a", 2)]) };
    tokio::join!(accepted.settled(), fetch(&fixture.broker, &caller_12, follower));
    let answer = accepted.answer(&fixture.broker, &caller_12.connection.listener);
    assert_eq!(only(&response(answer)).error_code, 0);
    let stranger = FetchRequest { replica_id: 3, ..fetch_request(&[("a", 0)]) };
    let answer = fetch(&fixture.broker, &caller_12, stranger).await;
    assert_eq!(parts(&answer)[0].1.error_code, ErrorCode::NotLeaderOrFollower.code());
}

#[tokio::test]
async fn too_few_replicas_in_sync_refuse_acks_all_only() {
    let mut fixture = Fixture::new();
    let configs = [("min.insync.replicas", "2")];
    fixture.create_replicated("a", 1, &configs, &[BROKER, 2], &[BROKER]);
    // With one replica in all, one is enough.
    fixture.create("alone", 1, &configs);
    for (topic, acks, expected) in [
        ("a", -1, ErrorCode::NotEnoughReplicas),
        ("a", 1, ErrorCode::None),
        ("alone", -1, ErrorCode::None),
    ] {
        let request = produce_request(topic, 0, acks, Some(batch(&["x"])));
        let answer = response(produce(&fixture, 9, request).await);
        assert_eq!(only(&answer).error_code, expected.code(), "{topic} acks={acks}");
    }
}

#[tokio::test]
async fn with_flush_messages_an_answer_means_that_it_is_on_disk() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[("flush.messages", "1")]);
    put(&fixture, "a", &["x"]).await;
    let partition = fixture.partition("a", 0);
    assert_eq!(partition.with_log(|log| log.recovery_point()), Some(1));
}

#[tokio::test]
async fn log_append_time_is_told() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[("message.timestamp.type", "LogAppendTime")]);
    fixture.clock.advance(Duration::from_secs(5));
    let request = produce_request("a", 0, 1, Some(batch(&["x"])));
    let answer = response(produce(&fixture, 9, request).await);
    assert_eq!(only(&answer).log_append_time_ms, START_MS + 5000);
}

#[tokio::test]
async fn who_leads_is_told_to_those_who_ask_the_wrong_broker() {
    let mut fixture = Fixture::new();
    let id = fixture.create("a", 1, &[]);
    fixture.lead_elsewhere(id, 2);
    let request = produce_request("a", 0, 1, Some(batch(&["x"])));
    let answer = response(produce(&fixture, 10, request).await);
    assert_eq!(only(&answer).error_code, ErrorCode::NotLeaderOrFollower.code());
    assert_eq!(
        (only(&answer).current_leader.leader_id, only(&answer).current_leader.leader_epoch),
        (2, 1)
    );
    let mut request = fetch_request(&[("", 0)]);
    request.topics[0].topic_id = id;
    request.topics[0].partitions[0].current_leader_epoch = 0;
    let answer = fetch(&fixture.broker, &caller(16), request).await;
    let data = &parts(&answer)[0].1;
    assert_eq!(data.error_code, ErrorCode::FencedLeaderEpoch.code());
    assert_eq!((data.current_leader.leader_id, data.current_leader.leader_epoch), (2, 1));
}

#[tokio::test]
async fn fetch_refusals_are_kafkas() {
    let mut fixture = Fixture::new();
    let id = fixture.create("a", 1, &[]);
    put(&fixture, "a", &["x", "y"]).await;
    let with = |offset, current, last: i32| {
        let mut request = fetch_request(&[("a", offset)]);
        request.topics[0].partitions[0].current_leader_epoch = current;
        request.topics[0].partitions[0].last_fetched_epoch = last;
        request
    };
    let by_id = |topic_id| {
        let mut request = fetch_request(&[("", 0)]);
        request.topics[0].topic_id = topic_id;
        request
    };
    let own = FetchRequest { replica_id: BROKER, ..fetch_request(&[("a", 0)]) };
    let isolated = FetchRequest { isolation_level: 2, ..fetch_request(&[("a", 0)]) };
    let cases = [
        ("good", 12, with(0, 0, -1), ErrorCode::None),
        ("at the end", 12, with(2, -1, -1), ErrorCode::None),
        ("beyond the end", 12, with(3, -1, -1), ErrorCode::OffsetOutOfRange),
        ("before the start", 12, with(-1, -1, -1), ErrorCode::OffsetOutOfRange),
        ("a later epoch", 12, with(0, 1, -1), ErrorCode::UnknownLeaderEpoch),
        ("an epoch nobody wrote in", 12, with(0, 0, 7), ErrorCode::OffsetOutOfRange),
        ("no such topic", 12, fetch_request(&[("b", 0)]), ErrorCode::UnknownTopicOrPartition),
        ("no such id", 13, by_id(Uuid::from_halves(9, 9)), ErrorCode::UnknownTopicId),
        ("a good id", 13, by_id(id), ErrorCode::None),
        ("the leader follows itself", 12, own, ErrorCode::NotLeaderOrFollower),
        ("no such isolation", 12, isolated, ErrorCode::UnknownServerError),
    ];
    for (what, version, request, expected) in cases {
        let answer = fetch(&fixture.broker, &caller(version), request).await;
        let found = ErrorCode::try_from_code(parts(&answer)[0].1.error_code);
        assert_eq!(found, Some(expected), "{what}");
    }
}

#[tokio::test]
async fn limits_hold_but_for_the_first_batch() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    fixture.create("b", 1, &[]);
    for topic in ["a", "b"] {
        for _ in 0..3 {
            put(&fixture, topic, &["0123456789"]).await;
        }
    }
    let bytes = batch(&["0123456789"]).len();
    let count = |records: &Bytes| offsets(records).len();
    // Partition limit, response limit, and how many batches of each topic come.
    let cases = [
        (1, 1 << 20, [1, 0]),
        (bytes, 1 << 20, [1, 1]),
        (bytes * 2, 1 << 20, [2, 2]),
        (1 << 20, 1, [1, 0]),
        (1 << 20, bytes * 4, [3, 1]),
        (1 << 20, 0, [1, 0]),
        (0, 1 << 20, [1, 0]),
    ];
    for (partition_bytes, max_bytes, expected) in cases {
        let mut request = fetch_request(&[("a", 0), ("b", 0)]);
        for topic in &mut request.topics {
            topic.partitions[0].partition_max_bytes =
                i32::try_from(partition_bytes).expect("small");
        }
        request.max_bytes = i32::try_from(max_bytes).expect("small");
        let answer = fetch(&fixture.broker, &caller(12), request).await;
        let counts: Vec<_> = parts(&answer).iter().map(|(_, _, records)| count(records)).collect();
        assert_eq!(counts, expected, "{partition_bytes} {max_bytes}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_ends_in_time_or_when_there_is_enough() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    let wait = FetchRequest { max_wait_ms: 500, min_bytes: 1, ..fetch_request(&[("a", 0)]) };
    let begun = tokio::time::Instant::now();
    let answer = fetch(&fixture.broker, &caller(12), wait.clone()).await;
    assert_eq!(begun.elapsed(), Duration::from_millis(500));
    assert!(answer.slices.is_empty());
    // One append is enough for one byte, two batches for more than one.
    let bytes = i32::try_from(batch(&["x"]).len()).expect("small");
    for (min_bytes, appends) in [(1, 1), (bytes + 1, 2)] {
        let offset = fixture.partition("a", 0).log_offsets().expect("online").log_end;
        let wait = FetchRequest { max_wait_ms: 500, min_bytes, ..fetch_request(&[("a", offset)]) };
        let begun = tokio::time::Instant::now();
        let append = async {
            for _ in 0..appends {
                tokio::time::advance(Duration::from_millis(100)).await;
                put(&fixture, "a", &["x"]).await;
            }
        };
        let caller = caller(12);
        let (answer, ()) = tokio::join!(fetch(&fixture.broker, &caller, wait), append);
        assert_eq!(begun.elapsed(), Duration::from_millis(100 * appends));
        let count = offsets(&parts(&answer)[0].2).len();
        assert_eq!(u64::try_from(count).expect("small"), appends);
    }
    assert!(fixture.partition("a", 0).waiters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_ends_when_the_topic_does() {
    let mut fixture = Fixture::new();
    let id = fixture.create("a", 1, &[]);
    let broker = fixture.broker.clone();
    let polling = tokio::spawn(async move {
        let wait = FetchRequest { max_wait_ms: 60_000, ..fetch_request(&[("a", 0)]) };
        fetch(&broker, &caller(12), wait).await
    });
    let partition = fixture.partition("a", 0);
    while partition.waiters().is_empty() {
        tokio::task::yield_now().await;
    }
    fixture.delete(id);
    let answer = polling.await.expect("no panic");
    let error = parts(&answer)[0].1.error_code;
    let expected = [ErrorCode::UnknownTopicOrPartition, ErrorCode::NotLeaderOrFollower];
    assert!(expected.iter().any(|code| code.code() == error), "{error}");
}

#[tokio::test]
async fn sessions_tell_changes_only() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    fixture.create("b", 1, &[]);
    put(&fixture, "a", &["x"]).await;
    let full = FetchRequest { session_epoch: 0, ..fetch_request(&[("a", 0), ("b", 0)]) };
    let answer = fetch(&fixture.broker, &caller(12), full).await;
    let session_id = answer.response.session_id;
    assert_ne!(session_id, 0);
    assert_eq!(parts(&answer).len(), 2);
    put(&fixture, "b", &["y"]).await;
    let mut next = fetch_request(&[("a", 1)]);
    (next.session_id, next.session_epoch) = (session_id, 1);
    let answer = fetch(&fixture.broker, &caller(12), next).await;
    let told: Vec<_> =
        parts(&answer).into_iter().map(|(topic, _, records)| (topic, records.len())).collect();
    assert_eq!(told, [("b".to_owned(), batch(&["y"]).len())]);
    let wrong = FetchRequest { session_id, session_epoch: 7, ..FetchRequest::default() };
    let answer = fetch(&fixture.broker, &caller(12), wrong).await;
    assert_eq!(answer.response.error_code, ErrorCode::InvalidFetchSessionEpoch.code());
    assert_eq!(answer.response.session_id, 0);
    let forget = FetchRequest {
        session_id,
        session_epoch: 2,
        min_bytes: 0,
        forgotten_topics_data: vec![ForgottenTopic {
            topic: "b".to_owned(),
            partitions: vec![0],
            ..ForgottenTopic::default()
        }],
        ..FetchRequest::default()
    };
    let answer = fetch(&fixture.broker, &caller(12), forget).await;
    assert_eq!((answer.response.error_code, parts(&answer).len()), (0, 0));
}

#[tokio::test]
async fn a_session_notices_that_its_topic_is_another_one() {
    let mut fixture = Fixture::new();
    let id = fixture.create("a", 1, &[]);
    let mut full = FetchRequest { session_epoch: 0, ..fetch_request(&[("", 0)]) };
    full.topics[0].topic_id = id;
    let answer = fetch(&fixture.broker, &caller(13), full).await;
    let next = |session_epoch| FetchRequest {
        session_id: answer.response.session_id,
        session_epoch,
        min_bytes: 1,
        ..FetchRequest::default()
    };
    fixture.delete(id);
    let gone = fetch(&fixture.broker, &caller(13), next(1)).await;
    assert_eq!(parts(&gone)[0].1.error_code, ErrorCode::UnknownTopicOrPartition.code());
    fixture.create("a", 1, &[]);
    let other = fetch(&fixture.broker, &caller(13), next(2)).await;
    assert_eq!(parts(&other)[0].1.error_code, ErrorCode::InconsistentTopicId.code());
}

#[tokio::test]
async fn counters_follow_the_data() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    put(&fixture, "a", &["x", "y"]).await;
    let answer = fetch(&fixture.broker, &caller(12), fetch_request(&[("a", 0)])).await;
    let bytes = parts(&answer)[0].2.len() as u64;
    let counts = fixture.partition("a", 0).counters().counts();
    assert_eq!((counts.messages_in, counts.bytes_in, counts.bytes_out), (2, bytes, bytes));
    assert_eq!((counts.produce_requests, counts.fetch_requests), (1, 1));
}
