//! `--reset-offsets`: plans where a group shall go on reading, and commits that with `--execute`.

use std::collections::{BTreeSet, HashMap};
use std::time::{SystemTime, UNIX_EPOCH};

use ottla_client::TopicPartition;
use ottla_client::admin::{Admin, CommittedOffset, OffsetAndMetadata, OffsetSpec};
use ottla_terminal::java_order::sort_as_hash_map;
use ottla_terminal::options::Options;
use ottla_terminal::output;
use ottla_wire::ErrorCode;

use super::csv::{self, Line};
use super::failure::{Failure, tell};
use super::moment;
use super::{list, options as rules, partitions};

/// New offsets of one group.
type Plan = Vec<(TopicPartition, i64)>;

/// Runs the action.
pub(super) async fn reset(admin: &Admin, options: &Options<'_>) -> Result<(), Failure> {
    let mut chosen = list::chosen(admin, options).await?;
    sort_as_hash_map(&mut chosen, |group| group);
    let mut plans = Vec::new();
    for (group, described) in admin.describe_groups(&chosen).await.map_err(Failure::wrapped)? {
        let state = match described {
            Ok(description) => description.state,
            // Offsets can be set before a group has ever had a member.
            Err(refusal) if refusal.code == ErrorCode::GroupIdNotFound => "Dead".to_owned(),
            Err(refusal) => return Err(Failure::wrapped(refusal)),
        };
        let plan = if matches!(state.as_str(), "Empty" | "Dead") {
            reset_inactive(admin, options, &group).await?
        } else {
            tell(&format!(
                "Assignments can only be reset if the group '{group}' is inactive, but the current state is {state}."
            ))?;
            Plan::new()
        };
        plans.push((group, plan));
    }
    if options.has("export") {
        return Ok(output::line(exported(&plans, options.texts("group").len() == 1))?);
    }
    Ok(output::line(table(&plans))?)
}

async fn reset_inactive(
    admin: &Admin,
    options: &Options<'_>,
    group: &str,
) -> Result<Plan, Failure> {
    let scope = scope(admin, options, group).await?;
    check(admin, &scope).await?;
    let mut plan = plan(admin, options, group, scope).await?;
    sort_as_hash_map(&mut plan, |(key, _)| key);
    if options.has("execute") {
        let commits: Vec<_> = plan
            .iter()
            .map(|(key, offset)| {
                let commit = OffsetAndMetadata { offset: *offset, ..OffsetAndMetadata::default() };
                (key.clone(), commit)
            })
            .collect();
        let results = admin.alter_group_offsets(group, &commits).await.map_err(Failure::plain)?;
        for (_, result) in results {
            result.map_err(Failure::plain)?;
        }
    }
    Ok(plan)
}

/// The partitions that the command line names.
async fn scope(
    admin: &Admin,
    options: &Options<'_>,
    group: &str,
) -> Result<Vec<TopicPartition>, Failure> {
    if options.has("all-topics") {
        let committed = partitions::committed(admin, group).await?;
        let mut keys: Vec<TopicPartition> = committed.into_keys().collect();
        keys.sort();
        return Ok(keys);
    }
    if !options.has("topic") {
        let message = "One of the reset scopes should be defined: --all-topics, --topic.";
        let is_enough = options.has("from-file");
        return if is_enough { Ok(Vec::new()) } else { Err(Failure::Usage(message.to_owned())) };
    }
    // What is named twice is reset once.
    let mut keys = BTreeSet::new();
    let (listed, whole): (Vec<&String>, Vec<&String>) =
        options.texts("topic").iter().partition(|argument| argument.contains(':'));
    for argument in listed {
        keys.extend(partitions::parse(argument)?);
    }
    let whole = whole.into_iter().map(String::as_str);
    for (topic, partitions) in partitions::describe(admin, whole, Failure::plain).await? {
        let indexes = partitions.into_iter().map(|partition| partition.partition);
        keys.extend(indexes.map(|index| TopicPartition::new(topic.as_str(), index)));
    }
    Ok(keys.into_iter().collect())
}

/// Partitions must exist and have a leader.
async fn check(admin: &Admin, scope: &[TopicPartition]) -> Result<(), Failure> {
    let topics = scope.iter().map(|key| &*key.topic);
    let mut known = HashMap::new();
    for (topic, partitions) in partitions::describe(admin, topics, Failure::wrapped).await? {
        for partition in partitions {
            let key = TopicPartition::new(topic.as_str(), partition.partition);
            known.insert(key, partition.leader.is_some());
        }
    }
    let names = |state: Option<bool>| {
        let keys = scope.iter().filter(|key| known.get(key).copied() == state);
        keys.map(ToString::to_string).collect::<Vec<_>>().join(",")
    };
    let (missing, leaderless) = (names(None), names(Some(false)));
    if !missing.is_empty() {
        return Err(Failure::Work(format!("The partitions \"{missing}\" do not exist")));
    }
    if !leaderless.is_empty() {
        return Err(Failure::Work(format!("The partitions \"{leaderless}\" have no leader")));
    }
    Ok(())
}

