//! Groups and transactions, as their coordinators see them when somebody looks.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ottla_coordination::metrics::{family, gauge};
use ottla_coordination::{Look, lag_behind};
use ottla_coordinator::transaction;
use ottla_hosting::Partitions;

use super::text::escaped;

/// Writes how many groups there are, what was done for them and how far behind each is.
pub(crate) fn groups(text: &mut String, looks: &[Look], partitions: &Partitions) {
    counts(text, looks);
    work(text, looks);
    lag(text, looks, partitions);
}

fn counts(text: &mut String, looks: &[Look]) {
    const PREFIX: &str = "kafka_coordinator_group_groupmetadatamanager_";
    const METRICS: &str = "kafka_server_group_coordinator_metrics_";
    let mut states: BTreeMap<&str, usize> =
        ["Empty", "PreparingRebalance", "CompletingRebalance", "Stable"]
            .into_iter()
            .map(|state| (state, 0))
            .collect();
    let mut protocols = BTreeMap::from([("classic", 0), ("consumer", 0)]);
    let mut consumer =
        BTreeMap::from([("empty", 0), ("assigning", 0), ("reconciling", 0), ("stable", 0)]);
    for (state, count) in looks.iter().flat_map(|look| &look.groups) {
        *states.entry(state.name()).or_default() += count;
        let protocol = if state.is_consumer() { "consumer" } else { "classic" };
        *protocols.entry(protocol).or_default() += count;
        if state.is_consumer()
            && let Some(known) = consumer.get_mut(&*state.name().to_lowercase())
        {
            *known += count;
        }
    }
    gauge(text, &format!("{PREFIX}numgroups"), "Groups", states.values().sum::<usize>());
    for (state, count) in states {
        let name = format!("{PREFIX}numgroups{}", state.to_lowercase());
        gauge(text, &name, &format!("Groups in state {state}"), count);
    }
    let name = format!("{METRICS}group_count");
    family(text, &name, "Groups by the protocol of their members");
    for (protocol, count) in protocols {
        let _ = writeln!(text, "{name}{{protocol=\"{protocol}\"}} {count}");
    }
    let name = format!("{METRICS}consumer_group_count");
    family(text, &name, "Groups of the consumer protocol by state");
    for (state, count) in consumer {
        let _ = writeln!(text, "{name}{{state=\"{state}\"}} {count}");
    }
    let offsets: usize = looks.iter().map(|look| look.offsets.len()).sum();
    gauge(text, &format!("{PREFIX}numoffsets"), "Committed offsets", offsets);
}

/// What Kafka gives as rates and counts; a rate is what a counter grows by.
fn work(text: &mut String, looks: &[Look]) {
    let sum = |count: fn(&Look) -> u64| looks.iter().map(count).sum::<u64>();
    let mut counter = |name: &str, help: &str, count: u64| {
        let name = format!("kafka_server_group_coordinator_metrics_{name}");
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter\n{name}_total {count}");
    };
    counter("offset_commit", "Offsets committed", sum(|look| look.work.offset_commits));
    counter("offset_expiration", "Offsets expired", sum(|look| look.work.offset_expirations));
    counter("offset_deletion", "Offsets deleted by hand", sum(|look| look.work.offset_deletions));
    counter(
        "group_completed_rebalance",
        "Rebalances of classic groups that were completed",
        sum(|look| look.work.classic_rebalances),
    );
    counter(
        "consumer_group_rebalance",
        "Rebalances of groups of the consumer protocol",
        sum(|look| look.work.consumer_rebalances),
    );
}

fn lag(text: &mut String, looks: &[Look], partitions: &Partitions) {
    let all = || looks.iter().flat_map(|look| &look.offsets);
    let labels = |group: &str, topic: &str, partition: i32| {
        let (group, topic) = (escaped(group), escaped(topic));
        format!("group=\"{group}\",topic=\"{topic}\",partition=\"{partition}\"")
    };
    let name = "kafka_consumergroup_current_offset";
    family(text, name, "Offset that a group has committed");
    for seen in all() {
        let labels = labels(&seen.group, &seen.topic, seen.partition);
        let _ = writeln!(text, "{name}{{{labels}}} {}", seen.offset);
    }
    let name = "kafka_consumergroup_lag";
    family(text, name, "Records between a group's committed offset and the end of the partition");
    let mut sums: BTreeMap<(&str, &str), (i64, i64)> = BTreeMap::new();
    for seen in all() {
        let sum = sums.entry((&seen.group, &seen.topic)).or_default();
        sum.1 = sum.1.saturating_add(seen.rate_millis);
        let Some(lag) = lag_behind(partitions, &seen.topic, seen.partition, seen.offset) else {
            continue;
        };
        sum.0 = sum.0.saturating_add(lag);
        let _ =
            writeln!(text, "{name}{{{}}} {lag}", labels(&seen.group, &seen.topic, seen.partition));
    }
    let labels = |(group, topic): &(&str, &str)| {
        format!("group=\"{}\",topic=\"{}\"", escaped(group), escaped(topic))
    };
    let name = "kafka_consumergroup_lag_sum";
    family(text, name, "Records that a group has not consumed of a topic");
    for (key, (lag, _)) in &sums {
        let _ = writeln!(text, "{name}{{{}}} {lag}", labels(key));
    }
    let name = "ottla_consumergroup_consumption_rate";
    family(text, name, "Records a second that a group has consumed of a topic in the last minute");
    for (key, (_, millis)) in &sums {
        let _ = writeln!(text, "{name}{{{}}} {}", labels(key), *millis as f64 / 1e3);
    }
}

/// Writes how many transactional ids there are in each state.
pub(crate) fn transactions(text: &mut String, looks: &[BTreeMap<transaction::State, usize>]) {
    let mut states: BTreeMap<transaction::State, usize> = transaction::State::ALL
        .into_iter()
        .filter(|state| state.is_recorded())
        .map(|state| (state, 0))
        .collect();
    for (state, count) in looks.iter().flatten() {
        *states.entry(*state).or_default() += count;
    }
    let name = "ottla_transactional_ids";
    family(text, name, "Transactional ids by the state of their transaction");
    for (state, count) in states {
        let _ = writeln!(text, "{name}{{state=\"{}\"}} {count}", state.name());
    }
}
