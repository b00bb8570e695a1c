//! What a node leaves in a directory that it has just formatted, so that Apache Kafka starts on it too:
//! the first snapshot of the metadata log says that this node is the only voter.

use std::path::Path;

use ottla_metadata::config::ServerConfig;
use ottla_wire::Uuid;
use ottla_world::disk::replace_file;
use ottla_world::{Disk, Random};

use super::checkpoint::{self, Voter};
use super::metadata_log::DIRECTORY;
use crate::error::StartError;
use crate::properties::MetaProperties;
use crate::storage::random_id;

/// The first snapshot: it holds no record of the log.
pub const FIRST_SNAPSHOT: &str = "00000000000000000000-0000000000.checkpoint";

/// kraft.version of a quorum whose voters are in its log (KIP-853).
const KRAFT_VERSION: i16 = 1;

/// The listener by which controllers are reached.
#[must_use]
pub fn listener_name(config: &ServerConfig) -> String {
    let mut names = config.list("controller.listener.names").into_iter();
    names.next().unwrap_or_else(|| "CONTROLLER".to_owned())
}

/// This node as a voter, at its controller listener.
#[must_use]
pub fn own_voter(config: &ServerConfig, id: i32, directory: Uuid) -> Voter {
    let name = listener_name(config);
    let listed = [config.list("advertised.listeners"), config.list("listeners")].concat();
    let address = listed.iter().find_map(|listener| {
        let (listed, address) = listener.split_once("://")?;
        let (host, port) = address.rsplit_once(':')?;
        (listed.eq_ignore_ascii_case(&name)).then(|| Some((host.to_owned(), port.parse().ok()?)))?
    });
    // A node that is its own quorum has no use for an address.
    let (host, port) = address.unwrap_or_default();
    let host = if host.is_empty() { "localhost".to_owned() } else { host };
    Voter { id, directory, host, port }
}

/// A new cluster's metadata log, and what says whose it is.
pub struct Founding<'a> {
    pub config: &'a ServerConfig,
    /// Of the node that is formatted.
    pub node_id: i32,
    pub cluster_id: &'a str,
    /// `metadata.log.dir`.
    pub directory: &'a Path,
    pub now_ms: i64,
}

impl Founding<'_> {
    /// Writes the first snapshot, unless there is a metadata log or the configuration names the voters.
    ///
    /// # Errors
    /// The disk refuses, or the `meta.properties` of the directory are damaged.
    pub fn write(&self, disk: &dyn Disk, random: &dyn Random) -> Result<(), StartError> {
        let log = self.directory.join(DIRECTORY);
        let failed =
            |error: &dyn std::error::Error| StartError::directory_failed(self.directory, error);
        let directory_id = self.directory_id(disk, random)?;
        let is_static = !self.config.list("controller.quorum.voters").is_empty();
        if is_static || disk.exists(&log).map_err(|error| failed(&error))? {
            return Ok(());
        }
        let voter = own_voter(self.config, self.node_id, directory_id);
        let listener = listener_name(self.config);
        let snapshot = checkpoint::voters(KRAFT_VERSION, &[voter], &listener, self.now_ms)
            .map_err(|error| failed(error.as_ref()))?;
        disk.create_dir_all(&log).map_err(|error| failed(&error))?;
        replace_file(disk, &log.join(FIRST_SNAPSHOT), &snapshot).map_err(|error| failed(&error))?;
        disk.sync_dir(self.directory).map_err(|error| failed(&error))
    }

    /// The id of the metadata log's directory, which gets one where it holds nothing else.
    fn directory_id(&self, disk: &dyn Disk, random: &dyn Random) -> Result<Uuid, StartError> {
        let failed =
            |error: &dyn std::error::Error| StartError::directory_failed(self.directory, error);
        let known = MetaProperties::read(disk, self.directory).map_err(|error| failed(&error))?;
        let known = known.and_then(|known| known.directory_id?.parse().ok());
        if let Some(id) = known {
            return Ok(id);
        }
        let id = Uuid::from_bytes(random_id(random));
        let properties = MetaProperties {
            cluster_id: Some(self.cluster_id.to_owned()),
            node_id: Some(self.node_id),
            directory_id: Some(id.to_string()),
        };
        properties.write(disk, self.directory).map_err(|error| failed(&error))?;
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use ottla_metadata::config::properties::parse;
    use ottla_world::memory::{MemoryDisk, SeededRandom};

    use super::*;
    use crate::controller::snapshot::{self, SnapshotId};

    #[test]
    fn a_new_metadata_log_begins_with_its_voter() {
        let parsed = |text: &str| ServerConfig::new(parse(text)).expect("a configuration").0;
        let listeners = "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n\
                         controller.listener.names=CONTROLLER\n";
        let named = format!("{listeners}controller.quorum.voters=4@localhost:9093\n");
        for (config, kraft_version) in [(parsed(listeners), Some(1)), (parsed(&named), None)] {
            let disk: std::sync::Arc<dyn Disk> = std::sync::Arc::new(MemoryDisk::new(1));
            let directory = Path::new("/data");
            disk.create_dir_all(directory).expect("a directory");
            let founding = Founding {
                config: &config,
                node_id: 4,
                cluster_id: "some-cluster",
                directory,
                now_ms: 1_700_000_000_000,
            };
            founding.write(disk.as_ref(), &SeededRandom::new(1)).expect("written");
            let properties = MetaProperties::read(disk.as_ref(), directory).expect("readable");
            assert_eq!(properties.expect("written").node_id, Some(4));
            let log = directory.join(DIRECTORY);
            let first = SnapshotId { offset: 0, epoch: 0 };
            let found = snapshot::read(disk.as_ref(), &log, first).ok();
            assert_eq!(found.map(|found| found.quorum.kraft_version()), kraft_version);
        }
    }
}
