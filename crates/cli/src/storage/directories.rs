//! Which directories a node has, and their ids.

use std::path::PathBuf;

use ottla_metadata::config::ServerConfig;
use ottla_wire::Uuid;
use ottla_world::{OsRandom, Random as _};

/// A random id that does not begin with a dash, which would look like an option.
pub(super) fn random_id() -> Uuid {
    loop {
        let mut bytes = [0; 16];
        OsRandom.fill(&mut bytes);
        let id = Uuid::from_random(bytes);
        if !id.to_string().starts_with('-') {
            return id;
        }
    }
}

/// Where the metadata log lies: `metadata.log.dir`, or the first of the log directories.
pub(super) fn metadata_directory(config: &ServerConfig) -> Option<PathBuf> {
    let own = config.text("metadata.log.dir").map(PathBuf::from);
    own.or_else(|| config.list("log.dirs").first().map(PathBuf::from))
}

/// All directories of a node, in order of their names.
pub(super) fn directories(config: &ServerConfig) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = config.list("log.dirs").into_iter().map(PathBuf::from).collect();
    paths.extend(metadata_directory(config));
    paths.sort();
    paths.dedup();
    paths
}
