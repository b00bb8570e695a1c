use ottla_wire::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use ottla_wire::messages::{
    AlterConfigsRequest, IncrementalAlterConfigsRequest, MetadataRecord, ResponseBody,
    alter_configs_request,
};

use crate::fixture::Lab;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const METRICS: i8 = 16;
const GROUP: i8 = 32;

fn alter(
    lab: &mut Lab,
    resource: (i8, &str),
    change: (&str, Option<&str>, i8),
) -> (Vec<MetadataRecord>, i16, Option<String>) {
    let config = AlterableConfig {
        name: change.0.to_owned(),
        value: change.1.map(str::to_owned),
        config_operation: change.2,
        ..Default::default()
    };
    let resource = AlterConfigsResource {
        resource_type: resource.0,
        resource_name: resource.1.to_owned(),
        configs: vec![config],
        ..Default::default()
    };
    let request =
        IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
    let (records, response) = lab.call(request, 1);
    let ResponseBody::IncrementalAlterConfigs(mut response) = response else {
        panic!("{response:?}")
    };
    let answer = response.responses.pop().expect("one resource, one answer");
    (records, answer.error_code, answer.error_message)
}

#[test]
fn changes_are_refused_in_kafkas_words() {
    type Case<'a> = ((i8, &'a str), (&'a str, Option<&'a str>, i8), i16, &'a str);
    let cases: [Case<'_>; 28] = [
        (
            (TOPIC, "ok.1"),
            ("retention.ms", Some("5"), 2),
            40,
            "Can't APPEND to key retention.ms because its type is not LIST.",
        ),
        ((TOPIC, "nope"), ("retention.ms", Some("5"), 0), 3, "The topic 'nope' does not exist."),
        (
            (TOPIC, ""),
            ("retention.ms", Some("5"), 0),
            42,
            "Default topic resources are not allowed.",
        ),
        (
            (TOPIC, "b d"),
            ("retention.ms", Some("5"), 0),
            17,
            "Topic name is invalid: 'b d' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
        ),
        ((TOPIC, "ok.1"), ("nope", Some("5"), 0), 40, "Unknown topic config name: nope"),
        (
            (TOPIC, "ok.1"),
            ("retention.ms", Some("q"), 0),
            40,
            "Invalid value q for configuration retention.ms: Not a number of type LONG",
        ),
        ((TOPIC, "ok.1"), ("retention.ms", Some("5"), 9), 42, "Unknown operation type 9"),
        ((BROKER, "7"), ("log.retention.ms", Some("5"), 0), 102, "No node with id 7 found."),
        (
            (BROKER, "x"),
            ("log.retention.ms", Some("5"), 0),
            42,
            "Unable to parse broker name as a base 10 number.",
        ),
        ((BROKER, "-1"), ("log.retention.ms", Some("5"), 0), 42, "Invalid negative broker ID."),
        (
            (BROKER, "1"),
            ("min.insync.replicas", Some("1"), 0),
            40,
            "Broker-level min.insync.replicas cannot be altered while ELR is enabled.",
        ),
        (
            (BROKER, ""),
            ("min.insync.replicas", None, 1),
            40,
            "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.",
        ),
        (
            (GROUP, ""),
            ("consumer.session.timeout.ms", Some("50000"), 0),
            42,
            "Default group resources are not allowed.",
        ),
        ((GROUP, "g"), ("nope", Some("1"), 0), 40, "Unknown group config name: nope"),
        (
            (GROUP, "g"),
            ("consumer.session.timeout.ms", Some("x"), 0),
            40,
            "Invalid value x for configuration consumer.session.timeout.ms: Not a number of type INT",
        ),
        (
            (GROUP, "g"),
            ("consumer.heartbeat.interval.ms", Some("0"), 0),
            40,
            "Invalid value 0 for configuration consumer.heartbeat.interval.ms: Value must be at least 1",
        ),
        ((METRICS, ""), ("interval.ms", Some("500"), 0), 42, "Subscription name can't be empty"),
        (
            (METRICS, "s"),
            ("interval.ms", Some("1"), 0),
            42,
            "Invalid value 1 for interval.ms, interval must be between 100 and 3600000 (1 hour)",
        ),
        ((METRICS, "s"), ("nope", Some("1"), 0), 42, "Unknown client metrics configuration: nope"),
        ((3, "s"), ("nope", Some("1"), 0), 35, "Unknown resource type 3."),
        (
            (GROUP, "g"),
            ("consumer.session.timeout.ms", Some("44999"), 0),
            40,
            "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
        ),
        (
            (GROUP, "g"),
            ("share.partition.max.record.locks", Some("4001"), 0),
            40,
            "share.partition.max.record.locks must be less than or equal to group.share.max.partition.max.record.locks",
        ),
        (
            (GROUP, "g"),
            ("streams.num.standby.replicas", Some("3"), 0),
            40,
            "streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas",
        ),
        (
            (METRICS, "s"),
            ("match", Some("client_id=a,client_id=["), 0),
            40,
            "Illegal client matching pattern: client_id=[",
        ),
        (
            (METRICS, "s"),
            ("match", Some("client_id="), 0),
            40,
            "Illegal client matching pattern: client_id=",
        ),
        (
            (METRICS, "s"),
            ("match", Some("client_id=a,"), 0),
            40,
            "Configuration 'match' values must not be empty.",
        ),
        (
            (METRICS, "s"),
            ("metrics", Some(","), 0),
            40,
            "Configuration 'metrics' values must not be empty.",
        ),
        (
            (METRICS, "s"),
            ("match", Some("client_id=a=b"), 0),
            40,
            "Illegal client matching pattern: client_id=a=b",
        ),
    ];
    let mut lab = Lab::with_brokers(&[1]);
    lab.topic("ok.1", &[&[1]]);
    for (resource, change, code, message) in cases {
        let (records, found, words) = alter(&mut lab, resource, change);
        assert_eq!((found, words.as_deref()), (code, Some(message)), "{resource:?} {change:?}");
        assert_eq!(records, [], "{message}");
    }
}

