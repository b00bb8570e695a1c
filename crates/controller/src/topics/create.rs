//! CreateTopics.
//!
//! Names first, then what exists already, then configurations, then placement; the first thing that
//! is wrong with a topic is its answer, and the other topics are created all the same.
//! v5: the topic's configuration in the response. v7: its id.

use ottla_metadata::config::topic::TOPIC_KEYS;
use ottla_metadata::config::{Values, resolve};
use ottla_metadata::{ConfigResource, LeaderRecovery, PartitionImage};
use ottla_wire::messages::create_topics_request::CreatableTopic;
use ottla_wire::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use ottla_wire::messages::{
    ConfigRecord, CreateTopicsRequest, CreateTopicsResponse, MetadataRecord, TopicRecord,
};
use ottla_wire::{ErrorCode, Uuid};

use super::placement::{Placement, validate_manual};
use crate::configs::rules;
use crate::controller::{Controller, Outcome, RECORDS_PER_REQUEST_MAX};
use crate::draw::Draw;
use crate::refusal::Refusal;
use crate::repeated::repeated;

/// The log of the cluster's metadata looks like a topic, and nobody creates it.
const CLUSTER_METADATA: &str = "__cluster_metadata";

impl Controller {
    pub(crate) fn create_topics(&self, request: CreateTopicsRequest, draw: &mut Draw) -> Outcome {
        if let Err(refusal) = check_size(&request) {
            return all_refused(&request, &refusal);
        }
        let repeated = repeated(request.topics.iter().map(|topic| topic.name.as_str()));
        let is_forbidden = |topic: &CreatableTopic| topic.name == CLUSTER_METADATA;
        let mut records = Vec::new();
        let mut topics = Vec::new();
        for topic in &request.topics {
            if repeated.set.contains(topic.name.as_str()) || is_forbidden(topic) {
                continue;
            }
            topics.push(match self.create_topic(topic, draw, &mut records) {
                Ok(result) => result,
                Err(refusal) => refused(&topic.name, refusal),
            });
            if records.len() > RECORDS_PER_REQUEST_MAX {
                return all_refused(&request, &Refusal::too_many_records());
            }
        }
        for name in repeated.order {
            topics.push(refused(name, Refusal::invalid_request("Duplicate topic name.")));
        }
        if request.topics.iter().any(is_forbidden) {
            let message = format!("Creation of internal topic {CLUSTER_METADATA} is prohibited.");
            topics.push(refused(CLUSTER_METADATA, Refusal::invalid_request(message)));
        }
        if request.validate_only {
            records.clear();
        }
        Outcome::new(records, CreateTopicsResponse { topics, ..Default::default() })
    }

    fn create_topic(
        &self,
        topic: &CreatableTopic,
        draw: &mut Draw,
        records: &mut Vec<MetadataRecord>,
    ) -> Result<CreatableTopicResult, Refusal> {
        self.check_name(&topic.name)?;
        let configs = creation_configs(topic)?;
        let resource = ConfigResource::topic(&topic.name);
        rules::validate(&self.settings.server, self.layers(), &resource, &configs)?;
        let partitions = if topic.assignments.is_empty() {
            self.placed_partitions(topic, draw)?
        } else {
            self.assigned_partitions(topic)?
        };
        let topic_id = self.unused_topic_id(draw);
        records.push(MetadataRecord::Topic(TopicRecord {
            name: topic.name.clone(),
            topic_id,
            ..Default::default()
        }));
        records.extend(configs.iter().map(|(name, value)| {
            MetadataRecord::Config(ConfigRecord {
                resource_type: resource.kind.code(),
                resource_name: topic.name.clone(),
                name: name.clone(),
                value: Some(value.clone()),
                ..Default::default()
            })
        }));
        records.extend((0..).zip(&partitions).map(|(index, partition): (i32, _)| {
            MetadataRecord::Partition(partition.to_record(topic_id, index))
        }));
        Ok(CreatableTopicResult {
            name: topic.name.clone(),
            topic_id,
            error_code: ErrorCode::None.code(),
            error_message: None,
            topic_config_error_code: ErrorCode::None.code(),
            num_partitions: i32::try_from(partitions.len()).unwrap_or(i32::MAX),
            replication_factor: partitions.first().map_or(-1, |first| first.replicas.len() as i16),
            configs: Some(self.effective_configs(&configs)),
            ..Default::default()
        })
    }

