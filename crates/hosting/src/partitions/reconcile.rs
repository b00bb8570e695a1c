//! Makes the hosted partitions what the metadata says they are.
//!
//! Partitions are created, deleted, given leaders and settings here and nowhere else. Calls come from
//! one task, in the order of the metadata log.

use std::collections::BTreeSet;
use std::sync::Arc;

use ottla_log::{Log, TopicPartition};
use ottla_metadata::{
    Changes, ConfigResource, MetadataImage, PartitionImage, ResourceType, TopicFate, TopicImage,
};
use ottla_wire::Uuid;

use super::creation::{AT_ONCE, Creating};
use super::deletion::Unclaimed;
use super::{Hosted, HostedTopic, Partitions};
use crate::partition::{Assignment, Identity, Partition, Services, TopicSettings};

/// What partitions are made to follow, and how.
#[derive(Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) image: &'a MetadataImage,
    pub(super) creating: Creating,
    pub(super) now_ms: i64,
}

impl Partitions {
    /// Takes over what changed; `image` holds the changes.
    pub fn reconcile(self: &Arc<Self>, changes: &Changes, image: &Arc<MetadataImage>, now_ms: i64) {
        self.change(changes, image, now_ms);
        self.create_planned();
    }

    fn change(&self, changes: &Changes, image: &Arc<MetadataImage>, now_ms: i64) {
        let _changing = self.changing.lock();
        *self.image.lock() = Some(Arc::clone(image));
        // A topic may be deleted and created again under its name within one delta.
        let is_gone = |fate| matches!(fate, TopicFate::Deleted);
        for (id, _) in changes.topics.iter().filter(|(_, change)| is_gone(change.fate)) {
            self.delete_topic(*id, now_ms);
        }
        let changed = || changes.topics.iter().filter(|(_, change)| !is_gone(change.fate));
        let count: usize = changed().map(|(_, change)| change.partitions.len()).sum();
        let creating = if count > AT_ONCE { Creating::Soon } else { Creating::Now };
        for (id, change) in changed() {
            if let Some(topic) = image.topics.by_id(*id) {
                self.take_over(topic, &change.partitions, Change { image, creating, now_ms });
            }
        }
        self.reconfigure(&changes.configs, image);
    }

    /// Tries again to create the logs that could not be created, for want of space or descriptors. Returns
    /// those that there are now.
    pub fn create_missing(&self, now_ms: i64) -> Vec<TopicPartition> {
        let _changing = self.changing.lock();
        let missing = std::mem::take(&mut *self.missing.lock());
        let Some(image) = self.image.lock().clone().filter(|_| !missing.is_empty()) else {
            return Vec::new();
        };
        let mut created = Vec::new();
        for name in missing {
            let topic = image.topics.by_name(&name.topic);
            let Some((topic, hosted)) =
                topic.and_then(|topic| Some((topic, self.topic_by_id(topic.id)?)))
            else {
                continue;
            };
            if let Hosted::Offline = hosted.place(name.partition) {
                hosted.set(name.partition, Hosted::Absent);
                let indices = BTreeSet::from([name.partition]);
                let change = Change { image: &image, creating: Creating::Now, now_ms };
                self.take_over(topic, &indices, change);
                if let Hosted::Online(_) = hosted.place(name.partition) {
                    tracing::info!(partition = %name, "the log is created after all");
                    created.push(name);
                }
            }
        }
        created
    }

    fn delete_topic(&self, id: Uuid, now_ms: i64) {
        if let Some(topic) = self.topics.remove(id) {
            for partition in topic.online() {
                self.delete(&partition, now_ms);
            }
            for index in topic.loading() {
                self.doom(&topic, index);
            }
        }
    }

