//! What follows from the image and would be slow to look for in it.
//!
//! Updated with every record; rebuilt from an image after a load.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ottla_metadata::{MetadataImage, PartitionImage, TopicImage};
use ottla_wire::Uuid;

/// A partition by topic id and index.
pub(crate) type PartitionKey = (Uuid, i32);

/// Partitions by what is true of them, and topics by what their names collide with.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Index {
    /// By broker in the in-sync set. Partitions without a leader stand under `NO_LEADER` in `led`.
    in_sync: BTreeMap<i32, BTreeSet<PartitionKey>>,
    eligible: BTreeMap<i32, BTreeSet<PartitionKey>>,
    led: BTreeMap<i32, BTreeSet<PartitionKey>>,
    in_directory: BTreeMap<Uuid, BTreeSet<PartitionKey>>,
    /// Partitions whose leader is not the preferred one.
    pub imbalanced: BTreeSet<PartitionKey>,
    pub reassigning: BTreeSet<PartitionKey>,
    /// Topics with `.` or `_` in their names, by the name with every `.` made a `_`.
    collisions: BTreeMap<String, BTreeSet<Arc<str>>>,
}

impl Index {
    pub fn of(image: &MetadataImage) -> Self {
        let mut index = Self::default();
        for topic in image.topics.iter() {
            index.add_topic(&topic.name);
            for (partition, state) in &topic.partitions {
                index.partition((topic.id, *partition), None, Some(state));
            }
        }
        index
    }

    pub fn add_topic(&mut self, name: &Arc<str>) {
        if let Some(unified) = collision_name(name) {
            self.collisions.entry(unified).or_default().insert(name.clone());
        }
    }

    pub fn remove_topic(&mut self, topic: &TopicImage) {
        if let Some(unified) = collision_name(&topic.name)
            && let Some(names) = self.collisions.get_mut(&unified)
        {
            names.remove(&topic.name);
            if names.is_empty() {
                self.collisions.remove(&unified);
            }
        }
        for (partition, state) in &topic.partitions {
            self.partition((topic.id, *partition), Some(state), None);
        }
    }

    /// Notes that a partition changed from one state to another.
    pub fn partition(
        &mut self,
        key: PartitionKey,
        old: Option<&PartitionImage>,
        new: Option<&PartitionImage>,
    ) {
        if let Some(old) = old {
            for broker in &old.isr {
                remove(&mut self.in_sync, broker, key);
            }
            for broker in &old.elr {
                remove(&mut self.eligible, broker, key);
            }
            for directory in &old.directories {
                remove(&mut self.in_directory, directory, key);
            }
            remove(&mut self.led, &old.leader, key);
            self.imbalanced.remove(&key);
            self.reassigning.remove(&key);
        }
        let Some(new) = new else { return };
        for broker in &new.isr {
            self.in_sync.entry(*broker).or_default().insert(key);
        }
        for broker in &new.elr {
            self.eligible.entry(*broker).or_default().insert(key);
        }
        for directory in &new.directories {
            self.in_directory.entry(*directory).or_default().insert(key);
        }
        self.led.entry(new.leader).or_default().insert(key);
        if new.leader != new.preferred_leader() {
            self.imbalanced.insert(key);
        }
        if new.is_reassigning() {
            self.reassigning.insert(key);
        }
    }

    /// Partitions that have the broker in their in-sync set.
    pub fn in_sync(&self, broker: i32) -> impl Iterator<Item = PartitionKey> {
        members(&self.in_sync, broker)
    }

    /// Partitions that have the broker among their eligible leader replicas.
    pub fn eligible(&self, broker: i32) -> impl Iterator<Item = PartitionKey> {
        members(&self.eligible, broker)
    }

    /// Partitions that the broker leads; those without a leader for `NO_LEADER`.
    pub fn led_by(&self, broker: i32) -> impl Iterator<Item = PartitionKey> {
        members(&self.led, broker)
    }

    /// Partitions with a replica in the directory.
    pub fn in_directory(&self, directory: Uuid) -> impl Iterator<Item = PartitionKey> {
        members(&self.in_directory, directory)
    }

    /// A topic whose name would collide with this one in metric names.
    pub fn collides_with(&self, name: &str) -> Option<&Arc<str>> {
        self.collisions.get(&collision_name(name)?)?.first()
    }
}

/// The name with every `.` made a `_`, when it has either.
fn collision_name(name: &str) -> Option<String> {
    name.contains(['.', '_']).then(|| name.replace('.', "_"))
}

fn members<K: Ord>(
    sets: &BTreeMap<K, BTreeSet<PartitionKey>>,
    of: K,
) -> impl Iterator<Item = PartitionKey> {
    sets.get(&of).into_iter().flatten().copied()
}

fn remove<K: Ord>(sets: &mut BTreeMap<K, BTreeSet<PartitionKey>>, from: &K, key: PartitionKey) {
    if let Some(set) = sets.get_mut(from) {
        set.remove(&key);
        if set.is_empty() {
            sets.remove(from);
        }
    }
}
