//! Incremental fetch sessions (KIP-227).
//!
//! A fetcher that names the same partitions over and over sends them once; from then on it sends
//! what changed and gets what changed. Pure: time and ids come in from outside.
//!
//! # Layout
//! - [`session`]: the partitions of one session and what the fetcher was last told of each
//! - [`cache`]: all sessions, their number bounded, the least useful evicted
//! - [`context`]: one request: full, incremental or without a session

pub mod cache;
pub mod context;
pub mod session;

pub use cache::FetchSessions;
pub use context::{Opened, SessionRequest};
pub use session::{PartitionKey, Told, TopicKey};

/// "No session" on the wire.
pub const NO_SESSION: i32 = 0;
/// The epoch of a request that asks for a new session.
pub const INITIAL_EPOCH: i32 = 0;
/// The epoch of a request that wants no session, or closes its own.
pub const FINAL_EPOCH: i32 = -1;

/// The epoch after `epoch`; it wraps to 1 and never meets [`INITIAL_EPOCH`] again.
#[must_use]
pub const fn next_epoch(epoch: i32) -> i32 {
    match epoch {
        i32::MIN..0 => FINAL_EPOCH,
        i32::MAX => 1,
        _ => epoch + 1,
    }
}

#[cfg(test)]
mod tests;
