//! `cargo xtask gen`: the protocol's messages, from Kafka's definitions to committed Rust.
//!
//! Two steps. Refreshing reads the JSON resources of the published artifacts and keeps their
//! facts (names, types, versions, defaults) in `crates/wire/definitions.json`. Rendering turns
//! that file into `crates/wire/src/messages/`. `--check` repeats the second step only, so it
//! needs no network and still proves that the committed code follows from the committed facts.

mod decode;
mod definitions;
mod encode;
mod enums;
mod jars;
mod naming;
mod render;
mod structs;
#[cfg(test)]
mod tests;
mod tree;
mod versions;

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// The release of Apache Kafka whose definitions are read.
const KAFKA_VERSION: &str = "4.4.0";

const DEFINITIONS: &str = "crates/wire/definitions.json";
const MESSAGES: &str = "crates/wire/src/messages";

/// The tests find a message by its name through this file.
const TEST_TABLE: &str = "crates/wire/tests/messages/table.rs";

/// Options of `cargo xtask gen`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Read the artifacts from this folder instead of fetching them through Maven
    #[arg(long, value_name = "DIR")]
    jars: Option<PathBuf>,
    /// Render from the committed definitions, without looking at the artifacts
    #[arg(long, conflicts_with = "jars")]
    offline: bool,
    /// Change nothing; fail if the generated files are not what the definitions say
    #[arg(long, conflicts_with = "jars")]
    check: bool,
}

/// Runs the command in the workspace at `root`.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    if !options.offline && !options.check {
        refresh(root, options.jars.as_deref())?;
    }
    let stale = render(root, options.check)?;
    if !options.check {
        println!("{} generated files changed", stale.len());
        return Ok(());
    }
    if stale.is_empty() {
        println!("generated messages are current");
        return Ok(());
    }
    bail!(
        "generated messages are not current: {}\nhint: run `cargo xtask gen --offline`",
        stale.join(", ")
    )
}

/// Reads the artifacts and writes the definitions.
fn refresh(root: &Path, jars: Option<&Path>) -> Result<()> {
    let folder = match jars {
        Some(folder) => folder.to_owned(),
        None => jars::fetch(&root.join("target/kafka-definitions"), KAFKA_VERSION)?,
    };
    let definitions = jars::read_definitions(&folder, KAFKA_VERSION)?;
    println!("{} definitions read from {}", definitions.len(), folder.display());
    write_if_changed(&root.join(DEFINITIONS), &definitions::to_json(&definitions)?)?;
    Ok(())
}

/// Renders all files and returns the paths of those that differ from the committed ones,
/// which are replaced unless `check` is set.
fn render(root: &Path, check: bool) -> Result<Vec<String>> {
    let text = fs::read_to_string(root.join(DEFINITIONS))
        .with_context(|| format!("cannot read {DEFINITIONS}"))?;
    let mut files = format(root, render::files(&definitions::from_json(&text)?)?)?;
    let table = files.remove(render::TEST_TABLE).context("the table for the tests is rendered")?;
    let mut stale = Vec::new();
    for orphan in orphans(&root.join(MESSAGES), &files)? {
        if !check {
            fs::remove_file(root.join(MESSAGES).join(&orphan))?;
        }
        stale.push(orphan);
    }
    let files = files.into_iter().map(|(name, content)| (format!("{MESSAGES}/{name}"), content));
    for (path, content) in files.chain([(TEST_TABLE.to_owned(), table)]) {
        let differs = match check {
            true => fs::read_to_string(root.join(&path)).ok().as_deref() != Some(&content),
            false => write_if_changed(&root.join(&path), &content)?,
        };
        if differs {
            stale.push(path);
        }
    }
    Ok(stale)
}

/// The files in `folder` that nobody generates.
fn orphans(folder: &Path, files: &BTreeMap<String, String>) -> Result<Vec<String>> {
    fs::create_dir_all(folder)?;
    let mut orphans = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !files.contains_key(&name) {
            orphans.push(name);
        }
    }
    Ok(orphans)
}

/// Formats the files with the workspace's rustfmt and its settings.
fn format(root: &Path, files: BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    let folder = root.join(format!("target/generated-messages-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let paths: Vec<PathBuf> = files.keys().map(|name| folder.join(name)).collect();
    for (path, content) in paths.iter().zip(files.values()) {
        fs::write(path, content)?;
    }
    let status = Command::new("rustfmt")
        .arg("--config-path")
        .arg(root.join("rustfmt.toml"))
        // The others are its modules and are formatted with it.
        .arg(folder.join("mod.rs"))
        .arg(folder.join(render::TEST_TABLE))
        .status()
        .context("cannot start rustfmt")?;
    if !status.success() {
        bail!("rustfmt refused the generated code in {}", folder.display());
    }
    let names = files.into_keys();
    let formatted = names.map(|name| Ok((name.clone(), fs::read_to_string(folder.join(&name))?)));
    let formatted = formatted.collect::<Result<_>>()?;
    fs::remove_dir_all(&folder)?;
    Ok(formatted)
}

/// Leaves an unchanged file alone, so that it is not compiled again.
fn write_if_changed(path: &Path, content: &str) -> io::Result<bool> {
    if fs::read_to_string(path).is_ok_and(|existing| existing == content) {
        return Ok(false);
    }
    fs::write(path, content)?;
    Ok(true)
}
