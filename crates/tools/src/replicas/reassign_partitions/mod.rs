//! `ottla reassign-partitions`: what `kafka-reassign-partitions.sh` does.
//!
//! # Layout
//! - `declared`: the options, and which go together
//! - `verb`: which action
//! - `plan`: the files: what is to move where
//! - `assignment`: a proposal for where replicas could lie; `generate`: making and telling it
//! - `execute`: starting and cancelling moves; `verify`: how far they are
//! - `throttle`: limits while replicas move
//! - `trouble`: how this tool tells what went wrong

mod assignment;
mod declared;
mod execute;
mod generate;
mod plan;
mod throttle;
mod trouble;
mod verb;
mod verify;

pub use verb::run;
