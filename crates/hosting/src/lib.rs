//! Hosts a node's replicas on its log directories.
//!
//! What exists is decided by the metadata alone, which [`Partitions`] follow. A [`Partition`] takes records
//! in and gives them out; who asks, and in which message, is not known here.
//!
//! # Layout
//! - [`partition`]: one partition: its log, who leads it, how far its replicas are
//! - [`partitions`]: all that this node hosts: creation, deletion, failed directories, moves between them
//! - [`fetch_session`]: what fetchers asked of partitions, so that they need not ask it again
//! - [`waiters`]: long polls and `acks=all`, woken by appends
//! - [`cleaner`]: compacts logs
//! - `fixture`: partitions on a disk in memory, for tests

mod cleaner;
pub mod fetch_session;
mod partition;
mod partitions;
mod waiters;

#[cfg(any(test, feature = "fixture"))]
pub mod fixture;

pub use cleaner::{Cleaner, Report};
pub use partition::{
    Append, AppendFailure, Counters, Counts, Deletion, Fetch, Fetched, FutureUsage, OffsetQuery,
    Partition, PartitionRequest, SettingsSource, TopicSettings, Usage, timestamp,
};
pub use partitions::{
    Copiers, DirectoryNews, HostedDirectory, HostedTopic, Hosting, LoadError, LoadingProgress,
    Partitions, Placement, World, assignment_request,
};
pub use waiters::{Registration, Until, Waiter};
