//! Metadata, DescribeTopicPartitions and DescribeCluster.

use super::terms::{some, text};
use crate::differ::book::{Case, unknown_id};
use ottla_wire::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use ottla_wire::messages::metadata_request::MetadataRequestTopic;
use ottla_wire::messages::{
    DescribeClusterRequest, DescribeTopicPartitionsRequest, MetadataRequest,
};

pub fn cases() -> Vec<Case> {
    vec![metadata(), by_id(), auto_creation(), partitions(), cluster()]
}

fn by_name(name: &str) -> MetadataRequestTopic {
    MetadataRequestTopic { name: some(name), ..Default::default() }
}

fn request(topics: Option<Vec<MetadataRequestTopic>>) -> MetadataRequest {
    MetadataRequest { topics, allow_auto_topic_creation: false, ..Default::default() }
}

fn metadata() -> Case {
    let mut case = Case::new("metadata");
    case.topic("meta-a", 3, &[]);
    case.topic("meta-b", 1, &[("min.insync.replicas", "1")]);
    // Before version 4 every request allows creation, so these name topics that exist.
    case.versions("two topics", |_, version| MetadataRequest {
        allow_auto_topic_creation: version < 4,
        ..request(Some(vec![by_name("meta-b"), by_name("meta-a")]))
    });
    case.versions("every topic, by null", |_, version| MetadataRequest {
        allow_auto_topic_creation: version < 4,
        ..request(None)
    });
    case.versions("no topic", |_, version| MetadataRequest {
        allow_auto_topic_creation: version < 4,
        ..request(Some(Vec::new()))
    });
    case.versions("unknown, invalid, empty", |_, _| {
        request(Some(vec![by_name("no-such-topic"), by_name("a/b"), by_name("")]))
    });
    case.versions("authorized operations", |_, _| MetadataRequest {
        include_topic_authorized_operations: true,
        ..request(Some(vec![by_name("meta-a"), by_name("no-such-topic")]))
    });
    case.versions("the cluster's authorized operations", |_, _| MetadataRequest {
        include_cluster_authorized_operations: true,
        ..request(Some(vec![by_name("meta-a")]))
    });
    for version in [4, 9, 13] {
        case.ask(version, "a topic twice", |_| {
            request(Some(vec![by_name("meta-a"), by_name("meta-a"), by_name("meta-b")]))
        });
        case.ask(version, "an unknown topic twice", |_| {
            request(Some(vec![by_name("no-such-topic"), by_name("no-such-topic")]))
        });
    }
    case
}

fn by_id() -> Case {
    let mut case = Case::new("metadata by id");
    case.topic("meta-id", 2, &[]);
    for version in [10, 11, 12, 13] {
        case.ask(version, "a known id", |known| {
            request(Some(vec![MetadataRequestTopic {
                topic_id: known.id("meta-id"),
                name: None,
                ..Default::default()
            }]))
        });
        case.ask(version, "an unknown id", |_| {
            request(Some(vec![MetadataRequestTopic {
                topic_id: unknown_id(),
                name: None,
                ..Default::default()
            }]))
        });
        case.ask(version, "neither id nor name", |_| {
            request(Some(vec![MetadataRequestTopic { name: None, ..Default::default() }]))
        });
        case.ask(version, "id and name", |known| {
            request(Some(vec![MetadataRequestTopic {
                topic_id: known.id("meta-id"),
                ..by_name("meta-id")
            }]))
        });
        case.ask(version, "an id and a name", |known| {
            request(Some(vec![
                MetadataRequestTopic {
                    topic_id: known.id("meta-id"),
                    name: None,
                    ..Default::default()
                },
                by_name("meta-id"),
            ]))
        });
        case.ask(version, "a known and an unknown id", |known| {
            request(Some(vec![
                MetadataRequestTopic {
                    topic_id: known.id("meta-id"),
                    name: None,
                    ..Default::default()
                },
                MetadataRequestTopic { topic_id: unknown_id(), name: None, ..Default::default() },
            ]))
        });
    }
    case
}

