//! AssignReplicasToDirs: brokers tell in which log directory their replicas lie (KIP-858), and what
//! follows when a directory goes offline.

use ottla_metadata::BrokerImage;
use ottla_wire::messages::assign_replicas_to_dirs_request::DirectoryData as Told;
use ottla_wire::messages::assign_replicas_to_dirs_response::{
    DirectoryData, PartitionData, TopicData,
};
use ottla_wire::messages::{
    AssignReplicasToDirsRequest, AssignReplicasToDirsResponse, BrokerRegistrationChangeRecord,
    MetadataRecord,
};
use ottla_wire::{ErrorCode, Uuid};

use super::leaders::Standing;
use crate::controller::{Controller, Outcome};
use crate::index::PartitionKey;

impl Controller {
    pub(crate) fn assign_replicas_to_dirs(&self, request: AssignReplicasToDirsRequest) -> Outcome {
        let refuse = |code: ErrorCode| {
            let error_code = code.code();
            Outcome::answer(AssignReplicasToDirsResponse { error_code, ..Default::default() })
        };
        if !self.metadata_version().tells_directories() {
            return refuse(ErrorCode::UnsupportedVersion);
        }
        if let Err(refusal) = self.check_broker_epoch(request.broker_id, request.broker_epoch) {
            return refuse(refusal.code);
        }
        let Some(broker) = self.image.broker(request.broker_id) else {
            return refuse(ErrorCode::BrokerIdNotRegistered);
        };
        let mut records = Vec::new();
        let mut offline = Vec::new();
        let directories = request.directories.into_iter();
        let directories = directories
            .map(|told| {
                let is_offline = !broker.has_online_directory(told.id);
                self.assign(broker, told, &mut records, &mut |key| {
                    offline.extend(is_offline.then_some(key));
                })
            })
            .collect();
        if !offline.is_empty() {
            let standing = Standing::leaving(request.broker_id);
            records.extend(self.follow(standing, offline.into_iter()));
        }
        Outcome::new(records, AssignReplicasToDirsResponse { directories, ..Default::default() })
    }

    fn assign(
        &self,
        broker: &BrokerImage,
        told: Told,
        records: &mut Vec<MetadataRecord>,
        assigned: &mut impl FnMut(PartitionKey),
    ) -> DirectoryData {
        let mut topics = Vec::new();
        for topic in told.topics {
            let mut partitions = Vec::new();
            for partition in topic.partitions {
                let key = (topic.topic_id, partition.partition_index);
                let outcome = self.assign_one(broker.id, key, told.id, records);
                if outcome.is_ok() {
                    assigned(key);
                }
                partitions.push(PartitionData {
                    partition_index: partition.partition_index,
                    error_code: outcome.err().unwrap_or(ErrorCode::None).code(),
                    ..Default::default()
                });
            }
            topics.push(TopicData { topic_id: topic.topic_id, partitions, ..Default::default() });
        }
        DirectoryData { id: told.id, topics, ..Default::default() }
    }

    fn assign_one(
        &self,
        broker: i32,
        key: PartitionKey,
        directory: Uuid,
        records: &mut Vec<MetadataRecord>,
    ) -> Result<(), ErrorCode> {
        let topic = self.image.topics.by_id(key.0).ok_or(ErrorCode::UnknownTopicId)?;
        let partition = topic.partition(key.1).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        if !partition.replicas.contains(&broker) {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let mut change = self.change(key, partition, |id| self.is_active(id));
        change.directories.insert(broker, directory);
        records.extend(change.build().map(MetadataRecord::PartitionChange));
        Ok(())
    }

    /// A broker's heartbeat names directories that failed: their replicas leave the in-sync sets.
    pub(crate) fn directories_offline(
        &self,
        broker: &BrokerImage,
        offline: &[Uuid],
    ) -> Vec<MetadataRecord> {
        let (lost, left): (Vec<Uuid>, Vec<Uuid>) =
            broker.directories.iter().partition(|id| offline.contains(id));
        if lost.is_empty() {
            return Vec::new();
        }
        let mut records = Vec::new();
        for directory in lost {
            let partitions = self.index.in_directory(directory);
            records.extend(self.follow(Standing::leaving(broker.id), partitions));
        }
        records.push(MetadataRecord::BrokerRegistrationChange(BrokerRegistrationChangeRecord {
            broker_id: broker.id,
            broker_epoch: broker.epoch,
            log_dirs: left,
            ..Default::default()
        }));
        records
    }
}
