//! CreateTopics, DeleteTopics and CreatePartitions.

use super::terms::some;
use crate::differ::book::{Case, unknown_id};
use ottla_wire::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use ottla_wire::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use ottla_wire::messages::delete_topics_request::DeleteTopicState;
use ottla_wire::messages::{CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest};

const NEWEST: i16 = 7;

pub fn cases() -> Vec<Case> {
    vec![create(), names(), numbers(), several(), placement(), delete(), add_partitions()]
}

fn topic(name: &str, partitions: i32, replicas: i16) -> CreatableTopic {
    CreatableTopic {
        name: name.to_owned(),
        num_partitions: partitions,
        replication_factor: replicas,
        ..Default::default()
    }
}

fn request(topics: Vec<CreatableTopic>, validate_only: bool) -> CreateTopicsRequest {
    CreateTopicsRequest { topics, timeout_ms: 10_000, validate_only, ..Default::default() }
}

/// A name that is new for every version.
fn versioned(name: &str, version: i16) -> String {
    format!("{name}-v{version}")
}

fn create() -> Case {
    let mut case = Case::new("create topics");
    case.versions("validate only", |_, version| {
        request(vec![topic(&versioned("created", version), 2, 1)], true)
    });
    case.versions("a new topic", |_, version| {
        request(vec![topic(&versioned("created", version), 2, 1)], false)
    });
    case.versions("a topic that exists", |_, version| {
        request(vec![topic(&versioned("created", version), 2, 1)], false)
    });
    case.versions("validate only, a topic that exists", |_, version| {
        request(vec![topic(&versioned("created", version), 2, 1)], true)
    });
    case.versions("defaults for partitions and replicas", |_, version| {
        request(vec![topic(&versioned("by-default", version), -1, -1)], false)
    });
    case.versions("with configurations", |_, version| {
        let mut topic = topic(&versioned("configured", version), 1, 1);
        for (name, value) in [("cleanup.policy", "compact"), ("retention.ms", "3600000")] {
            topic.configs.push(CreatableTopicConfig {
                name: name.to_owned(),
                value: some(value),
                ..Default::default()
            });
        }
        request(vec![topic], false)
    });
    case
}

fn names() -> Case {
    let mut case = Case::new("names of topics");
    let long = "n".repeat(249);
    let too_long = "n".repeat(250);
    let names = [
        "",
        ".",
        "..",
        "a b",
        "a/b",
        "a,b",
        "a:b",
        "a\nb",
        "\u{e9}",
        "\u{1f980}",
        "a\0b",
        "...",
        "_",
        "-",
        "UPPER_lower.0-9",
        "__consumer_offsets",
        "__transaction_state",
        "__cluster_metadata",
        long.as_str(),
        too_long.as_str(),
    ];
    for name in names {
        let name = name.to_owned();
        let shown: String = name.chars().take(20).collect();
        case.ask(NEWEST, &format!("{shown:?}, {} bytes", name.len()), move |_| {
            request(vec![topic(&name, 1, 1)], true)
        });
    }
    case.topic("col.li_sion", 1, &[]);
    for name in ["col_li_sion", "col_li.sion", "col.li.sion", "col.li_sion", "col-li-sion"] {
        case.ask(NEWEST, &format!("{name} beside col.li_sion"), move |_| {
            request(vec![topic(name, 1, 1)], true)
        });
    }
    case
}

fn numbers() -> Case {
    let mut case = Case::new("numbers of partitions and replicas");
    let numbers: [(i32, i16); 16] = [
        (0, 1),
        (-1, 1),
        (-2, 1),
        (i32::MIN, 1),
        (1, 0),
        (1, -1),
        (1, -2),
        (1, 2),
        (1, i16::MAX),
        (1, i16::MIN),
        (0, 0),
        (-1, -1),
        (9_999, 1),
        (10_000, 1),
        (10_001, 1),
        (100_000, 1),
    ];
    for (partitions, replicas) in numbers {
        case.ask(NEWEST, &format!("{partitions} partitions, {replicas} replicas"), move |_| {
            request(vec![topic("numbers", partitions, replicas)], true)
        });
    }
    case
}

