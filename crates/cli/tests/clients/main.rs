//! Clients against the real binary: the library's consumer, and the console tools beside what Apache's printed.
//!
//! # Layout
//! - `node`: the process
//! - `consumer`, `group`, `consumer_protocol`: the library
//! - `explained`: what our brokers tell of groups beyond the protocol
//! - `console`: `ottla console-producer` and `ottla console-consumer`, by the cases in `tests/golden/cli/console`
//! - `tools`: what looks after a cluster, by the cases in `tests/golden/cli/cluster`

mod console;
mod consumer;
mod consumer_protocol;
mod explained;
mod group;
mod node;
mod tools;
