//! The log directories of a node: locked, formatted on the first start, and checked to belong together.
//!
//! `meta.properties` names the cluster, the node and the directory. A directory without one is
//! formatted; one of another cluster or node is refused, for its records are not ours.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ottla_log::{Descriptors, LogDirectory};
use ottla_metadata::config::{ServerConfig, cordoned};
use ottla_wire::Uuid;
use ottla_world::{Disk, Random};

use crate::controller::METADATA_LOG;
use crate::error::StartError;
use crate::network::descriptors_for_logs;
use crate::properties::MetaProperties;

/// What to do about a directory that the disk refuses.
const WRITABLE: &str = "check that the directory can be written to, or set log.dirs to another one";

/// The directories, open and locked.
#[derive(Debug)]
pub struct Storage {
    pub directories: Vec<OpenDirectory>,
    /// Directories of `log.dirs` that can't be used: what lies there is offline.
    pub absent: Vec<PathBuf>,
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
    /// As `log.dirs` has it.
    pub name: String,
}

/// A directory as `log.dirs` has it, and its full path.
struct Place {
    name: String,
    path: PathBuf,
}

/// A directory that was opened, and what its `meta.properties` say, if it has them.
struct Found {
    directory: LogDirectory,
    properties: Option<MetaProperties>,
    name: String,
}

impl Storage {
    /// Opens every directory of the configuration, formatting those that are new. One that the disk
    /// refuses is left out, unless it is the only one or that of the metadata log.
    ///
    /// # Errors
    /// No directory can be used, or that of the metadata log can't; one is in use, or belongs to another
    /// cluster or node; the metadata log lies elsewhere.
    pub fn open(
        config: &ServerConfig,
        node_id: i32,
        disk: &Arc<dyn Disk>,
        random: &dyn Random,
    ) -> Result<Self, StartError> {
        let places = places(config)?;
        let metadata_directory = match config.text("metadata.log.dir") {
            Some(name) => place(name)?.path,
            None => places[0].path.clone(),
        };
        let (mut found, absent) = find(disk, places, &metadata_directory)?;
        let open_files_max = descriptors_for_logs(config.whole("ottla.log.open.files.max"));
        let descriptors = Arc::new(Descriptors::new(open_files_max));
        for found in &mut found {
            found.directory.share_descriptors(&descriptors);
        }
        let agreed = agreed_cluster(&found, node_id)?;
        if agreed.is_some() {
            require_metadata(disk.as_ref(), &found, &metadata_directory)?;
        }
        let cluster_id = agreed.unwrap_or_else(|| Uuid::from_bytes(random_id(random)).to_string());
        let mut storage =
            Self { directories: Vec::new(), absent, cluster_id, metadata_directory, is_new: false };
        for found in found {
            storage.take(found, node_id, random)?;
        }
        if storage.directories.is_empty() {
            let detail = "none of the directories of log.dirs can be used";
            return Err(StartError::new("cannot open the log directories", detail).hint(WRITABLE));
        }
        disk.create_dir_all(&storage.metadata_directory).map_err(|error| {
            StartError::directory_failed(&storage.metadata_directory, &error).hint(WRITABLE)
        })?;
        Ok(storage)
    }

    /// Completes the `meta.properties` of a directory.
    fn take(
        &mut self,
        Found { directory, properties, name }: Found,
        node_id: i32,
        random: &dyn Random,
    ) -> Result<(), StartError> {
        let path = directory.path().to_owned();
        let known = properties.as_ref().and_then(|known| known.directory_id.as_deref());
        let id = match known.map(str::parse::<Uuid>) {
            Some(Ok(id)) => id,
            Some(Err(_)) => {
                let detail = "directory.id in meta.properties is damaged";
                return Err(StartError::directory(&path, detail)
                    .hint("restore meta.properties from a backup"));
            }
            None => Uuid::from_bytes(random_id(random)),
        };
        if let Some(twin) = self.directories.iter().find(|other| other.id == id) {
            let twin = twin.directory.path().display();
            let detail = format!("it has the same directory.id as {twin}");
            return Err(StartError::directory(&path, detail)
                .hint("remove the line directory.id from meta.properties of the copy"));
        }
        let complete = MetaProperties {
            cluster_id: Some(self.cluster_id.clone()),
            node_id: Some(node_id),
            directory_id: Some(id.to_string()),
        };
        if properties.as_ref() != Some(&complete) {
            if let Err(error) = complete.write(directory.disk().as_ref(), &path) {
                let failed = StartError::directory_failed(&path, &error).hint(WRITABLE);
                return self.leave_out(path, failed);
            }
            self.is_new |= properties.is_none();
            tracing::info!(path = %path.display(), cluster_id = self.cluster_id, node_id, "formatted log directory");
        }
        self.directories.push(OpenDirectory { directory, id, name });
        Ok(())
    }

