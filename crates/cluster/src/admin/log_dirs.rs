//! DescribeLogDirs, AlterReplicaLogDirs: what lies on the disks of brokers, and moving it there.

use std::sync::Arc;

use ottla_wire::messages::alter_replica_log_dirs_request::{
    AlterReplicaLogDir, AlterReplicaLogDirTopic,
};
use ottla_wire::messages::describe_log_dirs_request::DescribableLogDirTopic;
use ottla_wire::messages::describe_log_dirs_response::DescribeLogDirsResult;
use ottla_wire::messages::{
    AlterReplicaLogDirsRequest, DescribeLogDirsRequest, DescribeLogDirsResponse,
};
use tokio::task::JoinSet;

use super::Admin;
use crate::cluster::Target;
use crate::error::{ApiError, Error, PerItem};
use crate::topic_partition::{TopicPartition, by_topic};

/// A log directory of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDirDescription {
    /// Its path on the broker.
    pub path: String,
    /// Size of its volume in bytes, where told.
    pub total_bytes: Option<i64>,
    /// Free bytes of its volume, where told.
    pub usable_bytes: Option<i64>,
    /// Whether new replicas keep away from it (KIP-1066).
    pub is_cordoned: bool,
    /// The replicas in it.
    pub replicas: Vec<ReplicaLog>,
}

/// A replica in a log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaLog {
    /// Whose replica it is.
    pub partition: TopicPartition,
    /// Bytes of its segments.
    pub size: i64,
    /// How far its end lies behind.
    pub offset_lag: i64,
    /// Whether it is on its way to replace the current replica.
    pub is_future: bool,
}

/// A replica, and the directory of its broker that it is to lie in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaMove {
    /// Whose replica it is.
    pub partition: TopicPartition,
    /// Its broker.
    pub broker: i32,
    /// A log directory of that broker.
    pub directory: String,
}

/// What a broker gives per log directory, and what it refused.
type BrokerLogDirs = Result<PerItem<String, LogDirDescription>, Error>;

impl Admin {
    /// The log directories of brokers, each with its replicas of `topics` (`None`: all).
    pub async fn describe_log_dirs(
        &self,
        brokers: &[i32],
        topics: Option<&[TopicPartition]>,
    ) -> Result<Vec<(i32, BrokerLogDirs)>, Error> {
        let wanted = topics.map(|partitions| {
            let keys = partitions.iter().map(|key| (key.clone(), ()));
            let topic = |(topic, partitions)| DescribableLogDirTopic {
                topic,
                partitions,
                ..DescribableLogDirTopic::default()
            };
            by_topic(keys, |partition, ()| partition).into_iter().map(topic).collect()
        });
        let request =
            DescribeLogDirsRequest { topics: wanted, ..DescribeLogDirsRequest::default() };
        let mut asked = JoinSet::new();
        for broker in brokers {
            let (cluster, request, broker) = (self.cluster().clone(), request.clone(), *broker);
            asked.spawn(async move {
                let answered = cluster.send(&Target::Node(broker), &request).await;
                (broker, answered.and_then(directories))
            });
        }
        let mut results = Vec::new();
        while let Some(answered) = asked.join_next().await {
            results.push(answered.map_err(|_| Error::Closed)?);
        }
        results.sort_by_key(|(broker, _)| *broker);
        Ok(results)
    }
}

impl Admin {
    /// Begins to move replicas to other directories of their brokers; answers for each of `moves`, in their order.
    pub async fn alter_replica_log_dirs(
        &self,
        moves: &[ReplicaMove],
    ) -> Result<Vec<(ReplicaMove, Result<(), ApiError>)>, Error> {
        let mut outcomes = Vec::new();
        for one in moves {
            let topic = AlterReplicaLogDirTopic {
                name: one.partition.topic.to_string(),
                partitions: vec![one.partition.partition],
                ..AlterReplicaLogDirTopic::default()
            };
            let directory = AlterReplicaLogDir {
                path: one.directory.clone(),
                topics: vec![topic],
                ..AlterReplicaLogDir::default()
            };
            let request = AlterReplicaLogDirsRequest {
                dirs: vec![directory],
                ..AlterReplicaLogDirsRequest::default()
            };
            let response = self.cluster().send(&Target::Node(one.broker), &request).await?;
            let mut answers = response.results.iter().flat_map(|topic| &topic.partitions);
            let code = answers.next().map_or(0, |answer| answer.error_code);
            outcomes.push((one.clone(), ApiError::check(code, None)));
        }
        Ok(outcomes)
    }
}

fn directories(response: DescribeLogDirsResponse) -> BrokerLogDirs {
    ApiError::check(response.error_code, None)?;
    let directory = |result: DescribeLogDirsResult| {
        let outcome = ApiError::check(result.error_code, None);
        (result.log_dir.clone(), outcome.map(|()| description(result)))
    };
    Ok(response.results.into_iter().map(directory).collect())
}

fn description(result: DescribeLogDirsResult) -> LogDirDescription {
    let mut replicas = Vec::new();
    for topic in result.topics {
        let name: Arc<str> = topic.name.into();
        replicas.extend(topic.partitions.into_iter().map(|replica| ReplicaLog {
            partition: TopicPartition::new(Arc::clone(&name), replica.partition_index),
            size: replica.partition_size,
            offset_lag: replica.offset_lag,
            is_future: replica.is_future_key,
        }));
    }
    LogDirDescription {
        path: result.log_dir,
        total_bytes: Some(result.total_bytes).filter(|bytes| *bytes >= 0),
        usable_bytes: Some(result.usable_bytes).filter(|bytes| *bytes >= 0),
        is_cordoned: result.is_cordoned,
        replicas,
    }
}
