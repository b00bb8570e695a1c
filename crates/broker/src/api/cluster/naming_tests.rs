//! Metadata, DescribeTopicPartitions, FindCoordinator and OffsetDelete, where requests name what is not
//! there or name it twice. The answers are those of Apache Kafka 4.3.1.

use ottla_wire::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use ottla_wire::messages::metadata_request::MetadataRequestTopic;
use ottla_wire::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use ottla_wire::messages::{
    DescribeTopicPartitionsRequest, FindCoordinatorRequest, MetadataRequest, OffsetDeleteRequest,
};
use ottla_wire::{ErrorCode, Uuid};

use super::describe_topic_partitions::describe_topic_partitions;
use super::find_coordinator::find_coordinator;
use super::metadata::metadata;
use crate::api::access::TOPIC_OPERATIONS;
use crate::api::groups::offset_delete::take_unknown;
use crate::fixture::{Fixture, caller};

fn named(names: &[&str]) -> MetadataRequest {
    let topic = |name: &&str| MetadataRequestTopic {
        name: Some((*name).to_owned()),
        ..MetadataRequestTopic::default()
    };
    MetadataRequest {
        topics: Some(names.iter().map(topic).collect()),
        allow_auto_topic_creation: false,
        ..MetadataRequest::default()
    }
}

#[tokio::test]
async fn a_topic_is_described_once() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    let response = metadata(&fixture.broker, &caller(9), named(&["a", "b", "a", "b"])).await;
    let topics: Vec<_> = response.topics.iter().map(|topic| topic.name.as_deref()).collect();
    assert_eq!(topics, [Some("a"), Some("b")]);
}

#[tokio::test]
async fn operations_are_told_of_every_name() {
    let fixture = Fixture::new();
    let request =
        MetadataRequest { include_topic_authorized_operations: true, ..named(&["no-such-topic"]) };
    let response = metadata(&fixture.broker, &caller(9), request).await;
    assert_eq!(response.topics[0].topic_authorized_operations, TOPIC_OPERATIONS);
}

#[tokio::test]
async fn an_id_before_its_version_spoils_the_answer() {
    let mut fixture = Fixture::new();
    let topic_id = fixture.create("a", 1, &[]);
    let mut request = named(&["a"]);
    request.topics.get_or_insert_default()[0].topic_id = topic_id;
    let response = metadata(&fixture.broker, &caller(11), request).await;
    assert_eq!(response.topics[0].error_code, ErrorCode::InvalidRequest.code());
    assert!(response.brokers.is_empty());
    assert_eq!((response.cluster_id, response.controller_id), (None, -1));
}

#[tokio::test]
async fn a_cursor_that_points_nowhere_spoils_every_topic() {
    let mut fixture = Fixture::new();
    fixture.create("a", 2, &[]);
    let ask = |topic_name: &str, partition_index| {
        let topics = ["a", "b"]
            .map(|name| TopicRequest { name: name.to_owned(), ..TopicRequest::default() });
        let request = DescribeTopicPartitionsRequest {
            topics: topics.to_vec(),
            cursor: Some(Cursor {
                topic_name: topic_name.to_owned(),
                partition_index,
                ..Cursor::default()
            }),
            ..DescribeTopicPartitionsRequest::default()
        };
        let response = describe_topic_partitions(&fixture.broker, &caller(0), &request);
        response.topics.iter().map(|topic| topic.error_code).collect::<Vec<_>>()
    };
    let invalid = ErrorCode::InvalidRequest.code();
    assert_eq!(ask("a", -1), [invalid, invalid]);
    assert_eq!(ask("aa", 0), [invalid, invalid]);
    assert_eq!(ask("b", 0), [ErrorCode::UnknownTopicOrPartition.code()]);
}

#[tokio::test]
async fn coordinators_of_share_groups() {
    let fixture = Fixture::new();
    let cases = [
        ("g:AAAAAAAAAAAAAAAAAAAAAQ:0", 6, ErrorCode::CoordinatorNotAvailable),
        ("g:AAAAAAAAAAAAAAAAAAAAAQ:0", 5, ErrorCode::InvalidRequest),
        ("g:AAAAAAAAAAAAAAAAAAAAAQ", 6, ErrorCode::InvalidRequest),
        ("g:x:0", 6, ErrorCode::InvalidRequest),
        ("t", 6, ErrorCode::InvalidRequest),
        ("", 6, ErrorCode::InvalidRequest),
    ];
    for (key, version, expected) in cases {
        let request = FindCoordinatorRequest {
            key_type: 2,
            coordinator_keys: vec![key.to_owned()],
            ..FindCoordinatorRequest::default()
        };
        let response = find_coordinator(&fixture.broker, &caller(version), request).await;
        let found = &response.coordinators[0];
        assert_eq!(found.error_code, expected.code(), "{key}, version {version}");
        assert_eq!(found.error_message.as_deref(), Some(""), "{key}, version {version}");
    }
}

#[tokio::test]
async fn offsets_of_what_is_not_there_are_not_deleted() {
    let mut fixture = Fixture::new();
    assert_ne!(fixture.create("a", 1, &[]), Uuid::ZERO);
    let topic = |name: &str, partitions: &[i32]| OffsetDeleteRequestTopic {
        name: name.to_owned(),
        partitions: partitions
            .iter()
            .map(|index| OffsetDeleteRequestPartition { partition_index: *index })
            .collect(),
    };
    let mut request = OffsetDeleteRequest {
        group_id: "g".to_owned(),
        topics: vec![topic("a", &[0, 7]), topic("b", &[0])],
    };
    let unknown = take_unknown(&fixture.broker.image(), &mut request);
    assert_eq!(request.topics, [topic("a", &[0])]);
    let answers: Vec<_> = unknown
        .iter()
        .flat_map(|topic| {
            topic.partitions.iter().map(|each| (topic.name.as_str(), each.error_code))
        })
        .collect();
    let code = ErrorCode::UnknownTopicOrPartition.code();
    assert_eq!(answers, [("a", code), ("b", code)]);
}
