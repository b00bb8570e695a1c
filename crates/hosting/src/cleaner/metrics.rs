//! What the cleaner did and what it has to do, as Kafka's `LogCleaner` and `LogCleanerManager` tell it.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_log::CleanerStats;
use parking_lot::Mutex;

use super::schedule::{Outlook, Uncleanable};
use super::threads::Shared;

/// What each thread did last.
#[derive(Debug, Default)]
pub(super) struct CleanerMetrics {
    last: Mutex<BTreeMap<usize, Run>>,
}

/// One run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Run {
    pub(super) took: Duration,
    pub(super) stats: CleanerStats,
}

/// A look at the cleaner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The fullest map of the threads' last runs, in percent.
    pub buffer_utilization_percent: i64,
    /// Bytes written for a hundred read, in the threads' last runs.
    pub recopy_percent: i64,
    /// The longest of the threads' last runs.
    pub clean_time_secs: i64,
    /// The longest time by which `max.compaction.lag.ms` is missed.
    pub compaction_delay_secs: i64,
    /// The largest share of a log that is not cleaned.
    pub dirty_percent: i64,
    pub since_last_run_ms: i64,
    /// Threads that ended though they should not have.
    pub dead_threads: usize,
    /// Logs that can't be cleaned, by directory.
    pub uncleanable: Vec<(String, Uncleanable)>,
}

impl CleanerMetrics {
    pub(super) fn ran(&self, number: usize, run: Run) {
        self.last.lock().insert(number, run);
    }

    pub(super) fn report(&self, shared: &Shared, dead_threads: usize) -> Report {
        let last: Vec<Run> = self.last.lock().values().copied().collect();
        let utilization = last.iter().map(|run| run.stats.map_utilization).fold(0.0, f64::max);
        let read: u64 = last.iter().map(|run| run.stats.bytes_read).sum();
        let written: u64 = last.iter().map(|run| run.stats.bytes_written).sum();
        let recopied = if read == 0 { 0.0 } else { written as f64 / read as f64 };
        let longest = last.iter().map(|run| run.took).max().unwrap_or_default();
        let Outlook { at_ms, dirty_ratio_max, delay_ms_max } = shared.schedule.outlook();
        let now_ms = shared.clock.now_ms();
        let paths = shared.partitions.directory_paths().map(|path| path.display().to_string());
        Report {
            buffer_utilization_percent: percent(utilization),
            recopy_percent: percent(recopied),
            clean_time_secs: i64::try_from(longest.as_secs()).unwrap_or(i64::MAX),
            compaction_delay_secs: delay_ms_max / 1000,
            dirty_percent: percent(dirty_ratio_max),
            since_last_run_ms: at_ms.map_or(0, |at_ms| now_ms.saturating_sub(at_ms)),
            dead_threads,
            uncleanable: paths.zip(shared.schedule.uncleanable(&shared.partitions)).collect(),
        }
    }
}

fn percent(share: f64) -> i64 {
    (share * 100.0) as i64
}
