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
//! - `topic_filter`, `java_order`: choosing topics, and the order in which Java lists them

use std::process::ExitCode;

mod broker_api_versions;
mod cluster;
mod configs;
mod connect;
mod console_consumer;
mod console_producer;
mod consumer_groups;
mod consumer_perf_test;
mod delete_records;
mod dump_log;
mod failure;
mod features;
mod get_offsets;
mod groups;
mod interrupt;
mod java_order;
mod key_values;
mod log_dirs;
mod message_json;
mod moment;
mod old_options;
mod options;
mod output;
mod producer_perf_test;
mod re2;
mod start;
mod stop;
mod storage;
mod topic_filter;
mod topics;
mod transactions;
mod verbs;
mod verifiable_consumer;
mod verifiable_events;
mod verifiable_producer;
mod zookeeper;

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    verbs::run(&arguments)
}
