//! What Ottla remembers: one partition's records on disk, in Kafka's layout.
//!
//! A [`Log`] has one owner, who wraps it in a mutex: appends and offset changes take `&mut`, reads
//! `&`, and what is slow (checking records before an append, reading a slice, waiting for the disk)
//! is handed out as values that work without the lock.
//!
//! # Layout
//! - [`log`]: one partition: append, read, roll, truncate, recover, retain
//! - [`append`]: checking records before they are appended
//! - `segment`: one file of records and its indexes
//! - [`producers`]: what idempotent and transactional producers wrote last
//! - [`epochs`]: where each leader epoch starts
//! - [`directory`]: a folder of logs: lock, checkpoints, loading
//! - [`checkpoint`]: Kafka's small text files
//! - `cleaner`: compaction
//!
//! Tests: `log/tests`, and a directory of Apache Kafka in `tests/golden/log`.
pub mod append;
pub mod checkpoint;
pub mod cleaner;
pub mod config;
pub mod directory;
pub mod epochs;
pub mod error;
#[cfg(test)]
mod fixture;
pub mod log;
mod names;
pub mod producers;
mod segment;

pub use append::{AppendOrigin, AppendPolicy, RecordError, Refusal, ValidatedBatches};
pub use cleaner::{
    Cleaned, CleanerMemory, CleanerStats, Compaction, CompactionNeed, FullSpeed, Pace,
};
pub use config::{BrokerCompression, CleanupPolicy, Durability, LogConfig};
pub use directory::{
    FutureLog, Listing, LoadOptions, LoadedLogs, LogDirectory, OffsetsByPartition, can_move,
};
pub use epochs::EpochEnd;
pub use error::{AppendError, Error, ReadError, Result};
pub use log::{
    AbortedTransaction, Appended, DOUBT_FILE, FileSlice, FlushedTo, Isolation, LeaderAppend, Log,
    LogRead, Offsets, OpenLog, PendingFlush, ReadOptions, RecoveryWatch, TimestampOffset,
    UnopenedLog,
};
pub use names::TopicPartition;
pub use ottla_journal::{Commit, Committed, Journal, JournalSize, JournalStats, LogKey, Replay};
pub use ottla_wire::records::TimestampType;
pub use ottla_world::Descriptors;
pub use producers::ActiveProducer;
pub use producers::verification::{Verification, VerificationGuard, Verifying};
