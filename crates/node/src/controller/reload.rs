//! What follows when the metadata log fails, as on a full disk: requests are refused, and the log is
//! opened again until the disk takes it. Nothing is undone: the machine is dropped and loaded anew.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use ottla_controller::Settings;
use ottla_metadata::MetadataDelta;
use ottla_metadata::MetadataImage;
use ottla_metadata::config::ServerConfig;
use ottla_wire::ErrorCode;
use ottla_world::{Clock, Disk};

use super::driver::{Command, Driver, Heritage};
use super::metadata_log::{Beginning, LogError, MetadataLog};
use crate::error::StartError;

/// How long to wait before the log is opened again.
const PAUSE: Duration = Duration::from_secs(2);

/// Where the controller comes from, at the start and again.
pub struct Source {
    pub disk: Arc<dyn Disk>,
    /// `metadata.log.dir`.
    pub directory: PathBuf,
    pub config: ServerConfig,
    pub node_id: i32,
    pub settings: Settings,
    pub clock: Arc<dyn Clock>,
}

impl Source {
    pub(super) fn open(&self) -> Result<(MetadataLog, Beginning), StartError> {
        let opener = (self.node_id, self.clock.now_ms());
        MetadataLog::open(&self.disk, &self.directory, &self.config, opener)
    }
}

/// Refuses requests until the log can be written again; `None` when told to stop first.
///
/// # Errors
/// The log can be opened and is damaged.
pub(super) fn reload(
    source: &Source,
    mut heritage: Heritage,
    commands: &Receiver<Command>,
    seed: impl Fn() -> [u64; 2],
) -> Result<Option<Driver>, LogError> {
    loop {
        if !refuse(&mut heritage, commands, source.clock.monotonic() + PAUSE, source) {
            return Ok(None);
        }
        let (log, beginning) = match source.open() {
            Ok(opened) => opened,
            Err(error) => {
                tracing::debug!(%error, "the metadata log can't be opened yet");
                continue;
            }
        };
        let damaged = |error: StartError| LogError::Write(error.to_string());
        let mut driver = Driver::load(log, beginning, source).map_err(damaged)?;
        if driver.offset() < heritage.image.provenance.offset {
            // Another directory in its place, say: what it lacks must not be taken for deleted.
            let told = format!("{} has lost records", source.directory.display());
            return Err(LogError::Broken(told));
        }
        match driver.succeed(heritage, seed()) {
            Ok(()) => {
                tracing::info!("the metadata log can be written again");
                return Ok(Some(driver));
            }
            Err(error) => {
                tracing::debug!(%error, "the metadata log can't be written yet");
                heritage = driver.give_up();
            }
        }
    }
}

/// Refuses what comes until `due`; false when told to stop.
fn refuse(
    heritage: &mut Heritage,
    commands: &Receiver<Command>,
    due: Duration,
    source: &Source,
) -> bool {
    loop {
        let left = due.saturating_sub(source.clock.monotonic());
        match commands.recv_timeout(left) {
            Ok(Command::Ask { answer, .. }) => {
                let _ = answer.send(Err(ErrorCode::KafkaStorageError));
            }
            Ok(Command::DescribeQuorum { answer, .. }) => {
                let _ = answer.send(Err(ErrorCode::KafkaStorageError));
            }
            Ok(Command::Subscribe { mut publish, done }) => {
                let image = Arc::new(heritage.image.clone());
                publish(&image, &MetadataDelta::between(MetadataImage::empty(), (*image).clone()));
                heritage.publish = Some(publish);
                let _ = done.send(());
            }
            Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => return true,
        }
    }
}
