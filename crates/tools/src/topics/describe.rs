//! `--describe`: topics, their configuration, and how their partitions fare.

use std::collections::BTreeSet;

use ottla_client::admin::{
    Admin, ConfigEntry, ConfigResource, ConfigResourceKind, ConfigSource, DescribeClusterOptions,
    DescribeConfigsOptions, PartitionDescription, TopicDescription, TopicRef,
};
use ottla_client::cluster::Node;
use ottla_terminal::failure::Failure;
use ottla_terminal::java_order::{sort_as_hash_map, sort_as_sized_hash_map};
use ottla_terminal::options::Options;
use ottla_terminal::output;
use ottla_wire::Uuid;

use super::select::{ensure_found, matching};

/// Partitions in a page of a description.
const PAGE_SIZE: i32 = 2000;

/// Runs `--describe`.
pub(super) async fn describe(admin: &Admin, options: &Options<'_>) -> Result<(), Failure> {
    let topics = wanted(admin, options).await?;
    let page_size = options.number("partition-size-limit-per-response")?.unwrap_or(PAGE_SIZE);
    let mut described = Vec::new();
    for (_, outcome) in admin.describe_topics(&topics, page_size).await? {
        described.push(outcome?);
    }
    let capacity = described.len();
    sort_as_sized_hash_map(&mut described, capacity, |topic: &TopicDescription| &topic.name);
    let live = admin.describe_cluster(DescribeClusterOptions::default()).await?;
    let live: BTreeSet<i32> = live.nodes.iter().map(|known| known.node.id).collect();
    for topic in described {
        let configs = configs(admin, &topic.name).await?;
        print(&topic, &configs, &live, options)?;
    }
    Ok(())
}

async fn wanted(admin: &Admin, options: &Options<'_>) -> Result<Vec<TopicRef>, Failure> {
    let id = match options.text("topic-id")? {
        None => None,
        Some(text) => {
            let id = text.parse::<Uuid>().map_err(|error| Failure::illegal(error.to_string()))?;
            (!id.is_zero()).then_some(id)
        }
    };
    let Some(id) = id else {
        let names = matching(admin, options).await?;
        ensure_found(&names, options)?;
        return Ok(names.into_iter().map(TopicRef::Name).collect());
    };
    let listings = admin.list_topics(!options.has("exclude-internal")).await?;
    if listings.iter().any(|listing| listing.topic_id == id) {
        return Ok(vec![TopicRef::Id(id)]);
    }
    if options.has("if-exists") {
        return Ok(Vec::new());
    }
    Err(Failure::illegal(format!("TopicId '{id}' does not exist as expected")))
}

async fn configs(admin: &Admin, topic: &str) -> Result<Vec<ConfigEntry>, Failure> {
    let resource = ConfigResource { kind: ConfigResourceKind::Topic, name: topic.to_owned() };
    let results = admin.describe_configs(&[resource], &DescribeConfigsOptions::default()).await?;
    let mut entries = Vec::new();
    for (_, outcome) in results {
        entries.extend(outcome?);
    }
    sort_as_hash_map(&mut entries, |entry: &ConfigEntry| &entry.name);
    Ok(entries)
}

fn print(
    topic: &TopicDescription,
    configs: &[ConfigEntry],
    live: &BTreeSet<i32>,
    options: &Options<'_>,
) -> Result<(), Failure> {
    let reports = Reports::of(options);
    let overridden: Vec<String> = configs
        .iter()
        .filter(|entry| entry.source != ConfigSource::Default)
        .map(|entry| format!("{}={}", entry.name, entry.value.as_deref().unwrap_or("null")))
        .collect();
    let only_overridden = options.has("topics-with-overrides");
    if reports.is_none() && !(only_overridden && overridden.is_empty()) {
        let id = match topic.topic_id {
            Uuid::ZERO => String::new(),
            id => format!("\tTopicId: {id}"),
        };
        let factor = topic.partitions.first().map_or(0, |first| first.replicas.len());
        output::line(format_args!(
            "Topic: {}{id}\tPartitionCount: {}\tReplicationFactor: {factor}\tConfigs: {}",
            topic.name,
            topic.partitions.len(),
            overridden.join(",")
        ))?;
    }
    if only_overridden {
        return Ok(());
    }
    let min_in_sync = configs.iter().find(|entry| entry.name == "min.insync.replicas");
    let min_in_sync = min_in_sync.and_then(|entry| entry.value.as_deref()?.parse().ok());
    for partition in &topic.partitions {
        if reports.is_none() || reports.show(partition, live, min_in_sync.unwrap_or(1)) {
            output::line(line(&topic.name, partition))?;
        }
    }
    Ok(())
}

/// Which partitions alone are shown; all when nothing is chosen.
struct Reports {
    under_replicated: bool,
    unavailable: bool,
    under_min_in_sync: bool,
    at_min_in_sync: bool,
}

impl Reports {
    fn of(options: &Options<'_>) -> Self {
        Self {
            under_replicated: options.has("under-replicated-partitions"),
            unavailable: options.has("unavailable-partitions"),
            under_min_in_sync: options.has("under-min-isr-partitions"),
            at_min_in_sync: options.has("at-min-isr-partitions"),
        }
    }

    fn is_none(&self) -> bool {
        !(self.under_replicated
            || self.unavailable
            || self.under_min_in_sync
            || self.at_min_in_sync)
    }

    fn show(
        &self,
        partition: &PartitionDescription,
        live: &BTreeSet<i32>,
        min_in_sync: usize,
    ) -> bool {
        let in_sync = partition.in_sync.len();
        let leader = partition.leader.as_ref();
        (self.under_replicated && partition.replicas.len() > in_sync)
            || (self.unavailable && leader.is_none_or(|node| !live.contains(&node.id)))
            || (self.under_min_in_sync && (leader.is_none() || in_sync < min_in_sync))
            || (self.at_min_in_sync && in_sync == min_in_sync)
    }
}

fn line(topic: &str, partition: &PartitionDescription) -> String {
    let leader = partition.leader.as_ref();
    let leader = leader.map_or_else(|| "none".to_owned(), |node| node.id.to_string());
    let told = |nodes: &Option<Vec<Node>>| {
        nodes.as_ref().map_or_else(|| "N/A".to_owned(), |nodes| listed(nodes))
    };
    format!(
        "\tTopic: {topic}\tPartition: {}\tLeader: {leader}\tReplicas: {}\tIsr: {}\tElr: {}\tLastKnownElr: {}",
        partition.partition,
        listed(&partition.replicas),
        listed(&partition.in_sync),
        told(&partition.eligible_leaders),
        told(&partition.last_known_eligible_leaders),
    )
}

fn listed(nodes: &[Node]) -> String {
    nodes.iter().map(|node| node.id.to_string()).collect::<Vec<String>>().join(",")
}
