//! Limits while replicas move: which brokers and topics they concern, setting and taking them away.

use std::collections::{BTreeMap, BTreeSet};

use ottla_client::TopicPartition;
use ottla_client::admin::{
    Admin, AlterConfigOp, ConfigAlteration, ConfigResource, ConfigResourceKind,
    DescribeClusterOptions, PartitionReassignment,
};
use ottla_terminal::java_order::sort_as_hash_map;
use ottla_terminal::output;

use super::plan::{Assignments, joined};
use super::trouble::Trouble;

const LEADER_RATE: &str = "leader.replication.throttled.rate";
const FOLLOWER_RATE: &str = "follower.replication.throttled.rate";
const LOG_DIRS_RATE: &str = "replica.alter.log.dirs.io.max.bytes.per.second";
const LEADER_REPLICAS: &str = "leader.replication.throttled.replicas";
const FOLLOWER_REPLICAS: &str = "follower.replication.throttled.replicas";

/// Where a partition's records come from and go to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Move {
    sources: BTreeSet<i32>,
    destinations: BTreeSet<i32>,
}

/// All partitions that move, those that moved already included.
pub(super) fn moves(
    under_way: &[(TopicPartition, PartitionReassignment)],
    proposed: &Assignments,
    present: &Assignments,
) -> BTreeMap<TopicPartition, Move> {
    let mut moves: BTreeMap<TopicPartition, Move> = BTreeMap::new();
    for (key, reassignment) in under_way {
        let destinations: BTreeSet<i32> = reassignment.adding.iter().copied().collect();
        let all = reassignment.replicas.iter().copied();
        let sources = all.filter(|id| !destinations.contains(id)).collect();
        moves.insert(key.clone(), Move { sources, destinations });
    }
    for (key, replicas) in proposed {
        let found = present.iter().find(|(known, _)| known == key);
        let found = found.map(|(_, present)| present.iter().copied().collect());
        let known = moves.get(key).map(|known| known.sources.clone());
        let sources: BTreeSet<i32> = known.or(found).unwrap_or_default();
        let destinations = replicas.iter().copied().filter(|id| !sources.contains(id)).collect();
        moves.insert(key.clone(), Move { sources, destinations });
    }
    moves
}

/// `partition:broker` of one side of each topic's moves, in order of their text.
fn listed(
    moves: &BTreeMap<TopicPartition, Move>,
    side: fn(&Move) -> &BTreeSet<i32>,
) -> BTreeMap<String, String> {
    let mut by_topic: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (key, one) in moves {
        let entries = by_topic.entry(key.topic.to_string()).or_default();
        entries.extend(side(one).iter().map(|broker| format!("{}:{broker}", key.partition)));
    }
    let join = |entries: BTreeSet<String>| entries.into_iter().collect::<Vec<_>>().join(",");
    by_topic.into_iter().map(|(topic, entries)| (topic, join(entries))).collect()
}

/// Limits what brokers send each other for these moves.
pub(super) async fn limit_brokers(
    admin: &Admin,
    moves: &BTreeMap<TopicPartition, Move>,
    rate: i64,
) -> Result<(), Trouble> {
    let leaders = listed(moves, |one| &one.sources);
    let followers = listed(moves, |one| &one.destinations);
    let topics = leaders.into_iter().zip(followers.into_values());
    let alterations = topics.map(|((topic, of_leaders), of_followers)| ConfigAlteration {
        resource: ConfigResource { kind: ConfigResourceKind::Topic, name: topic },
        changes: vec![
            (LEADER_REPLICAS.to_owned(), AlterConfigOp::Set(of_leaders)),
            (FOLLOWER_REPLICAS.to_owned(), AlterConfigOp::Set(of_followers)),
        ],
    });
    alter(admin, alterations.collect()).await?;
    let brokers: BTreeSet<i32> = moves
        .values()
        .flat_map(|one| one.sources.iter().chain(&one.destinations))
        .copied()
        .collect();
    let limit = || AlterConfigOp::Set(rate.to_string());
    let changes = || vec![(LEADER_RATE.to_owned(), limit()), (FOLLOWER_RATE.to_owned(), limit())];
    alter(admin, of_brokers(brokers, changes)).await?;
    output::line(format_args!("The inter-broker throttle limit was set to {rate} B/s"))?;
    Ok(())
}

