//! `--describe`: configuration and where each value comes from.

use ottla_client::admin::{
    Admin, ConfigEntry, ConfigResource, ConfigResourceKind, ConfigSource, DescribeClusterOptions,
    DescribeConfigsOptions, GroupsFilter,
};
use ottla_terminal::output;

use super::entity::{Entities, Kind};
use super::quotas;
use super::trouble::Trouble;

/// Runs `--describe`.
pub(super) async fn describe(admin: &Admin, entities: &Entities, all: bool) -> Result<(), Trouble> {
    let kind = entities.kinds[0];
    if kind.resource().is_none() {
        return quotas::describe(admin, entities).await;
    }
    let names = match entities.names.first() {
        None => all_of(admin, kind).await?,
        Some(name) if all || exists(admin, kind, name).await? => vec![name.clone()],
        Some(name) => {
            let what = kind.singular();
            let told =
                format!("The {what} '{name}' doesn't exist and doesn't have dynamic config.");
            return Ok(output::line(told)?);
        }
    };
    for name in names {
        let scope = if all { "All" } else { "Dynamic" };
        if name.is_empty() {
            output::line(format_args!("Default configs for {} in the cluster are:", kind.name()))?;
        } else {
            output::line(format_args!("{scope} configs for {} {name} are:", kind.singular()))?;
        }
        for entry in entries(admin, kind, &name, all).await? {
            output::line(line(&entry))?;
        }
    }
    Ok(())
}

/// The configuration of one entity, by key; only what was set on it unless `all` is wanted.
pub(super) async fn entries(
    admin: &Admin,
    kind: Kind,
    name: &str,
    all: bool,
) -> Result<Vec<ConfigEntry>, Trouble> {
    let Some((resource, source)) = kind.resource() else { return Ok(Vec::new()) };
    let source = match source {
        Some(ConfigSource::DynamicBroker) if name.is_empty() => {
            Some(ConfigSource::DynamicDefaultBroker)
        }
        source => source,
    };
    let resource = ConfigResource { kind: resource, name: name.to_owned() };
    let options = DescribeConfigsOptions { include_synonyms: true, ..Default::default() };
    let mut entries = Vec::new();
    for (_, outcome) in admin.describe_configs(&[resource], &options).await? {
        entries.extend(outcome?);
    }
    entries.retain(|entry| all || source.is_none_or(|source| entry.source == source));
    entries.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(entries)
}

fn line(entry: &ConfigEntry) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
    let synonyms: Vec<String> = entry
        .synonyms
        .iter()
        .map(|synonym| {
            format!("{}:{}={}", synonym.source.name(), synonym.name, value(&synonym.value))
        })
        .collect();
    format!(
        "  {}={} sensitive={} synonyms={{{}}}",
        entry.name,
        value(&entry.value),
        entry.is_sensitive,
        synonyms.join(", ")
    )
}

async fn exists(admin: &Admin, kind: Kind, name: &str) -> Result<bool, Trouble> {
    let is_default = name.is_empty() && matches!(kind, Kind::Brokers | Kind::BrokerLoggers);
    Ok(is_default || all_of(admin, kind).await?.iter().any(|known| known == name))
}

/// The names of all entities of a type; brokers end with the empty name of their defaults.
async fn all_of(admin: &Admin, kind: Kind) -> Result<Vec<String>, Trouble> {
    let names = match kind {
        Kind::Topics => {
            let listings = admin.list_topics(true).await?;
            listings.into_iter().map(|listing| listing.name).collect()
        }
        Kind::Brokers | Kind::BrokerLoggers => {
            let cluster = admin.describe_cluster(DescribeClusterOptions::default()).await?;
            let mut names: Vec<String> =
                cluster.nodes.iter().map(|known| known.node.id.to_string()).collect();
            names.push(String::new());
            names
        }
        Kind::ClientMetrics => configured(admin, ConfigResourceKind::ClientMetrics).await?,
        Kind::Groups => {
            let (listings, _) = admin.list_groups(&GroupsFilter::default()).await?;
            let mut names: Vec<String> =
                listings.into_iter().map(|listing| listing.group_id).collect();
            match configured(admin, ConfigResourceKind::Group).await {
                Ok(configured) => names.extend(configured),
                // A broker before Kafka 4.1 lists no groups' configuration.
                Err(Trouble::Refusal(failure))
                    if failure.exception.contains("UnsupportedVersion") => {}
                Err(trouble) => return Err(trouble),
            }
            names.sort();
            names.dedup();
            names
        }
        Kind::Users | Kind::Clients | Kind::Ips => Vec::new(),
    };
    Ok(names)
}

async fn configured(admin: &Admin, kind: ConfigResourceKind) -> Result<Vec<String>, Trouble> {
    let resources = admin.list_config_resources(&[kind]).await?;
    Ok(resources.into_iter().map(|resource| resource.name).collect())
}
