//! The loops of coordinators: how long what they are asked waits, how long it is worked on, how long its records take
//! to be committed, and how long partitions take to load. Names are after Kafka's `group-coordinator-metrics`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ottla_world::Clock;

use super::histogram::Histogram;
use super::text::{family, gauge};

/// A time that something of a coordinator takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// From a question to its turn.
    Queue,
    /// To decide it.
    Processing,
    /// From the decision to the answer: records are written and committed, or others are waited for.
    Purgatory,
    /// To append what has gathered.
    Flush,
    /// To load a partition.
    Load,
}

impl Span {
    const ALL: [Self; 5] =
        [Self::Queue, Self::Processing, Self::Purgatory, Self::Flush, Self::Load];

    const fn name(self) -> &'static str {
        match self {
            Self::Queue => "event_queue_time_seconds",
            Self::Processing => "event_processing_time_seconds",
            Self::Purgatory => "event_purgatory_time_seconds",
            Self::Flush => "batch_flush_time_seconds",
            Self::Load => "partition_load_time_seconds",
        }
    }

    const fn help(self) -> &'static str {
        match self {
            Self::Queue => "Time from a question to its turn",
            Self::Processing => "Time to decide a question",
            Self::Purgatory => "Time from a decision to its answer",
            Self::Flush => "Time to append what was decided",
            Self::Load => "Time to load a partition",
        }
    }
}

/// What a partition's coordinator is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Loading,
    Active,
    Failed,
}

impl Stage {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Loading, "loading"), (Self::Active, "active"), (Self::Failed, "failed")];
}

/// The counters of one kind of coordinators.
pub(crate) struct LoopMetrics {
    clock: Arc<dyn Clock>,
    spans: [Histogram; Span::ALL.len()],
    stages: [AtomicU64; Stage::ALL.len()],
}

/// Counts a partition as being at a stage, until it is dropped.
pub(crate) struct AtStage<'a>(&'a AtomicU64);

impl Drop for AtStage<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl LoopMetrics {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, spans: Default::default(), stages: Default::default() }
    }

    /// The time by which spans are measured.
    pub(crate) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Notes how long it took since `begun`, and returns the time now.
    pub(crate) fn note(&self, span: Span, begun: Duration) -> Duration {
        let now = self.now();
        self.spans[span as usize].add(now.saturating_sub(begun));
        now
    }

    pub(crate) fn at(&self, stage: Stage) -> AtStage<'_> {
        let count = &self.stages[stage as usize];
        count.fetch_add(1, Ordering::Relaxed);
        AtStage(count)
    }

    /// Writes them under names that begin with `prefix`; `queued` is how many questions wait for their turn.
    pub(crate) fn write(&self, text: &mut String, prefix: &str, queued: usize) {
        let name = format!("{prefix}num_partitions");
        family(text, &name, "Partitions of the coordinator's topic");
        for (stage, label) in Stage::ALL {
            let count = self.stages[stage as usize].load(Ordering::Relaxed);
            let _ = writeln!(text, "{name}{{state=\"{label}\"}} {count}");
        }
        let name = format!("{prefix}event_queue_size");
        gauge(text, &name, "Questions that wait for their turn", queued);
        for span in Span::ALL {
            let name = format!("{prefix}{}", span.name());
            let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} histogram", span.help());
            self.spans[span as usize].write(text, &name, "");
        }
    }
}

#[cfg(test)]
mod tests {
    use ottla_world::memory::ManualClock;

    use super::*;

    #[test]
    fn spans_and_stages_are_told() {
        let clock = Arc::new(ManualClock::new(0));
        let metrics = LoopMetrics::new(clock.clone());
        let begun = metrics.now();
        clock.advance(Duration::from_millis(3));
        let decided = metrics.note(Span::Queue, begun);
        clock.advance(Duration::from_millis(20));
        metrics.note(Span::Purgatory, decided);
        let _active = metrics.at(Stage::Active);
        drop(metrics.at(Stage::Failed));
        let mut text = String::new();
        metrics.write(&mut text, "x_", 7);
        for line in [
            "x_num_partitions{state=\"loading\"} 0",
            "x_num_partitions{state=\"active\"} 1",
            "x_num_partitions{state=\"failed\"} 0",
            "x_event_queue_size 7",
            "x_event_queue_time_seconds_bucket{le=\"0.0025\"} 0",
            "x_event_queue_time_seconds_bucket{le=\"0.005\"} 1",
            "x_event_queue_time_seconds_sum 0.003",
            "x_event_purgatory_time_seconds_sum 0.02",
            "x_partition_load_time_seconds_count 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
