//! The log cleaner: threads that compact the logs which ask for it, the dirtiest first.
//!
//! # Layout
//! - [`settings`]: the values of `log.cleaner.*`
//! - [`schedule`]: which log is next, how far each is cleaned, which ones can't be
//! - `worker`: a thread: clean, write down how far, rest
//! - `throttle`: `log.cleaner.io.max.bytes.per.second`
//! - [`metrics`]: what it did
pub mod metrics;
pub mod schedule;
pub mod settings;
mod throttle;
mod worker;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use ottla_world::Clock;
use parking_lot::{Condvar, Mutex};

use crate::partitions::Partitions;
use metrics::CleanerMetrics;
use schedule::Schedule;
pub use settings::CleanerSettings;
use throttle::Throttle;

/// The cleaner's threads.
#[derive(Debug)]
pub struct Cleaner {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the threads share.
pub(crate) struct Shared {
    partitions: Arc<Partitions>,
    clock: Arc<dyn Clock>,
    schedule: Schedule,
    throttle: Mutex<Throttle>,
    metrics: CleanerMetrics,
    control: Mutex<Control>,
    changed: Condvar,
}

#[derive(Debug)]
struct Control {
    settings: CleanerSettings,
    is_started: bool,
    /// Threads with a number from here on end.
    threads: usize,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Shared")
    }
}

impl Cleaner {
    /// A cleaner that has not begun, with what was written down of earlier runs.
    #[must_use]
    pub fn new(partitions: Arc<Partitions>, clock: Arc<dyn Clock>) -> Self {
        let shared = Shared {
            schedule: Schedule::load(&partitions),
            partitions,
            throttle: Mutex::new(Throttle::new(clock.monotonic())),
            clock,
            metrics: CleanerMetrics::default(),
            control: Mutex::new(Control {
                settings: CleanerSettings::default(),
                is_started: false,
                threads: 0,
            }),
            changed: Condvar::new(),
        };
        Self { shared: Arc::new(shared), threads: Mutex::default() }
    }

    /// Begins, once all logs are there.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(&self) -> io::Result<()> {
        let settings = {
            let mut control = self.shared.control.lock();
            control.is_started = true;
            control.settings
        };
        self.staff(settings)
    }

    /// Takes over settings: starts the threads that are missing, ends those that are too many.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn configure(&self, settings: CleanerSettings) -> io::Result<()> {
        {
            let mut control = self.shared.control.lock();
            if control.settings == settings {
                return Ok(());
            }
            control.settings = settings;
            if !control.is_started {
                return Ok(());
            }
        }
        self.shared.schedule.forgive();
        self.staff(settings)
    }

    fn staff(&self, settings: CleanerSettings) -> io::Result<()> {
        let mut threads = self.threads.lock();
        let wanted = if settings.is_enabled { settings.threads } else { 0 };
        self.shared.control.lock().threads = wanted;
        self.shared.changed.notify_all();
        let kept = wanted.min(threads.len());
        let superfluous = threads.split_off(kept);
        superfluous.into_iter().for_each(join);
        while threads.len() < wanted {
            let number = threads.len();
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new()
                .name(format!("log-cleaner-{number}"))
                .spawn(move || worker::run(&shared, number))?;
            threads.push(thread);
        }
        Ok(())
    }

    /// Ends every thread; a run that is under way is given up.
    pub fn stop(&self) {
        let threads = std::mem::take(&mut *self.threads.lock());
        {
            let mut control = self.shared.control.lock();
            control.threads = 0;
            control.is_started = false;
        }
        self.shared.changed.notify_all();
        threads.into_iter().for_each(join);
    }

    /// What the cleaner did, and what it has to do.
    #[must_use]
    pub fn report(&self) -> metrics::Report {
        let dead = self.threads.lock().iter().filter(|thread| thread.is_finished()).count();
        self.shared.metrics.report(&self.shared, dead)
    }

    /// How many threads are at work.
    #[cfg(test)]
    pub(crate) fn thread_count(&self) -> usize {
        self.threads.lock().len()
    }

    /// Cleans the log that is next, if one is due; for tests.
    #[cfg(test)]
    pub(crate) fn clean_once(&self) -> bool {
        worker::clean_next(&self.shared, &|| false, 0)
    }
}

impl Shared {
    fn settings(&self) -> CleanerSettings {
        self.control.lock().settings
    }

    /// Whether the thread with this number is to end.
    fn is_superfluous(&self, number: usize) -> bool {
        number >= self.control.lock().threads
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread of the log cleaner panicked");
    }
}
