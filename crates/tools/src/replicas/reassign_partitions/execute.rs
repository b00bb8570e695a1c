//! `--execute` and `--cancel`: starting moves and ending them.

use std::collections::BTreeSet;
use std::time::Duration;

use ottla_client::TopicPartition;
use ottla_client::admin::{Admin, DescribeClusterOptions, ReplicaMove};
use ottla_terminal::failure::Failure;
use ottla_terminal::output;
use ottla_wire::ErrorCode;
use tokio::time::Instant;

use super::plan::{Assignments, Plan, Replica, as_json, joined};
use super::trouble::Trouble;
use super::verify::{Found, describe, directories_of, directory_states};
use super::{throttle, verb::Limits};

/// A replica may have to reach its broker before it can have a directory there. No event tells when it has: Kafka's
/// tool asks again after `Time.sleep(100)` as well (`ReassignPartitionsCommand.executeMoves`).
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How `--execute` goes about it.
pub(super) struct Execution {
    /// Beside moves that are under way.
    pub(super) is_additional: bool,
    pub(super) allows_factor_change: bool,
    pub(super) limits: Limits,
    /// How long directories may take to begin.
    pub(super) timeout: Duration,
}

/// Runs `--execute`.
pub(super) async fn execute(
    admin: &Admin,
    file: &str,
    execution: &Execution,
) -> Result<(), Trouble> {
    let plan = Plan::read(file)?;
    plan.check()?;
    let under_way = admin.list_partition_reassignments(None).await?;
    if !execution.is_additional && !under_way.is_empty() {
        return Err(Trouble::Terse(
            "Cannot execute because there is an existing partition assignment.  Use --additional to override \
             this and create a new partition assignment in addition to the existing one. The --additional \
             flag can also be used to change the throttle by resubmitting the current reassignment."
                .to_owned(),
        ));
    }
    check_brokers(admin, &plan.assignments).await?;
    let present = present(admin, &plan).await?;
    let directories = directories_of(admin, &present).await?;
    output::line(format_args!(
        "Current partition replica assignment\n\n{}\n\nSave this to use as the --reassignment-json-file \
         option during rollback",
        as_json(&present, &directories)
    ))?;
    let Limits { between_brokers, between_directories } = execution.limits;
    if between_brokers.is_some() || between_directories.is_some() {
        output::line(
            "Warning: You must run --verify periodically, until the reassignment completes, to ensure the \
             throttle is removed.",
        )?;
    }
    if let Some(rate) = between_brokers {
        let moves = throttle::moves(&under_way, &plan.assignments, &present);
        throttle::limit_brokers(admin, &moves, rate).await?;
    }
    if let Some(rate) = between_directories {
        let brokers = plan.directories.iter().map(|(replica, _)| replica.broker).collect();
        throttle::limit_directories(admin, brokers, rate).await?;
    }
    let wanted: Vec<_> = plan
        .assignments
        .iter()
        .map(|(key, replicas)| (key.clone(), Some(replicas.clone())))
        .collect();
    let failed = alter(admin, &wanted, execution.allows_factor_change).await?;
    if !failed.is_empty() {
        let failed = failed.join("\n");
        return Err(Trouble::Terse(format!("Error reassigning partition(s):\n{failed}")));
    }
    let keys = plan.keys();
    let plural = if keys.len() == 1 { "" } else { "s" };
    output::line(format_args!(
        "Successfully started partition reassignment{plural} for {}",
        joined(&keys, ",")
    ))?;
    move_directories(admin, plan.directories, execution.timeout).await
}

/// Runs `--cancel`.
pub(super) async fn cancel(
    admin: &Admin,
    file: &str,
    keeps_throttles: bool,
    timeout: Duration,
) -> Result<(), Trouble> {
    let plan = Plan::read(file)?;
    let under_way = admin.list_partition_reassignments(Some(&plan.keys())).await?;
    let wanted: Vec<_> = under_way.into_iter().map(|(key, _)| (key, None)).collect();
    if wanted.is_empty() {
        output::line("None of the specified partition reassignments are active.")?;
    } else {
        let failed = alter(admin, &wanted, true).await?;
        if !failed.is_empty() {
            let plural = if failed.len() == 1 { "" } else { "s" };
            let told = format!("Error cancelling partition reassignment{plural} for:\n");
            return Err(Trouble::Terse(told + &failed.join("\n")));
        }
        let plural = if wanted.len() == 1 { "" } else { "s" };
        let keys: Vec<&TopicPartition> = wanted.iter().map(|(key, _)| key).collect();
        output::line(format_args!(
            "Successfully cancelled partition reassignment{plural} for: {}",
            joined(&keys, ",")
        ))?;
    }
    let states = directory_states(admin, &plan.directories).await?;
    let back: Vec<(Replica, String)> = states
        .into_iter()
        .filter_map(|state| match state.found {
            Found::Moving { from, .. } => Some((state.replica, from)),
            _ => None,
        })
        .collect();
    if back.is_empty() {
        // Kafka's tool ends no line here.
        output::text("None of the specified partition moves are active.")?;
    } else {
        move_directories(admin, back, timeout).await?;
    }
    if keeps_throttles { Ok(()) } else { throttle::clear(admin, &plan.assignments).await }
}

