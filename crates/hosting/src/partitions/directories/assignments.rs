//! Where replicas lie, as far as the controller does not know it yet (KIP-858).
//!
//! The metadata names a directory for every replica. Where the log lies in another one, the broker tells
//! the controller with AssignReplicasToDirs, and again until it was taken.

use std::collections::BTreeMap;

use ottla_metadata::PartitionImage;
use ottla_wire::Uuid;
use ottla_wire::messages::AssignReplicasToDirsRequest;
use ottla_wire::messages::assign_replicas_to_dirs_request::{
    DirectoryData, PartitionData, TopicData,
};
use parking_lot::Mutex;

use super::states::DirectoryNews;
use crate::partition::Partition;
use crate::partitions::Partitions;

/// A partition by topic id and index.
type Replica = (Uuid, i32);

/// How many replicas one request tells of, as in Kafka.
const REPLICAS_PER_REQUEST_MAX: usize = 2_250;

/// What is to be told. Bounded by the number of hosted partitions.
#[derive(Debug, Default)]
pub(in crate::partitions) struct Assignments(Mutex<BTreeMap<Replica, Uuid>>);

impl Partitions {
    /// Has the controller told where a replica lies, if the metadata says otherwise.
    pub(in crate::partitions) fn compare_assignment(
        &self,
        partition: &Partition,
        image: &PartitionImage,
    ) {
        let known = image.directory_of(self.settings.broker_id);
        let actual = self.directories[partition.directory()].id;
        let replica = (partition.topic_id(), partition.index());
        if known == Some(actual) {
            self.assignments.0.lock().remove(&replica);
            return;
        }
        if self.directories.len() == 1 && self.absent.is_empty() && known == Some(Uuid::ZERO) {
            // Metadata that names no directories: nobody asks in which the replica lies.
            return;
        }
        self.tell_assignment(replica, actual);
    }

    pub(in crate::partitions) fn tell_assignment(&self, replica: Replica, directory: Uuid) {
        let mut waiting = self.assignments.0.lock();
        let was_empty = waiting.is_empty();
        waiting.insert(replica, directory);
        drop(waiting);
        if was_empty {
            self.states.tell(DirectoryNews::Assignments);
        }
    }

    /// What the controller is to be told next; `None` when it knows everything.
    #[must_use]
    pub fn next_assignments(&self) -> Option<Vec<DirectoryData>> {
        let waiting = self.assignments.0.lock();
        let mut directories: BTreeMap<Uuid, BTreeMap<Uuid, Vec<i32>>> = BTreeMap::new();
        for ((topic, index), directory) in waiting.iter().take(REPLICAS_PER_REQUEST_MAX) {
            directories.entry(*directory).or_default().entry(*topic).or_default().push(*index);
        }
        let topic = |(topic_id, indexes): (Uuid, Vec<i32>)| TopicData {
            topic_id,
            partitions: indexes.into_iter().map(partition).collect(),
            ..TopicData::default()
        };
        let directory = |(id, topics): (Uuid, BTreeMap<Uuid, Vec<i32>>)| DirectoryData {
            id,
            topics: topics.into_iter().map(topic).collect(),
            ..DirectoryData::default()
        };
        (!directories.is_empty()).then(|| directories.into_iter().map(directory).collect())
    }

    /// The controller has heard this. What has changed since stays to be told.
    pub fn assignments_told(&self, told: &[DirectoryData]) {
        let mut waiting = self.assignments.0.lock();
        for directory in told {
            for topic in &directory.topics {
                for partition in &topic.partitions {
                    let replica = (topic.topic_id, partition.partition_index);
                    if waiting.get(&replica) == Some(&directory.id) {
                        waiting.remove(&replica);
                    }
                }
            }
        }
    }
}

fn partition(partition_index: i32) -> PartitionData {
    PartitionData { partition_index, ..PartitionData::default() }
}

/// The request that tells the controller.
#[must_use]
pub fn assignment_request(
    broker_id: i32,
    broker_epoch: i64,
    directories: Vec<DirectoryData>,
) -> AssignReplicasToDirsRequest {
    AssignReplicasToDirsRequest {
        broker_id,
        broker_epoch,
        directories,
        ..AssignReplicasToDirsRequest::default()
    }
}