/// New offsets for the partitions in `scope`.
async fn plan(
    admin: &Admin,
    options: &Options<'_>,
    group: &str,
    scope: Vec<TopicPartition>,
) -> Result<Plan, Failure> {
    let number = |name| options.number::<i64>(name).map_err(|stop| Failure::Work(stop.err));
    if let Some(offset) = number("to-offset")? {
        let wanted = scope.into_iter().map(|key| (key, offset)).collect();
        return in_range(admin, wanted).await;
    }
    for (name, spec) in [("to-earliest", OffsetSpec::Earliest), ("to-latest", OffsetSpec::Latest)] {
        if options.has(name) {
            return Ok(partitions::offsets(admin, &scope, spec).await?.into_iter().collect());
        }
    }
    if let Some(shift) = number("shift-by")? {
        let committed = partitions::committed(admin, group).await?;
        return in_range(admin, shifted(scope, &committed, shift)?).await;
    }
    if let Some(text) = options.text("to-datetime")? {
        let timestamp = moment::parse_datetime(text)
            .map_err(|wrong| Failure::Work(format!("java.text.ParseException: {wrong}")))?;
        return at_timestamp(admin, scope, timestamp).await;
    }
    if let Some(text) = options.text("by-duration")? {
        let duration = moment::parse_duration(text).map_err(Failure::Work)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        return at_timestamp(admin, scope, now.saturating_sub(duration)).await;
    }
    if let Some(path) = options.text("from-file")? {
        let is_single = options.texts("group").len() == 1;
        return from_file(admin, path, group, is_single).await;
    }
    if options.has("to-current") {
        let committed = partitions::committed(admin, group).await?;
        return current(admin, scope, &committed).await;
    }
    Err(rules::lacks_scenario(options).into())
}

fn shifted(
    scope: Vec<TopicPartition>,
    committed: &HashMap<TopicPartition, CommittedOffset>,
    shift: i64,
) -> Result<Plan, Failure> {
    let shifted = scope.into_iter().map(|key| match committed.get(&key) {
        Some(current) => {
            let offset = current.offset.saturating_add(shift);
            Ok((key, offset))
        }
        None => Err(Failure::Usage(format!(
            "Cannot shift offset for partition {key} since there is no current committed offset"
        ))),
    });
    shifted.collect()
}

/// Offsets before the start or behind the end of a log become its start or end, with a warning.
async fn in_range(admin: &Admin, wanted: Plan) -> Result<Plan, Failure> {
    let keys: Vec<TopicPartition> = wanted.iter().map(|(key, _)| key.clone()).collect();
    let starts = partitions::offsets(admin, &keys, OffsetSpec::Earliest).await?;
    let ends = partitions::offsets(admin, &keys, OffsetSpec::Latest).await?;
    let fitted = wanted.into_iter().map(|(key, offset)| {
        let fits = match (starts.get(&key), ends.get(&key)) {
            (_, Some(end)) if offset > *end => ("higher than latest", *end),
            (Some(start), _) if offset < *start => ("lower than earliest", *start),
            _ => return (key, offset),
        };
        let (relation, limit) = fits;
        let told = format!(
            "New offset ({offset}) is {relation} offset for topic partition {key}. Value will be set to {limit}"
        );
        output::log_warn(told, "org.apache.kafka.tools.OffsetsUtils");
        (key, limit)
    });
    Ok(fitted.collect())
}

async fn at_timestamp(
    admin: &Admin,
    scope: Vec<TopicPartition>,
    timestamp: i64,
) -> Result<Plan, Failure> {
    let found = partitions::offsets(admin, &scope, OffsetSpec::Timestamp(timestamp)).await?;
    let mut found: Plan = found.into_iter().collect();
    found.sort();
    sort_as_hash_map(&mut found, |(key, _)| key);
    let (mut plan, missing): (Plan, Plan) = found.into_iter().partition(|(_, offset)| *offset >= 0);
    for (key, _) in &missing {
        output::line(format!(
            "\nWarn: Partition {} from topic {} is empty. Falling back to latest known offset.",
            key.partition, key.topic
        ))?;
    }
    let missing: Vec<TopicPartition> = missing.into_iter().map(|(key, _)| key).collect();
    plan.extend(partitions::offsets(admin, &missing, OffsetSpec::Latest).await?);
    Ok(plan)
}

