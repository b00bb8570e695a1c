//! AlterReplicaLogDirs, versions 1 and 2.
//!
//! Moves logs of this broker to other log directories, or says beforehand where they shall be made. The
//! answer comes when the moves have begun; DescribeLogDirs tells how far they are.

use std::collections::{BTreeMap, HashMap};

use ottla_log::TopicPartition;
use ottla_wire::ErrorCode;
use ottla_wire::messages::alter_replica_log_dirs_response::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult,
};
use ottla_wire::messages::{AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse};

use crate::broker::Broker;
use crate::request::Caller;

/// Begins the moves.
pub(crate) async fn alter_replica_log_dirs(
    broker: &Broker,
    _caller: &Caller,
    request: AlterReplicaLogDirsRequest,
) -> AlterReplicaLogDirsResponse {
    // Who names a partition twice means the last directory.
    let mut wanted: HashMap<TopicPartition, &str> = HashMap::new();
    for directory in &request.dirs {
        for topic in &directory.topics {
            for index in &topic.partitions {
                wanted.insert(TopicPartition::new(&*topic.name, *index), &directory.path);
            }
        }
    }
    let mut topics: BTreeMap<String, Vec<AlterReplicaLogDirPartitionResult>> = BTreeMap::new();
    let image = broker.image();
    let now_ms = broker.clock.now_ms();
    let mut wanted: Vec<_> = wanted.into_iter().collect();
    wanted.sort();
    for (name, path) in wanted {
        let outcome = broker.partitions.move_to(&name, path, &image, now_ms);
        if let Err(code) = outcome {
            tracing::warn!(partition = %name, path, code = code.name(), "a log is not moved");
        }
        let result = AlterReplicaLogDirPartitionResult {
            partition_index: name.partition,
            error_code: outcome.err().unwrap_or(ErrorCode::None).code(),
            ..AlterReplicaLogDirPartitionResult::default()
        };
        topics.entry(name.topic).or_default().push(result);
    }
    let results =
        topics.into_iter().map(|(topic_name, partitions)| AlterReplicaLogDirTopicResult {
            topic_name,
            partitions,
            ..AlterReplicaLogDirTopicResult::default()
        });
    AlterReplicaLogDirsResponse { results: results.collect(), ..Default::default() }
}
