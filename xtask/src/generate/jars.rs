//! The published artifacts that carry the definitions as resources.

use super::definitions::{self, Definition};
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use zip::ZipArchive;

/// The artifacts, in the order in which their definitions are listed.
const ARTIFACTS: [&str; 7] = [
    "kafka-clients",
    "kafka-group-coordinator",
    "kafka-transaction-coordinator",
    "kafka-share-coordinator",
    "kafka-metadata",
    "kafka-raft",
    "kafka-storage",
];

/// The folders inside the artifacts that hold message definitions and nothing else.
const FOLDERS: [&str; 3] = ["common/message/", "common/metadata/", "message/"];

/// Fetches the artifacts into `cache` through Maven unless they are there.
pub fn fetch(cache: &Path, version: &str) -> Result<PathBuf> {
    let folder = cache.join(version);
    if ARTIFACTS.iter().all(|artifact| jar(&folder, artifact, version).exists()) {
        return Ok(folder);
    }
    fs::create_dir_all(&folder)?;
    let dependencies: String = ARTIFACTS
        .iter()
        .map(|artifact| {
            format!(
                "<dependency><groupId>org.apache.kafka</groupId>\
                 <artifactId>{artifact}</artifactId><version>{version}</version></dependency>"
            )
        })
        .collect();
    let project = format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>ottla</groupId>\
         <artifactId>definitions</artifactId><version>1</version>\
         <dependencies>{dependencies}</dependencies></project>"
    );
    let project_file = folder.join("pom.xml");
    fs::write(&project_file, project)?;
    let status = Command::new("mvn")
        .args(["--batch-mode", "--quiet", "dependency:copy-dependencies"])
        .arg("-DincludeGroupIds=org.apache.kafka")
        .arg("--file")
        .arg(&project_file)
        .arg(format!("-DoutputDirectory={}", folder.display()))
        .status()
        .context("cannot start mvn\nhint: install Maven, or pass a folder of jars with --jars")?;
    if !status.success() {
        bail!("Maven could not fetch the artifacts of Apache Kafka {version}");
    }
    Ok(folder)
}

/// Reads every definition of the artifacts in `folder`, sorted by name within an artifact.
pub fn read_definitions(folder: &Path, version: &str) -> Result<Vec<Definition>> {
    let mut all = Vec::new();
    for artifact in ARTIFACTS {
        let path = jar(folder, artifact, version);
        let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        let mut archive =
            ZipArchive::new(file).with_context(|| format!("cannot read {}", path.display()))?;
        let mut found = Vec::new();
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index)?;
            let name = entry.name()?.into_owned();
            if !name.ends_with(".json") || !FOLDERS.iter().any(|folder| name.starts_with(folder)) {
                continue;
            }
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            found.push(definitions::from_resource(&text, artifact).context(name)?);
        }
        if found.is_empty() {
            bail!("{} holds no definitions", path.display());
        }
        found.sort_by(|left, right| left.name.cmp(&right.name));
        all.extend(found);
    }
    Ok(all)
}

fn jar(folder: &Path, artifact: &str, version: &str) -> PathBuf {
    folder.join(format!("{artifact}-{version}.jar"))
}