    fn leave_out(&mut self, path: PathBuf, failed: StartError) -> Result<(), StartError> {
        if path == self.metadata_directory {
            return Err(failed);
        }
        warn_of(&failed);
        self.absent.push(path);
        Ok(())
    }
}

/// Opens the directories and reads whose they are; and those that can't be.
fn find(
    disk: &Arc<dyn Disk>,
    places: Vec<Place>,
    metadata_directory: &Path,
) -> Result<(Vec<Found>, Vec<PathBuf>), StartError> {
    let (mut found, mut absent) = (Vec::new(), Vec::new());
    let count = places.len();
    for Place { name, path } in places {
        let opened = open(disk, &path).and_then(|directory| {
            let properties = MetaProperties::read(disk.as_ref(), &path)?;
            Ok(Found { directory, properties, name })
        });
        match opened {
            Ok(opened) => found.push(opened),
            Err(error) => {
                let is_fault = matches!(error, ottla_log::Error::Io { .. });
                let failed = explained(&path, &error);
                if !is_fault || path == metadata_directory || count == 1 {
                    return Err(failed);
                }
                warn_of(&failed);
                absent.push(path);
            }
        }
    }
    Ok((found, absent))
}

fn warn_of(failed: &StartError) {
    tracing::error!(
        detail = failed.detail,
        "{}: its partitions are offline until the node is started with it",
        failed.primary
    );
}

fn open(disk: &Arc<dyn Disk>, path: &Path) -> ottla_log::Result<LogDirectory> {
    LogDirectory::open(Arc::clone(disk), path)
}

/// The directories have records: without the metadata they would belong to nobody.
fn require_metadata(
    disk: &dyn Disk,
    found: &[Found],
    metadata_directory: &Path,
) -> Result<(), StartError> {
    let others = found.iter().filter(|found| found.directory.path() != metadata_directory);
    for Found { directory, .. } in others {
        let stray = directory.path().join(METADATA_LOG);
        if disk.exists(&stray).unwrap_or(false) {
            let detail = format!(
                "the metadata log lies in {}, and metadata.log.dir or the first of log.dirs is {}",
                stray.display(),
                metadata_directory.display()
            );
            return Err(StartError::new("cannot find the metadata log", detail)
                .hint(format!("set metadata.log.dir to {}", directory.path().display())));
        }
    }
    let mut own = found.iter().filter(|found| found.directory.path() == metadata_directory);
    if own.any(|found| found.properties.is_none()) {
        return Err(StartError::directory(
            metadata_directory,
            "it is empty, other directories are not, and the metadata log belongs into it",
        )
        .hint(
            "restore it from a backup; without the metadata nobody knows whose the records in the \
             others are",
        ));
    }
    Ok(())
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

fn places(config: &ServerConfig) -> Result<Vec<Place>, StartError> {
    let log_dirs = config.list("log.dirs");
    if let Some(refusal) = cordoned::refusal(&config.list("cordoned.log.dirs"), &log_dirs) {
        return Err(StartError::config("cordoned.log.dirs", refusal)
            .hint("name directories as log.dirs names them"));
    }
    let places: Vec<Place> = log_dirs.iter().map(|name| place(name)).collect::<Result<_, _>>()?;
    if places.is_empty() {
        return Err(StartError::config("log.dirs", "names no directory")
            .hint("set log.dirs to the directory that shall hold the records"));
    }
    let is_twice = |at: &usize| places[..*at].iter().any(|place| place.path == places[*at].path);
    if let Some(twice) = (1..places.len()).find(is_twice) {
        let detail = format!("{} stands twice", places[twice].path.display());
        return Err(StartError::config("log.dirs", detail).hint("name each directory once"));
    }
    Ok(places)
}

/// Tools name directories by their full paths, as Kafka tells them.
fn place(name: &str) -> Result<Place, StartError> {
    match std::path::absolute(name) {
        Ok(path) => Ok(Place { name: name.to_owned(), path }),
        Err(error) => Err(StartError::directory_failed(Path::new(name), &error)),
    }
}

fn explained(path: &Path, error: &ottla_log::Error) -> StartError {
    let failed = StartError::directory_failed(path, error);
    match error {
        ottla_log::Error::Locked { .. } => failed
            .hint("another process uses it; stop that one, or set log.dirs to another directory"),
        ottla_log::Error::Corrupt { .. } => {
            failed.hint("restore meta.properties from a backup: it says whose records these are")
        }
        _ => failed.hint(WRITABLE),
    }
}

/// The cluster that the formatted directories belong to, if there are any.
fn agreed_cluster(found: &[Found], node_id: i32) -> Result<Option<String>, StartError> {
    let mut agreed: Option<(&Path, &str)> = None;
    for Found { directory, properties, .. } in found {
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
