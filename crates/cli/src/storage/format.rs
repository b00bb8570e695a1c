//! `format`: makes the directories of a node its own, as Kafka does.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use ottla_metadata::config::ServerConfig;
use ottla_node::MetaProperties;
use ottla_node::controller::checkpoint;
use ottla_node::controller::founding::{FIRST_SNAPSHOT, listener_name};
use ottla_terminal::java_order::sort_as_hash_map;
use ottla_terminal::options::{Arguments, Stop};
use ottla_terminal::output;
use ottla_tools::features::levels::FeatureLevels;
use ottla_world::{Clock as _, RealDisk, SystemClock};

use super::directories::{directories, metadata_directory, random_id};
use super::voters::Quorum;

const BOOTSTRAP_FILE: &str = "bootstrap.checkpoint";
const METADATA_LOG: &str = "__cluster_metadata-0";

/// Runs the subcommand.
pub(super) fn format(arguments: &Arguments, config: &ServerConfig) -> Result<(), Stop> {
    let quorum = Quorum::choose(arguments, config)?;
    if arguments.has("add-scram") {
        return Err(Stop::refused(
            "error: --add-scram needs SASL, which this version does not serve\n  \
             hint: format without it",
        ));
    }
    let levels = FeatureLevels::choose(
        arguments.text("release-version"),
        arguments.texts("feature"),
        matches!(quorum, Quorum::Dynamic(_)),
    )?;
    let node_id = config.number("node.id").and_then(|id| i32::try_from(id).ok()).unwrap_or(1);
    let format = Format {
        cluster_id: arguments.text("cluster-id").unwrap_or_default().to_owned(),
        node_id,
        metadata_directory: metadata_directory(config),
        listener: listener_name(config),
        quorum,
        levels,
    };
    let (formatted, new) = format.sort(directories(config))?;
    if let Some(first) = formatted.first().filter(|_| !arguments.has("ignore-formatted")) {
        return Err(Stop::refused(format!(
            "Log directory {} is already formatted. Use --ignore-formatted to ignore this directory and \
             format the others.",
            first.display()
        )));
    }
    if new.is_empty() {
        return output::line("All of the log directories are already formatted.");
    }
    output::line(format_args!("Bootstrap metadata: {}", shown(&format.levels)))?;
    new.iter().try_for_each(|path| format.write(path))
}

struct Format {
    cluster_id: String,
    node_id: i32,
    metadata_directory: Option<PathBuf>,
    listener: String,
    quorum: Quorum,
    levels: FeatureLevels,
}

impl Format {
    /// Tells formatted directories, which must be of this node, from new ones.
    fn sort(&self, paths: Vec<PathBuf>) -> Result<(Vec<PathBuf>, Vec<PathBuf>), Stop> {
        let mut named: Vec<String> =
            paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        sort_as_hash_map(&mut named, |name| name);
        let (mut formatted, mut new) = (Vec::new(), Vec::new());
        for path in named.into_iter().map(PathBuf::from) {
            let properties = MetaProperties::read(&RealDisk, &path)
                .map_err(|error| Stop::refused(format!("{}: {error}", path.display())))?;
            let Some(properties) = properties else {
                new.push(path);
                continue;
            };
            let file = path.join("meta.properties");
            let differs = |key: &str, expected: &str, read: &str| {
                Stop::refused(format!(
                    "Invalid {key} in: {}. Expected {expected}, but read {read}",
                    file.display()
                ))
            };
            match properties.cluster_id.as_deref() {
                Some(cluster) if cluster != self.cluster_id => {
                    return Err(differs("cluster.id", &self.cluster_id, cluster));
                }
                _ => {}
            }
            match properties.node_id {
                Some(node) if node != self.node_id => {
                    return Err(differs("node.id", &self.node_id.to_string(), &node.to_string()));
                }
                _ => {}
            }
            formatted.push(path);
        }
        Ok((formatted, new))
    }

    fn write(&self, path: &Path) -> Result<(), Stop> {
        let is_metadata = self.metadata_directory.as_deref() == Some(path);
        let own = self.quorum.voters().iter().find(|voter| voter.id == self.node_id);
        let kind = match (&self.quorum, own) {
            _ if !is_metadata => "data directory",
            (Quorum::Dynamic(Some(_)), Some(_)) => "dynamic metadata voter directory",
            (Quorum::Dynamic(Some(_)), None) => "dynamic metadata directory",
            _ => "metadata directory",
        };
        let version = self.levels.metadata_version.name().unwrap_or_default();
        output::line(format_args!(
            "Formatting {kind} {} with metadata.version {version}.",
            path.display()
        ))?;
        let directory_id = match own {
            Some(voter) if is_metadata => voter.directory,
            _ => random_id(),
        };
        let written = self.write_files(path, is_metadata).and_then(|()| {
            let properties = MetaProperties {
                cluster_id: Some(self.cluster_id.clone()),
                node_id: Some(self.node_id),
                directory_id: Some(directory_id.to_string()),
            };
            Ok(properties.write(&RealDisk, path)?)
        });
        written.map_err(|error| {
            Stop::refused(format!(
                "Error while writing meta.properties file {}: {error}",
                path.display()
            ))
        })
    }

    fn write_files(
        &self,
        path: &Path,
        is_metadata: bool,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let now_ms = SystemClock::default().now_ms();
        std::fs::create_dir_all(path)?;
        let features = checkpoint::features(self.levels.recorded(), now_ms)?;
        store(&path.join(BOOTSTRAP_FILE), &features)?;
        let voters = self.quorum.voters();
        if is_metadata && !voters.is_empty() {
            let log = path.join(METADATA_LOG);
            std::fs::create_dir_all(&log)?;
            let bytes =
                checkpoint::voters(self.levels.kraft_version, voters, &self.listener, now_ms)?;
            store(&log.join(FIRST_SNAPSHOT), &bytes)?;
        }
        Ok(())
    }
}

fn store(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The records as Java shows them.
fn shown(levels: &FeatureLevels) -> String {
    let records: Vec<String> = levels
        .recorded()
        .iter()
        .map(|(name, level)| {
            format!(
                "ApiMessageAndVersion(FeatureLevelRecord(name='{name}', featureLevel={level}) at version 0)"
            )
        })
        .collect();
    format!(
        "BootstrapMetadata(records=[{}], metadataVersionLevel={}, source=format command)",
        records.join(", "),
        levels.metadata_version.0
    )
}