fn several() -> Case {
    let mut case = Case::new("several topics in one request");
    case.ask(NEWEST, "the same name twice", |_| {
        request(vec![topic("twice", 1, 1), topic("twice", 1, 1)], false)
    });
    case.ask(NEWEST, "the same name twice and a good one", |_| {
        request(vec![topic("twice", 1, 1), topic("twice", 2, 1), topic("once", 1, 1)], false)
    });
    case.ask(NEWEST, "good and bad ones", |_| {
        request(vec![topic("mixed-a", 1, 1), topic("b/d", 1, 1), topic("mixed-c", 0, 1)], false)
    });
    case.ask(NEWEST, "a bad one and more than one request may make", |_| {
        let many = ["many-a", "many-b"].map(|name| topic(name, 5_000, 1));
        request([vec![topic("b/d", 1, 1)], many.into()].concat(), true)
    });
    case.ask(NEWEST, "names that collide with each other", |_| {
        request(vec![topic("col.lide", 1, 1), topic("col_lide", 1, 1)], false)
    });
    case
}

fn placement() -> Case {
    let mut case = Case::new("replicas placed by hand");
    let placements: &[(&str, i32, i16, &[(i32, &[i32])])] = &[
        ("two partitions", -1, -1, &[(0, &[1]), (1, &[1])]),
        ("out of order", -1, -1, &[(1, &[1]), (0, &[1])]),
        ("not from 0", -1, -1, &[(1, &[1])]),
        ("a gap", -1, -1, &[(0, &[1]), (2, &[1])]),
        ("a partition twice", -1, -1, &[(0, &[1]), (0, &[1])]),
        ("a negative partition", -1, -1, &[(-1, &[1])]),
        ("an unknown broker", -1, -1, &[(0, &[9])]),
        ("a negative broker", -1, -1, &[(0, &[-1])]),
        ("a broker twice", -1, -1, &[(0, &[1, 1])]),
        ("no broker", -1, -1, &[(0, &[])]),
        ("unequal numbers of brokers", -1, -1, &[(0, &[1]), (1, &[1, 9])]),
        ("with a number of partitions", 2, -1, &[(0, &[1]), (1, &[1])]),
        ("with a number of replicas", -1, 1, &[(0, &[1])]),
        ("with both numbers", 1, 1, &[(0, &[1])]),
    ];
    for (name, partitions, replicas, assignments) in placements {
        case.ask(NEWEST, name, move |_| {
            let mut topic = topic("placed", *partitions, *replicas);
            for (partition_index, broker_ids) in *assignments {
                topic.assignments.push(CreatableReplicaAssignment {
                    partition_index: *partition_index,
                    broker_ids: broker_ids.to_vec(),
                    ..Default::default()
                });
            }
            request(vec![topic], true)
        });
    }
    case
}

