//! `ottla storage`: what `kafka-storage.sh` does.
//!
//! What it formats, Ottla starts on and Apache Kafka too. A node formats a new directory by itself:
//! this tool is for those who choose the cluster's id, its features or its voters.
//!
//! # Layout
//! - `verb`: which subcommand; `directories`: what a node has
//! - `declared`: subcommands and their arguments
//! - `format`: writing directories
//! - `voters`: the quorum that a cluster begins with
//! - `info`: what directories hold

mod declared;
mod directories;
mod format;
mod info;
mod verb;
mod voters;

pub(crate) use verb::run;
