//! Requests for configurations, and changes of them.

use crate::differ::book::Case;
use crate::differ::cases::terms::text;
use ottla_wire::messages::describe_configs_request::DescribeConfigsResource;
use ottla_wire::messages::{
    DescribeConfigsRequest, IncrementalAlterConfigsRequest, incremental_alter_configs_request,
};

pub const TOPIC: i8 = 2;
pub const BROKER: i8 = 4;
pub const BROKER_LOGGER: i8 = 8;
pub const CLIENT_METRICS: i8 = 16;
pub const GROUP: i8 = 32;

pub const SET: i8 = 0;
pub const DELETE: i8 = 1;
pub const APPEND: i8 = 2;
pub const SUBTRACT: i8 = 3;

pub fn resource(resource_type: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsResource {
    DescribeConfigsResource {
        resource_type,
        resource_name: text(name),
        configuration_keys: keys.map(|keys| keys.iter().map(|key| text(key)).collect()),
        ..Default::default()
    }
}

pub fn ask(resources: Vec<DescribeConfigsResource>) -> DescribeConfigsRequest {
    DescribeConfigsRequest { resources, ..Default::default() }
}

pub type Change = (&'static str, i8, Option<&'static str>);

pub fn alter(
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

pub fn incremental(
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
