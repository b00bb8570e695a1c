//! The `ottla` binary: one file or folder a verb.
//!
//! Without a verb it starts a broker with embedded defaults. The launchers in `bin/` name a verb and
//! pass everything else on. A verb is a `run` that takes its arguments and a row in `verbs.rs`.
//!
//! # Layout
//! - `verbs`: the table, `ottla --help`
//! - `options`: command lines and help as Apache's tools have them
//! - `connect`, `output`: reaching a cluster, and saying what came of it

// The verbs that use all of this are on their way.
#![allow(dead_code, unused_imports)]

use std::process::ExitCode;

mod connect;
mod options;
mod output;
mod start;
mod verbs;

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    verbs::run(&arguments)
}
