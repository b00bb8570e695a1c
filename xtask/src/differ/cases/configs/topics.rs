//! Configurations of topics: every key with values that it may refuse, and changes.

use super::terms::*;
use crate::differ::book::Case;
use crate::differ::cases::terms::{some, text};
use ottla_wire::messages::{CreateTopicsRequest, create_topics_request};

pub fn cases() -> Vec<Case> {
    vec![topic_values(), incremental_topic(), lists()]
}

/// Each key of a topic with values that it may refuse.
const TOPIC_VALUES: &[(&str, &[&str])] = &[
    (
        "cleanup.policy",
        &["", "compact", "delete", "compact,delete", "Delete", "nonsense", "delete,delete", ","],
    ),
    ("compression.type", &["", "gzip", "GZIP", "producer", "uncompressed", "none", "lz5"]),
    ("compression.gzip.level", &["-1", "0", "1", "9", "10", "x"]),
    ("compression.lz4.level", &["0", "1", "17", "18"]),
    ("compression.zstd.level", &["-131072", "-131073", "0", "22", "23"]),
    ("delete.retention.ms", &["-1", "0", "x", "9223372036854775808"]),
    ("file.delete.delay.ms", &["-1", "0", ""]),
    ("flush.messages", &["0", "1", "-1"]),
    ("flush.ms", &["-1", "0"]),
    ("follower.replication.throttled.replicas", &["", "*", "0:1", "0:1,1:2", "x", "0", "0:x"]),
    ("index.interval.bytes", &["-1", "0", "2147483648"]),
    ("leader.replication.throttled.replicas", &["*", "0:1", "none", ":"]),
    ("local.retention.bytes", &["-3", "-2", "-1", "5"]),
    ("local.retention.ms", &["-3", "-2", "-1", "5"]),
    ("max.compaction.lag.ms", &["0", "1", "-1"]),
    ("max.message.bytes", &["-1", "0", "x"]),
    ("message.timestamp.after.max.ms", &["-1", "0"]),
    ("message.timestamp.before.max.ms", &["-1", "0"]),
    ("message.timestamp.type", &["CreateTime", "createtime", "LogAppendTime", ""]),
    ("min.cleanable.dirty.ratio", &["-0.1", "0", "0.5", "1", "1.1", "x", "NaN"]),
    ("min.compaction.lag.ms", &["-1", "0"]),
    ("min.insync.replicas", &["0", "1", "5", "-1"]),
    ("preallocate", &["true", "TRUE", "yes", "", " false "]),
    ("remote.storage.enable", &["true", "false", "x"]),
    ("remote.log.copy.disable", &["true", "false"]),
    ("remote.log.delete.on.disable", &["true", "false"]),
    ("retention.bytes", &["-2", "-1", "0"]),
    ("retention.ms", &["-2", "-1", "0", " 5 ", "5.0", "0x5", "+5"]),
    ("segment.bytes", &["1", "13", "14", "1048575", "1048576", "2147483648"]),
    ("segment.index.bytes", &["3", "4", "-1"]),
    ("segment.jitter.ms", &["-1", "0"]),
    ("segment.ms", &["0", "1", "-1"]),
    ("unclean.leader.election.enable", &["true", "false", "1"]),
    ("internal.segment.bytes", &["1024", "1"]),
    ("message.format.version", &["3.0"]),
    ("message.downconversion.enable", &["true"]),
    ("nonsense", &["1"]),
    ("", &["1"]),
    ("ottla.nonsense", &["1"]),
];

