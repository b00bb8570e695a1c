//! Every partition that this node hosts.
//!
//! Look-ups take no lock and allocate nothing. What exists is decided by the metadata alone; logs that
//! were opened before the metadata is known wait here until it claims them.
//!
//! # Layout
//! - `hosted`: [`Partitions`], and the look-ups of requests
//! - `topics`: every hosted topic; `topic`: where the partitions of one are
//! - `loading`: opens the logs that were on disk at the start, beside everything else
//! - `reconcile`: creates, deletes and configures partitions as the metadata says; `creation`: many new
//!   logs, beside everything else; `deletion`: logs that go
//! - `maintenance`: what the node's timers call: retention, flushes, checkpoints; `ending`: every log is
//!   closed
//! - [`directories`]: how the log directories are, which one takes a new log, what follows when one fails
//! - `moves`: logs that move to another directory; [`Copiers`]: the threads that copy them
mod creation;
mod deletion;
mod directories;
mod ending;
mod hosted;
mod loading;
mod maintenance;
mod moves;
mod reconcile;
#[cfg(test)]
mod tests;
mod topic;
mod topics;

pub use directories::{DirectoryNews, Placement, assignment_request};
pub use hosted::{HostedDirectory, Hosting, LoadError, Partitions, World};
pub use loading::LoadingProgress;
pub use moves::Copiers;
pub use topic::HostedTopic;

pub(crate) use directories::{DirectoryStates, Seat};
pub(crate) use topic::Hosted;
