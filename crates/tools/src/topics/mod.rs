//! `ottla topics`: what `kafka-topics.sh` does.
//!
//! A command line that makes no sense is refused on standard error; work that fails is told on
//! standard output, with the exception on standard error, as Apache's tool does.
//!
//! # Layout
//! - `verb`: which action, and how its failure is told
//! - `declared`: the options, and which go together
//! - `change`: create, alter, delete
//! - `select`: list, and which topics an expression means
//! - `describe`: topics and their partitions

mod change;
mod declared;
mod describe;
mod select;
mod verb;

pub use verb::run;
