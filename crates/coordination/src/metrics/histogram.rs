//! Times in buckets: plain counters, so that noting one costs a few relaxed additions.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the time buckets, in microseconds.
const BUCKETS_US: [u64; 12] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000];

/// How many times there were, how long they were together, and how many were no longer than each bound.
#[derive(Debug, Default)]
pub struct Histogram {
    count: AtomicU64,
    total_us: AtomicU64,
    buckets: [AtomicU64; BUCKETS_US.len()],
}

impl Histogram {
    /// Notes one time.
    pub fn add(&self, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.total_us.fetch_add(took_us, Ordering::Relaxed);
        if let Some(at) = BUCKETS_US.iter().position(|bound| took_us <= *bound) {
            self.buckets[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Adds times of no length.
    pub fn add_nothing(&self, count: u64) {
        self.count.fetch_add(count, Ordering::Relaxed);
        self.buckets[0].fetch_add(count, Ordering::Relaxed);
    }

    /// Adds what another one holds.
    pub fn add_all(&self, other: &Histogram) {
        let add = |to: &AtomicU64, from: &AtomicU64| {
            to.fetch_add(from.load(Ordering::Relaxed), Ordering::Relaxed);
        };
        add(&self.count, &other.count);
        add(&self.total_us, &other.total_us);
        for (to, from) in self.buckets.iter().zip(&other.buckets) {
            add(to, from);
        }
    }

    /// Writes the series of `name`; `labels` are those of the series, without braces, and may be empty.
    pub fn write(&self, text: &mut String, name: &str, labels: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut below = 0;
        for (bound, bucket) in BUCKETS_US.iter().zip(&self.buckets) {
            below += bucket.load(Ordering::Relaxed);
            let bound = *bound as f64 / 1e6;
            let _ = writeln!(text, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {below}");
        }
        let count = self.count.load(Ordering::Relaxed);
        let total = self.total_us.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(text, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}");
        let braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = writeln!(text, "{name}_count{braces} {count}");
        let _ = writeln!(text, "{name}_sum{braces} {total}");
    }
}
