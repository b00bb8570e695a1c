//! What changes the cluster: elections, reassignments, features, brokers. And ApiVersions.

use crate::differ::book::Case;
use crate::differ::cases::terms::text;
use ottla_wire::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use ottla_wire::messages::elect_leaders_request::TopicPartitions;
use ottla_wire::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use ottla_wire::messages::update_features_request::FeatureUpdateKey;
use ottla_wire::messages::{
    AlterPartitionReassignmentsRequest, ApiVersionsRequest, DescribeQuorumRequest,
    ElectLeadersRequest, ListPartitionReassignmentsRequest, UnregisterBrokerRequest,
    UpdateFeaturesRequest, describe_quorum_request,
};

pub fn cases() -> Vec<Case> {
    vec![
        api_versions(),
        elections(),
        reassignments(),
        features(),
        features_changed(),
        brokers(),
        quorum(),
    ]
}

/// The metadata log has its own name, one partition, and nothing in common with topics.
fn quorum() -> Case {
    let mut case = Case::new("quorum");
    case.topic("no-quorum", 1, &[]);
    // How far its log is and where its controllers are each side says of itself.
    let asked: [&'static [(&str, &[i32])]; 8] = [
        &[("__cluster_metadata", &[1])],
        &[("__cluster_metadata", &[-1])],
        &[("__cluster_metadata", &[0, 0])],
        &[("__cluster_metadata", &[])],
        &[("no-quorum", &[0])],
        &[("__cluster_metadata", &[0]), ("no-quorum", &[0])],
        &[("", &[0])],
        &[],
    ];
    for topics in asked {
        case.versions(&format!("of {topics:?}"), move |_, _| DescribeQuorumRequest {
            topics: topics
                .iter()
                .map(|(topic, partitions)| describe_quorum_request::TopicData {
                    topic_name: text(topic),
                    partitions: partitions
                        .iter()
                        .map(|partition| describe_quorum_request::PartitionData {
                            partition_index: *partition,
                            ..Default::default()
                        })
                        .collect(),
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        });
    }
    case
}

fn api_versions() -> Case {
    let mut case = Case::new("api versions");
    for (name, software, version) in [
        ("a named client", "apache-kafka-java", "4.3.1"),
        ("no name", "", "1"),
        ("no version", "client", ""),
        ("a name with a space", "a b", "1"),
        ("a name that starts with a dash", "-a", "1"),
        ("a version that ends with a dot", "a", "1."),
        ("letters of other alphabets", "\u{e9}", "1"),
        (
            "a long name",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "1",
        ),
    ] {
        case.versions(name, move |_, _| ApiVersionsRequest {
            client_software_name: text(software),
            client_software_version: text(version),
            ..Default::default()
        });
    }
    case
}

fn elections() -> Case {
    let mut case = Case::new("elections");
    case.topic("elect", 2, &[]);
    let topics: [(&str, Option<&'static [(&str, &[i32])]>); 6] = [
        ("every partition", None),
        ("no partition", Some(&[])),
        ("a partition", Some(&[("elect", &[0])])),
        ("partitions that are not there", Some(&[("elect", &[1, 9, -1])])),
        ("topics that are not there", Some(&[("no-such-topic", &[0]), ("a/b", &[0]), ("", &[0])])),
        ("a partition twice", Some(&[("elect", &[0, 0])])),
    ];
    for (name, topics) in topics {
        for election_type in [0_i8, 1, 2, -1] {
            case.versions(&format!("{name}, type {election_type}"), move |_, _| {
                ElectLeadersRequest {
                    election_type,
                    topic_partitions: topics.map(|topics| {
                        topics
                            .iter()
                            .map(|(topic, partitions)| TopicPartitions {
                                topic: text(topic),
                                partitions: partitions.to_vec(),
                                ..Default::default()
                            })
                            .collect()
                    }),
                    timeout_ms: 5_000,
                    ..Default::default()
                }
            });
        }
    }
    case
}

fn reassignments() -> Case {
    let mut case = Case::new("reassignments");
    case.topic("move", 2, &[]);
    let replicas: &[(&str, i32, Option<&[i32]>)] = &[
        ("move", 0, Some(&[1])),
        ("move", 0, None),
        ("move", 0, Some(&[])),
        ("move", 0, Some(&[9])),
        ("move", 0, Some(&[1, 1])),
        ("move", 0, Some(&[-1])),
        ("move", 0, Some(&[1, 9])),
        ("move", 9, Some(&[1])),
        ("move", -1, None),
        ("no-such-topic", 0, Some(&[1])),
        ("a/b", 0, None),
        ("", 0, None),
    ];
    for (topic, partition, replicas) in replicas {
        for version in [0, 1] {
            let name = format!("partition {partition} of {topic:?} to {replicas:?}");
            case.ask(version, &name, move |_| AlterPartitionReassignmentsRequest {
                timeout_ms: 5_000,
                topics: vec![ReassignableTopic {
                    name: text(topic),
                    partitions: vec![ReassignablePartition {
                        partition_index: *partition,
                        replicas: replicas.map(<[i32]>::to_vec),
                        ..Default::default()
                    }],
                    ..Default::default()
                }],
                ..Default::default()
            });
        }
    }
    more_reassignments(&mut case);
    case
}

fn more_reassignments(case: &mut Case) {
    case.ask(1, "a factor that may not change", |_| AlterPartitionReassignmentsRequest {
        timeout_ms: 5_000,
        allow_replication_factor_change: false,
        topics: vec![ReassignableTopic {
            name: text("move"),
            partitions: vec![ReassignablePartition {
                partition_index: 0,
                replicas: Some(vec![1]),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    });
    for (name, topics) in [
        ("all of them", None),
        ("of no topic", Some(Vec::new())),
        ("of a topic", Some(vec![("move", vec![0, 1])])),
        ("of what is not there", Some(vec![("move", vec![9, -1]), ("no-such-topic", vec![0])])),
    ] {
        case.ask(0, &format!("list {name}"), move |_| ListPartitionReassignmentsRequest {
            topics: topics.as_ref().map(|topics| {
                topics
                    .iter()
                    .map(|(name, partitions)| ListPartitionReassignmentsTopics {
                        name: text(name),
                        partition_indexes: partitions.clone(),
                        ..Default::default()
                    })
                    .collect()
            }),
            ..Default::default()
        });
    }
}

fn features() -> Case {
    let mut case = Case::new("features");
    let updates: &[(&str, i16, i8)] = &[
        ("no.such.feature", 1, 1),
        ("no.such.feature", 0, 1),
        ("no.such.feature", 0, 2),
        ("", 1, 1),
        ("metadata.version", 1, 1),
        ("metadata.version", 1, 2),
        ("metadata.version", 1, 3),
        ("metadata.version", 0, 1),
        ("metadata.version", -1, 1),
        ("metadata.version", 99, 1),
        ("metadata.version", 7, 0),
        ("metadata.version", 7, 4),
        ("kraft.version", 9, 1),
        ("group.version", 9, 1),
        ("transaction.version", 9, 1),
    ];
    for (feature, level, upgrade) in updates {
        case.versions(&format!("{feature:?} to {level}, type {upgrade}"), move |_, version| {
            UpdateFeaturesRequest {
                timeout_ms: 5_000,
                feature_updates: vec![FeatureUpdateKey {
                    feature: text(feature),
                    max_version_level: *level,
                    allow_downgrade: version == 0 && *upgrade > 1,
                    upgrade_type: if version == 0 { 1 } else { *upgrade },
                    ..Default::default()
                }],
                validate_only: version > 0,
                ..Default::default()
            }
        });
    }
    case.ask(2, "kraft.version to 1", |_| UpdateFeaturesRequest {
        timeout_ms: 5_000,
        feature_updates: vec![FeatureUpdateKey {
            feature: text("kraft.version"),
            max_version_level: 1,
            ..Default::default()
        }],
        validate_only: true,
        ..Default::default()
    });
    case.ask(2, "a feature twice", |_| {
        let update = FeatureUpdateKey {
            feature: text("metadata.version"),
            max_version_level: 99,
            ..Default::default()
        };
        UpdateFeaturesRequest {
            feature_updates: vec![update.clone(), update],
            timeout_ms: 5_000,
            validate_only: true,
            ..Default::default()
        }
    });
    case
}

/// What may really be changed back and forth.
fn features_changed() -> Case {
    let mut case = Case::new("features that change");
    for (feature, level, upgrade_type) in [
        ("transaction.version", 1, 1),
        ("transaction.version", 1, 2),
        ("transaction.version", 2, 1),
    ] {
        for validate_only in [true, false] {
            let name = format!("{feature} to {level}, type {upgrade_type}, trial {validate_only}");
            case.ask(2, &name, move |_| UpdateFeaturesRequest {
                timeout_ms: 5_000,
                feature_updates: vec![FeatureUpdateKey {
                    feature: text(feature),
                    max_version_level: level,
                    upgrade_type,
                    ..Default::default()
                }],
                validate_only,
                ..Default::default()
            });
        }
    }
    case.ask(2, "one that may and one that may not", |_| {
        let update = |feature: &str, max_version_level| FeatureUpdateKey {
            feature: text(feature),
            max_version_level,
            ..Default::default()
        };
        UpdateFeaturesRequest {
            timeout_ms: 5_000,
            feature_updates: vec![update("transaction.version", 2), update("no.such", 1)],
            ..Default::default()
        }
    });
    case.ask(2, "no feature at all", |_| UpdateFeaturesRequest {
        timeout_ms: 5_000,
        ..Default::default()
    });
    case
}

fn brokers() -> Case {
    let mut case = Case::new("brokers that leave");
    for broker_id in [9, 0, -1, i32::MAX] {
        case.ask(0, &format!("broker {broker_id}"), move |_| UnregisterBrokerRequest {
            broker_id,
            ..Default::default()
        });
    }
    case
}