fn auto_creation() -> Case {
    let mut case = Case::new("metadata creates topics");
    case.ask(12, "a new name", |_| MetadataRequest {
        allow_auto_topic_creation: true,
        ..request(Some(vec![by_name("auto-new")]))
    });
    case.ask(12, "the name again", |_| MetadataRequest {
        allow_auto_topic_creation: true,
        ..request(Some(vec![by_name("auto-new")]))
    });
    case.ask(12, "an invalid name", |_| MetadataRequest {
        allow_auto_topic_creation: true,
        ..request(Some(vec![by_name("auto/new")]))
    });
    case.ask(12, "a name that collides", |_| MetadataRequest {
        allow_auto_topic_creation: true,
        ..request(Some(vec![by_name("col_li.sion")]))
    });
    case.ask(12, "an empty name", |_| MetadataRequest {
        allow_auto_topic_creation: true,
        ..request(Some(vec![by_name("")]))
    });
    case
}

fn partitions() -> Case {
    let mut case = Case::new("describe topic partitions");
    case.topic("parts-a", 3, &[]);
    case.topic("parts-b", 2, &[]);
    case.topic("parts-c", 1, &[]);
    let all: &'static [&str] = &["parts-c", "parts-a", "parts-b"];
    let asks: [(&str, &'static [&str], i32, Option<(&str, i32)>); 22] = [
        ("three topics", all, 2_000, None),
        ("a limit within a topic", all, 2, None),
        ("a limit at the end of a topic", all, 3, None),
        ("a limit at the end", all, 6, None),
        ("a limit of one", all, 1, None),
        ("a limit of none", all, 0, None),
        ("a negative limit", all, -1, None),
        ("a limit above the server's", all, i32::MAX, None),
        ("from within a topic", all, 2_000, Some(("parts-a", 2))),
        ("from within a topic, with a limit", all, 2, Some(("parts-a", 1))),
        ("from the end of a topic", all, 2_000, Some(("parts-a", 3))),
        ("from beyond a topic", all, 2_000, Some(("parts-a", 9))),
        ("from a negative partition", all, 2_000, Some(("parts-a", -1))),
        ("from a topic that was not asked for", all, 2_000, Some(("parts-aa", 0))),
        ("from a topic after all", all, 2_000, Some(("z", 0))),
        (
            "from an unknown topic asked for",
            &["no-such-topic", "parts-b"],
            9,
            Some(("no-such-topic", 0)),
        ),
        ("unknown names", &["no-such-topic", "parts-a", "a/b"], 2_000, None),
        ("an empty name", &["parts-a", ""], 2_000, None),
        ("unknown names and a limit", &["no-such-topic", "parts-a", "zz"], 1, None),
        ("a name twice", &["parts-a", "parts-a"], 2_000, None),
        ("of the whole cluster, from an unknown topic", &[], 1, Some(("parts-aa", 0))),
        ("of the whole cluster, with a limit", &[], 3, None),
    ];
    for (name, topics, limit, cursor) in asks {
        case.ask(0, name, move |_| DescribeTopicPartitionsRequest {
            topics: topics
                .iter()
                .map(|name| TopicRequest { name: text(name), ..Default::default() })
                .collect(),
            response_partition_limit: limit,
            cursor: cursor.map(|(topic, partition_index)| Cursor {
                topic_name: text(topic),
                partition_index,
                ..Default::default()
            }),
            ..Default::default()
        });
    }
    case
}

fn cluster() -> Case {
    let mut case = Case::new("describe cluster");
    for endpoint_type in [1, 2, 0, 3, -1] {
        case.versions(&format!("endpoints of type {endpoint_type}"), move |_, _| {
            DescribeClusterRequest { endpoint_type, ..Default::default() }
        });
    }
    case.versions("authorized operations", |_, _| DescribeClusterRequest {
        include_cluster_authorized_operations: true,
        ..Default::default()
    });
    case.versions("fenced brokers", |_, _| DescribeClusterRequest {
        include_fenced_brokers: true,
        ..Default::default()
    });
    case
}