async fn check_brokers(admin: &Admin, wanted: &Assignments) -> Result<(), Trouble> {
    let cluster = admin.describe_cluster(DescribeClusterOptions::default()).await?;
    let known: BTreeSet<i32> = cluster.nodes.iter().map(|node| node.node.id).collect();
    let named: BTreeSet<i32> = wanted.iter().flat_map(|(_, replicas)| replicas).copied().collect();
    match named.difference(&known).next() {
        None => Ok(()),
        Some(unknown) => Err(Trouble::Failed(format!("Unknown broker id {unknown}"))),
    }
}

/// Where the partitions of a plan lie now; all of them must be there.
async fn present(admin: &Admin, plan: &Plan) -> Result<Assignments, Trouble> {
    let keys = plan.keys();
    let mut topics: Vec<String> = keys.iter().map(|key| key.topic.to_string()).collect();
    topics.dedup();
    let described = describe(admin, &topics).await?;
    let class = "org.apache.kafka.common.errors.UnknownTopicOrPartitionException";
    if let Some((name, _)) = described.iter().find(|(_, found)| found.is_none()) {
        return Err(Trouble::Failed(format!("{class}: Topic {name} not found.")));
    }
    let mut present = Assignments::new();
    let mut missing = Vec::new();
    for key in keys {
        let topic = described.iter().find(|(name, _)| **name == *key.topic);
        let at = usize::try_from(key.partition).unwrap_or(usize::MAX);
        match topic.and_then(|(_, partitions)| partitions.as_ref()?.get(at)) {
            Some(replicas) => present.push((key, replicas.clone())),
            None => missing.push(key),
        }
    }
    if missing.is_empty() {
        return Ok(present);
    }
    let missing = joined(&missing, ", ");
    Err(Trouble::Failed(format!("{class}: Unable to find partition: {missing}")))
}

/// What the controller refused, in order of the partitions.
async fn alter(
    admin: &Admin,
    wanted: &[(TopicPartition, Option<Vec<i32>>)],
    allows_factor_change: bool,
) -> Result<Vec<String>, Trouble> {
    let mut outcomes = admin.alter_partition_reassignments(wanted, allows_factor_change).await?;
    outcomes.sort_by(|(left, _), (right, _)| left.cmp(right));
    let refused = outcomes.into_iter().filter_map(|(key, outcome)| {
        let refusal = outcome.err()?;
        Some(format!("{key}: {}", Failure::from(refusal).message))
    });
    Ok(refused.collect())
}

/// Has replicas move to directories of their brokers, those to come as soon as they are there.
async fn move_directories(
    admin: &Admin,
    mut wanted: Vec<(Replica, String)>,
    timeout: Duration,
) -> Result<(), Trouble> {
    let deadline = Instant::now() + timeout;
    wanted.sort_by_key(|(replica, _)| replica.order());
    while !wanted.is_empty() {
        let moves: Vec<ReplicaMove> = wanted
            .iter()
            .map(|(replica, directory)| ReplicaMove {
                partition: replica.partition.clone(),
                broker: replica.broker,
                directory: directory.clone(),
            })
            .collect();
        let mut waiting = Vec::new();
        let outcomes = admin.alter_replica_log_dirs(&moves).await?;
        for ((replica, directory), (_, outcome)) in wanted.into_iter().zip(outcomes) {
            match outcome {
                Ok(()) => output::line(format_args!(
                    "Successfully started moving log directory to {directory} for replica {} with broker {} ",
                    replica.partition, replica.broker
                ))?,
                Err(refusal) if refusal.code == ErrorCode::ReplicaNotAvailable => {
                    waiting.push((replica, directory));
                }
                Err(_) => {
                    return Err(Trouble::Failed(format!("Failed to alter dir for {replica}")));
                }
            }
        }
        wanted = waiting;
        if !wanted.is_empty() && Instant::now() >= deadline {
            let plural = if wanted.len() == 1 { "" } else { "s" };
            let replicas: Vec<&Replica> = wanted.iter().map(|(replica, _)| replica).collect();
            return Err(Trouble::Terse(format!(
                "Timed out before log directory move{plural} could be started for: {}",
                joined(&replicas, ",")
            )));
        }
        if !wanted.is_empty() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
    Ok(())
}