fn delete() -> Case {
    let mut case = Case::new("delete topics");
    let by_name = |name: &str| DeleteTopicState { name: some(name), ..Default::default() };
    for version in 1..=5 {
        case.topic(["del-1", "del-2", "del-3", "del-4", "del-5"][version as usize - 1], 1, &[]);
        case.ask(version, "by name, with one unknown", move |_| DeleteTopicsRequest {
            topic_names: vec![format!("del-{version}"), "no-such-topic".to_owned()],
            timeout_ms: 10_000,
            ..Default::default()
        });
    }
    case.topic("del-a", 1, &[]);
    case.topic("del-b", 1, &[]);
    case.topic("del-c", 1, &[]);
    let mut ask = |name: &str, topics: Vec<DeleteTopicState>| {
        case.ask(6, name, move |_| DeleteTopicsRequest {
            topics: topics.clone(),
            timeout_ms: 10_000,
            ..Default::default()
        });
    };
    ask("unknown name", vec![by_name("no-such-topic")]);
    ask("invalid name", vec![by_name("a/b")]);
    ask("empty name", vec![by_name("")]);
    ask("unknown id", vec![DeleteTopicState { topic_id: unknown_id(), ..Default::default() }]);
    ask("neither name nor id", vec![DeleteTopicState::default()]);
    ask(
        "both name and id",
        vec![DeleteTopicState {
            name: some("del-a"),
            topic_id: unknown_id(),
            ..Default::default()
        }],
    );
    ask("the same name twice", vec![by_name("del-a"), by_name("del-a")]);
    ask("an unknown name twice", vec![by_name("no-such-topic"), by_name("no-such-topic")]);
    ask("by name", vec![by_name("del-b")]);
    ask("by name again", vec![by_name("del-b")]);
    case.ask(6, "by id and by name, the same topic", |known| DeleteTopicsRequest {
        topics: vec![
            DeleteTopicState { topic_id: known.id("del-c"), ..Default::default() },
            DeleteTopicState { name: some("del-c"), ..Default::default() },
        ],
        timeout_ms: 10_000,
        ..Default::default()
    });
    case.ask(6, "by id", |known| DeleteTopicsRequest {
        topics: vec![DeleteTopicState { topic_id: known.id("del-c"), ..Default::default() }],
        timeout_ms: 10_000,
        ..Default::default()
    });
    case.ask(6, "no time", |_| DeleteTopicsRequest {
        topics: vec![DeleteTopicState { name: some("no-such-topic"), ..Default::default() }],
        timeout_ms: -1,
        ..Default::default()
    });
    case
}

fn add_partitions() -> Case {
    let mut case = Case::new("create partitions");
    let add = |name: &'static str, count: i32, brokers: Option<&[&[i32]]>| {
        let assignments = brokers.map(|brokers| {
            brokers
                .iter()
                .map(|broker_ids| CreatePartitionsAssignment {
                    broker_ids: broker_ids.to_vec(),
                    ..Default::default()
                })
                .collect::<Vec<_>>()
        });
        CreatePartitionsTopic { name: name.to_owned(), count, assignments, ..Default::default() }
    };
    let topics = [
        ("as many", add("grow", 2, None)),
        ("fewer", add("grow", 1, None)),
        ("none", add("grow", 0, None)),
        ("negative", add("grow", -1, None)),
        ("too many", add("grow", 10_100, None)),
        ("an unknown topic", add("no-such-topic", 3, None)),
        ("an empty name", add("", 3, None)),
        ("placed", add("grow", 3, Some(&[&[1]]))),
        ("placed on an unknown broker", add("grow", 3, Some(&[&[9]]))),
        ("placed on a broker twice", add("grow", 3, Some(&[&[1, 1]]))),
        ("placed nowhere", add("grow", 3, Some(&[&[]]))),
        ("too few places", add("grow", 4, Some(&[&[1]]))),
        ("too many places", add("grow", 3, Some(&[&[1], &[1]]))),
        ("no places", add("grow", 3, Some(&[]))),
        ("placed with more replicas", add("grow", 3, Some(&[&[1, 9]]))),
    ];
    case.topic("grow", 2, &[]);
    for (name, topic) in topics {
        case.ask(3, name, move |_| CreatePartitionsRequest {
            topics: vec![topic.clone()],
            timeout_ms: 10_000,
            validate_only: true,
            ..Default::default()
        });
    }
    case.versions("one more", |_, version| CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic {
            name: "grow".to_owned(),
            count: 3 + i32::from(version),
            ..Default::default()
        }],
        timeout_ms: 10_000,
        validate_only: false,
        ..Default::default()
    });
    case.ask(3, "the same topic twice", |_| {
        let topic =
            |count| CreatePartitionsTopic { name: "grow".to_owned(), count, ..Default::default() };
        CreatePartitionsRequest {
            topics: vec![topic(20), topic(21)],
            timeout_ms: 10_000,
            validate_only: false,
            ..Default::default()
        }
    });
    case
}
