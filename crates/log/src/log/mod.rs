//! One partition's records.
//!
//! # Layout
//! - `state`: what a log is made of
//! - `open`: loading and recovering; `replay`: producers from batches
//! - `append`: writing; `recent`: the batches written last; `read`: finding
//! - `offsets`: high watermark, last stable offset, log start, epochs, timestamps
//! - `roll`: new segments; `retention`: old ones; `truncate`: the end cut off
//! - `compact`: what the cleaner needs; `identity`: `partition.metadata`
//! - `durability`: waiting for the disk, the journal, and what may not have been kept
mod append;
mod compact;
mod durability;
mod identity;
mod offsets;
mod open;
mod read;
mod recent;
mod replay;
mod retention;
mod roll;
mod state;
#[cfg(test)]
mod tests;
mod truncate;

pub use append::{Appended, LeaderAppend};
pub use durability::{DOUBT_FILE, FlushedTo, PendingFlush};
pub use offsets::{Offsets, TimestampOffset};
pub use open::{OpenLog, RecoveryWatch, UnopenedLog};
pub use read::{AbortedTransaction, FileSlice, Isolation, LogRead, ReadOptions};
pub use state::Log;
