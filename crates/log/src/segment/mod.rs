//! One file of records and its indexes.
//!
//! # Layout
//! - `state`: what a segment is made of; `write`: its end
//! - `file`: opened when needed; `entries`: fixed-size entries, below both indexes
//! - `offset_index`, `time_index`, `transaction_index`: the three indexes
//! - `scan`: walking over batches; `search`: finding offsets and timestamps
//!
//! Both indexes are hints: a search that starts where an entry says checks what it finds there.
mod entries;
mod file;
mod offset_index;
mod scan;
mod search;
mod state;
mod time_index;
mod transaction_index;
mod write;

pub(crate) use file::{FileName, Home, LazyFile};
pub(crate) use scan::{Found, Located, Scan};
pub(crate) use search::{DECOMPRESSED_BYTES_MAX, Place, TimestampedRecord};
pub(crate) use state::{AppendedBatch, Segment};
pub(crate) use transaction_index::AbortedRange;
