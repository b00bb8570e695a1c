//! `--verify` and `--list`: how far moves are, between brokers and between directories.

use std::collections::{BTreeMap, BTreeSet};

use ottla_client::TopicPartition;
use ottla_client::admin::{Admin, DescribeClusterOptions, PartitionReassignment, TopicRef};
use ottla_terminal::output;
use ottla_wire::ErrorCode;

use super::plan::{Assignments, Plan, Replica, joined};
use super::throttle;
use super::trouble::Trouble;

/// Partitions of topics that one request describes.
const PAGE: i32 = 2000;

/// Runs `--verify`.
pub(super) async fn verify(
    admin: &Admin,
    file: &str,
    keeps_throttles: bool,
) -> Result<(), Trouble> {
    let plan = Plan::read(file)?;
    let under_way = admin.list_partition_reassignments(None).await?;
    output::line(joined(&partition_states(admin, &plan.assignments, &under_way).await?, "\n"))?;
    let states = directory_states(admin, &plan.directories).await?;
    let shown: Vec<String> = states.iter().map(DirectoryState::shown).collect();
    output::line(shown.join("\n"))?;
    let moves = states.iter().any(|state| matches!(state.found, Found::Moving { .. }));
    if under_way.is_empty() && !moves && !keeps_throttles {
        throttle::clear(admin, &plan.assignments).await?;
    }
    Ok(())
}

/// Runs `--list`.
pub(super) async fn list(admin: &Admin) -> Result<(), Trouble> {
    let under_way = admin.list_partition_reassignments(None).await?;
    let shown: Vec<String> = under_way.iter().map(|(key, one)| listed(key, one)).collect();
    Ok(output::line(match shown.is_empty() {
        true => "No partition reassignments found.".to_owned(),
        false => format!("Current partition reassignments:\n{}", shown.join("\n")),
    })?)
}

fn listed(key: &TopicPartition, reassignment: &PartitionReassignment) -> String {
    let part = |name: &str, brokers: &[i32]| match brokers {
        [] => String::new(),
        _ => format!(" {name}: {}.", joined(brokers, ",")),
    };
    let PartitionReassignment { replicas, adding, removing } = reassignment;
    let (adding, removing) = (part("adding", adding), part("removing", removing));
    format!("{key}: replicas: {}.{adding}{removing}", joined(replicas, ","))
}

async fn partition_states(
    admin: &Admin,
    targets: &Assignments,
    under_way: &[(TopicPartition, PartitionReassignment)],
) -> Result<Vec<String>, Trouble> {
    let moves = |key: &TopicPartition| under_way.iter().any(|(moving, _)| moving == key);
    let rest = targets.iter().filter(|(key, _)| !moves(key));
    let mut topics: Vec<String> = rest.map(|(key, _)| key.topic.to_string()).collect();
    topics.sort();
    topics.dedup();
    let described = describe(admin, &topics).await?;
    let replicas_of = |key: &TopicPartition| {
        let topic = described.iter().find(|(name, _)| **name == *key.topic);
        let replicas = topic.and_then(|(_, partitions)| partitions.as_ref());
        let at = usize::try_from(key.partition).unwrap_or(usize::MAX);
        replicas.and_then(|partitions| partitions.get(at).cloned()).unwrap_or_default()
    };
    // A partition that is named twice counts as it is named last.
    let mut sorted: BTreeMap<&TopicPartition, &Vec<i32>> = BTreeMap::new();
    sorted.extend(targets.iter().map(|(key, replicas)| (key, replicas)));
    let mut shown = vec!["Status of partition reassignment:".to_owned()];
    shown.extend(sorted.into_iter().map(|(key, target)| {
        if moves(key) {
            return format!("Reassignment of partition {key} is still in progress.");
        }
        let present = replicas_of(key);
        if present == *target {
            return format!("Reassignment of partition {key} is completed.");
        }
        format!(
            "There is no active reassignment of partition {key}, but replica set is {} rather than {}.",
            joined(&present, ","),
            joined(target, ",")
        )
    }));
    Ok(shown)
}

/// Replicas of each topic's partitions; nothing for a topic that is not there.
pub(super) async fn describe(
    admin: &Admin,
    topics: &[String],
) -> Result<Vec<(String, Option<Vec<Vec<i32>>>)>, Trouble> {
    let wanted: Vec<TopicRef> = topics.iter().cloned().map(TopicRef::Name).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut described = Vec::new();
    let found = admin.describe_topics(&wanted, PAGE).await?;
    for (name, (_, outcome)) in topics.iter().zip(found) {
        let partitions = match outcome {
            Ok(topic) => Some(
                topic
                    .partitions
                    .iter()
                    .map(|partition| partition.replicas.iter().map(|node| node.id).collect())
                    .collect(),
            ),
            Err(refusal) if refusal.code == ErrorCode::UnknownTopicOrPartition => None,
            Err(refusal) => return Err(refusal.into()),
        };
        described.push((name.clone(), partitions));
    }
    Ok(described)
}

