//! The machine we run on.
mod disk;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use disk::RealDisk;

use crate::{Clock, Random};

/// The system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    pub fn new() -> SystemClock {
        SystemClock { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        milliseconds_since_epoch(SystemTime::now())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Milliseconds since the Unix epoch, negative before it.
fn milliseconds_since_epoch(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    }
}

/// The operating system's random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes once it has booted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_and_random_are_alive() {
        let clock = SystemClock::new();
        assert!(clock.now_ms() > 1_600_000_000_000);
        let before = clock.monotonic();
        assert!(clock.monotonic() >= before);
        assert_ne!(OsRandom.next_u64(), OsRandom.next_u64());
        assert!(OsRandom.below(3) < 3);
    }

    #[test]
    fn times_before_the_epoch_are_negative() {
        let before = UNIX_EPOCH - Duration::from_millis(5);
        assert_eq!(milliseconds_since_epoch(before), -5);
    }
}
