//! One image, the records after it, and what they changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use imbl::OrdMap;
use ottla_wire::Uuid;
use ottla_wire::messages::MetadataRecord;

use crate::image::{ApplyError, ConfigResource, MetadataImage, Provenance, ResourceType};

#[cfg(test)]
mod tests;

/// What happened to a topic as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicFate {
    Created,
    Changed,
    Deleted,
}

/// What changed in one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicChange {
    pub name: Arc<str>,
    pub fate: TopicFate,
    /// Partitions that were created, changed, or deleted with their topic.
    pub partitions: BTreeSet<i32>,
}

/// What differs between two images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// By topic id. A topic that was deleted and created again under its name is here twice.
    pub topics: BTreeMap<Uuid, TopicChange>,
    /// Brokers registered, changed or unregistered.
    pub brokers: BTreeSet<i32>,
    pub controllers: BTreeSet<i32>,
    /// Resources whose values changed; those of a deleted topic among them.
    pub configs: BTreeSet<ConfigResource>,
    pub features: bool,
    pub producer_ids: bool,
    pub acls: bool,
    pub scram: bool,
    pub delegation_tokens: bool,
    pub client_quotas: bool,
}

impl Changes {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An image, and the next one in the making.
#[derive(Clone, Debug)]
pub struct MetadataDelta {
    base: MetadataImage,
    next: MetadataImage,
    changes: Changes,
}

impl MetadataDelta {
    /// A delta without changes.
    #[must_use]
    pub fn new(base: MetadataImage) -> Self {
        Self { next: base.clone(), base, changes: Changes::default() }
    }

    /// The delta that leads from one image to another, as when a snapshot was loaded.
    #[must_use]
    pub fn between(base: MetadataImage, next: MetadataImage) -> Self {
        let changes = difference(&base, &next);
        Self { base, next, changes }
    }

    /// Takes in one record.
    ///
    /// # Errors
    /// [`ApplyError`] when the record does not fit; the delta is unchanged then.
    pub fn apply(&mut self, record: &MetadataRecord) -> Result<(), ApplyError> {
        let removed = match record {
            MetadataRecord::RemoveTopic(record) => self.next.topics.by_id(record.topic_id).cloned(),
            _ => None,
        };
        self.next.apply(record)?;
        if let Some(topic) = removed {
            self.note_deleted(topic.id, &topic.name);
        } else {
            self.note(record);
        }
        Ok(())
    }

    /// The image that the delta began with.
    #[must_use]
    pub fn base(&self) -> &MetadataImage {
        &self.base
    }

    /// The image with every record so far; its provenance is still the base's.
    #[must_use]
    pub fn next(&self) -> &MetadataImage {
        &self.next
    }

    /// What changed so far.
    #[must_use]
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// The next image, which ends at `provenance`.
    #[must_use]
    pub fn image(&self, provenance: Provenance) -> MetadataImage {
        MetadataImage { provenance, ..self.next.clone() }
    }

    fn note(&mut self, record: &MetadataRecord) {
        use MetadataRecord as R;
        let changes = &mut self.changes;
        match record {
            R::RegisterBroker(record) => changes.brokers.extend([record.broker_id]),
            R::UnregisterBroker(record) => changes.brokers.extend([record.broker_id]),
            R::FenceBroker(record) => changes.brokers.extend([record.id]),
            R::UnfenceBroker(record) => changes.brokers.extend([record.id]),
            R::BrokerRegistrationChange(record) => changes.brokers.extend([record.broker_id]),
            R::RegisterController(record) => changes.controllers.extend([record.controller_id]),
            R::UnregisterController(record) => {
                changes.controllers.extend([record.controller_id]);
            }
            R::Topic(record) => self.note_topic(record.topic_id, None),
            R::Partition(record) => self.note_topic(record.topic_id, Some(record.partition_id)),
            R::PartitionChange(record) => {
                self.note_topic(record.topic_id, Some(record.partition_id));
            }
            R::ClearElr(_) => self.note_cleared_elr(),
            R::Config(record) => {
                if let Some(kind) = ResourceType::from_code(record.resource_type) {
                    let name = record.resource_name.clone();
                    changes.configs.insert(ConfigResource { kind, name });
                }
            }
            R::FeatureLevel(_) => changes.features = true,
            R::ProducerIds(_) => changes.producer_ids = true,
            R::AccessControlEntry(_) | R::RemoveAccessControlEntry(_) => {
                changes.acls = true;
            }
            R::UserScramCredential(_) | R::RemoveUserScramCredential(_) => {
                changes.scram = true;
            }
            R::DelegationToken(_) | R::RemoveDelegationToken(_) => {
                changes.delegation_tokens = true;
            }
            R::ClientQuota(_) => changes.client_quotas = true,
            _ => {}
        }
    }

