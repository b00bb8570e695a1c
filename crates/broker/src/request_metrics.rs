//! How many requests of each API came, how long they took, how many ended the connection.
//!
//! Plain counters in one array: an answer costs a few relaxed additions.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ottla_wire::ApiKey;

use crate::reply::Outcome;

/// Upper bounds of the time buckets, in microseconds.
const BUCKETS_US: [u64; 12] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000];

#[derive(Debug, Default)]
struct Meter {
    count: AtomicU64,
    closed: AtomicU64,
    total_us: AtomicU64,
    response_bytes: AtomicU64,
    buckets: [AtomicU64; BUCKETS_US.len()],
}

/// The counters of every API.
#[derive(Debug)]
pub struct RequestMetrics {
    meters: Vec<Meter>,
}

impl Default for RequestMetrics {
    fn default() -> Self {
        let most = ApiKey::ALL.iter().map(|api| api.number()).max().unwrap_or(0);
        let count = usize::try_from(most).unwrap_or(0) + 1;
        Self { meters: std::iter::repeat_with(Meter::default).take(count).collect() }
    }
}

impl RequestMetrics {
    /// Counts one answer.
    pub(crate) fn answered(&self, api: ApiKey, took: Duration, outcome: &Outcome) {
        let Some(meter) = usize::try_from(api.number()).ok().and_then(|at| self.meters.get(at))
        else {
            return;
        };
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        meter.count.fetch_add(1, Ordering::Relaxed);
        meter.total_us.fetch_add(took_us, Ordering::Relaxed);
        if let Some(at) = BUCKETS_US.iter().position(|bound| took_us <= *bound) {
            meter.buckets[at].fetch_add(1, Ordering::Relaxed);
        }
        match outcome {
            Outcome::Reply { size, .. } => {
                meter.response_bytes.fetch_add(u64::from(*size), Ordering::Relaxed);
            }
            Outcome::Close(_) => {
                meter.closed.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Silent => {}
        }
    }

    /// Writes the counters in the OpenMetrics text format, APIs without requests left out.
    pub fn write(&self, text: &mut String) {
        let seen: Vec<(&ApiKey, &Meter)> = ApiKey::ALL
            .iter()
            .filter_map(|api| Some((api, self.meters.get(usize::try_from(api.number()).ok()?)?)))
            .filter(|(_, meter)| meter.count.load(Ordering::Relaxed) > 0)
            .collect();
        let mut counter = |name: &str, help: &str, value: fn(&Meter) -> u64| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
            for (api, meter) in &seen {
                let _ = writeln!(text, "{name}_total{{request=\"{api}\"}} {}", value(meter));
            }
        };
        counter("kafka_network_requests", "Requests answered.", |meter| {
            meter.count.load(Ordering::Relaxed)
        });
        counter(
            "kafka_network_requests_closed",
            "Requests that ended their connection.",
            |meter| meter.closed.load(Ordering::Relaxed),
        );
        counter("kafka_network_response_bytes", "Bytes of responses.", |meter| {
            meter.response_bytes.load(Ordering::Relaxed)
        });
        let name = "kafka_network_request_total_time_seconds";
        let _ = writeln!(
            text,
            "# HELP {name} Time from a request's arrival to its answer, waiting included.\n\
             # TYPE {name} histogram"
        );
        for (api, meter) in &seen {
            let mut below = 0;
            for (bound, bucket) in BUCKETS_US.iter().zip(&meter.buckets) {
                below += bucket.load(Ordering::Relaxed);
                let bound = *bound as f64 / 1e6;
                let _ = writeln!(text, "{name}_bucket{{request=\"{api}\",le=\"{bound}\"}} {below}");
            }
            let count = meter.count.load(Ordering::Relaxed);
            let total = meter.total_us.load(Ordering::Relaxed) as f64 / 1e6;
            let _ = writeln!(text, "{name}_bucket{{request=\"{api}\",le=\"+Inf\"}} {count}");
            let _ = writeln!(text, "{name}_count{{request=\"{api}\"}} {count}");
            let _ = writeln!(text, "{name}_sum{{request=\"{api}\"}} {total}");
        }
    }
}
