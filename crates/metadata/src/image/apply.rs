//! What each record type does to an image.
//!
//! Begin, end and abort of a metadata transaction change nothing here: whoever replays a log holds
//! the image from before the transaction (see [`crate::Replayer`]).

use std::sync::Arc;

use ottla_wire::Uuid;
use ottla_wire::messages::{
    BrokerRegistrationChangeRecord, ClearElrRecord, ConfigRecord, FeatureLevelRecord,
    MetadataRecord, PartitionChangeRecord, PartitionRecord, ProducerIdsRecord,
    RegisterBrokerRecord, TopicRecord,
};

use super::broker::sorted;
use super::partition::PartitionImage;
use super::{BrokerImage, MetadataImage, ResourceType, TopicImage};

/// Why a record does not fit the image that it meets. The log is damaged, or written by something
/// that this version does not understand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    #[error("{record} names topic id {id}, which does not exist")]
    NoSuchTopicId { record: &'static str, id: Uuid },
    #[error("{record} names topic {name}, which does not exist")]
    NoSuchTopic { record: &'static str, name: String },
    #[error("{record} names partition {partition} of topic id {topic}, which does not exist")]
    NoSuchPartition { record: &'static str, topic: Uuid, partition: i32 },
    #[error("topic {name} exists with id {existing}, and a record creates it with id {id}")]
    TopicExists { name: String, existing: Uuid, id: Uuid },
    #[error("{record} names broker {id}, which is not registered")]
    NoSuchBroker { record: &'static str, id: i32 },
    #[error(
        "{record} names epoch {epoch} of broker {id}, which is registered with epoch {current}"
    )]
    OtherBrokerEpoch { record: &'static str, id: i32, epoch: i64, current: i64 },
    #[error("{record} holds {value} in {field}, which means nothing")]
    UnknownValue { record: &'static str, field: &'static str, value: i64 },
    #[error("producer ids go back: {next} after {current}")]
    ProducerIdsGoBack { current: i64, next: i64 },
}

impl MetadataImage {
    /// Takes in one record.
    ///
    /// # Errors
    /// [`ApplyError`] when the record does not fit; the image is unchanged then.
    pub fn apply(&mut self, record: &MetadataRecord) -> Result<(), ApplyError> {
        use MetadataRecord as R;
        match record {
            R::RegisterBroker(record) => self.register_broker(record),
            R::UnregisterBroker(record) => {
                self.checked_broker(
                    "UnregisterBrokerRecord",
                    record.broker_id,
                    record.broker_epoch,
                )?;
                self.brokers.remove(&record.broker_id);
            }
            R::FenceBroker(record) => {
                self.checked_broker("FenceBrokerRecord", record.id, record.epoch)?.fenced = true;
            }
            R::UnfenceBroker(record) => {
                self.checked_broker("UnfenceBrokerRecord", record.id, record.epoch)?.fenced = false;
            }
            R::BrokerRegistrationChange(record) => self.change_broker(record)?,
            R::Topic(record) => self.create_topic(record)?,
            R::Partition(record) => self.set_partition(record)?,
            R::PartitionChange(record) => self.change_partition(record)?,
            R::RemoveTopic(record) => self.remove_topic(record.topic_id)?,
            R::ClearElr(record) => self.clear_elr(record)?,
            R::Config(record) => self.set_config(record)?,
            R::FeatureLevel(record) => self.set_feature(record),
            R::ProducerIds(record) => self.set_producer_ids(record)?,
            R::RegisterController(record) => {
                self.controllers.insert(record.controller_id, Arc::new(record.clone()));
            }
            R::UnregisterController(record) => {
                self.controllers.remove(&record.controller_id);
            }
            R::BeginTransaction(_)
            | R::EndTransaction(_)
            | R::AbortTransaction(_)
            | R::NoOp(_)
            | R::ZkMigrationState(_) => {}
            other => self.apply_security(other),
        }
        Ok(())
    }

    fn apply_security(&mut self, record: &MetadataRecord) {
        use MetadataRecord as R;
        let security = &mut self.security;
        match record {
            R::AccessControlEntry(record) => {
                security.acls.insert(record.id, Arc::new(record.clone()));
            }
            R::RemoveAccessControlEntry(record) => {
                security.acls.remove(&record.id);
            }
            R::UserScramCredential(record) => {
                let key = (record.mechanism, record.name.clone());
                security.scram.insert(key, Arc::new(record.clone()));
            }
            R::RemoveUserScramCredential(record) => {
                security.scram.remove(&(record.mechanism, record.name.clone()));
            }
            R::DelegationToken(record) => {
                security
                    .delegation_tokens
                    .insert(record.token_id.clone(), Arc::new(record.clone()));
            }
            R::RemoveDelegationToken(record) => {
                security.delegation_tokens.remove(&record.token_id);
            }
            R::ClientQuota(record) => security.set_quota(record),
            other => unreachable!("apply hands over access records only, not {other:?}"),
        }
    }

    fn register_broker(&mut self, record: &RegisterBrokerRecord) {
        self.brokers.insert(record.broker_id, Arc::new(BrokerImage::from_record(record)));
    }

    fn checked_broker(
        &mut self,
        record: &'static str,
        id: i32,
        epoch: i64,
    ) -> Result<&mut BrokerImage, ApplyError> {
        let broker = self.brokers.get_mut(&id).ok_or(ApplyError::NoSuchBroker { record, id })?;
        if broker.epoch != epoch {
            let current = broker.epoch;
            return Err(ApplyError::OtherBrokerEpoch { record, id, epoch, current });
        }
        Ok(Arc::make_mut(broker))
    }

    fn change_broker(&mut self, change: &BrokerRegistrationChangeRecord) -> Result<(), ApplyError> {
        const RECORD: &str = "BrokerRegistrationChangeRecord";
        let unknown = |field, value: i8| ApplyError::UnknownValue {
            record: RECORD,
            field,
            value: i64::from(value),
        };
        if !(-1..=1).contains(&change.fenced) {
            return Err(unknown("fenced", change.fenced));
        }
        if !(0..=1).contains(&change.in_controlled_shutdown) {
            return Err(unknown("inControlledShutdown", change.in_controlled_shutdown));
        }
        let broker = self.checked_broker(RECORD, change.broker_id, change.broker_epoch)?;
        match change.fenced {
            1 => broker.fenced = true,
            -1 => broker.fenced = false,
            _ => {}
        }
        if change.in_controlled_shutdown == 1 {
            broker.in_controlled_shutdown = true;
        }
        if !change.log_dirs.is_empty() {
            broker.directories = sorted(&change.log_dirs);
        }
        if let Some(cordoned) = &change.cordoned_log_dirs {
            broker.cordoned_directories = Some(sorted(cordoned));
        }
        Ok(())
    }

    fn create_topic(&mut self, record: &TopicRecord) -> Result<(), ApplyError> {
        if let Some(existing) = self.topics.id_of(&record.name) {
            let (name, id) = (record.name.clone(), record.topic_id);
            return Err(ApplyError::TopicExists { name, existing, id });
        }
        self.topics.insert(TopicImage {
            id: record.topic_id,
            name: record.name.as_str().into(),
            partitions: imbl::OrdMap::new(),
        });
        Ok(())
    }

    fn set_partition(&mut self, record: &PartitionRecord) -> Result<(), ApplyError> {
        let id = record.topic_id;
        let missing = ApplyError::NoSuchTopicId { record: "PartitionRecord", id };
        let topic = self.topics.get_mut(id).ok_or(missing)?;
        let partition = PartitionImage::from_record(record);
        topic.partitions.insert(record.partition_id, Arc::new(partition));
        Ok(())
    }

    fn change_partition(&mut self, change: &PartitionChangeRecord) -> Result<(), ApplyError> {
        const RECORD: &str = "PartitionChangeRecord";
        let (id, partition) = (change.topic_id, change.partition_id);
        if self.partition(id, partition).is_none() {
            return Err(match self.topics.by_id(id) {
                None => ApplyError::NoSuchTopicId { record: RECORD, id },
                Some(_) => ApplyError::NoSuchPartition { record: RECORD, topic: id, partition },
            });
        }
        let topic = self.topics.get_mut(id).expect("looked up just above");
        let image = topic.partitions.get_mut(&partition).expect("looked up just above");
        Arc::make_mut(image).merge(change);
        Ok(())
    }

    /// A topic takes its configuration with it.
    fn remove_topic(&mut self, id: Uuid) -> Result<(), ApplyError> {
        let missing = ApplyError::NoSuchTopicId { record: "RemoveTopicRecord", id };
        let topic = self.topics.remove(id).ok_or(missing)?;
        self.configs.remove_topic(&topic.name);
        Ok(())
    }

    fn clear_elr(&mut self, record: &ClearElrRecord) -> Result<(), ApplyError> {
        let ids = if record.topic_name.is_empty() {
            self.topics.ids()
        } else {
            let name = record.topic_name.clone();
            let missing = ApplyError::NoSuchTopic { record: "ClearElrRecord", name };
            vec![self.topics.id_of(&record.topic_name).ok_or(missing)?]
        };
        for id in ids {
            let topic = self.topics.get_mut(id).expect("ids come from the topics themselves");
            let with_elr: Vec<i32> = topic
                .partitions
                .iter()
                .filter(|(_, partition)| has_elr(partition))
                .map(|(index, _)| *index)
                .collect();
            for index in with_elr {
                let partition = topic.partitions.get_mut(&index).expect("listed just above");
                let partition = Arc::make_mut(partition);
                partition.elr.clear();
                partition.last_known_elr.clear();
            }
        }
        Ok(())
    }

    fn set_config(&mut self, record: &ConfigRecord) -> Result<(), ApplyError> {
        let kind =
            ResourceType::from_code(record.resource_type).ok_or(ApplyError::UnknownValue {
                record: "ConfigRecord",
                field: "resourceType",
                value: i64::from(record.resource_type),
            })?;
        self.configs.set(kind, record);
        Ok(())
    }

    fn set_feature(&mut self, record: &FeatureLevelRecord) {
        let features = Arc::make_mut(&mut self.features);
        if record.feature_level == 0 {
            features.remove(&record.name);
        } else {
            features.insert(record.name.clone(), record.feature_level);
        }
    }

    fn set_producer_ids(&mut self, record: &ProducerIdsRecord) -> Result<(), ApplyError> {
        let (current, next) = (self.next_producer_id, record.next_producer_id);
        if next <= current && !(next == 0 && current == 0) {
            return Err(ApplyError::ProducerIdsGoBack { current, next });
        }
        self.next_producer_id = next;
        Ok(())
    }
}

fn has_elr(partition: &PartitionImage) -> bool {
    !partition.elr.is_empty() || !partition.last_known_elr.is_empty()
}
