//! Latencies, and the lines that tell of them.

use std::time::Duration;

use tokio::time::Instant;

/// Latencies that are kept for the percentiles; with more records only each nth is.
const SAMPLES_MAX: u64 = 500_000;

const MEGABYTE: f64 = 1024.0 * 1024.0;

/// What became of the records of a test, or of its part after the warmup.
#[derive(Debug)]
pub(super) struct Statistics {
    started: Instant,
    /// Every how many records a latency is kept.
    sampling: u64,
    samples: Vec<u64>,
    count: u64,
    bytes: u64,
    latency_total: u64,
    latency_max: u64,
    window: Window,
    interval: Duration,
    is_steady: bool,
    /// Another one prints progress.
    pub(super) is_silent: bool,
}

/// Since the last line of progress.
#[derive(Debug)]
struct Window {
    started: Instant,
    count: u64,
    bytes: u64,
    latency_total: u64,
    latency_max: u64,
}

impl Window {
    fn new() -> Self {
        let started = Instant::now();
        Self { started, count: 0, bytes: 0, latency_total: 0, latency_max: 0 }
    }
}

impl Statistics {
    pub(super) fn new(records: u64, interval: Duration, is_steady: bool) -> Self {
        let sampling = records.div_ceil(SAMPLES_MAX).max(1);
        Self {
            started: Instant::now(),
            sampling,
            samples: Vec::new(),
            count: 0,
            bytes: 0,
            latency_total: 0,
            latency_max: 0,
            window: Window::new(),
            interval,
            is_steady,
            is_silent: false,
        }
    }

    /// Counts a record that was written; gives a line of progress when one is due.
    pub(super) fn record(&mut self, latency: Duration, bytes: usize) -> Option<String> {
        let latency = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        if self.count.is_multiple_of(self.sampling) {
            self.samples.push(latency);
        }
        self.count += 1;
        self.bytes += bytes as u64;
        self.latency_total += latency;
        self.latency_max = self.latency_max.max(latency);
        let window = &mut self.window;
        window.count += 1;
        window.bytes += bytes as u64;
        window.latency_total += latency;
        window.latency_max = window.latency_max.max(latency);
        if window.started.elapsed() < self.interval {
            return None;
        }
        let window = std::mem::replace(&mut self.window, Window::new());
        let seconds = window.started.elapsed().as_secs_f64();
        let line = format!(
            "{} records sent, {:.1} records/sec ({:.2} MB/sec), {:.1} ms avg latency, {:.1} ms max latency.",
            window.count,
            window.count as f64 / seconds,
            window.bytes as f64 / MEGABYTE / seconds,
            window.latency_total as f64 / window.count as f64,
            window.latency_max as f64,
        );
        Some(line).filter(|_| !self.is_silent)
    }

    /// The line at the end.
    pub(super) fn total(&mut self) -> String {
        self.total_after(self.started.elapsed())
    }

    fn total_after(&mut self, elapsed: Duration) -> String {
        self.samples.sort_unstable();
        let percentile = |share: f64| {
            let at = (share * self.samples.len() as f64) as usize;
            self.samples.get(at).copied().unwrap_or(self.latency_max)
        };
        let seconds = elapsed.as_secs_f64();
        format!(
            "{}{} records sent, {:.6} records/sec ({:.2} MB/sec), {:.2} ms avg latency, {:.2} ms max latency, \
             {} ms 50th, {} ms 95th, {} ms 99th, {} ms 99.9th.",
            self.count,
            if self.is_steady { " steady state" } else { "" },
            self.count as f64 / seconds,
            self.bytes as f64 / MEGABYTE / seconds,
            self.latency_total as f64 / self.count.max(1) as f64,
            self.latency_max as f64,
            percentile(0.5),
            percentile(0.95),
            percentile(0.99),
            percentile(0.999),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_kafkas() {
        let mut statistics = Statistics::new(1000, Duration::from_hours(1), true);
        for number in 0..1000u64 {
            let line = statistics.record(Duration::from_millis(number), 1024);
            assert_eq!(line, None, "no progress is due");
        }
        assert_eq!(
            statistics.total_after(Duration::from_secs(2)),
            "1000 steady state records sent, 500.000000 records/sec (0.49 MB/sec), 499.50 ms avg latency, \
             999.00 ms max latency, 500 ms 50th, 950 ms 95th, 990 ms 99th, 999 ms 99.9th."
        );
    }

    #[test]
    fn progress_is_told_when_it_is_due() {
        let mut statistics = Statistics::new(10, Duration::ZERO, false);
        let line = statistics.record(Duration::from_millis(3), 100).expect("due at once");
        assert!(line.starts_with("1 records sent, "), "{line}");
        assert!(line.ends_with(" MB/sec), 3.0 ms avg latency, 3.0 ms max latency."), "{line}");
        statistics.is_silent = true;
        assert_eq!(statistics.record(Duration::from_millis(3), 100), None);
    }
}