/// Limits what these brokers copy between their directories.
pub(super) async fn limit_directories(
    admin: &Admin,
    brokers: BTreeSet<i32>,
    rate: i64,
) -> Result<(), Trouble> {
    let changes = || vec![(LOG_DIRS_RATE.to_owned(), AlterConfigOp::Set(rate.to_string()))];
    alter(admin, of_brokers(brokers, changes)).await?;
    output::line(format_args!("The replica-alter-dir throttle limit was set to {rate} B/s"))?;
    Ok(())
}

/// Takes all limits away, of every broker: nobody knows which ones records came from.
pub(super) async fn clear(admin: &Admin, targets: &Assignments) -> Result<(), Trouble> {
    let cluster = admin.describe_cluster(DescribeClusterOptions::default()).await?;
    let mut brokers: BTreeSet<i32> = cluster.nodes.iter().map(|node| node.node.id).collect();
    brokers.extend(targets.iter().flat_map(|(_, replicas)| replicas));
    let shown: Vec<i32> = brokers.iter().copied().collect();
    let plural = if shown.len() == 1 { "" } else { "s" };
    let shown = joined(&shown, ",");
    output::line(format_args!("Clearing broker-level throttles on broker{plural} {shown}"))?;
    let changes = || {
        let keys = [LEADER_RATE, FOLLOWER_RATE, LOG_DIRS_RATE];
        keys.map(|key| (key.to_owned(), AlterConfigOp::Delete)).to_vec()
    };
    alter(admin, of_brokers(brokers, changes)).await?;

    let mut topics: Vec<String> = targets.iter().map(|(key, _)| key.topic.to_string()).collect();
    topics.sort();
    topics.dedup();
    sort_as_hash_map(&mut topics, |topic| topic);
    let plural = if topics.len() == 1 { "" } else { "s" };
    let shown = topics.join(",");
    output::line(format_args!("Clearing topic-level throttles on topic{plural} {shown}"))?;
    let alterations = topics.into_iter().map(|topic| ConfigAlteration {
        resource: ConfigResource { kind: ConfigResourceKind::Topic, name: topic },
        changes: [LEADER_REPLICAS, FOLLOWER_REPLICAS]
            .map(|key| (key.to_owned(), AlterConfigOp::Delete))
            .to_vec(),
    });
    alter(admin, alterations.collect()).await
}

fn of_brokers(
    brokers: BTreeSet<i32>,
    changes: impl Fn() -> Vec<(String, AlterConfigOp)>,
) -> Vec<ConfigAlteration> {
    let alteration = |broker: i32| ConfigAlteration {
        resource: ConfigResource { kind: ConfigResourceKind::Broker, name: broker.to_string() },
        changes: changes(),
    };
    brokers.into_iter().map(alteration).collect()
}

async fn alter(admin: &Admin, alterations: Vec<ConfigAlteration>) -> Result<(), Trouble> {
    for (_, outcome) in admin.alter_configs(&alterations, false).await? {
        outcome?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_a_move_under_way_stay_sources() {
        let key = |partition| TopicPartition::new("t", partition);
        let under_way = [(
            key(0),
            PartitionReassignment { replicas: vec![1, 2, 4], adding: vec![4], removing: vec![1] },
        )];
        let proposed = vec![(key(0), vec![2, 5]), (key(10), vec![3, 1])];
        let present = vec![(key(0), vec![1, 2, 4]), (key(10), vec![1])];
        let moves = moves(&under_way, &proposed, &present);
        let topic = "t".to_owned();
        let expected = BTreeMap::from([(topic.clone(), "0:1,0:2,10:1".to_owned())]);
        assert_eq!(listed(&moves, |one| &one.sources), expected);
        let expected = BTreeMap::from([(topic, "0:5,10:3".to_owned())]);
        assert_eq!(listed(&moves, |one| &one.destinations), expected);
    }
}