    /// Makes these partitions of a topic what the metadata says: called with the lock on places held.
    pub(super) fn take_over(
        &self,
        topic: &TopicImage,
        indices: &BTreeSet<i32>,
        change: Change<'_>,
    ) {
        let Change { image, now_ms, .. } = change;
        let last = indices.last().and_then(|index| usize::try_from(*index).ok());
        let broker_id = self.settings.broker_id;
        let mut hosted = self.topic_by_id(topic.id);
        let mut settings = None;
        for index in indices {
            let Some(partition) = topic.partition(*index) else { continue };
            if !partition.replicas.contains(&broker_id) {
                if let Some(hosted) = &hosted {
                    self.give_up(hosted, *index, now_ms);
                }
                continue;
            }
            let hosted = hosted.get_or_insert_with(|| {
                let hosted = Arc::new(HostedTopic::new(Arc::clone(&topic.name), topic.id));
                self.topics.insert(&hosted);
                hosted
            });
            hosted.grow(last.unwrap_or_default());
            if let Hosted::Absent | Hosted::Planned | Hosted::Loading = hosted.place(*index) {
                let settings = settings
                    .get_or_insert_with(|| Arc::new(self.settings.topic(image, &topic.name)));
                let place = self.host(hosted, *index, partition, settings, change);
                // It is assigned before anybody can find it.
                self.assign(&place, partition);
                if let Hosted::Online(partition) = &place {
                    self.resume_move(partition, now_ms);
                }
                hosted.set(*index, place);
            } else {
                self.assign(&hosted.place(*index), partition);
            }
        }
    }

    fn give_up(&self, topic: &HostedTopic, index: i32, now_ms: i64) {
        let place = topic.place(index);
        topic.set(index, Hosted::Absent);
        match place {
            Hosted::Online(partition) => self.delete(&partition, now_ms),
            Hosted::Loading => self.doom(topic, index),
            Hosted::Absent | Hosted::Planned | Hosted::Offline => {}
        }
    }

    /// Its log goes once it is open.
    fn doom(&self, topic: &HostedTopic, index: i32) {
        self.doomed.lock().insert((TopicPartition::new(&*topic.name, index), topic.id));
    }

    /// Finds a place for a log that was opened: called with the lock on places held.
    pub(super) fn place_opened(&self, name: &TopicPartition) {
        let image = self.image.lock().clone();
        if let Some(image) = image {
            if let Some(topic) = image.topics.by_name(&name.topic) {
                let indices = BTreeSet::from([name.partition]);
                let now_ms = self.world.clock.now_ms();
                let change = Change { image: &image, creating: Creating::Now, now_ms };
                self.take_over(topic, &indices, change);
            }
            if self.is_caught_up()
                && let Some(Unclaimed { directory, log }) = self.unclaimed.lock().remove(name)
            {
                self.discard(directory, log);
            }
        }
    }

    /// A log from disk is open.
    pub(super) fn take_in(&self, directory: usize, log: Log) {
        self.unclaimed.lock().insert(log.partition().clone(), Unclaimed { directory, log });
    }

    /// Opens the log of a partition: the one that was loaded, or a new one, now or soon.
    fn host(
        &self,
        topic: &HostedTopic,
        index: i32,
        image: &PartitionImage,
        settings: &Arc<TopicSettings>,
        change: Change<'_>,
    ) -> Hosted {
        let name = TopicPartition::new(&*topic.name, index);
        if self.failed.lock().contains(&name) {
            return Hosted::Offline;
        }
        if self.loading.is_waiting(&name) {
            return Hosted::Loading;
        }
        let claimed = self.claim(&name, topic.id);
        if claimed.is_none() && change.creating == Creating::Soon {
            self.creation.plan(topic.id, index);
            return Hosted::Planned;
        }
        let Some(Unclaimed { directory, log }) = claimed.or_else(|| {
            let assigned = image.directory_of(self.settings.broker_id);
            self.create(&name, topic.id, assigned, settings, change.now_ms)
        }) else {
            return Hosted::Offline;
        };
        self.wishes.forget(&name);
        let identity = Identity {
            topic: Arc::clone(&topic.name),
            topic_id: topic.id,
            index,
            broker_id: self.settings.broker_id,
        };
        let services =
            Services { flusher: self.flusher.clone(), seat: self.states.seat(directory) };
        let partition = Partition::new(identity, log, Arc::clone(settings), services);
        let partition = Arc::new(partition);
        self.journals.join(&partition);
        Hosted::Online(partition)
    }

