//! A folder of logs: its lock, its checkpoints, and loading what it holds.
//!
//! # Layout
//! - `folder`: the folder itself; `checkpoints`: its checkpoint files
//! - `load`: listing the logs, and opening them; `journaled`: with what the journal has of them
//! - `moving`: copies of logs that move to another folder
mod checkpoints;
mod folder;
#[cfg(test)]
mod journal_tests;
mod journaled;
mod load;
mod moving;
#[cfg(test)]
mod tests;

pub use checkpoints::OffsetsByPartition;
pub use folder::LogDirectory;
pub use load::{Listing, LoadOptions, LoadedLogs};
pub use moving::{FutureLog, can_move};
