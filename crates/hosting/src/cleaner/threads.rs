//! The threads of the log cleaner, and what they share.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use ottla_metadata::config::BrokerValues;
use ottla_world::Clock;
use parking_lot::{Condvar, Mutex};

use super::metrics::{CleanerMetrics, Report};
use super::schedule::Schedule;
use super::settings::CleanerSettings;
use super::throttle::Throttle;
use super::worker;
use crate::partitions::Partitions;

/// The cleaner's threads.
#[derive(Debug)]
pub struct Cleaner {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the threads share.
pub(crate) struct Shared {
    pub(super) partitions: Arc<Partitions>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) schedule: Schedule,
    pub(super) throttle: Mutex<Throttle>,
    pub(super) metrics: CleanerMetrics,
    pub(super) control: Mutex<Control>,
    pub(super) changed: Condvar,
}

/// What the threads are told.
#[derive(Debug)]
pub(super) struct Control {
    pub(super) settings: CleanerSettings,
    is_started: bool,
    /// Threads with a number from here on end.
    pub(super) threads: usize,
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
        self.shared.control.lock().is_started = true;
        self.staff()
    }

    /// Takes over `log.cleaner.*`: starts the threads that are missing, ends those that are too many.
    pub fn configure(&self, values: &BrokerValues) {
        if let Err(error) = self.take_over(CleanerSettings::of(values)) {
            tracing::error!(%error, "the log cleaner has too few threads");
        }
    }

    fn take_over(&self, settings: CleanerSettings) -> io::Result<()> {
        {
            let mut control = self.shared.control.lock();
            if control.settings == settings {
                return Ok(());
            }
            control.settings = settings;
        }
        self.shared.schedule.forgive();
        self.staff()
    }

    /// Has as many threads at work as are wanted: none before the start and after the stop.
    fn staff(&self) -> io::Result<()> {
        let mut threads = self.threads.lock();
        let wanted = {
            let mut control = self.shared.control.lock();
            let is_wanted = control.is_started && control.settings.is_enabled;
            control.threads = if is_wanted { control.settings.threads } else { 0 };
            control.threads
        };
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
        // Held to the end: settings that change meanwhile start no thread again.
        let mut threads = self.threads.lock();
        {
            let mut control = self.shared.control.lock();
            control.threads = 0;
            control.is_started = false;
        }
        self.shared.changed.notify_all();
        threads.drain(..).for_each(join);
    }

    /// What the cleaner did, and what it has to do.
    #[must_use]
    pub fn report(&self) -> Report {
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
    pub(super) fn settings(&self) -> CleanerSettings {
        self.control.lock().settings
    }

    /// Whether the thread with this number is to end.
    pub(super) fn is_superfluous(&self, number: usize) -> bool {
        number >= self.control.lock().threads
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread of the log cleaner panicked");
    }
}
