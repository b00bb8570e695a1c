//! DescribeConfigs: what is set, and what is not there.

use super::terms::*;
use crate::differ::book::Case;
use ottla_wire::messages::DescribeConfigsRequest;

pub fn cases() -> Vec<Case> {
    vec![describe(), loggers(), wrong_describe()]
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

/// The names of loggers are each side's own, but for the one above them all.
fn loggers() -> Case {
    let mut case = Case::new("describe loggers");
    case.ask(1, "the root is set up", |_| {
        alter(BROKER_LOGGER, "1", &[("root", SET, Some("WARN"))], false)
    });
    for name in ["1", "0001", "01"] {
        case.versions(&format!("the root of {name:?}"), move |_, _| {
            ask(vec![resource(BROKER_LOGGER, name, Some(&["root"]))])
        });
    }
    for level in ["DEBUG", "TRACE", "WARN", "ERROR", "FATAL", "INFO"] {
        case.ask(1, &format!("the root gets {level}"), move |_| {
            alter(BROKER_LOGGER, "1", &[("root", SET, Some(level))], true)
        });
    }
    case.ask(1, "the root is reset", |_| {
        alter(BROKER_LOGGER, "1", &[("root", DELETE, None)], true)
    });
    case.ask(1, "the root gets two levels", |_| {
        let changes = [("root", SET, Some("INFO")), ("root", SET, Some("WARN"))];
        alter(BROKER_LOGGER, "1", &changes, true)
    });
    for operation in [SUBTRACT, 4, -1] {
        case.ask(1, &format!("operation {operation}"), move |_| {
            alter(BROKER_LOGGER, "1", &[("root", operation, Some("INFO"))], true)
        });
    }
    for level in ["", "info", "Off", "OFF", "ALL", " INFO "] {
        case.ask(1, &format!("the root gets {level:?}"), move |_| {
            alter(BROKER_LOGGER, "1", &[("root", SET, Some(level))], true)
        });
    }
    case.ask(1, "no level", |_| alter(BROKER_LOGGER, "1", &[("root", SET, None)], true));
    case.ask(4, "with synonyms and documentation", |_| DescribeConfigsRequest {
        include_documentation: true,
        include_synonyms: true,
        ..ask(vec![resource(BROKER_LOGGER, "1", Some(&["root", "no.such.logger"]))])
    });
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
