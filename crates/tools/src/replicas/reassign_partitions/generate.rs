//! `--generate`: where partitions lie, and a proposal of where else they could.

use std::collections::BTreeMap;

use ottla_client::TopicPartition;
use ottla_client::admin::{Admin, DescribeClusterOptions};
use ottla_terminal::output;

use super::assignment::{Broker, assign};
use super::plan::{Assignments, as_json, joined, repeated, topics};
use super::trouble::Trouble;
use super::verify::{describe, directories_of};

/// Runs the action.
pub(super) async fn generate(
    admin: &Admin,
    file: &str,
    broker_list: &str,
    knows_racks: bool,
) -> Result<(), Trouble> {
    let number = |text: &str| {
        text.parse::<i32>().map_err(|_| Trouble::failed(format!("For input string: \"{text}\"")))
    };
    let wanted: Vec<i32> = broker_list.split(',').map(number).collect::<Result<_, _>>()?;
    let twice = repeated(&wanted);
    if !twice.is_empty() {
        let twice = joined(&twice, ", ");
        let told = format!("Broker list contains duplicate entries: [{twice}]");
        return Err(Trouble::Failed(told));
    }
    let names = topics(file)?;
    let twice = repeated(&names);
    if !twice.is_empty() {
        let twice = twice.join(", ");
        let told = format!("List of topics to reassign contains duplicate entries: [{twice}]");
        return Err(Trouble::Failed(told));
    }
    let present = placed(admin, &names).await?;
    let brokers = brokers(admin, &wanted, knows_racks).await?;
    let proposed = propose(admin, &present, &brokers)?;
    let directories = directories_of(admin, &present).await?;
    let present = as_json(&present, &directories);
    output::line(format_args!("Current partition replica assignment\n{present}\n"))?;
    let proposed = as_json(&proposed, &[]);
    output::line(format_args!("Proposed partition reassignment configuration\n{proposed}"))?;
    Ok(())
}

/// Where the partitions of topics lie.
async fn placed(admin: &Admin, topics: &[String]) -> Result<Assignments, Trouble> {
    let mut present = Assignments::new();
    for (name, description) in describe(admin, topics).await? {
        let Some(description) = description else {
            let class = "org.apache.kafka.common.errors.UnknownTopicOrPartitionException";
            return Err(Trouble::Failed(format!("{class}: Topic {name} not found.")));
        };
        present.extend(description.into_iter().enumerate().map(|(at, replicas)| {
            let partition = i32::try_from(at).unwrap_or(i32::MAX);
            (TopicPartition::new(&*name, partition), replicas)
        }));
    }
    Ok(present)
}

async fn brokers(admin: &Admin, wanted: &[i32], knows_racks: bool) -> Result<Vec<Broker>, Trouble> {
    let cluster = admin.describe_cluster(DescribeClusterOptions::default()).await?;
    let nodes = cluster.nodes.into_iter().map(|node| node.node);
    let found: Vec<Broker> = nodes
        .filter(|node| wanted.contains(&node.id))
        .map(|node| Broker { id: node.id, rack: node.rack.filter(|_| knows_racks) })
        .collect();
    let without = found.iter().filter(|broker| broker.rack.is_none()).count();
    if knows_racks && without != 0 && without != found.len() {
        return Err(Trouble::failed(
            "Not all brokers have rack information. Add --disable-rack-aware in command line to make \
             replica assignment without rack information.",
        ));
    }
    Ok(found)
}

/// As many replicas of each topic as its first partition has.
fn propose(
    admin: &Admin,
    present: &Assignments,
    brokers: &[Broker],
) -> Result<Assignments, Trouble> {
    let mut by_topic: BTreeMap<&str, Vec<&Vec<i32>>> = BTreeMap::new();
    for (key, replicas) in present {
        by_topic.entry(&key.topic).or_default().push(replicas);
    }
    let draw = |bound: usize| {
        let drawn = admin.cluster().random().below(bound as u64);
        usize::try_from(drawn).unwrap_or_default()
    };
    let mut proposed = Assignments::new();
    for (topic, partitions) in by_topic {
        let factor = partitions.first().map_or(0, |replicas| replicas.len());
        let assigned = assign(brokers, partitions.len(), factor, &draw)?;
        proposed.extend(
            (0..)
                .zip(assigned)
                .map(|(partition, replicas)| (TopicPartition::new(topic, partition), replicas)),
        );
    }
    Ok(proposed)
}
