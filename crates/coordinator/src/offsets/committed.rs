//! What groups have committed. Hard state only: records make it, and nothing else changes it.

use std::collections::BTreeMap;

use ottla_machine::{Millis, Offset};
use ottla_wire::Uuid;
use ottla_wire::messages::{OffsetCommitKey, OffsetCommitValue};

use super::pending::PendingOffsets;
use super::rate::Samples;
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
    /// What the offset was before, while it moves.
    samples: Option<Box<Samples>>,
}

impl Committed {
    fn new(record_offset: Offset, value: &OffsetCommitValue) -> Self {
        Self {
            offset: value.offset,
            leader_epoch: value.leader_epoch,
            metadata: value.metadata.clone(),
            committed_at: value.commit_timestamp,
            expires_at: Some(value.expire_timestamp).filter(|at| *at != -1),
            topic_id: value.topic_id,
            record_offset,
            samples: None,
        }
    }

    /// Records a second over the last minute, in thousandths.
    pub(crate) fn rate_millis(&self, now: Millis) -> i64 {
        let last = (self.committed_at, self.offset);
        self.samples.as_ref().map_or(0, |samples| samples.rate_millis(last, now))
    }

    /// Takes the place of `previous`, and remembers how it was.
    fn follow(&mut self, previous: &mut Self) {
        let before = previous.samples.take();
        let (from, to) =
            ((previous.committed_at, previous.offset), (self.committed_at, self.offset));
        self.samples = Samples::after(before, from, to);
    }
}

type ByPartition = BTreeMap<i32, Committed>;
type ByTopic = BTreeMap<String, ByPartition>;

/// Committed offsets by group, topic and partition.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Offsets {
    by_group: BTreeMap<String, ByTopic>,
    pending: PendingOffsets,
}

impl Offsets {
    /// Takes in a record.
    pub(crate) fn apply(
        &mut self,
        record_offset: Offset,
        key: &OffsetCommitKey,
        value: Option<&OffsetCommitValue>,
    ) {
        let Some(value) = value else { return self.remove(key) };
        let committed = Committed::new(record_offset, value);
        self.insert((&key.group, &key.topic, key.partition), committed);
    }

    /// Takes in a record of a transaction that has not ended.
    pub(crate) fn apply_pending(
        &mut self,
        record_offset: Offset,
        producer_id: i64,
        key: &OffsetCommitKey,
        value: Option<&OffsetCommitValue>,
    ) {
        let Some(value) = value else { return };
        self.pending.insert(producer_id, key, Committed::new(record_offset, value));
    }

    /// What a transaction has committed counts from now on, unless it was overtaken; or it never did.
    pub(crate) fn end_transaction(&mut self, producer_id: i64, is_commit: bool) {
        for (place, pending) in self.pending.end(producer_id) {
            let (group_id, topic, partition) = &place;
            let current = self.get(group_id, topic, *partition);
            if is_commit
                && current.is_none_or(|current| current.record_offset < pending.record_offset)
            {
                self.insert((group_id, topic, *partition), pending);
            }
        }
    }

    /// Offsets of transactions that have not ended.
    pub(crate) fn pending(&self) -> &PendingOffsets {
        &self.pending
    }

    /// Names are copied when they are new alone: a load puts in a million offsets of few groups.
    fn insert(&mut self, (group_id, topic, partition): (&str, &str, i32), offset: Committed) {
        if !self.by_group.contains_key(group_id) {
            self.by_group.insert(group_id.to_owned(), ByTopic::new());
        }
        let topics = self.by_group.get_mut(group_id).expect("it is there by now");
        match topics.get_mut(topic) {
            Some(partitions) => {
                if let Some(known) = partitions.get_mut(&partition) {
                    let mut offset = offset;
                    offset.follow(known);
                    *known = offset;
                } else {
                    partitions.insert(partition, offset);
                }
            }
            None => {
                topics.insert(topic.to_owned(), ByPartition::from([(partition, offset)]));
            }
        }
    }

    /// What a group has committed, by topic and partition.
    pub(crate) fn of_group(&self, group_id: &str) -> Option<&ByTopic> {
        self.by_group.get(group_id)
    }

    pub(crate) fn get(&self, group_id: &str, topic: &str, partition: i32) -> Option<&Committed> {
        self.by_group.get(group_id)?.get(topic)?.get(&partition)
    }

    /// Every offset of every group.
    pub(crate) fn iter(&self) -> impl Iterator<Item = CommittedOffset<'_>> {
        self.by_group.iter().flat_map(|(group_id, topics)| {
            topics.iter().flat_map(move |(topic, partitions)| {
                partitions.iter().map(move |(partition, committed)| CommittedOffset {
                    group_id,
                    topic,
                    partition: *partition,
                    offset: committed.offset,
                    committed,
                })
            })
        })
    }

    /// The records that remove every offset of a group.
    pub(crate) fn tombstones_of(&self, group_id: &str) -> impl Iterator<Item = Record> {
        let committed = self.of_group(group_id).into_iter().flatten();
        let committed = committed.flat_map(move |(topic, partitions)| {
            partitions
                .keys()
                .map(move |partition| Record::offset_tombstone(group_id, topic, *partition))
        });
        let pending = self.pending.of_group(group_id);
        let only_pending = pending
            .filter(move |(topic, index)| self.get(group_id, topic, *index).is_none())
            .map(move |(topic, index)| Record::offset_tombstone(group_id, topic, index));
        committed.chain(only_pending)
    }

    fn remove(&mut self, key: &OffsetCommitKey) {
        self.pending.forget(key);
        let Some(topics) = self.by_group.get_mut(&key.group) else { return };
        if let Some(partitions) = topics.get_mut(&key.topic) {
            partitions.remove(&key.partition);
            if partitions.is_empty() {
                topics.remove(&key.topic);
            }
        }
        if topics.is_empty() {
            self.by_group.remove(&key.group);
        }
    }
}
