//! DescribeConfigs, AlterConfigs, IncrementalAlterConfigs and ListConfigResources.

use super::terms::{some, text};
use crate::differ::book::Case;
use ottla_wire::messages::describe_configs_request::DescribeConfigsResource;
use ottla_wire::messages::{
    AlterConfigsRequest, CreateTopicsRequest, DescribeConfigsRequest,
    IncrementalAlterConfigsRequest, ListConfigResourcesRequest, alter_configs_request,
    create_topics_request, incremental_alter_configs_request,
};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

pub fn cases() -> Vec<Case> {
    vec![
        describe(),
        wrong_describe(),
        topic_values(),
        incremental_topic(),
        lists(),
        incremental_broker(),
        incremental_others(),
        duplicates(),
        legacy(),
        resources(),
    ]
}

fn resource(resource_type: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsResource {
    DescribeConfigsResource {
        resource_type,
        resource_name: text(name),
        configuration_keys: keys.map(|keys| keys.iter().map(|key| text(key)).collect()),
        ..Default::default()
    }
}

fn ask(resources: Vec<DescribeConfigsResource>) -> DescribeConfigsRequest {
    DescribeConfigsRequest { resources, ..Default::default() }
}

fn describe() -> Case {
    let mut case = Case::new("describe configs");
    case.topic("conf", 1, &[("retention.ms", "1000"), ("cleanup.policy", "compact,delete")]);
    let resources = [
        ("a topic", TOPIC, "conf"),
        ("the broker", BROKER, "1"),
        ("every broker", BROKER, ""),
        ("a group", GROUP, "some-group"),
        ("client metrics", CLIENT_METRICS, "some-subscription"),
    ];
    for (name, kind, resource_name) in resources {
        case.versions(name, move |_, _| ask(vec![resource(kind, resource_name, None)]));
        case.versions(&format!("{name}, with synonyms"), move |_, _| DescribeConfigsRequest {
            include_synonyms: true,
            ..ask(vec![resource(kind, resource_name, None)])
        });
        case.ask(4, &format!("{name}, with documentation"), move |_| DescribeConfigsRequest {
            include_documentation: true,
            include_synonyms: true,
            ..ask(vec![resource(kind, resource_name, None)])
        });
        case.ask(4, &format!("{name}, no key"), move |_| {
            ask(vec![resource(kind, resource_name, Some(&[]))])
        });
        case.ask(4, &format!("{name}, some keys"), move |_| {
            let keys = ["retention.ms", "nonsense", "log.dirs", "share.session.timeout.ms"];
            ask(vec![resource(kind, resource_name, Some(&keys))])
        });
    }
    case
}

fn wrong_describe() -> Case {
    let mut case = Case::new("describe configs of what is not there");
    let resources = [
        (TOPIC, "no-such-topic"),
        (TOPIC, "a/b"),
        (TOPIC, ""),
        (BROKER, "9"),
        (BROKER, "one"),
        (BROKER, "-1"),
        (BROKER_LOGGER, ""),
        (BROKER_LOGGER, "9"),
        (BROKER_LOGGER, "one"),
        (GROUP, ""),
        (CLIENT_METRICS, ""),
        (0, "x"),
        (1, "x"),
        (3, "x"),
        (64, "x"),
        (-1, "x"),
    ];
    for (kind, name) in resources {
        case.ask(4, &format!("{name:?} of type {kind}"), move |_| {
            ask(vec![resource(kind, name, None)])
        });
    }
    case.ask(4, "a topic twice", |_| {
        ask(vec![resource(TOPIC, "conf", Some(&["x"])), resource(TOPIC, "conf", Some(&["x"]))])
    });
    case.ask(4, "keys twice", |_| {
        ask(vec![resource(TOPIC, "conf", Some(&["retention.ms", "retention.ms"]))])
    });
    case
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

type Change = (&'static str, i8, Option<&'static str>);

fn alter(
    kind: i8,
    name: &str,
    changes: &[Change],
    validate: bool,
) -> IncrementalAlterConfigsRequest {
    use incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
    IncrementalAlterConfigsRequest {
        resources: vec![AlterConfigsResource {
            resource_type: kind,
            resource_name: text(name),
            configs: changes
                .iter()
                .map(|(key, operation, value)| AlterableConfig {
                    name: text(key),
                    config_operation: *operation,
                    value: value.map(text),
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        }],
        validate_only: validate,
        ..Default::default()
    }
}

fn incremental(
    case: &mut Case,
    kind: i8,
    name: &'static str,
    changes: &'static [Change],
    validate: bool,
) {
    case.ask(1, &format!("{changes:?} of {name:?}, type {kind}"), move |_| {
        alter(kind, name, changes, validate)
    });
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

fn incremental_broker() -> Case {
    let mut case = Case::new("alter the broker's configs");
    let changes: &[&'static [Change]] = &[
        &[("log.retention.ms", SET, Some("x"))],
        &[("log.retention.ms", SET, None)],
        &[("log.retention.ms", DELETE, None)],
        &[("log.cleaner.threads", SET, Some("0"))],
        &[("log.cleaner.threads", SET, Some("2"))],
        &[("log.cleaner.threads", SET, Some("100"))],
        &[("num.io.threads", SET, Some("100"))],
        &[("num.io.threads", SET, Some("9"))],
        &[("broker.id", SET, Some("7"))],
        &[("node.id", SET, Some("7"))],
        &[("log.dirs", SET, Some("/nowhere"))],
        &[("process.roles", SET, Some("broker"))],
        &[("nonsense", SET, Some("1"))],
        &[("nonsense", DELETE, None)],
        &[("log.cleanup.policy", APPEND, Some("compact"))],
        &[("log.cleanup.policy", SUBTRACT, Some("delete"))],
        &[("num.partitions", SET, Some("3"))],
        &[("advertised.listeners", SET, Some("PLAINTEXT://x:1"))],
        &[("listeners", SET, Some("PLAINTEXT://x:1"))],
        &[("max.connections", SET, Some("-1"))],
        &[("max.connections", SET, Some("1000"))],
        &[("message.max.bytes", SET, Some("-1"))],
        &[("min.insync.replicas", SET, Some("2"))],
        &[("log.segment.bytes", SET, Some("1"))],
        &[("background.threads", SET, Some("1"))],
        &[("metric.reporters", SET, Some("nonsense"))],
        &[("leader.replication.throttled.rate", SET, Some("5"))],
        &[],
    ];
    for changes in changes {
        for name in ["1", ""] {
            incremental(&mut case, BROKER, name, changes, true);
        }
    }
    for name in ["9", "one", "-1"] {
        incremental(&mut case, BROKER, name, &[("log.retention.ms", SET, Some("5"))], true);
    }
    for name in ["1", ""] {
        incremental(
            &mut case,
            BROKER,
            name,
            &[("log.flush.interval.ms", SET, Some("5000"))],
            false,
        );
        case.ask(4, &format!("what is set of {name:?}"), move |_| DescribeConfigsRequest {
            include_synonyms: true,
            ..ask(vec![
                resource(BROKER, "1", Some(&["log.flush.interval.ms"])),
                resource(BROKER, "", None),
                resource(TOPIC, "alter", Some(&["flush.ms"])),
            ])
        });
    }
    for name in ["1", ""] {
        incremental(&mut case, BROKER, name, &[("log.flush.interval.ms", DELETE, None)], false);
    }
    case
}

fn incremental_others() -> Case {
    let mut case = Case::new("alter other configs");
    let metrics: &[&'static [Change]] = &[
        &[("interval.ms", SET, Some("100"))],
        &[("interval.ms", SET, Some("99"))],
        &[("interval.ms", SET, Some("3600001"))],
        &[("interval.ms", SET, Some("x"))],
        &[("metrics", SET, Some("a,b"))],
        &[("metrics", APPEND, Some("c"))],
        &[("metrics", SET, Some(""))],
        &[("match", SET, Some("client_id=a"))],
        &[("match", SET, Some("client_id"))],
        &[("match", SET, Some("nonsense=a"))],
        &[("match", SET, Some("client_id=["))],
        &[("nonsense", SET, Some("1"))],
        &[],
    ];
    for changes in metrics {
        incremental(&mut case, CLIENT_METRICS, "subscription", changes, true);
    }
    incremental(&mut case, CLIENT_METRICS, "", &[("interval.ms", SET, Some("100"))], true);
    let groups: &[&'static [Change]] = &[
        &[("consumer.session.timeout.ms", SET, Some("50000"))],
        &[("consumer.session.timeout.ms", SET, Some("1"))],
        &[("consumer.session.timeout.ms", SET, Some("x"))],
        &[("consumer.heartbeat.interval.ms", SET, Some("6000"))],
        &[("consumer.heartbeat.interval.ms", SET, Some("50000"))],
        &[("share.auto.offset.reset", SET, Some("earliest"))],
        &[("share.auto.offset.reset", SET, Some("nonsense"))],
        &[("share.isolation.level", SET, Some("read_committed"))],
        &[("share.record.lock.duration.ms", SET, Some("1"))],
        &[("streams.num.standby.replicas", SET, Some("1"))],
        &[("streams.num.standby.replicas", SET, Some("99"))],
        &[("nonsense", SET, Some("1"))],
        &[],
    ];
    for changes in groups {
        incremental(&mut case, GROUP, "some-group", changes, true);
    }
    incremental(&mut case, GROUP, "", &[("consumer.session.timeout.ms", SET, Some("50000"))], true);
    for (kind, name) in [(0, "x"), (1, "x"), (3, "x"), (64, "x"), (-1, "x")] {
        incremental(&mut case, kind, name, &[("a", SET, Some("b"))], true);
    }
    for (name, changes) in [
        ("1", &[("root", SET, Some("INFO"))] as &'static [Change]),
        ("1", &[("root", SET, Some("nonsense"))]),
        ("1", &[("root", APPEND, Some("INFO"))]),
        ("1", &[("no.such.logger", SET, Some("INFO"))]),
        ("9", &[("root", SET, Some("INFO"))]),
        ("", &[("root", SET, Some("INFO"))]),
    ] {
        incremental(&mut case, BROKER_LOGGER, name, changes, true);
    }
    incremental(&mut case, CLIENT_METRICS, "kept", &[("interval.ms", SET, Some("5000"))], false);
    incremental(
        &mut case,
        GROUP,
        "kept-group",
        &[("consumer.session.timeout.ms", SET, Some("50000"))],
        false,
    );
    case.ask(4, "what is set", |_| DescribeConfigsRequest {
        include_synonyms: true,
        ..ask(vec![resource(CLIENT_METRICS, "kept", None), resource(GROUP, "kept-group", None)])
    });
    case
}

fn duplicates() -> Case {
    let mut case = Case::new("resources twice");
    case.ask(1, "a topic twice", |_| {
        let mut request = alter(TOPIC, "alter", &[("retention.ms", SET, Some("5"))], true);
        let again = request.resources[0].clone();
        request.resources.push(again);
        request
    });
    case.ask(1, "a topic twice and another", |_| {
        let mut request = alter(TOPIC, "alter", &[("retention.ms", SET, Some("5"))], true);
        let again = request.resources[0].clone();
        request.resources.push(again);
        request.resources.extend(alter(TOPIC, "listed", &[], true).resources);
        request
    });
    case.ask(1, "good and bad ones", |_| {
        let mut request = alter(TOPIC, "alter", &[("retention.ms", SET, Some("5"))], true);
        request.resources.extend(alter(TOPIC, "no-such-topic", &[], true).resources);
        request.resources.extend(alter(BROKER, "x", &[], true).resources);
        request
    });
    case
}

fn legacy() -> Case {
    let mut case = Case::new("alter all configs");
    case.topic("legacy", 1, &[("retention.ms", "1000"), ("segment.ms", "100000")]);
    let all = |kind: i8, name: &str, configs: &[(&str, Option<&str>)], validate_only: bool| {
        use alter_configs_request::{AlterConfigsResource, AlterableConfig};
        AlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: kind,
                resource_name: text(name),
                configs: configs
                    .iter()
                    .map(|(key, value)| AlterableConfig {
                        name: text(key),
                        value: value.map(text),
                        ..Default::default()
                    })
                    .collect(),
                ..Default::default()
            }],
            validate_only,
            ..Default::default()
        }
    };
    case.versions("validate only", move |_, _| {
        all(TOPIC, "legacy", &[("retention.ms", Some("7"))], true)
    });
    case.versions("one value for all", move |_, _| {
        all(TOPIC, "legacy", &[("retention.ms", Some("7"))], false)
    });
    case.ask(4, "what is set", |_| {
        ask(vec![resource(TOPIC, "legacy", Some(&["retention.ms", "segment.ms"]))])
    });
    for (kind, name, configs) in [
        (TOPIC, "legacy", &[("retention.ms", None)] as &'static [(&str, Option<&str>)]),
        (TOPIC, "legacy", &[("nonsense", Some("1"))]),
        (TOPIC, "legacy", &[("retention.ms", Some("x"))]),
        (TOPIC, "legacy", &[("retention.ms", Some("1")), ("retention.ms", Some("2"))]),
        (TOPIC, "no-such-topic", &[]),
        (TOPIC, "", &[]),
        (BROKER, "1", &[("log.retention.ms", Some("5"))]),
        (BROKER, "", &[("broker.id", Some("5"))]),
        (BROKER, "9", &[]),
        (BROKER_LOGGER, "1", &[("root", Some("INFO"))]),
        (CLIENT_METRICS, "m", &[("interval.ms", Some("100"))]),
        (GROUP, "g", &[("consumer.session.timeout.ms", Some("50000"))]),
        (0, "x", &[]),
        (64, "x", &[]),
    ] {
        case.ask(2, &format!("{configs:?} of {name:?}, type {kind}"), move |_| {
            all(kind, name, configs, true)
        });
    }
    case
}

fn resources() -> Case {
    let mut case = Case::new("resources with configs");
    case.versions("all", |_, _| ListConfigResourcesRequest::default());
    for types in [
        &[TOPIC] as &'static [i8],
        &[BROKER],
        &[BROKER_LOGGER],
        &[CLIENT_METRICS],
        &[GROUP],
        &[GROUP, CLIENT_METRICS],
        &[0],
        &[1],
        &[64],
        &[TOPIC, 64],
        &[BROKER, BROKER],
    ] {
        case.ask(1, &format!("types {types:?}"), move |_| ListConfigResourcesRequest {
            resource_types: types.to_vec(),
            ..Default::default()
        });
    }
    case
}
