//! IncrementalAlterConfigs: 0 set, 1 delete, 2 append to a list, 3 subtract from a list.
//!
//! Each resource by itself: one that is refused does not hold back the others.

use std::collections::{BTreeMap, BTreeSet};

use ottla_metadata::{ConfigResource, ResourceType};
use ottla_wire::ErrorCode;
use ottla_wire::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use ottla_wire::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use ottla_wire::messages::{
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, MetadataRecord,
};

use super::rules;
use crate::controller::{Controller, Outcome, RECORDS_PER_REQUEST_MAX};
use crate::refusal::{Refusal, code_and_message};
use crate::repeated::once_each;

impl Controller {
    pub(crate) fn incremental_alter_configs(
        &self,
        request: IncrementalAlterConfigsRequest,
    ) -> Outcome {
        let mut records = Vec::new();
        let mut responses = Vec::new();
        let name = |of: &AlterConfigsResource| (of.resource_type, of.resource_name.clone());
        for (resource, is_repeated) in once_each(&request.resources, name) {
            let outcome = if is_repeated {
                Err(Refusal::invalid_request("Duplicate resource."))
            } else {
                self.alter_resource(resource)
            };
            let outcome = outcome.map(|written| records.extend(written));
            responses.push(answer(resource, outcome));
            if records.len() > RECORDS_PER_REQUEST_MAX {
                let refusal = Refusal::too_many_records();
                let all = request.resources.iter();
                let responses = all.map(|each| answer(each, Err(refusal.clone()))).collect();
                return Outcome::answer(IncrementalAlterConfigsResponse {
                    responses,
                    ..Default::default()
                });
            }
        }
        records.extend(self.clear_elr_records(&records));
        if request.validate_only {
            records.clear();
        }
        Outcome::new(records, IncrementalAlterConfigsResponse { responses, ..Default::default() })
    }

    fn alter_resource(
        &self,
        wanted: &AlterConfigsResource,
    ) -> Result<Vec<MetadataRecord>, Refusal> {
        let resource = resource_of(wanted.resource_type, &wanted.resource_name)?;
        let current = self.current(&resource);
        // Of several changes of one key the last one counts.
        let by_name: BTreeMap<&str, &AlterableConfig> =
            wanted.configs.iter().map(|config| (config.name.as_str(), config)).collect();
        let mut changes = Vec::new();
        for (name, config) in by_name {
            let before = current.get(name);
            let after = changed_value(&resource, config, before.map(String::as_str))?;
            // A broker reloads what it is told again: its files may have changed.
            if after.as_ref() != before || resource.kind == ResourceType::Broker {
                changes.push((name.to_owned(), after));
            }
        }
        self.write(&resource, changes)
    }
}

fn answer(
    resource: &AlterConfigsResource,
    outcome: Result<(), Refusal>,
) -> AlterConfigsResourceResponse {
    let (error_code, error_message) = code_and_message(outcome);
    AlterConfigsResourceResponse {
        error_code,
        error_message,
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        ..Default::default()
    }
}

/// The resource that a request names.
pub(super) fn resource_of(code: i8, name: &str) -> Result<ConfigResource, Refusal> {
    match ResourceType::from_code(code) {
        Some(kind) => Ok(ConfigResource { kind, name: name.to_owned() }),
        None => Err(Refusal::new(
            ErrorCode::UnsupportedVersion,
            format!("Unknown resource type {code}."),
        )),
    }
}

fn changed_value(
    resource: &ConfigResource,
    config: &AlterableConfig,
    before: Option<&str>,
) -> Result<Option<String>, Refusal> {
    let operation = match config.config_operation {
        0 | 1 => None,
        2 => Some("APPEND"),
        3 => Some("SUBTRACT"),
        unknown => {
            let message = format!("Unknown operation type {unknown}");
            return Err(Refusal::invalid_request(message));
        }
    };
    let Some(operation) = operation else {
        return Ok(config.value.clone().filter(|_| config.config_operation == 0));
    };
    let name = &config.name;
    if !rules::is_list(resource.kind, name) {
        return Err(Refusal::new(
            ErrorCode::InvalidConfig,
            format!("Can't {operation} to key {name} because its type is not LIST."),
        ));
    }
    let start = before.or_else(|| rules::default_of(resource.kind, name)).unwrap_or_default();
    let mut items: Vec<&str> = start.split(',').filter(|item| !item.is_empty()).collect();
    let given = config.value.as_deref().unwrap_or_default().split(',');
    if operation == "APPEND" {
        let mut known: BTreeSet<&str> = items.iter().copied().collect();
        items.extend(given.filter(|item| known.insert(item)));
    } else {
        // Each mention takes away one.
        let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
        given.for_each(|item| *taken.entry(item).or_default() += 1);
        items.retain(|item| match taken.get_mut(item) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            _ => true,
        });
    }
    Ok(Some(items.join(",")))
}
