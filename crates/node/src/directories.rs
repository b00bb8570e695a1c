//! Sees to the log directories while the node runs: takes the partitions of a failed one offline, tells
//! the controller of it and of where logs lie, and ends the node when it can't go on.
//!
//! It can't when every directory has failed, or the one of the metadata log, or when the controller does
//! not hear of a failure within `log.dir.failure.timeout.ms`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use ottla_hosting::{DirectoryNews, Partitions};
use ottla_world::Clock;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::error::StartError;
use crate::registration::Registration;

/// How soon the controller is told again what it did not take.
const AGAIN: Duration = Duration::from_millis(500);

/// What the thread works with.
pub struct DirectoryWatch {
    pub partitions: Arc<Partitions>,
    pub registration: Arc<Registration>,
    pub clock: Arc<dyn Clock>,
    /// Where the metadata log lies.
    pub metadata_directory: PathBuf,
    /// `log.dir.failure.timeout.ms`.
    pub failure_timeout: Duration,
}

/// The thread at work.
struct Watching {
    watch: DirectoryWatch,
    /// Takes the reason why the node can't go on.
    fatal: mpsc::Sender<String>,
}

/// A failure that the controller has not heard of.
struct Untold {
    directory: usize,
    due: Duration,
}

impl DirectoryWatch {
    /// Starts the thread. It ends with [`Partitions::stop_directory_news`].
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(self, fatal: mpsc::Sender<String>) -> Result<JoinHandle<()>, StartError> {
        let runtime = Handle::current();
        let news = self.partitions.directory_news();
        let news = news.ok_or_else(|| StartError::new("cannot watch log directories", "twice"))?;
        std::thread::Builder::new()
            .name("directories".to_owned())
            .spawn(move || Watching { watch: self, fatal }.run(&news, &runtime))
            .map_err(|error| StartError::new("cannot start the thread of log directories", error))
    }
}

impl Watching {
    fn run(&self, news: &Receiver<DirectoryNews>, runtime: &Handle) {
        let mut untold: Vec<Untold> = Vec::new();
        let mut is_assigning = false;
        let mut is_cordoning = false;
        loop {
            let next = if untold.is_empty() && !is_assigning && !is_cordoning {
                news.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                news.recv_timeout(AGAIN)
            };
            match next {
                Ok(DirectoryNews::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(DirectoryNews::Failed(directory)) => {
                    let due = self.watch.clock.monotonic() + self.watch.failure_timeout;
                    if self.failed(directory) {
                        untold.push(Untold { directory, due });
                    }
                }
                Ok(DirectoryNews::Assignments) => is_assigning = true,
                Ok(DirectoryNews::Cordoned) => is_cordoning = true,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if (!untold.is_empty() || is_cordoning) && self.beat(runtime) {
                untold.clear();
                is_cordoning = false;
            }
            is_assigning = is_assigning && !self.tell_assignments(runtime);
            let now = self.watch.clock.monotonic();
            if let Some(late) = untold.iter().find(|untold| untold.due <= now) {
                let path = self.watch.partitions.path(late.directory).display();
                self.end(format!("couldn't communicate offline log dir {path} with controllers"));
                untold.clear();
            }
        }
    }

    /// Takes the partitions offline; whether the node goes on.
    fn failed(&self, directory: usize) -> bool {
        let partitions = self.watch.partitions.take_offline(directory);
        let path = self.watch.partitions.path(directory);
        tracing::error!(
            directory = %path.display(), partitions, "stopped serving the replicas in the directory"
        );
        if path == self.watch.metadata_directory {
            self.end(format!("the directory of the metadata log, {}, has failed", path.display()));
            return false;
        }
        if self.watch.partitions.online_directory_ids().is_empty() {
            self.end("all log directories have failed".to_owned());
            return false;
        }
        true
    }

    fn end(&self, reason: String) {
        tracing::error!(reason, "the node can't go on");
        // One reason is enough.
        let _ = self.fatal.try_send(reason);
    }

    /// Tells the controller at once how the directories are; whether it has heard.
    fn beat(&self, runtime: &Handle) -> bool {
        let telling =
            async { tokio::time::timeout(AGAIN, self.watch.registration.beat(false)).await };
        match runtime.block_on(telling) {
            Ok(Ok(_)) => true,
            Ok(Err(code)) => {
                tracing::warn!(
                    code = code.name(),
                    "the controller did not hear of the directories"
                );
                false
            }
            Err(_) => false,
        }
    }

    /// Tells where logs lie; whether the controller knows everything now.
    fn tell_assignments(&self, runtime: &Handle) -> bool {
        while let Some(directories) = self.watch.partitions.next_assignments() {
            // A controller that does not answer must not keep a failed directory from being noticed.
            let telling = async {
                let told = self.watch.registration.assign_replicas(directories.clone());
                tokio::time::timeout(AGAIN, told).await
            };
            match runtime.block_on(telling) {
                Ok(Ok(())) => self.watch.partitions.assignments_told(&directories),
                Ok(Err(code)) => {
                    let code = code.name();
                    tracing::warn!(code, "the controller did not hear where replicas lie");
                    return false;
                }
                Err(_) => return false,
            }
        }
        true
    }
}
