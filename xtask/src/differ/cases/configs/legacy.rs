//! Resources that are named twice, AlterConfigs, and what has configurations.

use super::terms::*;
use crate::differ::book::Case;
use crate::differ::cases::terms::text;
use ottla_wire::messages::{
    AlterConfigsRequest, ListConfigResourcesRequest, alter_configs_request,
};

pub fn cases() -> Vec<Case> {
    vec![duplicates(), legacy(), resources()]
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
