//! An image as records: what a snapshot of the metadata log holds, in Kafka's order.

use ottla_wire::messages::{
    ConfigRecord, FeatureLevelRecord, MetadataRecord, ProducerIdsRecord, TopicRecord,
};

use super::MetadataImage;
use crate::version::METADATA_VERSION;

impl MetadataImage {
    /// The records from which an empty image becomes this one.
    ///
    /// The first one sets metadata.version, on which the versions of all others depend.
    #[must_use]
    pub fn to_records(&self) -> Vec<MetadataRecord> {
        let mut records = Vec::new();
        self.feature_records(&mut records);
        self.cluster_records(&mut records);
        self.topic_records(&mut records);
        self.config_records(&mut records);
        records.extend(self.security.quota_records().map(MetadataRecord::ClientQuota));
        if self.next_producer_id > 0 {
            records.push(MetadataRecord::ProducerIds(ProducerIdsRecord {
                broker_id: -1,
                broker_epoch: -1,
                next_producer_id: self.next_producer_id,
                ..ProducerIdsRecord::default()
            }));
        }
        self.security_records(&mut records);
        records
    }

    fn feature_records(&self, records: &mut Vec<MetadataRecord>) {
        let (version, others): (Vec<_>, Vec<_>) =
            self.features.iter().partition(|(name, _)| *name == METADATA_VERSION);
        records.extend(version.into_iter().chain(others).map(|(name, level)| {
            MetadataRecord::FeatureLevel(FeatureLevelRecord {
                name: name.clone(),
                feature_level: *level,
                ..FeatureLevelRecord::default()
            })
        }));
    }

    fn cluster_records(&self, records: &mut Vec<MetadataRecord>) {
        let brokers = self.brokers.values();
        records.extend(brokers.map(|broker| MetadataRecord::RegisterBroker(broker.to_record())));
        let controllers = self.controllers.values();
        records.extend(
            controllers
                .map(|controller| MetadataRecord::RegisterController(controller.as_ref().clone())),
        );
    }

    fn topic_records(&self, records: &mut Vec<MetadataRecord>) {
        for topic in self.topics.iter() {
            records.push(MetadataRecord::Topic(TopicRecord {
                name: topic.name.to_string(),
                topic_id: topic.id,
                ..TopicRecord::default()
            }));
            records.extend(topic.partitions.iter().map(|(index, partition)| {
                MetadataRecord::Partition(partition.to_record(topic.id, *index))
            }));
        }
    }

    fn config_records(&self, records: &mut Vec<MetadataRecord>) {
        for (resource, values) in self.configs.iter() {
            records.extend(values.iter().map(|(name, value)| {
                MetadataRecord::Config(ConfigRecord {
                    resource_type: resource.kind.code(),
                    resource_name: resource.name.clone(),
                    name: name.clone(),
                    value: Some(value.clone()),
                    ..ConfigRecord::default()
                })
            }));
        }
    }

    fn security_records(&self, records: &mut Vec<MetadataRecord>) {
        let security = &self.security;
        let acls = security.acls.values();
        records.extend(acls.map(|acl| MetadataRecord::AccessControlEntry(acl.as_ref().clone())));
        let scram = security.scram.values();
        records
            .extend(scram.map(|user| MetadataRecord::UserScramCredential(user.as_ref().clone())));
        let tokens = security.delegation_tokens.values();
        records.extend(tokens.map(|token| MetadataRecord::DelegationToken(token.as_ref().clone())));
    }
}
