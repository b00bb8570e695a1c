//! Transactional producers on one broker, request by request.

use ottla_log::Isolation;
use ottla_wire::ErrorCode;
use ottla_wire::Records;
use ottla_wire::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use ottla_wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use ottla_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ottla_wire::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use ottla_wire::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use ottla_wire::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, DescribeTransactionsRequest, EndTxnRequest,
    InitProducerIdRequest, ListTransactionsRequest, OffsetFetchRequest, ProduceRequest,
    TxnOffsetCommitRequest, WriteTxnMarkersRequest,
};
use ottla_wire::records::BatchOptions;

use crate::api;
use crate::api::records::produce_accepted::ProduceAnswer;
use crate::fixture::{Fixture, batch_with, caller};

const ID: &str = "payments";

/// A producer and what it is doing.
struct Client {
    producer_id: i64,
    epoch: i16,
    /// By partition of the one topic.
    sequences: [i32; 2],
}

fn fixture() -> Fixture {
    let mut fixture = Fixture::new();
    for name in ["data", "__consumer_offsets", "__transaction_state"] {
        fixture.create(name, 2, &[]);
    }
    fixture
}

async fn init(fixture: &Fixture) -> Client {
    let request = InitProducerIdRequest {
        transactional_id: Some(ID.to_owned()),
        transaction_timeout_ms: 60_000,
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdRequest::default()
    };
    loop {
        let broker = &fixture.broker;
        let answer = api::transactions::init_producer_id(broker, &caller(5), request.clone()).await;
        match ErrorCode::try_from_code(answer.error_code) {
            Some(ErrorCode::None) => {
                let (producer_id, epoch) = (answer.producer_id, answer.producer_epoch);
                return Client { producer_id, epoch, sequences: [0; 2] };
            }
            Some(ErrorCode::CoordinatorLoadInProgress | ErrorCode::ConcurrentTransactions) => {
                tokio::task::yield_now().await;
            }
            other => panic!("no producer id: {other:?}"),
        }
    }
}

impl Client {
    async fn produce(&mut self, fixture: &Fixture, version: i16, index: i32) -> ErrorCode {
        let options = BatchOptions {
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
            base_sequence: self.sequences[usize::try_from(index).expect("an index")],
            is_transactional: true,
            ..BatchOptions::default()
        };
        let request = ProduceRequest {
            transactional_id: Some(ID.to_owned()),
            acks: -1,
            timeout_ms: 1_000,
            topic_data: vec![TopicProduceData {
                name: "data".to_owned(),
                partition_data: vec![PartitionProduceData {
                    index,
                    records: Some(Records::Bytes(batch_with(options, &["record"]))),
                    ..PartitionProduceData::default()
                }],
                ..TopicProduceData::default()
            }],
            ..ProduceRequest::default()
        };
        let (broker, caller) = (&fixture.broker, caller(version));
        let verified = api::records::produce_verify::verified(broker, &caller, &request).await;
        let mut accepted = api::records::produce::accept(broker, &caller, request, &verified);
        accepted.settled().await;
        let listener = &caller.connection.listener;
        let ProduceAnswer::Response(answer) = accepted.answer(broker, listener) else {
            panic!("not answered")
        };
        let code = code(answer.responses[0].partition_responses[0].error_code);
        let place = usize::try_from(index).expect("an index");
        self.sequences[place] += i32::from(code == ErrorCode::None);
        code
    }

