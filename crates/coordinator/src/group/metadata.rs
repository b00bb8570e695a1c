//! What a coordinator knows of the cluster: its topics, and what is set for groups.

use std::collections::BTreeSet;
use std::sync::Arc;

use ottla_metadata::{ConfigResource, MetadataImage, ResourceType};
use ottla_wire::Uuid;
use twox_hash::xxhash3_64::Hasher;

use crate::config::ConsumerConfig;

/// Before what a topic is hashed by: another number would be another way of hashing.
const HASH_MAGIC: u8 = 0;

/// The cluster's metadata, and when topics changed in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    image: Arc<MetadataImage>,
    /// The image in which a topic has last been created.
    topics_created: i64,
    /// The image in which a topic has last been created, changed or deleted.
    topics_changed: i64,
}

/// What is in force for one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupSettings {
    pub(crate) session_timeout_ms: i32,
    pub(crate) heartbeat_interval_ms: i32,
    pub(crate) assignment_interval_ms: i32,
}

impl Metadata {
    /// The metadata that a coordinator begins with.
    #[must_use]
    pub fn new(image: Arc<MetadataImage>) -> Self {
        let version = image.provenance.offset;
        Self { image, topics_created: version, topics_changed: version }
    }

    /// The metadata after a change.
    #[must_use]
    pub fn next(&self, image: Arc<MetadataImage>, topics: TopicChanges) -> Self {
        let version = image.provenance.offset;
        let later = |has_changed: bool, before: i64| if has_changed { version } else { before };
        Self {
            topics_created: later(topics == TopicChanges::New, self.topics_created),
            topics_changed: later(topics != TopicChanges::None, self.topics_changed),
            image,
        }
    }

    pub(crate) fn version(&self) -> i64 {
        self.image.provenance.offset
    }

    pub(crate) fn topics_created(&self) -> i64 {
        self.topics_created
    }

    pub(crate) fn topics_changed(&self) -> i64 {
        self.topics_changed
    }

    pub(crate) fn topic_names(&self) -> impl Iterator<Item = &str> {
        self.image.topics.iter().map(|topic| topic.name.as_ref())
    }

    pub(crate) fn id_of(&self, topic: &str) -> Option<Uuid> {
        self.image.topics.id_of(topic)
    }

    pub(crate) fn name_of(&self, topic: Uuid) -> Option<&str> {
        self.image.topics.by_id(topic).map(|topic| topic.name.as_ref())
    }

    pub(crate) fn partition_count(&self, topic: Uuid) -> i32 {
        let count = self.image.topics.by_id(topic).map_or(0, |topic| topic.partitions.len());
        i32::try_from(count).unwrap_or(i32::MAX)
    }

    /// What is set for a group, and for all of them where it isn't.
    pub(crate) fn settings_of(&self, group_id: &str, config: &ConsumerConfig) -> GroupSettings {
        let resource = ConfigResource { kind: ResourceType::Group, name: group_id.to_owned() };
        let own = self.image.configs.get(&resource);
        let number = |key: &str, default: i32| {
            let value =
                own.and_then(|own| own.get(key)).and_then(|value| value.trim().parse().ok());
            value.unwrap_or(default)
        };
        GroupSettings {
            session_timeout_ms: number("consumer.session.timeout.ms", config.session_timeout_ms),
            heartbeat_interval_ms: number(
                "consumer.heartbeat.interval.ms",
                config.heartbeat_interval_ms,
            ),
            assignment_interval_ms: number(
                "consumer.assignment.interval.ms",
                self.assignment_interval_ms(config),
            ),
        }
    }

    /// A broker's key that may change while it runs.
    fn assignment_interval_ms(&self, config: &ConsumerConfig) -> i32 {
        let resources = [ConfigResource::broker(config.broker_id), ConfigResource::all_brokers()];
        let set = resources.iter().find_map(|resource| {
            self.image.configs.get(resource)?.get("group.consumer.assignment.interval.ms")
        });
        let value = set.and_then(|value| value.trim().parse().ok());
        value.unwrap_or(config.assignment_interval_ms)
    }

    /// The hash of those topics that exist; zero when none does (KIP-1101).
    pub(crate) fn hash_of(&self, topics: &BTreeSet<&str>) -> i64 {
        // Kafka sorts names as Java compares strings, by UTF-16 units; the names of topics are ASCII.
        let hashes = topics.iter().filter_map(|topic| self.hash_of_topic(topic));
        let bytes: Vec<u8> = hashes.flat_map(u64::to_le_bytes).collect();
        if bytes.is_empty() { 0 } else { Hasher::oneshot(&bytes).cast_signed() }
    }

    fn hash_of_topic(&self, name: &str) -> Option<u64> {
        let topic = self.image.topics.by_name(name)?;
        let mut bytes = vec![HASH_MAGIC];
        // Each half is a long in Java, and its lowest byte comes first.
        for half in topic.id.as_bytes().chunks_exact(8) {
            bytes.extend(half.iter().rev());
        }
        write_text(&mut bytes, name);
        let count = self.partition_count(topic.id);
        bytes.extend(count.to_le_bytes());
        for index in 0..count {
            bytes.extend(index.to_le_bytes());
            let replicas = topic.partition(index).map_or(&[][..], |partition| &partition.replicas);
            let racks = replicas.iter().filter_map(|id| self.image.broker(*id)?.rack.as_deref());
            let mut racks: Vec<&str> = racks.collect();
            racks.sort_unstable();
            for rack in racks {
                bytes.extend(units(rack).to_le_bytes());
                write_text(&mut bytes, rack);
            }
        }
        Some(Hasher::oneshot(&bytes))
    }
}

/// What has changed about topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicChanges {
    /// Nothing.
    None,
    /// Topics have changed or are gone.
    Known,
    /// There are new ones.
    New,
}

fn units(text: &str) -> i32 {
    i32::try_from(text.encode_utf16().count()).unwrap_or(i32::MAX)
}

/// A text as hash4j takes it: its UTF-16 units, then their number.
fn write_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes.extend(units(text).to_le_bytes());
}
