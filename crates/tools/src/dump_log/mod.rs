//! `ottla dump-log`: what lies in the files of a log directory, as `kafka-dump-log.sh` prints it.
//!
//! # Layout
//! - `segment`: segments and snapshots of the metadata log
//! - `index_files`: offset and time indexes
//! - `state_files`: producer snapshots and transaction indexes
//! - `decode`, `remote`: what records of internal topics say
//! - `batches`: reading a segment batch by batch
//! - `report`: settings of a run, and what it found wrong

mod batches;
mod decode;
mod index_files;
mod remote;
mod report;
mod segment;
mod state_files;
#[cfg(test)]
mod tests;
mod verb;

use report::{Findings, Settings, absolute, base_offset, beside, file_name, optional_long};
pub use verb::run;
