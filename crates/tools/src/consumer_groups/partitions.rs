//! Partitions, their ends and what a group committed for them.

use std::collections::HashMap;

use ottla_client::TopicPartition;
use ottla_client::admin::{
    Admin, CommittedOffset, IsolationLevel, OffsetSpec, PartitionDescription, TopicRef,
};

use super::failure::Failure;

/// How many partitions a broker may describe at once.
const PAGE: i32 = 2_000;

/// The topics that partitions belong to, each with its partitions. A topic that does not exist is an error, told by
/// `fail`.
pub(super) async fn describe(
    admin: &Admin,
    topics: impl Iterator<Item = &str>,
    fail: fn(ottla_client::Error) -> Failure,
) -> Result<Vec<(String, Vec<PartitionDescription>)>, Failure> {
    let mut names: Vec<TopicRef> = topics.map(|topic| TopicRef::Name(topic.to_owned())).collect();
    names.sort();
    names.dedup();
    let mut described = Vec::new();
    for (_, topic) in admin.describe_topics(&names, PAGE).await.map_err(fail)? {
        let topic = topic.map_err(|refusal| fail(refusal.into()))?;
        described.push((topic.name, topic.partitions));
    }
    Ok(described)
}

/// Offsets of partitions; any that can't be had is an error.
pub(super) async fn offsets(
    admin: &Admin,
    partitions: &[TopicPartition],
    spec: OffsetSpec,
) -> Result<HashMap<TopicPartition, i64>, Failure> {
    let queries: Vec<_> = partitions.iter().map(|key| (key.clone(), spec)).collect();
    let answers = admin
        .list_offsets(&queries, IsolationLevel::ReadUncommitted)
        .await
        .map_err(Failure::wrapped)?;
    let mut offsets = HashMap::new();
    for (key, answer) in answers {
        offsets.insert(key, answer.map_err(Failure::wrapped)?.offset);
    }
    Ok(offsets)
}

/// What a group committed, by partition.
pub(super) async fn committed(
    admin: &Admin,
    group: &str,
) -> Result<HashMap<TopicPartition, CommittedOffset>, Failure> {
    let answers = admin.list_group_offsets(group, None).await.map_err(Failure::wrapped)?;
    let mut committed = HashMap::new();
    for (key, answer) in answers {
        if let Some(offset) = answer.map_err(Failure::wrapped)? {
            committed.insert(key, offset);
        }
    }
    Ok(committed)
}

/// Reads `topic:0,1,2`.
pub(super) fn parse(argument: &str) -> Result<Vec<TopicPartition>, Failure> {
    let parts: Vec<&str> = argument.trim_end_matches(':').split(':').collect();
    let [topic, partitions] = parts[..] else {
        return Err(Failure::Usage(format!(
            "Invalid topic arg '{argument}', expected topic name and partitions"
        )));
    };
    let partition = |text: &str| {
        let index = text.parse().map_err(|_| {
            Failure::Usage(format!(
                "Invalid partition '{text}' specified in topic arg '{argument}''"
            ))
        });
        index.map(|index| TopicPartition::new(topic, index))
    };
    partitions.trim_end_matches(',').split(',').map(partition).collect()
}
