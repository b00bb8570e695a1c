//! Configurations of groups, of subscriptions to metrics and of loggers, as Kafka 4.3.1 shows them.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_metadata::ResourceType;
use ottla_wire::ErrorCode;
use ottla_wire::messages::describe_configs_request::DescribeConfigsResource;
use ottla_wire::messages::describe_configs_response::DescribeConfigsResult;
use ottla_wire::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use ottla_wire::messages::{
    ConfigRecord, DescribeConfigsRequest, IncrementalAlterConfigsRequest, MetadataRecord,
    RequestBody, ResponseBody,
};
use parking_lot::Mutex;

use super::describe_configs::describe_configs;
use crate::api::forwarded::forwarded;
use crate::fixture::{Fixture, caller};
use crate::log_levels::LogLevels;

const LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

fn describe(fixture: &Fixture, kind: i8, name: &str) -> DescribeConfigsResult {
    let resource = DescribeConfigsResource {
        resource_type: kind,
        resource_name: name.to_owned(),
        configuration_keys: None,
        ..DescribeConfigsResource::default()
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        include_documentation: true,
        ..DescribeConfigsRequest::default()
    };
    describe_configs(&fixture.broker, &request).expect("a small answer").results.remove(0)
}

/// `name|value|source|synonyms` of each value.
fn lines(result: &DescribeConfigsResult) -> Vec<String> {
    let line = |config: &ottla_wire::messages::describe_configs_response::DescribeConfigsResourceResult| {
        let synonyms: Vec<String> = config
            .synonyms
            .iter()
            .map(|each| format!("{}={}:{}", each.name, each.value.as_deref().unwrap_or("-"), each.source))
            .collect();
        let value = config.value.as_deref().unwrap_or("-");
        format!("{}|{value}|{}|{}", config.name, config.config_source, synonyms.join(","))
    };
    result.configs.iter().map(line).collect()
}

fn set(kind: i8, resource: &str, name: &str, value: &str) -> MetadataRecord {
    MetadataRecord::Config(ConfigRecord {
        resource_type: kind,
        resource_name: resource.to_owned(),
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..ConfigRecord::default()
    })
}

#[tokio::test]
async fn groups_and_subscriptions_show_what_is_set_and_what_would_hold() {
    let mut fixture = Fixture::new();
    fixture.apply([
        set(GROUP, "g", "consumer.session.timeout.ms", "50000"),
        set(CLIENT_METRICS, "m", "interval.ms", "5000"),
    ]);
    let group = lines(&describe(&fixture, GROUP, "g"));
    assert_eq!(group.len(), 17);
    for expected in [
        "consumer.assignment.interval.ms|1000|5|group.consumer.assignment.interval.ms=1000:5",
        "consumer.session.timeout.ms|50000|8|consumer.session.timeout.ms=50000:8,\
         group.consumer.session.timeout.ms=45000:5",
        "share.auto.offset.reset|latest|5|share.auto.offset.reset=latest:5",
        "streams.num.standby.replicas|0|5|group.streams.num.standby.replicas=0:5",
    ] {
        assert!(group.iter().any(|line| line == expected), "{expected} is not in {group:#?}");
    }
    assert_eq!(
        lines(&describe(&fixture, CLIENT_METRICS, "m")),
        ["interval.ms|5000|7|interval.ms=5000:7", "match||5|", "metrics||5|"]
    );
    assert_eq!(lines(&describe(&fixture, CLIENT_METRICS, "x"))[0], "interval.ms|300000|5|");
    for (kind, name, message) in [
        (GROUP, "", "Group name must not be empty"),
        (CLIENT_METRICS, "", "Client metrics subscription name must not be empty"),
        (LOGGER, "", "Broker id must not be empty"),
        (LOGGER, "7", "Unexpected broker id, expected 1 but received 7"),
        (99, "", ErrorCode::InvalidRequest.message()),
    ] {
        let result = describe(&fixture, kind, name);
        assert_eq!(result.error_code, ErrorCode::InvalidRequest.code());
        assert_eq!(result.error_message.as_deref(), Some(message));
    }
}

/// Levels in a map.
#[derive(Default)]
struct Noted(Mutex<BTreeMap<String, String>>);