    /// Creates a log in the best directory that takes it.
    fn create(
        &self,
        name: &TopicPartition,
        topic_id: Uuid,
        assigned: Option<Uuid>,
        settings: &TopicSettings,
        now_ms: i64,
    ) -> Option<Unclaimed> {
        let places = self.places(name, assigned);
        if places.is_empty() {
            tracing::error!(partition = %name, "its log directory is offline");
        }
        for directory in places {
            let log_directory = &self.directories[directory].log_directory;
            let config = Arc::clone(&settings.log);
            if Some(self.directories[directory].id) == assigned
                && let Some(log) = self.adopt_copy(name, directory, Arc::clone(&config), now_ms)
            {
                return Some(Unclaimed { directory, log });
            }
            match log_directory.create_log(name, Some(topic_id), config, now_ms) {
                Ok(log) => return Some(Unclaimed { directory, log }),
                Err(error) => {
                    tracing::error!(partition = %name, %error, "the log can't be created");
                    self.states.report(directory, &error);
                }
            }
        }
        self.missing.lock().insert(name.clone());
        None
    }

    /// The loaded log of a partition. A log of another topic with the same name is set aside.
    fn claim(&self, name: &TopicPartition, topic_id: Uuid) -> Option<Unclaimed> {
        let Unclaimed { directory, mut log } = self.unclaimed.lock().remove(name)?;
        if log.topic_id().is_some_and(|id| id != topic_id) {
            self.discard(directory, log);
            return None;
        }
        let prepared = self.restore(&mut log, directory, name, topic_id);
        if let Err(error) = prepared {
            tracing::error!(partition = %name, %error, "the log can't be taken over");
        }
        Some(Unclaimed { directory, log })
    }

    fn restore(
        &self,
        log: &mut Log,
        directory: usize,
        name: &TopicPartition,
        topic_id: Uuid,
    ) -> ottla_log::Result<()> {
        if log.topic_id().is_none() {
            log.assign_topic_id(topic_id)?;
        }
        let checkpointed = self.directories[directory].log_directory.high_watermarks();
        if let Some(high_watermark) = checkpointed.get(name) {
            log.update_high_watermark(*high_watermark)?;
        }
        Ok(())
    }

    fn reconfigure(&self, changed: &BTreeSet<ConfigResource>, image: &MetadataImage) {
        let own = self.settings.broker_id.to_string();
        let is_ours = |resource: &ConfigResource| {
            resource.kind == ResourceType::Broker
                && (resource.name.is_empty() || resource.name == own)
        };
        let topics: Vec<Arc<HostedTopic>> = if changed.iter().any(is_ours) {
            image.topics.iter().filter_map(|topic| self.topic_by_id(topic.id)).collect()
        } else {
            let topics = changed.iter().filter(|each| each.kind == ResourceType::Topic);
            topics.filter_map(|each| self.topic(&each.name)).collect()
        };
        for topic in topics {
            let settings = Arc::new(self.settings.topic(image, &topic.name));
            for partition in topic.online() {
                partition.update_settings(Arc::clone(&settings));
            }
        }
    }

    fn assign(&self, place: &Hosted, image: &PartitionImage) {
        let Hosted::Online(partition) = place else { return };
        self.compare_assignment(partition, image);
        let assignment = Assignment {
            leader: image.leader,
            leader_epoch: image.leader_epoch,
            partition_epoch: image.partition_epoch,
            replicas: image.replicas.clone(),
            isr: image.isr.clone(),
        };
        let (topic, index) = (partition.topic(), partition.index());
        let (leader, leader_epoch) = (image.leader, image.leader_epoch);
        match partition.assign(assignment) {
            Ok(()) => tracing::debug!(%topic, partition = index, leader, leader_epoch, "assigned"),
            Err(error) => {
                tracing::error!(%topic, partition = index, %error, "leadership can't be taken over");
                partition.report(&error);
            }
        }
    }
}
