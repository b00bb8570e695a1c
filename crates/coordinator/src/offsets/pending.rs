//! Offsets that transactions have committed and whose transactions have not ended.
//!
//! They are nobody's offsets until the marker of their producer says so. Who asks for stable offsets is told that
//! there is something going on (KIP-447).

use std::collections::{BTreeMap, BTreeSet};

use ottla_wire::Uuid;
use ottla_wire::messages::OffsetCommitKey;

use super::Committed;

/// A group's partition: group, topic, index.
type Place = (String, String, i32);

/// Pending offsets by the producer of their transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PendingOffsets {
    by_producer: BTreeMap<i64, BTreeMap<Place, Committed>>,
    producers: BTreeMap<Place, BTreeSet<i64>>,
}

impl PendingOffsets {
    pub(super) fn insert(&mut self, producer_id: i64, key: &OffsetCommitKey, offset: Committed) {
        let place = place(key);
        self.producers.entry(place.clone()).or_default().insert(producer_id);
        self.by_producer.entry(producer_id).or_default().insert(place, offset);
    }

    /// Takes out everything of a producer: its transaction has ended.
    pub(super) fn end(&mut self, producer_id: i64) -> BTreeMap<Place, Committed> {
        let ended = self.by_producer.remove(&producer_id).unwrap_or_default();
        for place in ended.keys() {
            if let Some(producers) = self.producers.get_mut(place) {
                producers.remove(&producer_id);
                if producers.is_empty() {
                    self.producers.remove(place);
                }
            }
        }
        ended
    }

    /// The partition's offset is deleted, whoever has committed it.
    pub(super) fn forget(&mut self, key: &OffsetCommitKey) {
        let place = place(key);
        for producer_id in self.producers.remove(&place).unwrap_or_default() {
            if let Some(places) = self.by_producer.get_mut(&producer_id) {
                places.remove(&place);
                if places.is_empty() {
                    self.by_producer.remove(&producer_id);
                }
            }
        }
    }

    /// Whether a transaction is about to commit an offset of this partition.
    pub(crate) fn has(&self, group_id: &str, topic: &str, partition: i32) -> bool {
        !self.producers.is_empty()
            && self.producers.contains_key(&(group_id.to_owned(), topic.to_owned(), partition))
    }

    /// Topics and partitions of a group for which offsets are pending, all of them of topics that are gone.
    ///
    /// A tombstone takes what is pending for a partition from every transaction, so a single one of a later topic of
    /// the same name keeps the partition's.
    pub(crate) fn gone(
        &self,
        group_id: &str,
        is_gone: impl Fn(&str, Uuid) -> bool,
    ) -> impl Iterator<Item = (&str, i32)> {
        self.of_group(group_id).filter(move |(topic, index)| {
            let place = (group_id.to_owned(), (*topic).to_owned(), *index);
            self.producers.get(&place).into_iter().flatten().all(|producer| {
                let pending = self.by_producer.get(producer).and_then(|all| all.get(&place));
                pending.is_none_or(|pending| is_gone(topic, pending.topic_id))
            })
        })
    }

    /// Topics and partitions of a group for which something is pending.
    pub(crate) fn of_group(&self, group_id: &str) -> impl Iterator<Item = (&str, i32)> {
        let first = (group_id.to_owned(), String::new(), i32::MIN);
        let places = self.producers.range(first..).map(|(place, _)| place);
        let group_id = group_id.to_owned();
        places
            .take_while(move |(group, _, _)| *group == group_id)
            .map(|(_, topic, partition)| (topic.as_str(), *partition))
    }
}

fn place(key: &OffsetCommitKey) -> Place {
    (key.group.clone(), key.topic.clone(), key.partition)
}