    async fn add(&self, fixture: &Fixture, version: i16, topic: &str, index: i32) -> ErrorCode {
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: ID.to_owned(),
            v3_and_below_producer_id: self.producer_id,
            v3_and_below_producer_epoch: self.epoch,
            v3_and_below_topics: vec![AddPartitionsToTxnTopic {
                name: topic.to_owned(),
                partitions: vec![index],
                ..AddPartitionsToTxnTopic::default()
            }],
            ..AddPartitionsToTxnRequest::default()
        };
        let (broker, caller) = (&fixture.broker, caller(version));
        let answer = api::transactions::add_partitions_to_txn(broker, &caller, request).await;
        let topic = &answer.results_by_topic_v3_and_below[0];
        code(topic.results_by_partition[0].partition_error_code)
    }

    async fn commit_offset(&self, fixture: &Fixture, version: i16, offset: i64) -> ErrorCode {
        let request = TxnOffsetCommitRequest {
            transactional_id: ID.to_owned(),
            group_id: "group".to_owned(),
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
            generation_id_or_member_epoch: -1,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: "data".to_owned(),
                partitions: vec![TxnOffsetCommitRequestPartition {
                    committed_offset: offset,
                    ..TxnOffsetCommitRequestPartition::default()
                }],
                ..TxnOffsetCommitRequestTopic::default()
            }],
            ..TxnOffsetCommitRequest::default()
        };
        loop {
            let (broker, caller) = (&fixture.broker, caller(version));
            let answer =
                api::transactions::txn_offset_commit(broker, &caller, request.clone()).await;
            match code(answer.topics[0].partitions[0].error_code) {
                // The coordinator of the group may be loading yet.
                ErrorCode::CoordinatorLoadInProgress => tokio::task::yield_now().await,
                code => return code,
            }
        }
    }

    async fn end(&mut self, fixture: &Fixture, version: i16, committed: bool) -> ErrorCode {
        let request = EndTxnRequest {
            transactional_id: ID.to_owned(),
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
            committed,
            ..EndTxnRequest::default()
        };
        let answer = api::transactions::end_txn(&fixture.broker, &caller(version), request).await;
        if answer.producer_epoch >= 0 {
            (self.producer_id, self.epoch) = (answer.producer_id, answer.producer_epoch);
            self.sequences = [0; 2];
        }
        code(answer.error_code)
    }
}

fn code(code: i16) -> ErrorCode {
    ErrorCode::try_from_code(code).expect("a code of Kafka's")
}

async fn offset(fixture: &Fixture, require_stable: bool) -> Result<i64, ErrorCode> {
    let topic = OffsetFetchRequestTopics {
        name: "data".to_owned(),
        partition_indexes: vec![0],
        ..OffsetFetchRequestTopics::default()
    };
    let group = OffsetFetchRequestGroup {
        group_id: "group".to_owned(),
        topics: Some(vec![topic]),
        ..OffsetFetchRequestGroup::default()
    };
    let request =
        OffsetFetchRequest { groups: vec![group], require_stable, ..OffsetFetchRequest::default() };
    let answer = api::groups::offset_fetch(&fixture.broker, &caller(8), request).await;
    let partition = &answer.groups[0].topics[0].partitions[0];
    match code(partition.error_code) {
        ErrorCode::None => Ok(partition.committed_offset),
        error => Err(error),
    }
}

/// Waits until the markers of the transaction are written.
async fn completed(fixture: &Fixture) -> String {
    loop {
        let request = DescribeTransactionsRequest {
            transactional_ids: vec![ID.to_owned()],
            ..DescribeTransactionsRequest::default()
        };
        let broker = &fixture.broker;
        let answer = api::transactions::describe_transactions(broker, &caller(0), request).await;
        let state = answer.transaction_states[0].transaction_state.clone();
        if !state.starts_with("Prepare") {
            return state;
        }
        tokio::task::yield_now().await;
    }
}

fn readable(fixture: &Fixture, index: i32) -> i64 {
    let partition = fixture.partition("data", index);
    partition.readable_end(Isolation::TransactionCommitted).expect("a leader")
}

