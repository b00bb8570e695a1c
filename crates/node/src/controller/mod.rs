//! The controller in this process: a quorum of one.
//!
//! # Layout
//! - [`bootstrap`]: what a formatted directory asks a new cluster to begin with
//! - [`checkpoint`]: the bytes of the first snapshots; [`founding`]: who writes them where nobody formatted
//! - [`driver`]: the thread that owns the controller and its log
//! - [`reload`]: what follows when the log fails
//! - [`metadata_log`]: `__cluster_metadata-0` on disk
//! - `snapshot`: one snapshot as a file; `snapshots`: when they are written and how long kept
//! - `quorum_state`: the epoch that survives a restart; `describe_quorum`: what is told of the quorum
pub mod bootstrap;
pub mod checkpoint;
mod describe_quorum;
pub mod driver;
pub mod founding;
pub mod metadata_log;
mod quorum_state;
pub mod reload;
mod snapshot;
mod snapshots;

#[cfg(test)]
mod tests;

pub use driver::{ControllerHandle, Publish, start};
pub use metadata_log::{DIRECTORY as METADATA_LOG, LogError, MetadataLog};
pub use reload::Source;