fn topic_values() -> Case {
    let mut case = Case::new("values of topic configs");
    for (key, values) in TOPIC_VALUES {
        for value in *values {
            case.ask(7, &format!("{key}={value}"), move |_| CreateTopicsRequest {
                topics: vec![create_topics_request::CreatableTopic {
                    name: text("config-value"),
                    num_partitions: 1,
                    replication_factor: 1,
                    configs: vec![create_topics_request::CreatableTopicConfig {
                        name: text(key),
                        value: some(value),
                        ..Default::default()
                    }],
                    ..Default::default()
                }],
                timeout_ms: 5_000,
                validate_only: true,
                ..Default::default()
            });
        }
    }
    case.ask(7, "a null value", |_| CreateTopicsRequest {
        topics: vec![create_topics_request::CreatableTopic {
            name: text("config-value"),
            num_partitions: 1,
            replication_factor: 1,
            configs: vec![create_topics_request::CreatableTopicConfig {
                name: text("retention.ms"),
                value: None,
                ..Default::default()
            }],
            ..Default::default()
        }],
        timeout_ms: 5_000,
        validate_only: true,
        ..Default::default()
    });
    case
}

fn incremental_topic() -> Case {
    let mut case = Case::new("alter a topic's configs");
    case.topic("alter", 1, &[]);
    case.versions("a value", |_, _| {
        alter(TOPIC, "alter", &[("retention.ms", SET, Some("5000"))], false)
    });
    let changes: &[&'static [Change]] = &[
        &[("retention.ms", SET, None)],
        &[("retention.ms", DELETE, Some("ignored"))],
        &[("retention.ms", APPEND, Some("1"))],
        &[("retention.ms", SUBTRACT, Some("1"))],
        &[("retention.ms", 4, Some("1"))],
        &[("retention.ms", -1, Some("1"))],
        &[("nonsense", SET, Some("1"))],
        &[("nonsense", DELETE, None)],
        &[("retention.ms", SET, Some("x"))],
        &[("cleanup.policy", APPEND, Some("compact"))],
        &[("cleanup.policy", SUBTRACT, Some("delete"))],
        &[("cleanup.policy", SUBTRACT, Some("nonsense"))],
        &[("cleanup.policy", APPEND, Some("nonsense"))],
        &[("cleanup.policy", APPEND, None)],
        &[("retention.ms", SET, Some("1")), ("retention.ms", SET, Some("2"))],
        &[("retention.ms", SET, Some("1")), ("retention.ms", DELETE, None)],
        &[("retention.ms", SET, Some("1")), ("segment.ms", SET, Some("x"))],
        &[("min.insync.replicas", SET, Some("9"))],
        &[("max.compaction.lag.ms", SET, Some("5")), ("min.compaction.lag.ms", SET, Some("9"))],
        &[],
    ];
    for changes in changes {
        incremental(&mut case, TOPIC, "alter", changes, true);
    }
    for name in ["no-such-topic", "a/b", "", "__consumer_offsets"] {
        incremental(&mut case, TOPIC, name, &[("retention.ms", SET, Some("5"))], true);
    }
    case.ask(4, "what is set", |_| ask(vec![resource(TOPIC, "alter", None)]));
    incremental(&mut case, TOPIC, "alter", &[("retention.ms", DELETE, None)], false);
    case.ask(4, "what is set no more", |_| ask(vec![resource(TOPIC, "alter", None)]));
    case
}

fn lists() -> Case {
    let mut case = Case::new("lists as values");
    case.topic("listed", 1, &[]);
    let steps: [(&str, &'static [Change]); 6] = [
        ("append", &[("cleanup.policy", APPEND, Some("compact"))]),
        ("append again", &[("cleanup.policy", APPEND, Some("compact"))]),
        ("subtract", &[("cleanup.policy", SUBTRACT, Some("delete"))]),
        ("subtract again", &[("cleanup.policy", SUBTRACT, Some("delete"))]),
        ("subtract the last", &[("cleanup.policy", SUBTRACT, Some("compact"))]),
        ("append two", &[("cleanup.policy", APPEND, Some("delete,compact"))]),
    ];
    for (name, changes) in steps {
        case.ask(1, name, move |_| alter(TOPIC, "listed", changes, false));
        case.ask(4, &format!("after: {name}"), |_| {
            ask(vec![resource(TOPIC, "listed", Some(&["cleanup.policy"]))])
        });
    }
    case
}
