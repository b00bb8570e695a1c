//! `info`: what the directories of a node hold, and what is wrong with them.

use ottla_metadata::config::ServerConfig;
use ottla_node::MetaProperties;
use ottla_terminal::options::Stop;
use ottla_terminal::output;
use ottla_world::RealDisk;

use super::directories::directories;

/// Runs the subcommand.
pub(super) fn info(config: &ServerConfig) -> Result<(), Stop> {
    let mut found = Vec::new();
    let mut problems = Vec::new();
    let mut first: Option<MetaProperties> = None;
    for path in directories(config) {
        let shown = path.display();
        if !path.is_dir() {
            let what = if path.exists() { "is not a directory" } else { "does not exist" };
            problems.push(format!("{shown} {what}"));
            continue;
        }
        found.push(format!("  {shown}"));
        match (MetaProperties::read(&RealDisk, &path), &first) {
            (Err(error), _) => {
                problems.push(format!("Error loading {shown}/meta.properties: {error}"));
            }
            (Ok(None), _) => problems.push(format!("{shown} is not formatted.")),
            (Ok(Some(properties)), None) => first = Some(properties),
            (Ok(Some(properties)), Some(first)) if properties.cluster_id != first.cluster_id => {
                problems.push("Mismatched cluster IDs between storage directories.".to_owned());
            }
            (Ok(Some(properties)), Some(first)) if properties.node_id != first.node_id => {
                problems.push("Mismatched node IDs between storage directories.".to_owned());
            }
            (Ok(Some(_)), Some(_)) => {}
        }
    }
    if !found.is_empty() {
        let plural = if found.len() == 1 { "directory" } else { "directories" };
        output::line(format_args!("Found log {plural}:\n{}\n", found.join("\n")))?;
    }
    if let Some(properties) = first {
        output::line(format_args!("Found metadata: {{{}}}\n", entries(&properties).join(", ")))?;
    }
    if problems.is_empty() {
        return Ok(());
    }
    let plural = if problems.len() == 1 { "problem" } else { "problems" };
    output::line(format_args!("Found {plural}:\n  {}\n", problems.join("\n  ")))?;
    Err(Stop { out: String::new(), err: String::new(), code: 1 })
}

fn entries(properties: &MetaProperties) -> Vec<String> {
    let mut entries = Vec::new();
    entries.extend(properties.cluster_id.as_ref().map(|id| format!("cluster.id={id}")));
    entries.extend(properties.directory_id.as_ref().map(|id| format!("directory.id={id}")));
    entries.extend(properties.node_id.map(|id| format!("node.id={id}")));
    entries.push("version=1".to_owned());
    entries
}
