//! Which crate may name which: the arrows of the blueprint, never upward.

use super::Finding;
use super::source::Tree;

/// A crate and the crates it may depend on; `cli` may name them all.
const ARROWS: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("world", &[]),
    ("machine", &[]),
    ("journal", &["wire", "world"]),
    ("log", &["wire", "world", "journal"]),
    ("raft", &["wire"]),
    ("metadata", &["wire"]),
    ("controller", &["wire", "metadata", "machine"]),
    ("transaction", &["wire", "machine"]),
    ("coordinator", &["wire", "metadata", "machine", "transaction"]),
    ("hosting", &["wire", "world", "log", "metadata"]),
    (
        "coordination",
        &["wire", "world", "log", "machine", "metadata", "coordinator", "transaction", "hosting"],
    ),
    ("broker", &["wire", "world", "log", "metadata", "coordinator", "hosting", "coordination"]),
    (
        "node",
        &[
            "wire",
            "world",
            "log",
            "machine",
            "metadata",
            "coordinator",
            "transaction",
            "hosting",
            "coordination",
            "broker",
            "raft",
            "controller",
        ],
    ),
    ("cluster", &["wire", "world"]),
    ("producer", &["wire", "cluster"]),
    ("consumer", &["wire", "cluster"]),
    ("client", &["cluster", "producer", "consumer"]),
    ("terminal", &["wire", "metadata", "client"]),
    ("tools", &["wire", "metadata", "coordinator", "client", "terminal"]),
    ("traffic", &["wire", "world", "client", "terminal"]),
    ("trial", &["world", "machine"]),
    ("sim", &["wire", "world", "log", "trial"]),
    ("xtask", &["wire"]),
];

pub fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for file in tree.files.iter().filter(|file| file.name() == "Cargo.toml") {
        let owner = match file.path.as_str() {
            "xtask/Cargo.toml" => "xtask",
            _ => match file.crate_name() {
                Some("cli") | None => continue,
                Some(name) => name,
            },
        };
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == owner) else {
            findings.push(Finding::new(
                "arrow",
                &file.path,
                format!("{owner} is in no arrow of the blueprint"),
            ));
            continue;
        };
        for named in dependencies(&file.text) {
            if !allowed.contains(&named) {
                findings.push(Finding::new(
                    "arrow",
                    &file.path,
                    format!("{owner} must not name {named}"),
                ));
            }
        }
    }
}

/// The project's own crates among the dependencies; those of tests are free to name more.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut section = "";
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if section == "[dependencies]" || section == "[build-dependencies]" {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            found.extend(name.strip_prefix("ottla-"));
        }
    }
    found
}
