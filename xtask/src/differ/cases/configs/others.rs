//! Configurations of groups, subscriptions to client metrics, and loggers.

use super::terms::*;
use crate::differ::book::Case;
use ottla_wire::messages::DescribeConfigsRequest;

pub fn cases() -> Vec<Case> {
    vec![incremental_others(), patterns(), group_bounds()]
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

/// Which clients a subscription is for: names and regular expressions, as Java has them.
fn patterns() -> Case {
    let mut case = Case::new("patterns of client metrics");
    for pattern in [
        "client_id=.*",
        "client_id=(",
        "client_id=a)",
        "client_id=*",
        "client_id=a**",
        "client_id=a{2,1}",
        "client_id=a{",
        "client_id=\\",
        "client_id=\\d+",
        "client_id=\\p{Alpha}",
        "client_id=\\p{Nonsense}",
        "client_id=(?=a)b",
        "client_id=(?<x>a)\\k<x>",
        "client_id=[a-",
        "client_id=[z-a]",
        "client_id=a++",
        "client_id=(?<1>a)",
        "client_id=\\Qa.b\\E",
        "client_id=",
        "client_id= a ",
        " client_id = a",
        "=a",
        "=",
        "",
        ",",
        "client_id=a=b",
        "client_id=a,client_id=b",
        "client_id=a,client_software_name=b",
        "client_id=a,",
        "CLIENT_ID=a",
        "client_instance_id=b69cc35a-7a54-4790-aa69-cc2bd4ee4538",
        "client_software_version=1\\.2",
        "client_source_address=127.0.0.1",
        "client_source_port=[0-9]+",
        "client_source_port=[0-9+",
    ] {
        incremental_text(&mut case, CLIENT_METRICS, "matching", "match", pattern);
    }
    for interval in ["100", "3600000", "-1", "", " 500 ", "500.0", "2147483648"] {
        incremental_text(&mut case, CLIENT_METRICS, "matching", "interval.ms", interval);
    }
    for metrics in ["*", "org.apache.kafka.", ",", " a , b "] {
        incremental_text(&mut case, CLIENT_METRICS, "matching", "metrics", metrics);
    }
    case
}

fn incremental_text(
    case: &mut Case,
    kind: i8,
    name: &'static str,
    key: &'static str,
    value: &'static str,
) {
    case.ask(1, &format!("{key}={value}"), move |_| {
        alter(kind, name, &[(key, SET, Some(value))], true)
    });
}

/// The values of a group lie within the bounds that the brokers set.
fn group_bounds() -> Case {
    let mut case = Case::new("bounds of group configs");
    let keys: &[(&'static str, &[&'static str])] = &[
        (
            "consumer.session.timeout.ms",
            &["44999", "45000", "60000", "60001", "0", "-1", "", " 50000 "],
        ),
        ("consumer.heartbeat.interval.ms", &["4999", "5000", "15000", "15001", "0"]),
        ("consumer.assignment.interval.ms", &["-1", "0", "15000", "15001"]),
        ("share.session.timeout.ms", &["44999", "45000", "60000", "60001"]),
        ("share.heartbeat.interval.ms", &["4999", "5000", "15000", "15001"]),
        ("share.record.lock.duration.ms", &["999", "1000", "14999", "15000", "60000", "60001"]),
        ("share.delivery.count.limit", &["1", "2", "5", "10", "11", "25", "26"]),
        ("share.partition.max.record.locks", &["99", "100", "4000", "4001", "10001"]),
        ("share.assignment.interval.ms", &["-1", "0", "15000", "15001"]),
        (
            "share.auto.offset.reset",
            &[
                "latest",
                "LATEST",
                "by_duration:PT1H",
                "by_duration:1h",
                "by_duration:-PT1H",
                "by_duration:",
                "",
            ],
        ),
        ("share.isolation.level", &["read_uncommitted", "READ_COMMITTED", ""]),
        ("share.renew.acknowledge.enable", &["true", "FALSE", "maybe"]),
        ("streams.session.timeout.ms", &["44999", "45000", "60000", "60001"]),
        ("streams.heartbeat.interval.ms", &["4999", "5000", "15000", "15001"]),
        ("streams.num.standby.replicas", &["-1", "0", "2", "3"]),
        ("streams.initial.rebalance.delay.ms", &["-1", "0", "1000000"]),
        ("streams.assignment.interval.ms", &["-1", "0", "15000", "15001"]),
    ];
    for (key, values) in keys {
        for value in *values {
            incremental_text(&mut case, GROUP, "bounded", key, value);
        }
    }
    let together: [&'static [Change]; 3] = [
        &[
            ("consumer.session.timeout.ms", SET, Some("50000")),
            ("consumer.heartbeat.interval.ms", SET, Some("x")),
        ],
        &[
            ("consumer.heartbeat.interval.ms", SET, Some("1")),
            ("consumer.session.timeout.ms", SET, Some("1")),
        ],
        &[("nonsense", SET, Some("1")), ("consumer.session.timeout.ms", SET, Some("1"))],
    ];
    for changes in together {
        incremental(&mut case, GROUP, "bounded", changes, true);
    }
    case
}
