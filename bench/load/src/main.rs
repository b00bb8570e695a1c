//! `ottla-load`: load for benchmarks, for any Kafka cluster of one node.
//!
//! Requests are built once and patched, so that the generator is not what is measured. Each verb
//! prints one line of JSON. Latencies count from the moment a request was due, not from the moment
//! it could be sent.
//!
//! # Layout
//! - `peer`: a blocking connection that sends one request and reads its answer
//! - `template`: a produce request that is patched instead of built anew
//! - `lanes`: many connections, watched together
//! - `pace`: requests at a fixed rate
//! - `produce`: as fast as answers come, or at a fixed rate
//! - `consume`: fetches behind a producer, and how old the records are when they arrive
//! - `topics`: creating topics, and waiting until every partition acknowledges
//! - `membership`: coordinators are found, groups joined
//! - `heartbeat`, `gather`, `offsets`: what coordinators do, remember and load

mod consume;
mod gather;
mod heartbeat;
mod lanes;
mod membership;
mod offsets;
mod pace;
mod peer;
mod produce;
mod template;
mod topics;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Load for benchmarks
#[derive(Debug, Parser)]
#[command(name = "ottla-load")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Wait for a server and say when it acknowledged its first record
    FirstAck(topics::FirstAck),
    /// Create a topic
    Create(topics::Create),
    /// Delete a topic
    Delete(topics::Delete),
    /// Produce one record to every partition, until all are acknowledged
    AckAll(topics::AckAll),
    /// Produce
    Produce(produce::Options),
    /// Fetch behind a producer
    Consume(consume::Options),
    /// Join groups, one member each
    Join(heartbeat::Joining),
    /// Send the heartbeats of members that have joined
    Beat(heartbeat::Beating),
    /// Make groups and open transactions
    Gather(gather::Options),
    /// Commit offsets of many groups of one partition
    Commit(offsets::Committing),
    /// Wait until a group's offsets are loaded
    AwaitOffsets(offsets::Awaiting),
}

fn main() -> ExitCode {
    match run(Arguments::parse().verb) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<serde_json::Value> {
    match verb {
        Verb::FirstAck(options) => topics::first_ack(&options),
        Verb::Create(options) => topics::create(&options),
        Verb::Delete(options) => topics::delete(&options),
        Verb::AckAll(options) => topics::ack_all(&options),
        Verb::Produce(options) => produce::run(&options),
        Verb::Consume(options) => consume::run(&options),
        Verb::Join(options) => heartbeat::join_all(&options),
        Verb::Beat(options) => heartbeat::beat(&options),
        Verb::Gather(options) => gather::run(&options),
        Verb::Commit(options) => offsets::commit(&options),
        Verb::AwaitOffsets(options) => offsets::wait(&options),
    }
}
