//! `docs/configuration.md` is what the tables of keys say. `cargo xtask docs` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use ottla_metadata::config::broker::{self, BrokerKey, Effect, absent};
use ottla_metadata::config::group::{CLIENT_METRICS_KEYS, GROUP_KEYS};
use ottla_metadata::config::key::{Key, Rule, Update};
use ottla_metadata::config::topic::TOPIC_KEYS;

const HEAD: &str = "\
# Configuration

Written by `cargo xtask docs` from the tables in `crates/metadata/src/config`; changes belong there.

A node reads a `server.properties` file, `--override key=value` on its command line, and what was set
while it ran (`kafka-configs.sh`). The nearest wins: what is set for one broker, then for all brokers,
then the file, then the default. Keys of topics and groups begin with their own values and fall back to
the broker's key named beside them. An unknown key is told with the name that is nearest to it.

*Change* says whether a key may change while the node runs: **no**, for one **broker** at a time, or for
the whole **cluster** at once (and for one broker).

";

/// The row's cells, safe inside a table.
fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn default_of(key: &Key) -> String {
    match key.default {
        None => "–".to_owned(),
        Some("") => "(empty)".to_owned(),
        Some("9223372036854775807") => "the largest".to_owned(),
        Some("1.7976931348623157E308") => "the largest".to_owned(),
        Some("2147483647") => "the largest".to_owned(),
        Some(text) => format!("`{text}`"),
    }
}

fn values_of(key: &Key) -> String {
    let kind = key.kind.name().to_lowercase();
    match key.rule {
        Rule::Any | Rule::NonEmpty => kind,
        Rule::AtLeast(least) => format!("{kind}, at least {least}"),
        Rule::Between(least, most) => format!("{kind}, {least} to {most}"),
        Rule::BetweenOr(least, most, other) => format!("{kind}, {least} to {most}, or {other}"),
        Rule::Fraction => format!("{kind}, 0 to 1"),
        Rule::OneOf(choices) | Rule::OneOfAnyCase(choices) => choices.join(", "),
        Rule::ListOf { items, empty } => {
            format!("list of {}{}", items.join(", "), if empty { ", or empty" } else { "" })
        }
        Rule::ThrottledReplicas => "list of partition:broker, or *".to_owned(),
    }
}

fn broker_row(entry: &BrokerKey) -> String {
    let change = match entry.key.update {
        Update::ReadOnly => "no",
        Update::PerBroker => "broker",
        Update::ClusterWide => "cluster",
    };
    let name = format!("`{}`", entry.key.name);
    let (default, values) = (default_of(&entry.key), values_of(&entry.key));
    row(&[&name, &default, &values, change, entry.key.doc])
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    page +=
        "## Broker\n\n| key | default | values | change | what it does |\n|---|---|---|---|---|\n";
    let mut keys: Vec<&BrokerKey> = broker::all().collect();
    keys.sort_unstable_by_key(|entry| entry.key.name);
    let (full, without): (Vec<_>, Vec<_>) =
        keys.into_iter().partition(|entry| entry.effect == Effect::Full);
    full.iter().for_each(|entry| page += &broker_row(entry));
    page += "\n## Broker keys that are accepted and change nothing\n\n| key | default | why |\n|---|---|---|\n";
    for entry in without {
        let Effect::None(why) = entry.effect else { continue };
        page += &row(&[&format!("`{}`", entry.key.name), &default_of(&entry.key), why]);
    }
    page += "\n## Topic\n\n| key | default | values | falls back to | what it does |\n|---|---|---|---|---|\n";
    for entry in TOPIC_KEYS {
        let names: Vec<String> =
            entry.synonyms.iter().map(|each| format!("`{}`", each.name)).collect();
        let (name, synonyms) = (format!("`{}`", entry.key.name), names.join(", "));
        let (default, values) = (default_of(&entry.key), values_of(&entry.key));
        page += &row(&[&name, &default, &values, &synonyms, entry.key.doc]);
    }
    page += "\n## Group\n\n| key | default | values | falls back to | what it does |\n|---|---|---|---|---|\n";
    for entry in GROUP_KEYS {
        let synonym = entry.synonym.map(|name| format!("`{name}`")).unwrap_or_default();
        let name = format!("`{}`", entry.key.name);
        let (default, values) = (default_of(&entry.key), values_of(&entry.key));
        page += &row(&[&name, &default, &values, &synonym, entry.key.doc]);
    }
    page += "\n## Subscription to client metrics\n\n| key | default | values | what it does |\n|---|---|---|---|\n";
    for key in CLIENT_METRICS_KEYS {
        let name = format!("`{}`", key.name);
        page += &row(&[&name, &default_of(key), &values_of(key), key.doc]);
    }
    page += "\n## Keys of Apache Kafka without a part here\n\n\
             A file that sets one of these starts, and the node says that the key has no effect.\n\n";
    let mut names: Vec<&str> = absent::all().collect();
    names.sort_unstable();
    for name in names {
        let _ = writeln!(page, "- `{name}`");
    }
    page
}

#[test]
fn the_page_of_keys_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let wanted = page();
    if std::env::var_os("OTTLA_WRITE_DOCS").is_some() {
        std::fs::write(&path, &wanted).expect("docs can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "docs/configuration.md is stale: run cargo xtask docs");
}
