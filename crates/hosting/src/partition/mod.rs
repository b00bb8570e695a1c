//! One partition as this broker hosts it: its log, who leads it, and how far its replicas are.
//!
//! The log is behind one mutex, held for the time of an append or an index look-up and never across
//! an await; records are checked before the lock is taken and read after it is released.
//!
//! # Layout
//! - [`hosted`]: the partition and its state
//! - [`append`]: records in
//! - [`read`]: records out
//! - [`offsets`]: look-ups by time and epoch, DeleteRecords
//! - [`leadership`]: what the metadata says of the partition, followers, the high watermark
//! - [`future`]: the copy that grows while the partition moves to another directory
//! - [`flush`]: the thread that waits for the disk; [`journals`]: those behind `ottla.durability=fsync`
//! - [`cleaning`]: one compaction at a time
//! - [`settings`]: what a topic's configuration means for its partitions
//! - [`counters`]: what happened, for metrics
mod append;
mod cleaning;
mod counters;
mod flush;
mod future;
mod hosted;
#[cfg(test)]
mod journal_tests;
mod journals;
mod leadership;
mod offsets;
mod read;
mod settings;

pub use append::{Append, AppendFailure};
pub use counters::{Counters, Counts};
pub use future::FutureUsage;
pub use hosted::{Partition, Usage};
pub use offsets::{Deletion, OffsetQuery, timestamp};
pub use read::{Fetch, Fetched, PartitionRequest};
pub use settings::{SettingsSource, TopicSettings};

pub(crate) use cleaning::CleaningTurn;
pub(crate) use flush::Flusher;
pub(crate) use future::{Copied, CopyFailure, Promoted};
pub(crate) use hosted::{Identity, Services};
pub(crate) use journals::Journals;
pub(crate) use leadership::Assignment;
