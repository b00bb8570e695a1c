//! `ottla transactions`: finds transactions, and ends those that hang, as `kafka-transactions.sh` does.
//!
//! # Layout
//! - `verb`: from the command line to an action
//! - `declared`: the commands and their flags
//! - `show`: listing and describing
//! - `hanging`: finding transactions that nobody will end, and ending them

mod declared;
mod hanging;
mod show;
mod verb;

pub use verb::run;
use verb::{because, failed, now_ms};
