//! How many requests of each API came, how long each phase of them took, how many ended the connection.
//!
//! Kafka's phases: *queue* until a request's turn came, *local* while the broker worked on it, *remote*
//! while it waited for others (a long poll, a commit), *throttle* while it was held back, *response queue*
//! and *send* on its way out. Plain counters, each thread's its own: a phase costs a few relaxed additions.

use std::fmt::Write as _;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ottla_coordination::metrics::Histogram;
use ottla_wire::ApiKey;
use ottla_world::Clock;

use super::shards::{Gauge, Shards};
use crate::request::{Answer, Outcome};

/// A phase of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Total,
    Queue,
    Local,
    Remote,
    Throttle,
    ResponseQueue,
    Send,
}

impl Phase {
    const ALL: [Self; 7] = [
        Self::Total,
        Self::Queue,
        Self::Local,
        Self::Remote,
        Self::Throttle,
        Self::ResponseQueue,
        Self::Send,
    ];

    /// The metric's name, after Kafka's `RequestMetrics`.
    const fn name(self) -> &'static str {
        match self {
            Self::Total => "kafka_network_request_total_time_seconds",
            Self::Queue => "kafka_network_request_queue_time_seconds",
            Self::Local => "kafka_network_request_local_time_seconds",
            Self::Remote => "kafka_network_request_remote_time_seconds",
            Self::Throttle => "kafka_network_request_throttle_time_seconds",
            Self::ResponseQueue => "kafka_network_response_queue_time_seconds",
            Self::Send => "kafka_network_response_send_time_seconds",
        }
    }

    const fn help(self) -> &'static str {
        match self {
            Self::Total => "Time from a request's turn to its answer, waiting included.",
            Self::Queue => "Time from a request's arrival to its turn.",
            Self::Local => "Time the broker worked on a request.",
            Self::Remote => "Time a request waited for records, members or replicas.",
            Self::Throttle => "Time a request was held back for a quota.",
            Self::ResponseQueue => "Time from an answer to its turn to be sent.",
            Self::Send => "Time an answer took to be sent.",
        }
    }
}

/// The counters of one API.
#[derive(Debug, Default)]
struct Meter {
    count: AtomicU64,
    closed: AtomicU64,
    response_bytes: AtomicU64,
    phases: [Histogram; Phase::ALL.len()],
}

impl Meter {
    fn note(&self, phase: Phase, took: Duration) {
        self.phases[phase as usize].add(took);
    }

    /// Adds what others counted.
    fn sum<'a>(shards: impl Iterator<Item = &'a Meter>) -> Meter {
        let sum = Meter::default();
        let add = |to: &AtomicU64, from: &AtomicU64| {
            to.fetch_add(from.load(Ordering::Relaxed), Ordering::Relaxed);
        };
        for shard in shards {
            add(&sum.count, &shard.count);
            add(&sum.closed, &shard.closed);
            add(&sum.response_bytes, &shard.response_bytes);
            for (to, from) in sum.phases.iter().zip(&shard.phases) {
                to.add_all(from);
            }
        }
        sum
    }
}

/// The counters of every API.
#[derive(Debug)]
pub struct RequestMetrics {
    meters: Vec<Shards<Meter>>,
    /// Requests that are being answered.
    at_work: Arc<Gauge>,
}

impl Default for RequestMetrics {
    fn default() -> Self {
        let most = ApiKey::ALL.iter().map(|api| api.number()).max().unwrap_or(0);
        let count = usize::try_from(most).unwrap_or(0) + 1;
        let meters = std::iter::repeat_with(Shards::default).take(count).collect();
        Self { meters, at_work: Arc::default() }
    }
}

/// Counts a request as being answered, until it is dropped.
#[derive(Debug)]
pub(crate) struct AtWork<Counter: Deref<Target = Gauge> = Arc<Gauge>>(Counter);

impl<Counter: Deref<Target = Gauge>> AtWork<Counter> {
    fn among(counter: Counter) -> AtWork<Counter> {
        counter.up();
        AtWork(counter)
    }
}

impl<Counter: Deref<Target = Gauge>> Drop for AtWork<Counter> {
    fn drop(&mut self) {
        self.0.down();
    }
}

/// What a request has taken before its answer was known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// When its turn came.
    begun: Duration,
    /// Work so far.
    local: Duration,
}

