//! From wanted values to records: what both ways of altering share.

use std::sync::Arc;

use ottla_metadata::config::{Layers, Values};
use ottla_metadata::{ConfigResource, ResourceType};
use ottla_wire::ErrorCode;
use ottla_wire::messages::{ClearElrRecord, ConfigRecord, MetadataRecord};

use super::rules;
use crate::controller::Controller;
use crate::refusal::Refusal;

/// The longest value, in UTF-16 units.
const VALUE_LENGTH_MAX: usize = i16::MAX as usize;

const MIN_ISR: &str = "min.insync.replicas";
const CORDONED: &str = "cordoned.log.dirs";

impl Controller {
    /// The layers under a topic's own values, as this node sees them.
    pub(crate) fn layers(&self) -> Layers<'_> {
        let values = |resource: &ConfigResource| self.image.configs.get(resource).map(Arc::as_ref);
        Layers {
            broker: values(&ConfigResource::broker(self.settings.node_id)),
            cluster: values(&ConfigResource::all_brokers()),
            file: self.settings.server.values(),
        }
    }

    /// What is set for a resource now.
    pub(super) fn current(&self, resource: &ConfigResource) -> Values {
        self.image.configs.get(resource).map(|values| values.as_ref().clone()).unwrap_or_default()
    }

    /// Checks changes (`None` deletes) and turns them into records.
    pub(super) fn write(
        &self,
        resource: &ConfigResource,
        changes: Vec<(String, Option<String>)>,
    ) -> Result<Vec<MetadataRecord>, Refusal> {
        let mut values = self.current(resource);
        for (name, value) in &changes {
            self.check_change(resource, name, value.as_deref())?;
            match value {
                Some(value) => values.insert(name.clone(), value.clone()),
                None => values.remove(name),
            };
        }
        rules::validate(&self.settings.server, self.layers(), resource, &values)?;
        self.check_exists(resource)?;
        let records = changes.into_iter().map(|(name, value)| {
            MetadataRecord::Config(ConfigRecord {
                resource_type: resource.kind.code(),
                resource_name: resource.name.clone(),
                name,
                value,
                ..Default::default()
            })
        });
        Ok(records.collect())
    }

    fn check_change(
        &self,
        resource: &ConfigResource,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), Refusal> {
        let invalid = |message: &str| Err(rules::invalid_config(message.to_owned()));
        if value.is_some_and(|value| value.encode_utf16().count() > VALUE_LENGTH_MAX) {
            return invalid(
                "The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.",
            );
        }
        if resource.kind != ResourceType::Broker {
            return Ok(());
        }
        if name == MIN_ISR && self.elr_enabled() {
            if !resource.name.is_empty() {
                return invalid(
                    "Broker-level min.insync.replicas cannot be altered while ELR is enabled.",
                );
            }
            if value.is_none() {
                return invalid(
                    "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.",
                );
            }
        }
        if name == CORDONED && !self.metadata_version().cordons_directories() {
            return invalid(
                "The cordoned.log.dirs configuration value cannot be set because it requires metadata.version >= 4.3-IV0",
            );
        }
        Ok(())
    }

    fn check_exists(&self, resource: &ConfigResource) -> Result<(), Refusal> {
        let name = &resource.name;
        match resource.kind {
            ResourceType::Topic if self.image.topics.id_of(name).is_none() => Err(Refusal::new(
                ErrorCode::UnknownTopicOrPartition,
                format!("The topic '{name}' does not exist."),
            )),
            ResourceType::Broker if !name.is_empty() => {
                let id: i32 = name
                    .parse()
                    .map_err(|_| Refusal::invalid_request(format!("Invalid broker name {name}")))?;
                let is_controller =
                    id == self.settings.node_id || self.image.controllers.contains_key(&id);
                if self.image.broker(id).is_some() || is_controller {
                    return Ok(());
                }
                let message = format!("No node with id {id} found.");
                Err(Refusal::new(ErrorCode::BrokerIdNotRegistered, message))
            }
            _ => Ok(()),
        }
    }

    /// A new minimum makes eligible leader replicas meaningless.
    pub(super) fn clear_elr_records(&self, records: &[MetadataRecord]) -> Vec<MetadataRecord> {
        if !self.elr_enabled() {
            return Vec::new();
        }
        let cleared = records.iter().filter_map(|record| match record {
            MetadataRecord::Config(record) if record.name == MIN_ISR => {
                let is_topic = record.resource_type == ResourceType::Topic.code();
                let topic_name =
                    if is_topic { record.resource_name.clone() } else { String::new() };
                let record = ClearElrRecord { topic_name, ..Default::default() };
                Some(MetadataRecord::ClearElr(record))
            }
            _ => None,
        });
        cleared.collect()
    }
}
