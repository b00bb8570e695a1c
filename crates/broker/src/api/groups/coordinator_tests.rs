//! What the offsets topic takes, in how many pieces, and how long anybody waits for it.

use std::time::Duration;

use ottla_hosting::fixture::records_per_batch;
use ottla_wire::ErrorCode;
use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_wire::messages::register_broker_record::BrokerEndpoint;
use ottla_wire::messages::{
    DeleteGroupsRequest, FindCoordinatorRequest, MetadataRecord, OffsetCommitRequest,
    RegisterBrokerRecord, RemoveTopicRecord,
};

use super::delete_groups::delete_groups;
use super::offset_commit::offset_commit;
use crate::api::cluster::find_coordinator;
use crate::fixture::{BROKER, Fixture, START_MS, caller};
use crate::internal_topics::OFFSETS_TOPIC;

async fn commit(fixture: &Fixture, partitions: std::ops::Range<i32>) -> i16 {
    let partition = |partition_index| OffsetCommitRequestPartition {
        partition_index,
        committed_offset: 7,
        ..OffsetCommitRequestPartition::default()
    };
    let topic = OffsetCommitRequestTopic {
        name: "t".to_owned(),
        partitions: partitions.map(partition).collect(),
        ..OffsetCommitRequestTopic::default()
    };
    let request = OffsetCommitRequest {
        group_id: "g".to_owned(),
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        ..OffsetCommitRequest::default()
    };
    loop {
        let response = offset_commit(&fixture.broker, &caller(8), request.clone()).await;
        let code = response.topics[0].partitions[0].error_code;
        // The coordinator may be loading yet.
        if code != ErrorCode::CoordinatorLoadInProgress.code() {
            return code;
        }
        tokio::task::yield_now().await;
    }
}

/// How many records each batch of the offsets topic holds.
fn batches(fixture: &Fixture) -> Vec<i32> {
    records_per_batch(&fixture.partition(OFFSETS_TOPIC, 0))
}

#[tokio::test]
async fn what_the_offsets_topic_does_not_take_is_refused_and_nothing_is_lost() {
    let mut fixture = Fixture::new();
    fixture.create("t", 100, &[]);
    fixture.create(OFFSETS_TOPIC, 1, &[("max.message.bytes", "400")]);
    assert_eq!(commit(&fixture, 0..2).await, 0);
    assert_eq!(commit(&fixture, 0..50).await, ErrorCode::UnknownServerError.code());
    assert_eq!(batches(&fixture), [2], "nothing was written");
    assert_eq!(commit(&fixture, 2..4).await, 0, "the coordinator did not have to load again");
    for first in (4..40).step_by(2) {
        assert_eq!(commit(&fixture, first..first + 2).await, 0);
    }
    // Tombstones go in several batches, each of which the topic takes.
    let request = DeleteGroupsRequest { groups_names: vec!["g".to_owned()], ..Default::default() };
    let response = delete_groups(&fixture.broker, &caller(2), request).await;
    assert_eq!(response.results[0].error_code, 0);
    let written = batches(&fixture);
    let tombstones: i32 = written[20..].iter().sum();
    assert_eq!(tombstones, 41, "forty offsets and the group");
    assert!(written.len() > 23, "{written:?}");
}

#[tokio::test]
async fn a_topic_that_was_deleted_while_nobody_coordinated_takes_its_offsets_along() {
    let mut fixture = Fixture::new();
    fixture.create("kept", 1, &[]);
    let deleted = fixture.create("t", 2, &[]);
    fixture.create(OFFSETS_TOPIC, 1, &[]);
    assert_eq!(commit(&fixture, 0..2).await, 0);
    fixture.broker.stop_coordinating();
    fixture.partitions().shutdown(1, START_MS);
    let Fixture { disk, clock, image, broker } = fixture;
    drop(broker);
    let mut image = image.as_ref().clone();
    let removal = RemoveTopicRecord { topic_id: deleted, ..RemoveTopicRecord::default() };
    image.apply(&MetadataRecord::RemoveTopic(removal)).expect("a topic");
    let fixture = Fixture::on(disk, clock, &["/data"], image);
    let begun = std::time::Instant::now();
    while batches(&fixture) != [2, 2] {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", batches(&fixture));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_commit_waits_so_long_and_no_longer() {
    let mut fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    fixture.create_replicated(OFFSETS_TOPIC, 1, &[], &[BROKER, 2], &[BROKER, 2]);
    let clock = fixture.clock.clone();
    let committing = commit(&fixture, 0..1);
    let passing = async {
        loop {
            tokio::task::yield_now().await;
            clock.advance(Duration::from_millis(1));
        }
    };
    let code = tokio::select! {
        code = committing => code,
        () = passing => unreachable!("time does not end"),
    };
    assert_eq!(code, ErrorCode::CoordinatorNotAvailable.code());
    assert_eq!(batches(&fixture), [1], "it may be committed yet");
}

/// The metadata says who leads at once; the log behind a coordinator may take long to be recovered.
#[tokio::test]
async fn nobody_is_sent_to_a_coordinator_whose_log_is_not_open() {
    let mut fixture = Fixture::new();
    let listener = BrokerEndpoint { name: "PLAINTEXT".to_owned(), ..BrokerEndpoint::default() };
    let registration = RegisterBrokerRecord {
        broker_id: BROKER,
        end_points: vec![listener],
        fenced: false,
        ..RegisterBrokerRecord::default()
    };
    fixture.apply([MetadataRecord::RegisterBroker(registration)]);
    fixture.create(OFFSETS_TOPIC, 1, &[]);
    let find = || async {
        let request =
            FindCoordinatorRequest { key: "g".to_owned(), ..FindCoordinatorRequest::default() };
        find_coordinator(&fixture.broker, &caller(3), request).await.error_code
    };
    assert_eq!(find().await, 0);
    fixture.broker.stop_coordinating();
    assert_eq!(find().await, ErrorCode::CoordinatorNotAvailable.code());
}