/// A replica that is to lie in a directory, and where it does.
pub(super) struct DirectoryState {
    pub(super) replica: Replica,
    wanted: String,
    pub(super) found: Found,
}

/// Where a replica lies.
pub(super) enum Found {
    /// Nobody knows: a directory may be offline.
    Nowhere,
    /// Here, and it stays.
    In(String),
    /// On its way.
    Moving { from: String, to: String },
}

impl DirectoryState {
    fn shown(&self) -> String {
        let Self { replica, wanted, found } = self;
        let Replica { partition, broker } = replica;
        match found {
            Found::Nowhere => format!(
                "Partition {partition} is not found in any live log dir on broker {broker}. There is \
                 likely an offline log directory on the broker."
            ),
            Found::In(directory) if directory == wanted => {
                format!("Reassignment of replica {replica} completed successfully.")
            }
            Found::In(directory) => format!(
                "Partition {partition} on broker {broker} is not being moved from log dir {directory} to \
                 {wanted}."
            ),
            Found::Moving { to, .. } if to == wanted => {
                format!("Reassignment of replica {replica} is still in progress.")
            }
            Found::Moving { to, .. } => format!(
                "Partition {partition} on broker {broker} is being moved to log dir {to} instead of {wanted}."
            ),
        }
    }
}

/// A log on a broker: whether it is on its way to replace another, and its directory.
struct Lying {
    replica: Replica,
    is_future: bool,
    path: String,
}

/// What brokers hold of these partitions; nothing of brokers that are not there.
async fn lying(
    admin: &Admin,
    brokers: &BTreeSet<i32>,
    keys: &[TopicPartition],
) -> Result<Vec<Lying>, Trouble> {
    let cluster = admin.describe_cluster(DescribeClusterOptions::default()).await?;
    let known = cluster.nodes.iter().map(|node| node.node.id);
    let asked: Vec<i32> = known.filter(|id| brokers.contains(id)).collect();
    let mut found = Vec::new();
    for (broker, directories) in admin.describe_log_dirs(&asked, Some(keys)).await? {
        for (path, directory) in directories? {
            let Ok(directory) = directory else { continue };
            found.extend(directory.replicas.into_iter().map(|log| Lying {
                replica: Replica { partition: log.partition, broker },
                is_future: log.is_future,
                path: path.clone(),
            }));
        }
    }
    Ok(found)
}

/// The directories in which replicas lie now.
pub(super) async fn directories_of(
    admin: &Admin,
    present: &Assignments,
) -> Result<Vec<(Replica, String)>, Trouble> {
    let brokers = present.iter().flat_map(|(_, replicas)| replicas).copied().collect();
    let keys: Vec<TopicPartition> = present.iter().map(|(key, _)| key.clone()).collect();
    let found = lying(admin, &brokers, &keys).await?;
    let now = found.into_iter().filter(|log| !log.is_future);
    Ok(now.map(|log| (log.replica, log.path)).collect())
}

/// Where replicas lie that are to lie somewhere, brokers first.
pub(super) async fn directory_states(
    admin: &Admin,
    wanted: &[(Replica, String)],
) -> Result<Vec<DirectoryState>, Trouble> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let brokers = wanted.iter().map(|(replica, _)| replica.broker).collect();
    let keys: Vec<_> = wanted.iter().map(|(replica, _)| replica.partition.clone()).collect();
    let found = lying(admin, &brokers, &keys).await?;
    let place = |replica: &Replica, is_future: bool| {
        let is_it = |log: &&Lying| log.replica == *replica && log.is_future == is_future;
        found.iter().find(is_it).map(|log| log.path.clone())
    };
    let mut states: Vec<DirectoryState> = wanted
        .iter()
        .map(|(replica, directory)| {
            let found = match (place(replica, false), place(replica, true)) {
                (None, _) => Found::Nowhere,
                (Some(present), None) => Found::In(present),
                (Some(from), Some(to)) => Found::Moving { from, to },
            };
            DirectoryState { replica: replica.clone(), wanted: directory.clone(), found }
        })
        .collect();
    states.sort_by_key(|state| state.replica.order());
    Ok(states)
}
