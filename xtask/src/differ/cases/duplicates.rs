//! What one request names more than once.

use super::terms::{some, text};
use crate::differ::book::{Case, unknown_id};
use ottla_wire::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use ottla_wire::messages::create_partitions_request::CreatePartitionsTopic;
use ottla_wire::messages::create_topics_request::CreatableTopic;
use ottla_wire::messages::delete_topics_request::DeleteTopicState;
use ottla_wire::messages::describe_configs_request::DescribeConfigsResource;
use ottla_wire::messages::describe_producers_request;
use ottla_wire::messages::describe_topic_partitions_request;
use ottla_wire::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use ottla_wire::messages::metadata_request::MetadataRequestTopic;
use ottla_wire::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use ottla_wire::messages::{
    AlterPartitionReassignmentsRequest, CreatePartitionsRequest, CreateTopicsRequest,
    DeleteTopicsRequest, DescribeConfigsRequest, DescribeProducersRequest,
    DescribeTopicPartitionsRequest, ListPartitionReassignmentsRequest, MetadataRequest,
    OffsetForLeaderEpochRequest,
};

pub fn cases() -> Vec<Case> {
    vec![metadata(), lookups(), changes()]
}

const TOPIC: &str = "twice";

fn metadata() -> Case {
    let mut case = Case::new("topics asked for twice");
    case.topic(TOPIC, 2, &[]);
    let named = |name: &str| MetadataRequestTopic { name: some(name), ..Default::default() };
    case.versions("by name", move |_, _| MetadataRequest {
        topics: Some(vec![
            named(TOPIC),
            named("no-such-topic"),
            named(TOPIC),
            named("no-such-topic"),
        ]),
        allow_auto_topic_creation: false,
        ..Default::default()
    });
    for version in [12, 13] {
        case.ask(version, "by id", |known| {
            let ids = [known.id(TOPIC), unknown_id(), known.id(TOPIC), unknown_id()];
            let of = |topic_id| MetadataRequestTopic { topic_id, name: None, ..Default::default() };
            MetadataRequest { topics: Some(ids.map(of).to_vec()), ..Default::default() }
        });
    }
    case.ask(0, "in pages", |_| DescribeTopicPartitionsRequest {
        topics: [TOPIC, "no-such-topic", TOPIC, "no-such-topic"]
            .map(|name| describe_topic_partitions_request::TopicRequest {
                name: text(name),
                ..Default::default()
            })
            .to_vec(),
        response_partition_limit: 2_000,
        ..Default::default()
    });
    case
}

fn lookups() -> Case {
    let mut case = Case::new("partitions asked for twice");
    for version in [2, 3, 4] {
        case.ask(version, "leader epochs", move |_| {
            let topic = OffsetForLeaderTopic {
                topic: text(TOPIC),
                partitions: [0, 0, 1, 9, 9]
                    .map(|partition| OffsetForLeaderPartition {
                        partition,
                        current_leader_epoch: -1,
                        leader_epoch: 0,
                        ..Default::default()
                    })
                    .to_vec(),
                ..Default::default()
            };
            OffsetForLeaderEpochRequest {
                replica_id: if version < 3 { -2 } else { -1 },
                topics: vec![topic.clone(), topic],
                ..Default::default()
            }
        });
    }
    case.ask(0, "producers", |_| {
        let topic = describe_producers_request::TopicRequest {
            name: text(TOPIC),
            partition_indexes: vec![0, 0, 9, 9],
            ..Default::default()
        };
        DescribeProducersRequest { topics: vec![topic.clone(), topic], ..Default::default() }
    });
    case.ask(0, "reassignments", |_| {
        let topic = ListPartitionReassignmentsTopics {
            name: text(TOPIC),
            partition_indexes: vec![0, 0, 9],
            ..Default::default()
        };
        ListPartitionReassignmentsRequest {
            topics: Some(vec![topic.clone(), topic]),
            timeout_ms: 5_000,
            ..Default::default()
        }
    });
    for (kind, name) in [(2_i8, TOPIC), (4, "1"), (4, ""), (16, "m"), (32, "g"), (64, "x")] {
        case.ask(4, &format!("configs of type {kind}, {name:?}"), move |_| {
            let resource = DescribeConfigsResource {
                resource_type: kind,
                resource_name: text(name),
                configuration_keys: Some(vec![text("retention.ms"), text("retention.ms")]),
                ..Default::default()
            };
            DescribeConfigsRequest { resources: vec![resource; 3], ..Default::default() }
        });
    }
    case
}

fn changes() -> Case {
    let mut case = Case::new("changes asked for twice");
    case.versions("topics are created", |_, version| {
        let topic = CreatableTopic {
            name: format!("twice-v{version}"),
            num_partitions: 1,
            replication_factor: 1,
            ..Default::default()
        };
        let other = CreatableTopic { name: format!("once-v{version}"), ..topic.clone() };
        CreateTopicsRequest {
            topics: vec![topic.clone(), other, topic],
            timeout_ms: 5_000,
            ..Default::default()
        }
    });
    case.versions("topics are deleted", |_, version| {
        let names = vec![text("once-v2"), text("once-v3"), text("once-v2")];
        if version < 6 {
            return DeleteTopicsRequest {
                topic_names: names,
                timeout_ms: 5_000,
                ..Default::default()
            };
        }
        let of = |name| DeleteTopicState { name: Some(name), ..Default::default() };
        DeleteTopicsRequest {
            topics: names.into_iter().map(of).collect(),
            timeout_ms: 5_000,
            ..Default::default()
        }
    });
    case.versions("partitions are created", |_, _| {
        let topic = CreatePartitionsTopic { name: text(TOPIC), count: 3, ..Default::default() };
        CreatePartitionsRequest {
            topics: vec![topic.clone(), topic],
            timeout_ms: 5_000,
            validate_only: true,
            ..Default::default()
        }
    });
    for version in [0, 1] {
        case.ask(version, "partitions are reassigned", |_| {
            let topic = ReassignableTopic {
                name: text(TOPIC),
                partitions: vec![
                    ReassignablePartition {
                        partition_index: 0,
                        replicas: Some(vec![1]),
                        ..Default::default()
                    };
                    2
                ],
                ..Default::default()
            };
            AlterPartitionReassignmentsRequest {
                topics: vec![topic.clone(), topic],
                timeout_ms: 5_000,
                ..Default::default()
            }
        });
    }
    case
}
