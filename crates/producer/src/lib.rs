//! Records on their way out: the producer.
//!
//! The caller's task adds records to batches; one task sends them. Between them stands the accumulator, whose
//! memory is bounded by `buffer.memory`: a caller that is too fast waits, at most `max.block.ms`.
//!
//! # Layout
//! - `producer`: what callers ask
//! - `accumulator`, `batch`: records by partition, and the order in which batches go (pure)
//! - `partitioner`, `sequences`, `judge`: where, under which numbers, and what an answer means (pure)
//! - `sender`, `link`: the task that sends, and its end at each broker
//! - `config`, `record`, `delivery`: what goes in and what comes out

mod accumulator;
mod batch;
mod config;
mod delivery;
mod judge;
mod link;
mod partitioner;
mod producer;
mod record;
mod sender;
mod sequences;

pub use config::{Acks, Partitioning, ProducerConfig};
pub use delivery::Delivery;
pub use producer::Producer;
pub use record::{ProducerRecord, RecordMetadata};