    fn note_topic(&mut self, id: Uuid, partition: Option<i32>) {
        let Some(topic) = self.next.topics.by_id(id) else { return };
        let created = self.base.topics.by_id(id).is_none();
        let change = self.changes.topics.entry(id).or_insert_with(|| TopicChange {
            name: topic.name.clone(),
            fate: if created { TopicFate::Created } else { TopicFate::Changed },
            partitions: BTreeSet::new(),
        });
        change.partitions.extend(partition);
    }

    fn note_deleted(&mut self, id: Uuid, name: &Arc<str>) {
        let resource = ConfigResource::topic(name);
        if self.base.configs.get(&resource).is_some() {
            self.changes.configs.insert(resource);
        } else {
            self.changes.configs.remove(&resource);
        }
        match self.base.topics.by_id(id) {
            // Created and deleted within the delta: nobody has seen it.
            None => {
                self.changes.topics.remove(&id);
            }
            Some(topic) => {
                let partitions = topic.partitions.keys().copied().collect();
                let name = name.clone();
                let change = TopicChange { name, fate: TopicFate::Deleted, partitions };
                self.changes.topics.insert(id, change);
            }
        }
    }

    fn note_cleared_elr(&mut self) {
        for (id, change) in topic_changes(&self.base, &self.next) {
            for partition in change.partitions {
                self.note_topic(id, Some(partition));
            }
        }
    }
}

/// What differs between two images, found by comparing them.
fn difference(base: &MetadataImage, next: &MetadataImage) -> Changes {
    Changes {
        topics: topic_changes(base, next),
        brokers: differing(&base.brokers, &next.brokers),
        controllers: differing(&base.controllers, &next.controllers),
        configs: base.configs.differing(&next.configs).into_iter().collect(),
        features: base.features != next.features,
        producer_ids: base.next_producer_id != next.next_producer_id,
        acls: base.security.acls != next.security.acls,
        scram: base.security.scram != next.security.scram,
        delegation_tokens: base.security.delegation_tokens != next.security.delegation_tokens,
        client_quotas: base.security.client_quotas != next.security.client_quotas,
    }
}

fn topic_changes(base: &MetadataImage, next: &MetadataImage) -> BTreeMap<Uuid, TopicChange> {
    let mut changes = BTreeMap::new();
    for id in base.topics.differing_ids(&next.topics) {
        let (topic, fate, partitions) = match (base.topics.by_id(id), next.topics.by_id(id)) {
            (Some(old), Some(new)) => {
                (new, TopicFate::Changed, differing(&old.partitions, &new.partitions))
            }
            (None, Some(new)) => {
                (new, TopicFate::Created, new.partitions.keys().copied().collect())
            }
            (Some(old), None) => {
                (old, TopicFate::Deleted, old.partitions.keys().copied().collect())
            }
            (None, None) => continue,
        };
        changes.insert(id, TopicChange { name: topic.name.clone(), fate, partitions });
    }
    changes
}

fn differing<V: PartialEq>(
    base: &OrdMap<i32, Arc<V>>,
    next: &OrdMap<i32, Arc<V>>,
) -> BTreeSet<i32> {
    base.diff(next).map(|item| *crate::image::diff_key(item)).collect()
}
