//! AlterConfigs: all values of a resource at once; what is not named is deleted.

use std::collections::BTreeMap;

use ottla_metadata::ResourceType;
use ottla_wire::messages::alter_configs_request::AlterConfigsResource;
use ottla_wire::messages::alter_configs_response::AlterConfigsResourceResponse;
use ottla_wire::messages::{AlterConfigsRequest, AlterConfigsResponse, MetadataRecord};

use super::alter::resource_of;
use crate::controller::{Controller, Outcome, RECORDS_PER_REQUEST_MAX};
use crate::refusal::{Refusal, code_and_message};
use crate::repeated::once_each;

impl Controller {
    pub(crate) fn alter_configs(&self, request: AlterConfigsRequest) -> Outcome {
        let mut records = Vec::new();
        let mut responses = Vec::new();
        let name = |of: &AlterConfigsResource| (of.resource_type, of.resource_name.clone());
        for (resource, is_repeated) in once_each(&request.resources, name) {
            let outcome = if is_repeated {
                Err(Refusal::invalid_request("Duplicate resource."))
            } else {
                self.replace_values(resource)
            };
            let outcome = outcome.map(|written| records.extend(written));
            responses.push(answer(resource, outcome));
            if records.len() > RECORDS_PER_REQUEST_MAX {
                let refusal = Refusal::too_many_records();
                let all = request.resources.iter();
                let responses = all.map(|each| answer(each, Err(refusal.clone()))).collect();
                return Outcome::answer(AlterConfigsResponse { responses, ..Default::default() });
            }
        }
        records.extend(self.clear_elr_records(&records));
        if request.validate_only {
            records.clear();
        }
        Outcome::new(records, AlterConfigsResponse { responses, ..Default::default() })
    }

    fn replace_values(
        &self,
        wanted: &AlterConfigsResource,
    ) -> Result<Vec<MetadataRecord>, Refusal> {
        let resource = resource_of(wanted.resource_type, &wanted.resource_name)?;
        let current = self.current(&resource);
        let by_name: BTreeMap<&str, Option<&String>> = wanted
            .configs
            .iter()
            .map(|config| (config.name.as_str(), config.value.as_ref()))
            .collect();
        let set = by_name.iter().filter(|(name, value)| {
            current.get(**name) != **value || resource.kind == ResourceType::Broker
        });
        let set = set.map(|(name, value)| ((*name).to_owned(), value.cloned()));
        let dropped = current.keys().filter(|name| !by_name.contains_key(name.as_str()));
        let dropped = dropped.map(|name| (name.clone(), None));
        self.write(&resource, set.chain(dropped).collect())
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
