//! Metrics that are gathered when somebody looks: of the cleaner, the journals, and logs that are being opened.

use std::fmt::Write as _;
use std::time::Duration;

use ottla_coordination::metrics::{family, gauge};
use ottla_hosting::{Partitions, Report};
use ottla_log::JournalStats;

/// A label's value as the format wants it.
pub(super) fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Writes what the log cleaner did and has to do.
pub(crate) fn cleaner(text: &mut String, report: &Report) {
    const CLEANER: &str = "kafka_log_logcleaner_";
    const KEEPER: &str = "kafka_log_logcleanermanager_";
    let mut one = |name: String, help: &str, value: i64| gauge(text, &name, help, value);
    one(
        format!("{CLEANER}max_buffer_utilization_percent"),
        "The fullest map of keys in the cleaner threads' last runs",
        report.buffer_utilization_percent,
    );
    one(
        format!("{CLEANER}cleaner_recopy_percent"),
        "Bytes written for a hundred read in the cleaner threads' last runs",
        report.recopy_percent,
    );
    one(
        format!("{CLEANER}max_clean_time_secs"),
        "The longest of the cleaner threads' last runs",
        report.clean_time_secs,
    );
    one(
        format!("{CLEANER}max_compaction_delay_secs"),
        "By how much max.compaction.lag.ms is missed",
        report.compaction_delay_secs,
    );
    let dead = i64::try_from(report.dead_threads).unwrap_or(i64::MAX);
    one(format!("{CLEANER}deadthreadcount"), "Cleaner threads that have died", dead);
    one(
        format!("{KEEPER}max_dirty_percent"),
        "The largest share of a log that is not cleaned",
        report.dirty_percent,
    );
    one(
        format!("{KEEPER}time_since_last_run_ms"),
        "Time since the cleaner last looked at the logs",
        report.since_last_run_ms,
    );
    let name = format!("{KEEPER}uncleanable_partitions_count");
    family(text, &name, "Logs that can't be cleaned");
    for (path, uncleanable) in &report.uncleanable {
        let path = escaped(path);
        let _ = writeln!(text, "{name}{{logDirectory=\"{path}\"}} {}", uncleanable.partitions);
    }
    let name = format!("{KEEPER}uncleanable_bytes");
    family(text, &name, "Bytes of logs that can't be cleaned");
    for (path, uncleanable) in &report.uncleanable {
        let path = escaped(path);
        let _ = writeln!(text, "{name}{{logDirectory=\"{path}\"}} {}", uncleanable.bytes);
    }
}

/// Writes what the journals of the log directories did, behind `ottla.durability=fsync`.
pub(crate) fn journals(text: &mut String, partitions: &Partitions) {
    let all: Vec<_> = partitions.journal_stats().collect();
    let mut one =
        |name: &str, kind: &str, help: &str, value: &dyn Fn(&JournalStats, Duration) -> f64| {
            let name = format!("ottla_log_journal_{name}");
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            let suffix = if kind == "counter" { "_total" } else { "" };
            for (directory, stats, took) in &all {
                let path = escaped(&partitions.path(*directory).display().to_string());
                let value = value(stats, *took);
                let _ = writeln!(text, "{name}{suffix}{{logDirectory=\"{path}\"}} {value}");
            }
        };
    let help = "Commits to the journal, each of which waited for the disk once";
    one("commits", "counter", help, &|stats, _| stats.commits as f64);
    let help = "Appends and other changes of logs in those commits";
    one("entries", "counter", help, &|stats, _| stats.entries as f64);
    one("bytes", "counter", "Bytes written to the journal", &|stats, _| stats.bytes as f64);
    let help = "Time that commits took, most of it waiting for the disk";
    one("commit_seconds", "counter", help, &|_, took| took.as_secs_f64());
    let help = "How often every file was needed, so that commits waited for segments";
    one("full_waits", "counter", help, &|stats, _| stats.waits as f64);
    let help = "Files with records that their segments may not have on disk";
    one("files_needed", "gauge", help, &|stats, _| stats.files_needed as f64);
}

/// Writes how many logs and segments are still to be opened since the start.
pub(crate) fn loading(text: &mut String, partitions: &Partitions) {
    const PREFIX: &str = "kafka_log_logmanager_";
    let name = format!("{PREFIX}remaininglogstorecover");
    family(text, &name, "Logs that are not open yet");
    for progress in partitions.loading_progress() {
        let dir = escaped(&progress.directory.display().to_string());
        let _ = writeln!(text, "{name}{{dir=\"{dir}\"}} {}", progress.remaining_logs);
    }
    let name = format!("{PREFIX}remainingsegmentstorecover");
    family(text, &name, "Segments that a thread has still to scan of the log that it opens");
    for progress in partitions.loading_progress() {
        let dir = escaped(&progress.directory.display().to_string());
        for (thread, segments) in progress.remaining_segments.iter().enumerate() {
            let _ = writeln!(text, "{name}{{dir=\"{dir}\",threadnum=\"{thread}\"}} {segments}");
        }
    }
}
