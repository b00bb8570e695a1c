//! The `ottla` binary: one file or folder a verb.
//!
//! Without a verb it starts a broker with embedded defaults. The launchers in `bin/` name a verb and
//! pass everything else on. A verb is a `run` that takes its arguments and a row in `verbs.rs`.
//!
//! # Layout
//! - `verbs`: the table, `ottla --help`
//! - `start`, `stop`, `storage`: a node of this machine
//! - `zookeeper`: what scripts of older Kafkas still call
//!
//! All other verbs are those of `ottla-tools` and `ottla-traffic`.

use std::process::ExitCode;

mod start;
mod stop;
mod storage;
mod verbs;
mod zookeeper;

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    verbs::run(&arguments)
}
