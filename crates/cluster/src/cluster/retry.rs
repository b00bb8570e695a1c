//! How often an operation is attempted, and how long is waited in between.

use std::sync::Arc;
use std::time::Duration;

use ottla_world::Random;
use tokio::time::Instant;

use crate::error::Error;

/// Waiting times that double up to a limit, a fifth more or less by chance (KIP-580). Pure.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    limit: Duration,
}

impl Backoff {
    /// From `first` up to `limit`.
    pub fn new(first: Duration, limit: Duration) -> Self {
        Self { first: first.min(limit), limit }
    }

    /// How long to wait after `failures` failures; `chance` is any number.
    pub fn after(&self, failures: u32, chance: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(30);
        let exact = self.first.saturating_mul(1 << doublings).min(self.limit);
        // Between 0.8 and 1.2, in thousandths.
        let factor = 800 + (chance % 401) as u32;
        (exact * factor / 1000).min(self.limit)
    }
}

/// The attempts of one operation.
pub struct Retry {
    operation: String,
    started: Instant,
    limit: Duration,
    left: u32,
    failures: u32,
    backoff: Backoff,
    random: Arc<dyn Random>,
}

impl Retry {
    pub(super) fn new(
        operation: &str,
        limit: Duration,
        retries: u32,
        backoff: Backoff,
        random: Arc<dyn Random>,
    ) -> Self {
        let operation = operation.to_owned();
        Self {
            operation,
            started: Instant::now(),
            limit,
            left: retries,
            failures: 0,
            backoff,
            random,
        }
    }

    /// Time that is left.
    pub fn remaining(&self) -> Duration {
        self.limit.saturating_sub(self.started.elapsed())
    }

    /// Waits before the next attempt; or, when `error` is final or time is up, hands back what to tell the caller.
    pub async fn again(&mut self, error: Error) -> Result<(), Error> {
        if error.is_retriable() { self.pause(error).await } else { Err(error) }
    }

    /// As [`again`](Self::again), for an error of which only the caller knows that it may pass.
    pub async fn pause(&mut self, error: Error) -> Result<(), Error> {
        if self.left == 0 {
            return Err(error);
        }
        self.left -= 1;
        self.failures += 1;
        let pause = self.backoff.after(self.failures, self.random.next_u64());
        if pause >= self.remaining() {
            return Err(Error::Timeout {
                operation: self.operation.clone(),
                timeout_ms: u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX),
                last: Some(Box::new(error)),
            });
        }
        // One that is only starting is not worth a word; one that is not there is, now and then.
        let is_unreachable = matches!(error, Error::Connect { .. } | Error::ConnectTimeout { .. });
        if is_unreachable && self.failures >= 4 && self.failures.is_power_of_two() {
            tracing::warn!(operation = %self.operation, "{error}; trying again");
        }
        tracing::debug!(operation = %self.operation, %error, ?pause, "trying again");
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_doubles_up_to_the_limit() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        // failures, chance, milliseconds
        let cases = [
            (1, 200, 100),
            (2, 200, 200),
            (3, 0, 320),
            (3, 400, 480),
            (5, 200, 1000),
            (99, 400, 1000),
        ];
        for (failures, chance, millis) in cases {
            assert_eq!(backoff.after(failures, chance), Duration::from_millis(millis));
        }
    }
}
