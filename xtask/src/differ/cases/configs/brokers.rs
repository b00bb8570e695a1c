//! Configurations of brokers that change while they run.

use super::terms::*;
use crate::differ::book::Case;
use crate::differ::cases::terms::text;
use ottla_wire::messages::DescribeConfigsRequest;

pub fn cases() -> Vec<Case> {
    vec![incremental_broker(), many(), sizes(), bounds()]
}

/// As many values as one request may change, and one more; with a resource that is refused.
fn many() -> Case {
    use ottla_wire::messages::incremental_alter_configs_request::AlterableConfig;
    let mut case = Case::new("alter many of the broker's configs");
    for count in [10_000, 10_001] {
        case.ask(1, &format!("{count} values"), move |_| {
            let config = |index| AlterableConfig {
                name: format!("listener.name.n{index}.value"),
                value: Some(text("1")),
                ..Default::default()
            };
            let mut request = alter(BROKER, "1", &[], true);
            request.resources[0].configs = (0..count).map(config).collect();
            request.resources.extend(alter(TOPIC, "no-such-topic", &[], true).resources);
            request
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
        &[("log.retention.ms", APPEND, Some("5"))],
        &[("num.io.threads", SUBTRACT, Some("5"))],
        &[("nonsense", APPEND, Some("5"))],
        &[("leader.replication.throttled.rate", SUBTRACT, Some("5"))],
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

/// Thread counts may be doubled and halved at a time, not more.
fn sizes() -> Case {
    let mut case = Case::new("alter the broker's sizes");
    let keys: &[(&'static str, &[&'static str])] = &[
        ("num.io.threads", &["16", "17", "4", "3", "8", "0", "-1", "x"]),
        ("num.network.threads", &["6", "7", "1", "2", "0"]),
        ("num.replica.fetchers", &["1", "2", "3", "0"]),
        ("num.recovery.threads.per.data.dir", &["1", "4", "5", "0"]),
        ("background.threads", &["5", "4", "20", "21", "0"]),
        ("log.cleaner.threads", &["1", "2", "3", "0"]),
        ("remote.log.reader.threads", &["5", "20", "21", "4"]),
        ("remote.log.manager.copier.thread.pool.size", &["5", "20", "21", "4", "-1"]),
        ("remote.log.manager.expiration.thread.pool.size", &["5", "20", "21", "4"]),
        ("remote.log.manager.follower.thread.pool.size", &["1", "4", "5"]),
        ("remote.log.manager.thread.pool.size", &["1", "4", "5"]),
        ("log.cleaner.dedupe.buffer.size", &["1048576", "1048575", "0", "134217729"]),
        ("log.cleaner.io.buffer.size", &["0", "-1", "1"]),
        ("log.cleaner.io.buffer.load.factor", &["0", "0.1", "1.5", "x", "-1", "2", " x "]),
        ("log.cleaner.io.max.bytes.per.second", &["0", "-1", "1", "NaN"]),
        ("log.cleaner.backoff.ms", &["0", "-1"]),
    ];
    for (key, values) in keys {
        for value in *values {
            for name in ["1", ""] {
                case.ask(1, &format!("{key}={value} of {name:?}"), move |_| {
                    alter(BROKER, name, &[(key, SET, Some(value))], true)
                });
            }
        }
    }
    let together: [&'static [Change]; 4] = [
        &[
            ("log.cleaner.threads", SET, Some("2")),
            ("log.cleaner.dedupe.buffer.size", SET, Some("2097151")),
        ],
        &[
            ("log.cleaner.threads", SET, Some("2")),
            ("log.cleaner.dedupe.buffer.size", SET, Some("2097152")),
        ],
        &[("num.io.threads", SET, Some("17")), ("num.network.threads", SET, Some("7"))],
        &[("num.io.threads", SET, Some("16")), ("nonsense", SET, Some("7"))],
    ];
    for changes in together {
        incremental(&mut case, BROKER, "1", changes, true);
    }
    case
}

/// Other keys that may change, at the ends of their ranges.
fn bounds() -> Case {
    let mut case = Case::new("alter the broker's bounds");
    let keys: &[(&'static str, &[&'static str])] = &[
        ("max.connections", &["0", "2147483647", "x"]),
        ("max.connections.per.ip", &["0", "-1", "5"]),
        ("max.connections.per.ip.overrides", &["", "a:1", "127.0.0.1:5", "127.0.0.1:x", "b"]),
        ("max.connection.creation.rate", &["0", "-1", "5"]),
        ("log.retention.ms", &["-1", "0", "-2"]),
        ("log.retention.bytes", &["-1", "0"]),
        ("log.local.retention.ms", &["-2", "-1", "0", "9223372036854775807"]),
        ("log.local.retention.bytes", &["-2", "-1", "0", "5"]),
        ("log.segment.bytes", &["1048576", "1048575", "13"]),
        ("log.roll.ms", &["0", "1"]),
        ("log.roll.jitter.ms", &["0", "-1"]),
        ("log.index.size.max.bytes", &["3", "4"]),
        ("log.index.interval.bytes", &["-1", "0"]),
        ("log.cleaner.min.cleanable.ratio", &["-0.1", "0.5", "1.1"]),
        ("log.cleaner.delete.retention.ms", &["-1", "0"]),
        ("log.cleaner.min.compaction.lag.ms", &["-1", "0", "5"]),
        ("log.cleaner.max.compaction.lag.ms", &["0", "1"]),
        ("log.cleanup.policy", &["", "compact", "nonsense", "delete,compact"]),
        ("log.message.timestamp.type", &["CreateTime", "nonsense"]),
        ("log.message.timestamp.before.max.ms", &["-1", "0"]),
        ("log.message.timestamp.after.max.ms", &["-1", "0"]),
        ("log.preallocate", &["true", "maybe"]),
        ("compression.type", &["zstd", "nonsense", "uncompressed"]),
        ("compression.gzip.level", &["0", "1", "9", "10"]),
        ("message.max.bytes", &["0", "1"]),
        ("unclean.leader.election.enable", &["true", "x"]),
        ("producer.id.expiration.ms", &["0", "1", "-1"]),
        ("transaction.partition.verification.enable", &["true", "false", "x"]),
        ("follower.replication.throttled.rate", &["0", "5", "-1"]),
        ("leader.replication.throttled.rate", &["0", "-1"]),
        ("replica.alter.log.dirs.io.max.bytes.per.second", &["0", "5"]),
        ("remote.fetch.max.wait.ms", &["0", "5", "-1"]),
        ("remote.list.offsets.request.timeout.ms", &["0", "5"]),
        ("remote.log.index.file.cache.total.size.bytes", &["0", "-1"]),
        ("remote.log.manager.copy.max.bytes.per.second", &["0", "1"]),
        ("principal.builder.class", &["nonsense", ""]),
        ("ssl.keystore.location", &["/nowhere"]),
        ("auto.create.topics.enable", &["false"]),
        ("group.max.size", &["5"]),
        ("offsets.retention.minutes", &["5"]),
        ("delete.topic.enable", &["false"]),
        ("min.insync.replicas", &["0"]),
        ("listener.name.plaintext.max.connections", &["5", "-1", "x"]),
        ("listener.name.plaintext.num.network.threads", &["6", "7"]),
        ("listener.name.nonsense.max.connections", &["5"]),
        ("metrics.num.samples", &["3"]),
        ("request.timeout.ms", &["3"]),
    ];
    for (key, values) in keys {
        for value in *values {
            for name in ["1", ""] {
                case.ask(1, &format!("{key}={value} of {name:?}"), move |_| {
                    alter(BROKER, name, &[(key, SET, Some(value))], true)
                });
            }
        }
    }
    case
}
