//! `log.cleaner.io.max.bytes.per.second`: what is read and written, held to a rate on average.

use std::time::Duration;

/// Rates are looked at over spans of this length at least.
const SPAN: Duration = Duration::from_millis(300);

/// Counts bytes over a span and tells how long to rest.
#[derive(Debug)]
pub(crate) struct Throttle {
    begun: Duration,
    bytes: u64,
}

impl Throttle {
    pub(crate) fn new(now: Duration) -> Self {
        Self { begun: now, bytes: 0 }
    }

    /// Notes bytes; returns how long to rest so that the span keeps to `bytes_per_second_max`.
    pub(crate) fn spend(
        &mut self,
        bytes: u64,
        bytes_per_second_max: f64,
        now: Duration,
    ) -> Duration {
        self.bytes = self.bytes.saturating_add(bytes);
        let passed = now.saturating_sub(self.begun);
        let needed = self.bytes as f64 / bytes_per_second_max.max(f64::MIN_POSITIVE);
        let needed = Duration::try_from_secs_f64(needed).unwrap_or(Duration::MAX);
        let rest = needed.saturating_sub(passed);
        if passed < SPAN && rest < SPAN {
            return Duration::ZERO;
        }
        self.begun = now.saturating_add(rest);
        self.bytes = 0;
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_over_many_spans() {
        let mut now = Duration::ZERO;
        let mut throttle = Throttle::new(now);
        for _ in 0..1000 {
            now += Duration::from_millis(1);
            now += throttle.spend(10_000, 100_000.0, now);
        }
        // 10 MB at 100 kB a second.
        assert!((99.0..101.0).contains(&now.as_secs_f64()), "{now:?}");
    }

    #[test]
    fn without_a_limit_nobody_rests() {
        let mut throttle = Throttle::new(Duration::ZERO);
        for millis in 0..1000 {
            let rest = throttle.spend(1 << 40, f64::MAX, Duration::from_millis(millis));
            assert_eq!(rest, Duration::ZERO);
        }
    }

    #[test]
    fn one_large_batch_is_paid_for_at_once() {
        let mut throttle = Throttle::new(Duration::ZERO);
        assert_eq!(throttle.spend(10_000, 1000.0, Duration::ZERO), Duration::from_secs(10));
    }
}
