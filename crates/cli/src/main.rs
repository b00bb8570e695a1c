//! The `ottla` binary: one file or folder a verb.
//!
//! Without a verb it starts a broker with embedded defaults. The launchers in `bin/` name a verb and
//! pass everything else on. A verb is a `run` that takes its arguments and a row in `verbs.rs`.
//!
//! # Layout
//! - `verbs`: the table, `ottla --help`
//! - `options`: command lines and help as Apache's tools have them
//! - `old_options`: what scripts of older Kafkas still say
//! - `connect`, `output`, `failure`: reaching a cluster, and saying what came of it
//! - `topic_filter`, `hash_order`: choosing topics, and the order in which Java lists them

// The verbs that use all of this are on their way.
#![allow(dead_code, unused_imports)]

use std::process::ExitCode;

mod connect;
mod failure;
mod hash_order;
mod old_options;
mod options;
mod output;
mod start;
mod topic_filter;
mod topics;
mod verbs;

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    verbs::run(&arguments)
}