    fn check_name(&self, name: &str) -> Result<(), Refusal> {
        if self.image.topics.id_of(name).is_some() {
            let message = format!("Topic '{name}' already exists.");
            return Err(Refusal::new(ErrorCode::TopicAlreadyExists, message));
        }
        let collides = || {
            let other = self.index.collides_with(name)?;
            Some(format!("Topic '{name}' collides with existing topic: {other}"))
        };
        match collides().or_else(|| super::validate_name(name).err()) {
            Some(message) => Err(Refusal::new(ErrorCode::InvalidTopicException, message)),
            None => Ok(()),
        }
    }

    fn assigned_partitions(&self, topic: &CreatableTopic) -> Result<Vec<PartitionImage>, Refusal> {
        if topic.replication_factor != -1 {
            return Err(Refusal::invalid_request(
                "A manual partition assignment was specified, but replication factor was not set to -1.",
            ));
        }
        if topic.num_partitions != -1 {
            return Err(Refusal::invalid_request(
                "A manual partition assignment was specified, but numPartitions was not set to -1.",
            ));
        }
        let refuse = |message: String| Refusal::new(ErrorCode::InvalidReplicaAssignment, message);
        let mut partitions = std::collections::BTreeMap::new();
        let mut replication_factor = None;
        for assignment in &topic.assignments {
            let index = assignment.partition_index;
            if partitions.contains_key(&index) {
                return Err(refuse(format!(
                    "Found multiple manual partition assignments for partition {index}"
                )));
            }
            validate_manual(&self.image, &assignment.broker_ids, replication_factor)?;
            replication_factor = Some(assignment.broker_ids.len());
            let partition = self.new_partition(&assignment.broker_ids).ok_or_else(|| {
                refuse(format!(
                    "All brokers specified in the manual partition assignment for partition {index} \
                     are fenced or in controlled shutdown."
                ))
            })?;
            partitions.insert(index, partition);
        }
        if !partitions.keys().copied().eq((0..).take(partitions.len())) {
            return Err(refuse(
                "partitions should be a consecutive 0-based integer sequence".to_owned(),
            ));
        }
        Ok(partitions.into_values().collect())
    }

    fn placed_partitions(
        &self,
        topic: &CreatableTopic,
        draw: &mut Draw,
    ) -> Result<Vec<PartitionImage>, Refusal> {
        if topic.replication_factor < -1 || topic.replication_factor == 0 {
            return Err(Refusal::new(
                ErrorCode::InvalidReplicationFactor,
                "Replication factor must be larger than 0, or -1 to use the default value.",
            ));
        }
        if topic.num_partitions < -1 || topic.num_partitions == 0 {
            return Err(Refusal::new(
                ErrorCode::InvalidPartitions,
                "Number of partitions was set to an invalid non-positive value.",
            ));
        }
        let server = &self.settings.server;
        let count = match topic.num_partitions {
            -1 => server.whole("num.partitions"),
            given => i64::from(given),
        };
        let factor = match topic.replication_factor {
            -1 => i16::try_from(server.whole("default.replication.factor")).unwrap_or(i16::MAX),
            given => given,
        };
        let refuse = |reason: &str| {
            let message = format!("Unable to replicate the partition {factor} time(s): {reason}");
            Refusal::new(ErrorCode::InvalidReplicationFactor, message)
        };
        let mut placement = Placement::new(&self.image, draw);
        let wanted = placement
            .check(factor)
            .map_err(|refusal| refuse(refusal.message.as_deref().unwrap_or_default()))?;
        (0..count)
            .map(|_| {
                let replicas = placement.next(wanted, draw);
                self.new_partition(&replicas).ok_or_else(|| {
                    refuse("All brokers are currently fenced or in controlled shutdown.")
                })
            })
            .collect()
    }

