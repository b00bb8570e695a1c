//! Tools that write and read records: the console's, those that measure, and those that other programs verify.
//!
//! One folder a verb; each has a `run` that takes its arguments.
//!
//! # Layout
//! - [`console_producer`], [`console_consumer`]: lines into topics, records onto the terminal
//! - [`producer_perf_test`], [`consumer_perf_test`]: how fast it goes
//! - [`verifiable_producer`], [`verifiable_consumer`]: every event told as JSON (`verifiable_events`,
//!   `verifiable_options`)
//! - `key_values`: properties on the command line
//! - `interrupt`: Ctrl-C ends a tool in good order
pub mod console_consumer;
pub mod console_producer;
pub mod consumer_perf_test;
mod interrupt;
mod key_values;
pub mod producer_perf_test;
pub mod verifiable_consumer;
mod verifiable_events;
mod verifiable_options;
pub mod verifiable_producer;
