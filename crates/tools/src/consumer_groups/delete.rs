//! `--delete` and `--delete-offsets`.

use ottla_client::TopicPartition;
use ottla_client::admin::{Admin, TopicRef};
use ottla_client::{ApiError, Error};
use ottla_terminal::connect;
use ottla_terminal::java_order::sort_as_hash_map;
use ottla_terminal::options::Options;
use ottla_terminal::output;
use ottla_wire::ErrorCode;

use super::failure::{Failure, named, tell};
use super::{list, partitions};

/// How many partitions a broker may describe at once.
const PAGE: i32 = 2_000;

/// Deletes groups.
pub(super) async fn delete_groups(admin: &Admin, options: &Options<'_>) -> Result<(), Failure> {
    let mut chosen = list::chosen(admin, options).await?;
    sort_as_hash_map(&mut chosen, |group| group);
    let (mut deleted, mut failed) = (Vec::new(), Vec::new());
    for group in chosen {
        let outcome = match admin.delete_groups(std::slice::from_ref(&group)).await {
            Ok(results) => {
                let refusal = results.into_iter().find_map(|(_, result)| result.err());
                refusal.map_or(Ok(()), |refusal| Err(Error::Api(refusal)))
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => deleted.push(format!("'{group}'")),
            Err(error) => failed.push((group, connect::exception(&error))),
        }
    }
    if failed.is_empty() {
        let deleted = deleted.join(", ");
        return Ok(output::line(format!(
            "Deletion of requested consumer groups ({deleted}) was successful."
        ))?);
    }
    tell("Deletion of some consumer groups failed:")?;
    for (group, reason) in failed {
        output::line(format!("* Group '{group}' could not be deleted due to: {reason}"))?;
    }
    if !deleted.is_empty() {
        let deleted = deleted.join(", ");
        output::line(format!("\nThese consumer groups were deleted successfully: {deleted}"))?;
    }
    Ok(())
}

/// What came of each partition; -1 stands for a topic whose partitions are not known.
type Results = Vec<(TopicPartition, Result<(), ApiError>)>;

/// Deletes offsets of a group.
pub(super) async fn delete_offsets(admin: &Admin, options: &Options<'_>) -> Result<(), Failure> {
    let group = options.text("group")?.unwrap_or_default().to_owned();
    let (keys, mut results) = named_partitions(admin, options.texts("topic")).await?;
    let deleted = admin.delete_group_offsets(&group, &keys).await.map_err(Failure::wrapped)?;
    let refusal = match deleted {
        Ok(single) => {
            let refusal = single.iter().find_map(|(_, result)| result.clone().err());
            results.extend(single);
            refusal
        }
        Err(refusal) => {
            results.extend(keys.into_iter().map(|key| (key, Err(refusal.clone()))));
            Some(refusal)
        }
    };
    tell_outcome(&group, refusal.map(|refusal| refusal.code))?;
    results.sort_by_key(|(key, _)| format!("{}{}", key.topic, key.partition));
    output::line(table(&results))?;
    Ok(())
}

/// Partitions of the command line, and topics that do not exist.
async fn named_partitions(
    admin: &Admin,
    arguments: &[String],
) -> Result<(Vec<TopicPartition>, Results), Failure> {
    let (mut keys, mut unknown) = (Vec::new(), Results::new());
    let mut topics = Vec::new();
    for argument in arguments {
        match argument.contains(':') {
            true => keys.extend(partitions::parse(argument)?),
            false => topics.push(TopicRef::Name(argument.clone())),
        }
    }
    topics.sort();
    topics.dedup();
    let described = match topics.as_slice() {
        [] => Vec::new(),
        topics => admin.describe_topics(topics, PAGE).await.map_err(Failure::wrapped)?,
    };
    for (topic, description) in described {
        let TopicRef::Name(name) = topic else { continue };
        match description {
            Ok(description) => {
                let indexes = description.partitions.into_iter().map(|found| found.partition);
                keys.extend(indexes.map(|index| TopicPartition::new(name.as_str(), index)));
            }
            Err(refusal) => unknown.push((TopicPartition::new(name, -1), Err(refusal))),
        }
    }
    keys.sort();
    keys.dedup();
    Ok((keys, unknown))
}

fn tell_outcome(group: &str, refusal: Option<ErrorCode>) -> Result<(), Failure> {
    match refusal {
        None => {
            output::line(format!("Request succeeded for deleting offsets from group {group}."))?;
        }
        Some(
            code @ (ErrorCode::InvalidGroupId
            | ErrorCode::GroupIdNotFound
            | ErrorCode::GroupAuthorizationFailed
            | ErrorCode::NonEmptyGroup),
        ) => tell(code.message())?,
        Some(
            ErrorCode::GroupSubscribedToTopic
            | ErrorCode::TopicAuthorizationFailed
            | ErrorCode::UnknownTopicOrPartition,
        ) => tell("Encountered some partition-level error, see the follow-up details.")?,
        Some(code) => tell(&format!("Encountered some unknown error: {}", code.name()))?,
    }
    Ok(())
}

fn table(results: &Results) -> String {
    let width = results.iter().map(|(key, _)| key.topic.chars().count()).fold(15, usize::max);
    let mut text = format!("\n{:<width$} {:<10} {:<15}", "TOPIC", "PARTITION", "STATUS");
    for (key, result) in results {
        let partition = match key.partition {
            -1 => "-".to_owned(),
            partition => partition.to_string(),
        };
        let status = match result {
            Ok(()) => "Successful".to_owned(),
            Err(refusal) => format!("Error: {}", named(refusal)),
        };
        text.push_str(&format!("\n{:<width$} {partition:<10} {status:<15}", key.topic));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_its_status() {
        let results = vec![
            (TopicPartition::new("a.rather.long.topic.name", 1), Ok(())),
            (
                TopicPartition::new("nonexistent", -1),
                Err(ApiError::new(ErrorCode::UnknownTopicOrPartition)),
            ),
        ];
        assert_eq!(
            table(&results),
            "\n\
             TOPIC                    PARTITION  STATUS         \n\
             a.rather.long.topic.name 1          Successful     \n\
             nonexistent              -          Error: org.apache.kafka.common.errors.UnknownTopicOrPartitionException: This server does not host this topic-partition."
        );
    }
}
