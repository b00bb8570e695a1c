//! The log directories of a node: locked, formatted on the first start, and checked to belong together.
//!
//! `meta.properties` names the cluster, the node and the directory. A directory without one is
//! formatted; one of another cluster or node is refused, for its records are not ours.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ottla_log::{LogDirectory, MetaProperties};
use ottla_metadata::config::ServerConfig;
use ottla_wire::Uuid;
use ottla_world::{Disk, Random};

use crate::error::StartError;

/// What to do about a directory that the disk refuses.
const WRITABLE: &str = "check that the directory can be written to, or set log.dirs to another one";

/// The directories, open and locked.
#[derive(Debug)]
pub struct Storage {
    pub directories: Vec<OpenDirectory>,
    pub cluster_id: String,
    /// Where the metadata log lies.
    pub metadata_directory: PathBuf,
    /// Whether any directory was formatted just now.
    pub is_new: bool,
}

/// One directory and its id.
#[derive(Debug)]
pub struct OpenDirectory {
    pub directory: LogDirectory,
    pub id: Uuid,
}

impl Storage {
    /// Opens every directory of the configuration, formatting those that are new.
    ///
    /// # Errors
    /// A directory can't be used, is in use, or belongs to another cluster or node.
    pub fn open(
        config: &ServerConfig,
        node_id: i32,
        disk: &Arc<dyn Disk>,
        random: &dyn Random,
    ) -> Result<Self, StartError> {
        let paths = paths(config)?;
        let mut found = Vec::new();
        for path in &paths {
            let directory = open(disk, path)?;
            let properties = MetaProperties::read(disk.as_ref(), path).map_err(|error| {
                StartError::directory_failed(path, &error)
                    .hint("restore meta.properties from a backup: it says whose records these are")
            })?;
            found.push((directory, properties));
        }
        let cluster_id = agreed_cluster(&found, node_id)?
            .unwrap_or_else(|| Uuid::from_bytes(random_id(random)).to_string());
        let mut is_new = false;
        let mut directories = Vec::new();
        for (directory, properties) in found {
            let path = directory.path().to_owned();
            let known = properties.as_ref().and_then(|known| known.directory_id.as_deref());
            let id = match known.map(str::parse::<Uuid>) {
                Some(Ok(id)) => id,
                Some(Err(_)) => {
                    return Err(StartError::directory(
                        &path,
                        "directory.id in meta.properties is damaged",
                    )
                    .hint("restore meta.properties from a backup"));
                }
                None => Uuid::from_bytes(random_id(random)),
            };
            let complete = MetaProperties {
                cluster_id: Some(cluster_id.clone()),
                node_id: Some(node_id),
                directory_id: Some(id.to_string()),
            };
            if properties.as_ref() != Some(&complete) {
                is_new |= properties.is_none();
                complete
                    .write(disk.as_ref(), &path)
                    .map_err(|error| StartError::directory_failed(&path, &error).hint(WRITABLE))?;
                tracing::info!(path = %path.display(), cluster_id, node_id, "formatted log directory");
            }
            directories.push(OpenDirectory { directory, id });
        }
        let metadata_directory =
            config.text("metadata.log.dir").map_or_else(|| paths[0].clone(), PathBuf::from);
        disk.create_dir_all(&metadata_directory).map_err(|error| {
            StartError::directory_failed(&metadata_directory, &error).hint(WRITABLE)
        })?;
        Ok(Self { directories, cluster_id, metadata_directory, is_new })
    }
}

/// Sixteen random bytes that make neither a reserved id nor one whose text begins with a dash.
pub(crate) fn random_id(random: &dyn Random) -> [u8; 16] {
    loop {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        // The layout of a version 4 UUID, as Kafka's ids have.
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        if !Uuid::from_bytes(bytes).to_string().starts_with('-') {
            return bytes;
        }
    }
}

fn paths(config: &ServerConfig) -> Result<Vec<PathBuf>, StartError> {
    let paths: Vec<PathBuf> = config.list("log.dirs").into_iter().map(PathBuf::from).collect();
    if paths.is_empty() {
        return Err(StartError::config("log.dirs", "names no directory")
            .hint("set log.dirs to the directory that shall hold the records"));
    }
    if let Some(twice) = (1..paths.len()).find(|&at| paths[..at].contains(&paths[at])) {
        let detail = format!("{} stands twice", paths[twice].display());
        return Err(StartError::config("log.dirs", detail).hint("name each directory once"));
    }
    Ok(paths)
}

fn open(disk: &Arc<dyn Disk>, path: &Path) -> Result<LogDirectory, StartError> {
    LogDirectory::open(Arc::clone(disk), path).map_err(|error| {
        let in_use = matches!(error, ottla_log::Error::Locked { .. });
        let failed = StartError::directory_failed(path, &error);
        if in_use {
            failed.hint(
                "another process uses it; stop that one, or set log.dirs to another directory",
            )
        } else {
            failed.hint(WRITABLE)
        }
    })
}

/// The cluster that the formatted directories belong to, if there are any.
fn agreed_cluster(
    found: &[(LogDirectory, Option<MetaProperties>)],
    node_id: i32,
) -> Result<Option<String>, StartError> {
    let mut agreed: Option<(&Path, &str)> = None;
    for (directory, properties) in found {
        let Some(properties) = properties else { continue };
        if let Some(theirs) = properties.node_id.filter(|theirs| *theirs != node_id) {
            let detail = format!("it belongs to node {theirs}, and this is node {node_id}");
            return Err(StartError::directory(directory.path(), detail)
                .hint("set node.id to that of the directory, or log.dirs to this node's own"));
        }
        let Some(cluster) = properties.cluster_id.as_deref() else { continue };
        match agreed {
            Some((path, other)) if other != cluster => {
                let detail = format!(
                    "it belongs to cluster {cluster}, and {} to cluster {other}",
                    path.display()
                );
                return Err(StartError::directory(directory.path(), detail)
                    .hint("a node serves one cluster: name only that cluster's directories"));
            }
            _ => agreed = Some((directory.path(), cluster)),
        }
    }
    Ok(agreed.map(|(_, cluster)| cluster.to_owned()))
}
