//! DescribeLogDirs, versions 1 to 5.
//!
//! Tells how large this broker's logs are, by log directory.
//! v3: error code.  v4: size of the volume.  v5: cordoned directories.

use std::collections::{BTreeMap, HashSet};

use ottla_wire::ErrorCode;
use ottla_wire::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use ottla_wire::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};

use crate::broker::Broker;
use crate::request::Caller;

/// Partitions of one directory, by topic.
type Sizes = BTreeMap<String, Vec<DescribeLogDirsPartition>>;

/// Describes the log directories.
pub(crate) async fn describe_log_dirs(
    broker: &Broker,
    _caller: &Caller,
    request: DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    let wanted: Option<HashSet<(String, i32)>> = request.topics.map(|topics| {
        let name = |topic: &str, partition| (topic.to_owned(), partition);
        topics
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(|index| name(&topic.topic, *index)))
            .collect()
    });
    let mut sizes: Vec<Sizes> = broker.partitions.directory_paths().map(|_| Sizes::new()).collect();
    let absent = broker.partitions.absent_directories().iter();
    let absent: Vec<_> = absent.map(|path| offline(path.display().to_string())).collect();
    for partition in broker.partitions.all() {
        let name = (partition.topic().to_string(), partition.index());
        if wanted.as_ref().is_some_and(|wanted| !wanted.contains(&name)) {
            continue;
        }
        let Some(usage) = partition.usage() else { continue };
        let described = DescribeLogDirsPartition {
            partition_index: partition.index(),
            partition_size: i64::try_from(usage.bytes).unwrap_or(i64::MAX),
            offset_lag: (usage.offsets.high_watermark - usage.offsets.log_end).max(0),
            is_future_key: false,
            ..DescribeLogDirsPartition::default()
        };
        if let Some(copy) = partition.future_usage() {
            let copied = DescribeLogDirsPartition {
                partition_size: i64::try_from(copy.bytes).unwrap_or(i64::MAX),
                offset_lag: copy.offset_lag,
                is_future_key: true,
                ..described.clone()
            };
            sizes[copy.directory].entry(name.0.clone()).or_default().push(copied);
        }
        sizes[partition.directory()].entry(name.0).or_default().push(described);
    }
    let results =
        sizes.into_iter().enumerate().map(|(directory, sizes)| describe(broker, directory, sizes));
    DescribeLogDirsResponse { results: results.chain(absent).collect(), ..Default::default() }
}

/// A directory that can't be used.
fn offline(log_dir: String) -> DescribeLogDirsResult {
    let error_code = ErrorCode::KafkaStorageError.code();
    DescribeLogDirsResult { log_dir, error_code, ..DescribeLogDirsResult::default() }
}

fn describe(broker: &Broker, directory: usize, sizes: Sizes) -> DescribeLogDirsResult {
    let log_dir = broker.partitions.path(directory).display().to_string();
    if broker.partitions.is_offline(directory) {
        return offline(log_dir);
    }
    let topics = sizes.into_iter().map(|(name, partitions)| DescribeLogDirsTopic {
        name,
        partitions,
        ..DescribeLogDirsTopic::default()
    });
    let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    match broker.partitions.space(directory) {
        Ok(space) => DescribeLogDirsResult {
            log_dir,
            topics: topics.collect(),
            total_bytes: bytes(space.total_bytes),
            usable_bytes: bytes(space.free_bytes),
            is_cordoned: broker.partitions.is_cordoned(directory),
            ..DescribeLogDirsResult::default()
        },
        Err(error) => {
            tracing::error!(directory = %log_dir, %error, "the log directory can't be described");
            offline(log_dir)
        }
    }
}