#[tokio::test]
async fn a_client_of_kip_890_only_writes_and_ends() {
    for committed in [true, false] {
        let fixture = fixture();
        let mut client = init(&fixture).await;
        for round in 0..3 {
            for index in [0, 1, 0] {
                let written = client.produce(&fixture, 12, index).await;
                assert_eq!(written, ErrorCode::None, "round {round}");
            }
            assert_eq!(client.commit_offset(&fixture, 5, 7 + round).await, ErrorCode::None);
            assert_eq!(offset(&fixture, true).await, Err(ErrorCode::UnstableOffsetCommit));
            let before = client.epoch;
            let open = readable(&fixture, 0);
            assert_eq!(client.end(&fixture, 5, committed).await, ErrorCode::None);
            assert_eq!(client.epoch, before + 1);
            let expected = if committed { "CompleteCommit" } else { "CompleteAbort" };
            assert_eq!(completed(&fixture).await, expected);
            assert_eq!(readable(&fixture, 0), open + 3, "two records and a marker");
            let expected = if committed { 7 + round } else { -1 };
            assert_eq!(offset(&fixture, true).await, Ok(expected));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transaction_begins_while_the_one_before_is_being_completed() {
    let fixture = fixture();
    let mut client = init(&fixture).await;
    for round in 0..60 {
        // Its markers come between the questions about the partitions and the records.
        assert_eq!(client.commit_offset(&fixture, 5, round).await, ErrorCode::None, "{round}");
        assert_eq!(client.produce(&fixture, 12, 0).await, ErrorCode::None, "{round}");
        assert_eq!(client.end(&fixture, 5, true).await, ErrorCode::None, "{round}");
    }
    assert_eq!(completed(&fixture).await, "CompleteCommit");
    assert_eq!(offset(&fixture, true).await, Ok(59));
}

#[tokio::test]
async fn an_older_client_says_where_it_writes() {
    let fixture = fixture();
    let mut client = init(&fixture).await;
    assert_eq!(client.produce(&fixture, 9, 0).await, ErrorCode::InvalidTxnState);
    assert_eq!(client.produce(&fixture, 11, 0).await, ErrorCode::TransactionAbortable);
    assert_eq!(client.add(&fixture, 3, "nothing", 0).await, ErrorCode::UnknownTopicOrPartition);
    assert_eq!(client.add(&fixture, 3, "data", 0).await, ErrorCode::None);
    assert_eq!(client.produce(&fixture, 9, 0).await, ErrorCode::None);
    assert_eq!(client.commit_offset(&fixture, 3, 5).await, ErrorCode::InvalidTxnState);
    let request = AddOffsetsToTxnRequest {
        transactional_id: ID.to_owned(),
        producer_id: client.producer_id,
        producer_epoch: client.epoch,
        group_id: "group".to_owned(),
        ..AddOffsetsToTxnRequest::default()
    };
    let answer = api::transactions::add_offsets_to_txn(&fixture.broker, &caller(3), request).await;
    assert_eq!(answer.error_code, 0);
    assert_eq!(client.commit_offset(&fixture, 3, 5).await, ErrorCode::None);
    assert_eq!(client.end(&fixture, 3, true).await, ErrorCode::None);
    assert_eq!(completed(&fixture).await, "CompleteCommit");
    assert_eq!((offset(&fixture, true).await, readable(&fixture, 0)), (Ok(5), 2));
}

#[tokio::test]
async fn whoever_is_fenced_writes_no_more() {
    let fixture = fixture();
    let mut old = init(&fixture).await;
    assert_eq!(old.produce(&fixture, 12, 0).await, ErrorCode::None);
    let new = init(&fixture).await;
    assert_eq!((new.producer_id, new.epoch), (old.producer_id, old.epoch + 2));
    assert_eq!(readable(&fixture, 0), 2, "what it left is aborted");
    for index in [0, 1] {
        let refused = old.produce(&fixture, 12, index).await;
        assert_eq!(refused, ErrorCode::InvalidProducerEpoch);
    }
    assert_eq!(old.commit_offset(&fixture, 5, 5).await, ErrorCode::InvalidProducerEpoch);
    let old_epoch = old.epoch;
    for (version, expected) in
        [(1, ErrorCode::InvalidProducerEpoch), (2, ErrorCode::ProducerFenced)]
    {
        assert_eq!(old.add(&fixture, version, "data", 0).await, expected);
        assert_eq!(old.end(&fixture, version, true).await, expected);
    }
    assert_eq!(old.epoch, old_epoch);
}

#[tokio::test]
async fn markers_are_written_by_hand_too() {
    let fixture = fixture();
    let mut client = init(&fixture).await;
    assert_eq!(client.produce(&fixture, 12, 0).await, ErrorCode::None);
    assert_eq!(client.commit_offset(&fixture, 5, 5).await, ErrorCode::None);
    let topic = |name: &str, index| WritableTxnMarkerTopic {
        name: name.to_owned(),
        partition_indexes: vec![index],
        ..WritableTxnMarkerTopic::default()
    };
    let offsets = fixture.broker.groups.partition_of("group").expect("the topic exists");
    let marker = WritableTxnMarker {
        producer_id: client.producer_id,
        producer_epoch: client.epoch,
        transaction_result: false,
        topics: vec![topic("data", 0), topic("__consumer_offsets", offsets), topic("none", 3)],
        coordinator_epoch: 3,
        ..WritableTxnMarker::default()
    };
    for (epoch, expected) in [(3, ErrorCode::None), (2, ErrorCode::TransactionCoordinatorFenced)] {
        let marker = WritableTxnMarker { coordinator_epoch: epoch, ..marker.clone() };
        let request = WriteTxnMarkersRequest { markers: vec![marker], ..Default::default() };
        let answer =
            api::transactions::write_txn_markers(&fixture.broker, &caller(1), request).await;
        let codes: Vec<ErrorCode> = answer.markers[0]
            .topics
            .iter()
            .map(|topic| code(topic.partitions[0].error_code))
            .collect();
        assert_eq!(codes, [expected, expected, ErrorCode::UnknownTopicOrPartition]);
        assert_eq!((readable(&fixture, 0), offset(&fixture, true).await), (2, Ok(-1)));
    }
}

#[tokio::test]
async fn what_exists_is_listed() {
    let fixture = fixture();
    init(&fixture).await;
    let list = async |states: &[&str]| {
        let request = ListTransactionsRequest {
            state_filters: states.iter().map(|state| (*state).to_owned()).collect(),
            duration_filter: -1,
            ..ListTransactionsRequest::default()
        };
        api::transactions::list_transactions(&fixture.broker, &caller(2), request).await
    };
    let all = list(&[]).await;
    assert_eq!(all.transaction_states[0].transactional_id, ID);
    let none = list(&["Ongoing", "Sleeping"]).await;
    assert!(none.transaction_states.is_empty());
    assert_eq!(none.unknown_state_filters, ["Sleeping"]);
}

/// A line of the page of metrics.
async fn metric(fixture: &Fixture, name: &str) -> String {
    let mut page = String::new();
    fixture.broker.write_metrics(&mut page).await;
    let line = page.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in\n{page}")).to_owned()
}

#[tokio::test]
async fn how_transactions_end_is_counted() {
    let fixture = fixture();
    let mut client = init(&fixture).await;
    for committed in [true, false, false] {
        assert_eq!(client.produce(&fixture, 12, 0).await, ErrorCode::None);
        assert_eq!(client.end(&fixture, 5, committed).await, ErrorCode::None);
        completed(&fixture).await;
    }
    let count = async |name: &str| metric(&fixture, name).await;
    assert_eq!(count("ottla_transactions_total{outcome=\"committed\"}").await, "1");
    assert_eq!(count("ottla_transactions_total{outcome=\"aborted\"}").await, "2");
    const VERIFICATION: &str = "kafka_server_addpartitionstotxnmanager_verification";
    assert_eq!(count(&format!("{VERIFICATION}time_seconds_count")).await, "3");
    assert_eq!(count(&format!("{VERIFICATION}failure_total")).await, "0");
    client.epoch -= 1;
    let refused = client.produce(&fixture, 12, 1).await;
    assert_eq!(refused, ErrorCode::InvalidProducerEpoch);
    assert_eq!(count(&format!("{VERIFICATION}failure_total")).await, "1");
}
