//! Requests for which a controller has no time.

use crate::differ::book::Case;
use crate::differ::cases::terms::{some, text};
use ottla_wire::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use ottla_wire::messages::create_partitions_request::CreatePartitionsTopic;
use ottla_wire::messages::create_topics_request::CreatableTopic;
use ottla_wire::messages::delete_topics_request::DeleteTopicState;
use ottla_wire::messages::elect_leaders_request::TopicPartitions;
use ottla_wire::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use ottla_wire::messages::update_features_request::FeatureUpdateKey;
use ottla_wire::messages::{
    AlterPartitionReassignmentsRequest, CreatePartitionsRequest, CreateTopicsRequest,
    DeleteTopicsRequest, ElectLeadersRequest, ListPartitionReassignmentsRequest,
    UpdateFeaturesRequest,
};

/// A topic that is there.
const THERE: &str = "hurried";

pub fn cases() -> Vec<Case> {
    let mut setup = Case::new("a topic for those in a hurry");
    setup.topic(THERE, 2, &[]);
    [0, -1, i32::MIN].into_iter().fold(vec![setup], |mut cases, timeout_ms| {
        cases.push(topics(timeout_ms));
        cases.push(deletions(timeout_ms));
        cases.push(more_partitions(timeout_ms));
        cases.push(partitions(timeout_ms));
        cases.push(features(timeout_ms));
        cases
    })
}

fn topics(timeout_ms: i32) -> Case {
    let mut case = Case::new(&format!("topics in {timeout_ms} ms"));
    let creatable = |name: &str, num_partitions| CreatableTopic {
        name: text(name),
        num_partitions,
        replication_factor: 1,
        ..Default::default()
    };
    let lists = [
        ("one", vec![creatable("hurry", 1)]),
        ("wrong ones", vec![creatable("a b", 1), creatable("hurry", 0), creatable(THERE, 1)]),
        ("one twice", vec![creatable("hurry", 1), creatable("hurry", 1)]),
        ("none", Vec::new()),
    ];
    for (name, topics) in lists {
        for validate_only in [true, false] {
            let topics = topics.clone();
            case.versions(&format!("create {name}, trial {validate_only}"), move |_, _| {
                CreateTopicsRequest {
                    topics: topics.clone(),
                    timeout_ms,
                    validate_only,
                    ..Default::default()
                }
            });
        }
    }
    case
}

fn deletions(timeout_ms: i32) -> Case {
    let mut case = Case::new(&format!("deletions in {timeout_ms} ms"));
    for names in [&["no-such-topic"] as &'static [&'static str], &[THERE], &[]] {
        case.versions(&format!("delete {names:?}"), move |_, version| {
            let by_name = || names.iter().map(|name| text(name));
            let topics = || {
                by_name().map(|name| DeleteTopicState { name: Some(name), ..Default::default() })
            };
            DeleteTopicsRequest {
                topic_names: if version < 6 { by_name().collect() } else { Vec::new() },
                topics: if version < 6 { Vec::new() } else { topics().collect() },
                timeout_ms,
                ..Default::default()
            }
        });
    }
    case.ask(6, "delete by an id", move |known| DeleteTopicsRequest {
        topics: vec![DeleteTopicState { topic_id: known.id(THERE), ..Default::default() }],
        timeout_ms,
        ..Default::default()
    });
    case.ask(6, "delete neither a name nor an id", move |_| DeleteTopicsRequest {
        topics: vec![DeleteTopicState::default()],
        timeout_ms,
        ..Default::default()
    });
    case.ask(6, "delete a name and an id", move |known| DeleteTopicsRequest {
        topics: vec![DeleteTopicState {
            name: some(THERE),
            topic_id: known.id(THERE),
            ..Default::default()
        }],
        timeout_ms,
        ..Default::default()
    });
    case
}

fn more_partitions(timeout_ms: i32) -> Case {
    let mut case = Case::new(&format!("more partitions in {timeout_ms} ms"));
    for (topic, count) in [(THERE, 3), (THERE, 1), ("no-such-topic", 3)] {
        for validate_only in [true, false] {
            let name = format!("{count} partitions of {topic}, trial {validate_only}");
            case.versions(&name, move |_, _| CreatePartitionsRequest {
                topics: vec![CreatePartitionsTopic {
                    name: text(topic),
                    count,
                    ..Default::default()
                }],
                timeout_ms,
                validate_only,
                ..Default::default()
            });
        }
    }
    case
}

fn partitions(timeout_ms: i32) -> Case {
    let mut case = Case::new(&format!("partitions in {timeout_ms} ms"));
    for election_type in [0_i8, 1, 7] {
        let named = |topic: &str, partitions: &[i32]| TopicPartitions {
            topic: text(topic),
            partitions: partitions.to_vec(),
            ..Default::default()
        };
        let lists = [
            ("all", None),
            ("none", Some(Vec::new())),
            ("some", Some(vec![named(THERE, &[0, 9]), named("no-such-topic", &[0])])),
        ];
        for (name, topic_partitions) in lists {
            let name = format!("elections of {name}, type {election_type}");
            case.versions(&name, move |_, version| ElectLeadersRequest {
                election_type: if version == 0 { 0 } else { election_type },
                topic_partitions: topic_partitions.clone(),
                timeout_ms,
                ..Default::default()
            });
        }
    }
    let reassign = |topic: &str, partition_index, replicas: Option<Vec<i32>>| ReassignableTopic {
        name: text(topic),
        partitions: vec![ReassignablePartition { partition_index, replicas, ..Default::default() }],
        ..Default::default()
    };
    let lists = [
        ("none", Vec::new()),
        ("one", vec![reassign(THERE, 0, Some(vec![1]))]),
        ("strangers", vec![reassign(THERE, 9, None), reassign("no-such-topic", 0, None)]),
    ];
    for (name, topics) in lists {
        case.versions(&format!("reassignments of {name}"), move |_, _| {
            AlterPartitionReassignmentsRequest {
                timeout_ms,
                topics: topics.clone(),
                ..Default::default()
            }
        });
    }
    for topics in [
        None,
        Some(vec![ListPartitionReassignmentsTopics {
            name: text(THERE),
            partition_indexes: vec![0],
            ..Default::default()
        }]),
    ] {
        let name = format!("reassignments are listed, of all {}", topics.is_none());
        case.ask(0, &name, move |_| ListPartitionReassignmentsRequest {
            timeout_ms,
            topics: topics.clone(),
            ..Default::default()
        });
    }
    case
}

fn features(timeout_ms: i32) -> Case {
    let mut case = Case::new(&format!("features in {timeout_ms} ms"));
    let updates = [
        ("too high", vec![("metadata.version", 99)]),
        ("as it is", vec![("transaction.version", 2)]),
        ("none", Vec::new()),
    ];
    for (name, updates) in updates {
        case.versions(&format!("a level {name}"), move |_, _| UpdateFeaturesRequest {
            timeout_ms,
            feature_updates: updates
                .iter()
                .map(|(feature, max_version_level)| FeatureUpdateKey {
                    feature: text(feature),
                    max_version_level: *max_version_level,
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        });
    }
    case
}
