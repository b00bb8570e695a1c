//! Time as an input: wall milliseconds as Kafka timestamps, and a monotonic clock for waiting.
use std::time::Duration;

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch: Kafka's timestamp. May jump.
    fn now_ms(&self) -> i64;

    /// Time since some fixed moment in this process. Never goes back.
    fn monotonic(&self) -> Duration;
}