impl RequestMetrics {
    /// Has a request answered, and notes how long it was worked on and how long it waited.
    pub(crate) async fn timed(
        &self,
        api: ApiKey,
        clock: &dyn Clock,
        mut answer: Pin<&mut impl Future<Output = Answer>>,
    ) -> Answer {
        let _at_work = AtWork::among(&*self.at_work);
        let begun = clock.monotonic();
        let mut local = Duration::ZERO;
        let mut polled = begun;
        let mut answer = std::future::poll_fn(|context| {
            let woken = if local.is_zero() { begun } else { clock.monotonic() };
            let state = answer.as_mut().poll(context);
            polled = clock.monotonic();
            local += polled.saturating_sub(woken).max(Duration::from_nanos(1));
            state
        })
        .await;
        let spent = Spent { begun, local };
        match &mut answer {
            Answer::Now(outcome) => self.answered(api, spent, polled, outcome),
            Answer::Later(pending) => {
                pending.goes_on(spent, AtWork::among(Arc::clone(&self.at_work)));
            }
        }
        answer
    }

    /// Notes a request whose answer is known, at `now`.
    pub(crate) fn answered(&self, api: ApiKey, spent: Spent, now: Duration, outcome: &Outcome) {
        let Some(meter) = self.meter(api.number()) else { return };
        let total = now.saturating_sub(spent.begun);
        meter.note(Phase::Total, total);
        meter.note(Phase::Local, spent.local.min(total));
        meter.note(Phase::Remote, total.saturating_sub(spent.local));
        meter.count.fetch_add(1, Ordering::Relaxed);
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

    /// Notes a phase of a request, by its API's number. Unknown numbers are nobody's.
    pub fn add(&self, api: i16, phase: Phase, took: Duration) {
        if let Some(meter) = self.meter(api) {
            meter.note(phase, took);
        }
    }

    fn meter(&self, api: i16) -> Option<&Meter> {
        let meters = usize::try_from(api).ok().and_then(|at| self.meters.get(at))?;
        Some(meters.own())
    }

    /// Writes the counters in the OpenMetrics text format, APIs without requests left out.
    pub fn write(&self, text: &mut String) {
        let sum = |api: &ApiKey| {
            let shards = self.meters.get(usize::try_from(api.number()).ok()?)?;
            Some((*api, Meter::sum(shards.each())))
        };
        let sums = ApiKey::ALL.iter().filter_map(sum);
        let seen: Vec<(ApiKey, Meter)> =
            sums.filter(|(_, meter)| meter.count.load(Ordering::Relaxed) > 0).collect();
        for (_, meter) in &seen {
            // There are no quotas: nobody was held back.
            let count = meter.count.load(Ordering::Relaxed);
            meter.phases[Phase::Throttle as usize].add_nothing(count);
        }
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
        let name = "kafka_network_requestchannel_requestqueuesize";
        let _ = writeln!(
            text,
            "# HELP {name} Requests that are being answered.\n# TYPE {name} gauge\n{name} {}",
            self.at_work.value()
        );
        for phase in Phase::ALL {
            let name = phase.name();
            let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} histogram", phase.help());
            for (api, meter) in &seen {
                meter.phases[phase as usize].write(text, name, &format!("request=\"{api}\""));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use ottla_world::memory::ManualClock;

    use super::*;

    fn value(text: &str, line: &str) -> f64 {
        let found = text.lines().find_map(|each| each.strip_prefix(line));
        let found = found.unwrap_or_else(|| panic!("{line} is not in\n{text}"));
        found.trim().parse().expect("a number")
    }

    #[tokio::test]
    async fn work_and_waiting_are_told_apart() {
        let metrics = RequestMetrics::default();
        let clock = ManualClock::new(0);
        let answer = pin!(async {
            clock.advance(Duration::from_millis(3));
            tokio::task::yield_now().await;
            clock.advance(Duration::from_millis(4));
            Answer::Now(Outcome::Silent)
        });
        let passing = async { clock.advance(Duration::from_millis(20)) };
        tokio::join!(metrics.timed(ApiKey::Fetch, &clock, answer), passing);
        metrics.add(1, Phase::Send, Duration::from_millis(2));
        metrics.add(-1, Phase::Send, Duration::from_millis(2));
        let mut text = String::new();
        metrics.write(&mut text);
        for (phase, seconds) in
            [("total", 0.027), ("local", 0.007), ("remote", 0.02), ("throttle", 0.0)]
        {
            let line =
                format!("kafka_network_request_{phase}_time_seconds_sum{{request=\"Fetch\"}}");
            assert!((value(&text, &line) - seconds).abs() < 0.0001, "{phase}: {text}");
        }
        let sent = "kafka_network_response_send_time_seconds_sum{request=\"Fetch\"}";
        assert!((value(&text, sent) - 0.002).abs() < 0.0001);
        assert!(value(&text, "kafka_network_requestchannel_requestqueuesize ").abs() < 0.1);
    }
}
