//! `ottla consumer-groups`: consumer groups and their offsets, as `kafka-consumer-groups.sh` shows and changes them.
//!
//! # Layout
//! - `verb`: from the command line to an action
//! - `options`: the options, and which of them go together
//! - `list`, `describe`, `reset`, `delete`: the actions
//! - `tables`, `explained`: what `describe` prints, of Kafka's and of our own
//! - `csv`: offsets in files
//! - `failure`: what goes wrong, in the words of Kafka's tool

mod csv;
mod delete;
mod describe;
mod explained;
mod failure;
mod list;
mod moment;
mod options;
mod partitions;
mod reset;
mod tables;
mod verb;

pub use verb::run;
