//! Records on their way in: the consumer.
//!
//! Everything a consumer decides happens inside the caller's `poll`; tasks do what takes time (asking brokers,
//! joining, committing) and report through one queue. A dropped `poll` loses nothing.
//!
//! # Layout
//! - `client`, `polling`, `commits`: the consumer: what callers ask, and what a poll does
//! - `rebalance`: subscribing, and what comes and goes with it
//! - `positions`, `offsets`: where each partition is read, and finding that out
//! - `fetcher`, `session`, `fetched`: asking brokers, and reading what they sent
//! - `group`, `assignors`: membership, and who gets what
//! - `config`, `record`: what goes in and what comes out

mod assignors;
mod client;
mod commits;
mod config;
mod fetched;
mod fetcher;
mod group;
mod offsets;
mod polling;
mod positions;
mod rebalance;
mod record;
mod session;

pub use assignors::Assignor;
pub use client::Consumer;
pub use commits::Commit;
pub use config::{ConsumerConfig, GroupProtocol, OffsetReset};
pub use group::GroupMetadata;
pub use rebalance::RebalanceListener;
pub use record::ConsumerRecord;

use client::Event;