async fn current(
    admin: &Admin,
    scope: Vec<TopicPartition>,
    committed: &HashMap<TopicPartition, CommittedOffset>,
) -> Result<Plan, Failure> {
    let (known, unknown): (Vec<TopicPartition>, Vec<TopicPartition>) =
        scope.into_iter().partition(|key| committed.contains_key(key));
    let offset = |key: TopicPartition| committed.get(&key).map(|current| (key, current.offset));
    let mut plan: Plan = known.into_iter().filter_map(offset).collect();
    plan.extend(partitions::offsets(admin, &unknown, OffsetSpec::Latest).await?);
    Ok(plan)
}

async fn from_file(
    admin: &Admin,
    path: &str,
    group: &str,
    is_single: bool,
) -> Result<Plan, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::Work(match error.kind() {
            std::io::ErrorKind::NotFound => {
                format!("java.io.IOException: Unable to read file {path}")
            }
            _ => format!("{path}: {error}"),
        })
    })?;
    let lines =
        csv::read(&text, is_single).map_err(|wrong| Failure::Work(format!("{path}: {wrong}")))?;
    let is_mine = |line: &Line| line.group.as_deref().is_none_or(|named| named == group);
    let mut wanted: HashMap<TopicPartition, i64> = HashMap::new();
    // The last line for a partition counts.
    wanted.extend(lines.into_iter().filter(is_mine).map(|line| (line.partition, line.offset)));
    if wanted.is_empty() {
        tell(&format!("No reset plan for group {group} found"))?;
        return Ok(Plan::new());
    }
    let mut wanted: Plan = wanted.into_iter().collect();
    wanted.sort();
    in_range(admin, wanted).await
}

fn exported(plans: &[(String, Plan)], is_single: bool) -> String {
    let mut text = String::new();
    for (group, plan) in plans {
        for (partition, offset) in plan {
            let group = (!is_single).then(|| group.clone());
            text.push_str(&Line { group, partition: partition.clone(), offset: *offset }.text());
        }
    }
    text
}

fn table(plans: &[(String, Plan)]) -> String {
    if plans.is_empty() {
        return String::new();
    }
    let longest = |lengths: &mut dyn Iterator<Item = usize>| lengths.fold(15, usize::max);
    let group_width = longest(&mut plans.iter().map(|(group, _)| group.chars().count()));
    let keys = plans.iter().flat_map(|(_, plan)| plan);
    let topic_width = longest(&mut keys.map(|(key, _)| key.topic.chars().count()));
    let mut text = format!(
        "\n{:<group_width$} {:<topic_width$} {:<10} NEW-OFFSET",
        "GROUP", "TOPIC", "PARTITION"
    );
    for (group, plan) in plans {
        for (key, offset) in plan {
            text.push_str(&format!(
                "\n{group:<group_width$} {:<topic_width$} {:<10} {offset}",
                key.topic, key.partition
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plans() -> Vec<(String, Plan)> {
        let key = TopicPartition::new;
        vec![
            ("another-quite-long-group-name".to_owned(), vec![(key("beta", 0), 0)]),
            ("empty-group".to_owned(), vec![(key("a.rather.long.topic.name", 1), 12)]),
            ("busy".to_owned(), Vec::new()),
        ]
    }

    #[test]
    fn plans_are_printed_as_kafka_prints_them() {
        assert_eq!(
            table(&plans()),
            "\n\
             GROUP                         TOPIC                    PARTITION  NEW-OFFSET\n\
             another-quite-long-group-name beta                     0          0\n\
             empty-group                   a.rather.long.topic.name 1          12"
        );
        assert_eq!(table(&[]), "");
        assert_eq!(table(&plans()[2..]), "\nGROUP           TOPIC           PARTITION  NEW-OFFSET");
        assert_eq!(
            exported(&plans(), false),
            "\"another-quite-long-group-name\",beta,0,0\nempty-group,a.rather.long.topic.name,1,12\n"
        );
        assert_eq!(exported(&plans()[1..], true), "a.rather.long.topic.name,1,12\n");
    }

    #[test]
    fn offsets_shift_from_what_was_committed() {
        let key = TopicPartition::new;
        let current = CommittedOffset { offset: 5, leader_epoch: None, metadata: String::new() };
        let committed = HashMap::from([(key("alpha", 0), current)]);
        let plan = shifted(vec![key("alpha", 0)], &committed, -7).expect("committed");
        assert_eq!(plan, [(key("alpha", 0), -2)]);
        let refused = shifted(vec![key("alpha", 1)], &committed, 1);
        assert!(matches!(refused, Err(Failure::Usage(message)) if message.contains("alpha-1")));
    }
}
