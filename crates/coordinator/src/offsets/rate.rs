//! How fast committed offsets move. Hard: it follows from the records, which carry the time of each commit.

use ottla_machine::Millis;

/// What a rate looks back on, at most.
const WINDOW_MS: Millis = 60_000;

/// How long after a commit the next one is not overdue: clients commit every five seconds.
const PATIENCE_MS: Millis = 10_000;

/// An offset and when it was committed.
type Sample = (Millis, i64);

/// Two earlier commits: one to measure from, and one that takes its place in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Samples {
    older: Sample,
    newer: Sample,
}

impl Samples {
    /// The samples after a commit. None begin anew: with an offset that was set back, or after a long rest.
    pub(super) fn after(
        before: Option<Box<Self>>,
        previous: Sample,
        next: Sample,
    ) -> Option<Box<Self>> {
        if next.1 < previous.1
            || next.0.saturating_sub(previous.0) > WINDOW_MS
            || next.0 < previous.0
        {
            return None;
        }
        let mut samples =
            before.unwrap_or_else(|| Box::new(Self { older: previous, newer: previous }));
        if next.0 - samples.newer.0 >= WINDOW_MS / 2 {
            samples.older = samples.newer;
            samples.newer = next;
        }
        Some(samples)
    }

    /// Records a second up to `last`, the latest commit, in thousandths.
    pub(super) fn rate_millis(&self, last: Sample, now: Millis) -> i64 {
        if now.saturating_sub(last.0) > WINDOW_MS {
            return 0;
        }
        let until = last.0.max(now.saturating_sub(PATIENCE_MS));
        let records = i128::from(last.1) - i128::from(self.older.1);
        let span_ms = until.saturating_sub(self.older.0).max(1);
        i64::try_from(records * 1_000_000 / i128::from(span_ms)).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rate after each commit, in records a second, as seen at that moment.
    fn rates(commits: &[Sample]) -> Vec<i64> {
        let mut samples: Option<Box<Samples>> = None;
        let rate = |pair: &[Sample]| {
            samples = Samples::after(samples.take(), pair[0], pair[1]);
            samples.as_ref().map_or(0, |known| known.rate_millis(pair[1], pair[1].0) / 1_000)
        };
        commits.windows(2).map(rate).collect()
    }

    #[test]
    fn a_rate_is_that_of_the_last_minute() {
        let steady: Vec<Sample> = (0..30).map(|step| (step * 5_000, step * 500)).collect();
        assert_eq!(rates(&steady), [100; 29]);
        // Half a minute after the speed has doubled twice the old one counts for half, and then no longer.
        let faster = (1..=13).map(|step| (145_000 + step * 5_000, 14_500 + step * 2_000));
        let all: Vec<Sample> = steady.into_iter().chain(faster).collect();
        assert_eq!(rates(&all).last(), Some(&400));
    }

    #[test]
    fn a_reset_or_a_rest_begins_anew() {
        assert_eq!(rates(&[(0, 1_000), (5_000, 10), (10_000, 60)]), [0, 10]);
        assert_eq!(rates(&[(0, 0), (3_600_000, 1_000), (3_605_000, 1_050)]), [0, 10]);
        assert_eq!(rates(&[(5_000, 0), (0, 10)]), [0]);
        assert_eq!(rates(&[(0, i64::MIN), (1, i64::MAX)]), [i64::MAX / 1_000]);
    }

    #[test]
    fn a_consumer_that_is_silent_slows_down_and_stands_still() {
        let samples = Samples { older: (0, 0), newer: (0, 0) };
        let at = |now| samples.rate_millis((10_000, 1_000), now);
        assert_eq!(
            [10_000, 20_000, 30_000, 70_000, 70_001].map(at),
            [100_000, 100_000, 50_000, 16_666, 0]
        );
    }
}