    /// A partition with these replicas, of which the active ones are in sync.
    /// `None` when none of them is active.
    pub(crate) fn new_partition(&self, replicas: &[i32]) -> Option<PartitionImage> {
        let is_active = |id: &i32| self.image.broker(*id).is_some_and(|broker| broker.is_active());
        let isr: Vec<i32> = replicas.iter().copied().filter(is_active).collect();
        Some(PartitionImage {
            replicas: replicas.to_vec(),
            directories: replicas.iter().map(|id| self.default_directory(*id)).collect(),
            leader: *isr.first()?,
            isr,
            removing: Vec::new(),
            adding: Vec::new(),
            elr: Vec::new(),
            last_known_elr: Vec::new(),
            leader_recovery: LeaderRecovery::Recovered,
            leader_epoch: 0,
            partition_epoch: 0,
        })
    }

    fn unused_topic_id(&self, draw: &mut Draw) -> Uuid {
        loop {
            let id = draw.id();
            if self.image.topics.by_id(id).is_none() {
                return id;
            }
        }
    }

    /// Every topic key with the value that a topic with these configurations would have.
    fn effective_configs(&self, configs: &Values) -> Vec<CreatableTopicConfigs> {
        let entries = TOPIC_KEYS.iter().map(|entry| {
            let nearest = resolve::topic(entry, Some(configs), self.layers()).into_iter().next();
            let (value, source) = nearest
                .map_or((None, resolve::Source::Default), |layer| (layer.value, layer.source));
            CreatableTopicConfigs {
                name: entry.key.name.to_owned(),
                value: value.filter(|_| !entry.key.is_sensitive()),
                read_only: false,
                config_source: source.code(),
                is_sensitive: entry.key.is_sensitive(),
                ..Default::default()
            }
        });
        entries.collect()
    }
}

fn all_refused(request: &CreateTopicsRequest, refusal: &Refusal) -> Outcome {
    let topics = request.topics.iter().map(|topic| refused(&topic.name, refusal.clone()));
    Outcome::answer(CreateTopicsResponse { topics: topics.collect(), ..Default::default() })
}

fn refused(name: &str, refusal: Refusal) -> CreatableTopicResult {
    CreatableTopicResult {
        name: name.to_owned(),
        error_code: refusal.code.code(),
        error_message: refusal.message,
        ..Default::default()
    }
}

/// One request may not ask for more partitions than one batch of records can hold.
fn check_size(request: &CreateTopicsRequest) -> Result<(), Refusal> {
    let partitions = request.topics.iter().map(|topic| {
        if topic.assignments.is_empty() {
            topic.num_partitions.max(0) as usize
        } else {
            topic.assignments.len()
        }
    });
    if partitions.fold(0, usize::saturating_add) > RECORDS_PER_REQUEST_MAX {
        let message = "Excessively large number of partitions per request.";
        return Err(Refusal::new(ErrorCode::PolicyViolation, message));
    }
    Ok(())
}

fn creation_configs(topic: &CreatableTopic) -> Result<Values, Refusal> {
    let missing: Vec<&str> = topic
        .configs
        .iter()
        .filter(|config| config.value.is_none())
        .map(|config| config.name.as_str())
        .collect();
    if !missing.is_empty() {
        let message = format!("Null value not supported for topic configs: {}", missing.join(","));
        return Err(Refusal::new(ErrorCode::InvalidConfig, message));
    }
    let values = topic.configs.iter();
    Ok(values.filter_map(|config| Some((config.name.clone(), config.value.clone()?))).collect())
}
