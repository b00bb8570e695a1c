//! Creating, altering and deleting topics.

use std::collections::BTreeMap;

use ottla_client::admin::{Admin, CreateTopicsOptions, NewPartitions, NewTopic, TopicRef};
use ottla_metadata::config::topic;
use ottla_terminal::failure::Failure;
use ottla_terminal::options::Options;
use ottla_terminal::output;
use ottla_wire::ErrorCode;

use super::select::{ensure_found, matching};

/// Partitions in a page of a description.
const PAGE_SIZE: i32 = 2000;

/// `--create`.
pub(super) async fn create(admin: &Admin, options: &Options<'_>) -> Result<(), Failure> {
    let name = options.text("topic")?.unwrap_or_default();
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: options.number("partitions")?,
        replication_factor: None,
        assignments: assignment(options)?.into_iter().enumerate().map(numbered).collect(),
        configs: configs(options)?,
    };
    let replication_factor: Option<i32> = options.number("replication-factor")?;
    if name.contains(['.', '_']) {
        output::line(
            "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore \
             ('_') could collide. To avoid issues it is best to use either, but not both.",
        )?;
    }
    let replication_factor = match replication_factor.map(i16::try_from) {
        None => None,
        Some(Ok(factor)) if factor >= 1 => Some(factor),
        Some(_) => {
            let most = i16::MAX;
            return Err(Failure::illegal(format!(
                "The replication factor must be between 1 and {most} inclusive"
            )));
        }
    };
    if topic.partitions.is_some_and(|partitions| partitions < 1) {
        return Err(Failure::illegal("The partitions must be greater than 0"));
    }
    if name.is_empty() {
        let class = "org.apache.kafka.common.errors.InvalidTopicException";
        let message = "The given topic name '' cannot be represented in a request.";
        return Err(Failure::new(class, message));
    }
    let topic = NewTopic { replication_factor, ..topic };
    let results = admin.create_topics(&[topic], CreateTopicsOptions::default()).await?;
    for (name, outcome) in results {
        match outcome {
            Ok(_) => output::line(format_args!("Created topic {name}."))?,
            Err(refusal)
                if refusal.code == ErrorCode::TopicAlreadyExists
                    && options.has("if-not-exists") => {}
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Ok(())
}

/// `--alter`: more partitions.
pub(super) async fn alter(admin: &Admin, options: &Options<'_>) -> Result<(), Failure> {
    let assignment = assignment(options)?;
    configs(options)?;
    let total: i32 = options.number("partitions")?.unwrap_or_default();
    let names = matching(admin, options).await?;
    ensure_found(&names, options)?;
    let mut additions = Vec::new();
    for topic in names {
        let assignments = if assignment.is_empty() {
            None
        } else {
            let wanted = [TopicRef::Name(topic.clone())];
            let described = admin.describe_topics(&wanted, PAGE_SIZE).await?;
            let mut present = 0;
            for (_, description) in described {
                present += description?.partitions.len();
            }
            Some(assignment.iter().skip(present).cloned().collect())
        };
        additions.push(NewPartitions { topic, total, assignments });
    }
    if additions.is_empty() {
        return Ok(());
    }
    first_refusal(admin.create_partitions(&additions, false).await?)
}

/// `--delete`.
pub(super) async fn delete(admin: &Admin, options: &Options<'_>) -> Result<(), Failure> {
    let names = matching(admin, options).await?;
    ensure_found(&names, options)?;
    if names.is_empty() {
        return Ok(());
    }
    let topics: Vec<TopicRef> = names.into_iter().map(TopicRef::Name).collect();
    first_refusal(admin.delete_topics(&topics).await?)
}

fn first_refusal<K>(results: ottla_client::PerItem<K, ()>) -> Result<(), Failure> {
    results.into_iter().try_for_each(|(_, outcome)| outcome.map_err(Failure::from))
}

fn numbered((index, brokers): (usize, Vec<i32>)) -> (i32, Vec<i32>) {
    (i32::try_from(index).unwrap_or(i32::MAX), brokers)
}

/// `--replica-assignment`: for each partition its brokers.
fn assignment(options: &Options<'_>) -> Result<Vec<Vec<i32>>, Failure> {
    let text = options.text("replica-assignment")?.unwrap_or_default();
    let mut partitions: Vec<Vec<i32>> = Vec::new();
    for (at, part) in text.split(',').enumerate().take_while(|_| !text.is_empty()) {
        let brokers = part.split(':').map(broker).collect::<Result<Vec<i32>, Failure>>()?;
        let duplicates = duplicates(&brokers);
        if !duplicates.is_empty() {
            return Err(Failure::new(
                "org.apache.kafka.tools.AdminCommandFailedException",
                format!("Partition replica lists may not contain duplicate entries: {duplicates}"),
            ));
        }
        if partitions.first().is_some_and(|first| first.len() != brokers.len()) {
            let listed: Vec<String> = brokers.iter().map(i32::to_string).collect();
            return Err(Failure::new(
                "org.apache.kafka.tools.AdminOperationException",
                format!("Partition {at} has different replication factor: [{}]", listed.join(", ")),
            ));
        }
        partitions.push(brokers);
    }
    Ok(partitions)
}

fn broker(text: &str) -> Result<i32, Failure> {
    let text = text.trim();
    text.strip_prefix('+').unwrap_or(text).parse().map_err(|_| {
        let message = format!("For input string: \"{text}\"");
        Failure::new("java.lang.NumberFormatException", message)
    })
}

fn duplicates(brokers: &[i32]) -> String {
    let mut twice: Vec<i32> = brokers
        .iter()
        .enumerate()
        .filter(|(at, broker)| brokers[..*at].contains(broker))
        .map(|(_, broker)| *broker)
        .collect();
    twice.sort_unstable();
    twice.dedup();
    twice.iter().map(i32::to_string).collect::<Vec<String>>().join(",")
}

/// `--config`: keys and values, checked as far as they can be without a broker.
fn configs(options: &Options<'_>) -> Result<BTreeMap<String, String>, Failure> {
    let mut configs = BTreeMap::new();
    for pair in options.texts("config") {
        // As in Java, empty parts at the end are none.
        let mut parts: Vec<&str> = pair.split('=').map(str::trim).collect();
        while parts.last().is_some_and(|part| part.is_empty()) {
            parts.pop();
        }
        let [key, value] = parts.as_slice() else {
            return Err(Failure::illegal(
                "requirement failed: Invalid topic config: all configs to be added must be in the \
                 format \"key=val\".",
            ));
        };
        configs.insert((*key).to_owned(), (*value).to_owned());
    }
    for (key, value) in &configs {
        let known = topic::find(key).ok_or_else(|| {
            Failure::new(
                "org.apache.kafka.common.errors.InvalidConfigurationException",
                format!("Unknown topic config name: {key}"),
            )
        })?;
        known.key.validate(value).map_err(|invalid| {
            Failure::new("org.apache.kafka.common.config.ConfigException", invalid.to_string())
        })?;
    }
    Ok(configs)
}