#[test]
fn lists_grow_and_shrink_and_values_come_and_go() {
    let mut lab = Lab::with_brokers(&[1]);
    lab.topic("t", &[&[1]]);
    let steps: [(&str, Option<&str>, i8, Option<&str>); 7] = [
        ("cleanup.policy", Some("compact"), 2, Some("delete,compact")),
        ("cleanup.policy", Some("compact"), 2, Some("delete,compact")),
        ("cleanup.policy", Some("delete"), 3, Some("compact")),
        ("cleanup.policy", None, 1, None),
        ("retention.ms", Some("9"), 0, Some("9")),
        ("retention.ms", Some("9"), 0, Some("9")),
        ("unknown.key", None, 1, None),
    ];
    for (key, value, operation, expected) in steps {
        let (_, code, message) = alter(&mut lab, (TOPIC, "t"), (key, value, operation));
        assert_eq!((code, message), (0, None), "{key}");
        let values = lab.controller.image().configs.topic("t");
        let found = values.and_then(|values| values.get(key)).map(String::as_str);
        assert_eq!(found, expected, "{key} {value:?} {operation}");
    }
    // A value that is there already is not written again, except for brokers, which reload.
    assert_eq!(alter(&mut lab, (TOPIC, "t"), ("retention.ms", Some("9"), 0)).0.len(), 0);
    for _ in 0..2 {
        let change = ("log.retention.ms", Some("9"), 0);
        assert_eq!(alter(&mut lab, (BROKER, "1"), change).0.len(), 1);
    }
}

#[test]
fn a_new_minimum_clears_eligible_replicas() {
    let mut lab = Lab::with_brokers(&[1]);
    lab.topic("t", &[&[1]]);
    let (records, ..) = alter(&mut lab, (TOPIC, "t"), ("min.insync.replicas", Some("2"), 0));
    let names: Vec<&str> = records
        .iter()
        .map(|record| match record {
            MetadataRecord::Config(record) => record.name.as_str(),
            MetadataRecord::ClearElr(record) => record.topic_name.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, ["min.insync.replicas", "t"]);
}

#[test]
fn altering_all_drops_what_is_not_named() {
    let mut lab = Lab::with_brokers(&[1]);
    lab.topic("t", &[&[1]]);
    lab.set_topic_config("t", "retention.ms", "1");
    lab.set_topic_config("t", "segment.ms", "2");
    let config = alter_configs_request::AlterableConfig {
        name: "segment.ms".to_owned(),
        value: Some("3".to_owned()),
        ..Default::default()
    };
    let resource = alter_configs_request::AlterConfigsResource {
        resource_type: TOPIC,
        resource_name: "t".to_owned(),
        configs: vec![config],
        ..Default::default()
    };
    let resources = vec![resource.clone()];
    lab.call(AlterConfigsRequest { resources, ..Default::default() }, 2);
    let values = lab.controller.image().configs.topic("t").expect("one value is left");
    assert_eq!(values.iter().collect::<Vec<_>>(), [(&"segment.ms".to_owned(), &"3".to_owned())]);

    let resources = vec![resource.clone(), resource];
    let (records, response) = lab.call(AlterConfigsRequest { resources, ..Default::default() }, 2);
    let ResponseBody::AlterConfigs(response) = response else { panic!("{response:?}") };
    assert_eq!((records.len(), response.responses.len()), (0, 1));
    assert_eq!(response.responses[0].error_message.as_deref(), Some("Duplicate resource."));
}

#[test]
fn a_request_makes_ten_thousand_records_at_most() {
    let named = |count: usize| (0..count).map(|index| format!("listener.name.n{index}.value"));
    for (count, code) in [(10_000, 0), (10_001, 44)] {
        let config = |name| AlterableConfig { name, value: text("1"), ..Default::default() };
        let (resource_type, resource_name) = (BROKER, "1".to_owned());
        let configs = named(count).map(config).collect();
        let resource =
            AlterConfigsResource { resource_type, resource_name, configs, ..Default::default() };
        let resources = vec![resource];
        let request = IncrementalAlterConfigsRequest { resources, ..Default::default() };
        let (records, response) = Lab::with_brokers(&[1]).call(request, 1);
        let ResponseBody::IncrementalAlterConfigs(response) = response else { panic!() };
        assert_eq!(response.responses[0].error_code, code, "{count}");
        assert_eq!(records.is_empty(), code != 0, "{count}");

        let config = |name| alter_configs_request::AlterableConfig {
            name,
            value: text("1"),
            ..Default::default()
        };
        let resource = alter_configs_request::AlterConfigsResource {
            resource_type: BROKER,
            resource_name: "1".to_owned(),
            configs: named(count).map(config).collect(),
            ..Default::default()
        };
        let resources = vec![resource];
        let request = AlterConfigsRequest { resources, ..Default::default() };
        let (records, response) = Lab::with_brokers(&[1]).call(request, 2);
        let ResponseBody::AlterConfigs(response) = response else { panic!() };
        assert_eq!(response.responses[0].error_code, code, "{count}");
        assert_eq!(records.is_empty(), code != 0, "{count}");
    }
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}