impl LogLevels for Noted {
    fn all(&self) -> BTreeMap<String, String> {
        self.0.lock().clone()
    }

    fn exists(&self, target: &str) -> bool {
        target == "root" || target.starts_with("ottla")
    }

    fn set(&self, target: &str, level: Option<&str>) {
        let mut levels = self.0.lock();
        match level {
            Some(level) => levels.insert(target.to_owned(), level.to_owned()),
            None => levels.remove(target),
        };
    }
}

async fn alter(fixture: &Fixture, name: &str, value: &str, operation: i8) -> (i16, String) {
    let config = AlterableConfig {
        name: name.to_owned(),
        config_operation: operation,
        value: Some(value.to_owned()),
        ..AlterableConfig::default()
    };
    let resource = AlterConfigsResource {
        resource_type: LOGGER,
        resource_name: "1".to_owned(),
        configs: vec![config],
        ..AlterConfigsResource::default()
    };
    let request =
        IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
    let body = RequestBody::IncrementalAlterConfigs(Box::new(request));
    let Some(ResponseBody::IncrementalAlterConfigs(mut response)) =
        forwarded(&fixture.broker, &caller(1), body).await
    else {
        panic!("the broker answers itself");
    };
    let answer = response.responses.remove(0);
    (answer.error_code, answer.error_message.unwrap_or_default())
}

#[tokio::test]
async fn log_levels_are_altered_on_the_broker_itself() {
    let fixture = Fixture::new();
    assert_eq!(describe(&fixture, LOGGER, "1").configs, []);
    fixture.broker.log_levels.begin(Arc::new(Noted::default()));
    assert_eq!(alter(&fixture, "root", "WARN", 0).await, (0, String::new()));
    assert_eq!(alter(&fixture, "ottla_log", "TRACE", 0).await.0, 0);
    let shown = lines(&describe(&fixture, LOGGER, "1"));
    assert_eq!(shown, ["ottla_log|TRACE|6|", "root|WARN|6|"]);
    assert_eq!(alter(&fixture, "ottla_log", "", 1).await.0, 0);
    assert_eq!(describe(&fixture, LOGGER, "1").configs.len(), 1);
    let config = ErrorCode::InvalidConfig.code();
    let request = ErrorCode::InvalidRequest.code();
    for (name, value, operation, code, message) in [
        ("nope", "INFO", 0, config, "Logger nope does not exist!"),
        ("nope", "", 1, config, "Logger nope does not exist!"),
        (
            "root",
            "fatal",
            0,
            config,
            "Cannot set the log level of root to fatal as it is not a supported log level. \
             Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN",
        ),
        ("root", "", 1, request, "Removing the log level of the root logger is not allowed"),
        (
            "root",
            "INFO",
            2,
            request,
            "APPEND operation is not allowed for the BROKER_LOGGER resource",
        ),
    ] {
        let told = alter(&fixture, name, value, operation).await;
        assert_eq!(told, (code, message.to_owned()));
    }
    assert_eq!(lines(&describe(&fixture, LOGGER, "1")), ["root|WARN|6|"]);
}

#[tokio::test]
async fn an_answer_out_of_nothing_is_bounded() {
    let mut fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    let ask = |kind: ResourceType, name: &dyn Fn(usize) -> String, count: usize| {
        let resource = |at| DescribeConfigsResource {
            resource_type: kind.code(),
            resource_name: name(at),
            ..DescribeConfigsResource::default()
        };
        let request = DescribeConfigsRequest {
            resources: (0..count).map(resource).collect(),
            ..DescribeConfigsRequest::default()
        };
        describe_configs(&fixture.broker, &request).map(|response| response.results.len())
    };
    let group = |at: usize| format!("g{at}");
    assert_eq!(ask(ResourceType::Group, &group, 1_000), Ok(1_000));
    assert!(ask(ResourceType::Group, &group, 40_000).is_err());
    let topic = |_: usize| "t".to_owned();
    assert_eq!(ask(ResourceType::Topic, &topic, 100), Ok(100));
    assert!(ask(ResourceType::Topic, &topic, 40_000).is_err());
    let broker = |at: usize| "0".repeat(at % 1_000) + "1";
    assert!(ask(ResourceType::Broker, &broker, 10_000).is_err());
}
