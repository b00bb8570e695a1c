//! Offsets that groups have committed. Hard state only: records make it, and nothing else changes it.

mod commit;
mod delete;
mod expire;
mod fetch;

use std::collections::BTreeMap;

use ottla_machine::{Millis, Offset};
use ottla_wire::Uuid;
use ottla_wire::messages::{OffsetCommitKey, OffsetCommitValue};

use crate::coordinator::CommittedOffset;
use crate::record::Record;

/// What a group has committed for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) offset: i64,
    /// -1 when the client did not say.
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: String,
    pub(crate) committed_at: Millis,
    /// Only commits of versions 2 to 4 bring their own end; others live as long as `offsets.retention.minutes` says.
    pub(crate) expires_at: Option<Millis>,
    /// Zero when the client committed by name.
    pub(crate) topic_id: Uuid,
    /// Where the record lies in the log: of two commits the later one in the log counts.
    pub(crate) record_offset: Offset,
}

type ByPartition = BTreeMap<i32, Committed>;
type ByTopic = BTreeMap<String, ByPartition>;

/// Committed offsets by group, topic and partition.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Offsets(BTreeMap<String, ByTopic>);

impl Offsets {
    /// Takes in a record.
    pub(crate) fn apply(
        &mut self,
        record_offset: Offset,
        key: &OffsetCommitKey,
        value: Option<&OffsetCommitValue>,
    ) {
        let Some(value) = value else { return self.remove(key) };
        let committed = Committed {
            offset: value.offset,
            leader_epoch: value.leader_epoch,
            metadata: value.metadata.clone(),
            committed_at: value.commit_timestamp,
            expires_at: Some(value.expire_timestamp).filter(|at| *at != -1),
            topic_id: value.topic_id,
            record_offset,
        };
        self.0
            .entry(key.group.clone())
            .or_default()
            .entry(key.topic.clone())
            .or_default()
            .insert(key.partition, committed);
    }

    /// What a group has committed, by topic and partition.
    pub(crate) fn of_group(&self, group_id: &str) -> Option<&ByTopic> {
        self.0.get(group_id)
    }

    pub(crate) fn get(&self, group_id: &str, topic: &str, partition: i32) -> Option<&Committed> {
        self.0.get(group_id)?.get(topic)?.get(&partition)
    }

    /// Every offset of every group.
    pub(crate) fn iter(&self) -> impl Iterator<Item = CommittedOffset<'_>> {
        self.0.iter().flat_map(|(group_id, topics)| {
            topics.iter().flat_map(move |(topic, partitions)| {
                partitions.iter().map(move |(partition, committed)| CommittedOffset {
                    group_id,
                    topic,
                    partition: *partition,
                    offset: committed.offset,
                })
            })
        })
    }

    /// The records that remove every offset of a group.
    pub(crate) fn tombstones_of(&self, group_id: &str) -> impl Iterator<Item = Record> {
        self.of_group(group_id).into_iter().flatten().flat_map(move |(topic, partitions)| {
            partitions
                .keys()
                .map(move |partition| Record::offset_tombstone(group_id, topic, *partition))
        })
    }

    fn remove(&mut self, key: &OffsetCommitKey) {
        let Some(topics) = self.0.get_mut(&key.group) else { return };
        if let Some(partitions) = topics.get_mut(&key.topic) {
            partitions.remove(&key.partition);
            if partitions.is_empty() {
                topics.remove(&key.topic);
            }
        }
        if topics.is_empty() {
            self.0.remove(&key.group);
        }
    }
}

#[cfg(test)]
mod tests;
