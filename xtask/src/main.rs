//! The project's own commands: `cargo xtask <verb>`, one module a verb.

mod bench;
mod conformance;
mod differ;
mod docs;
mod drill;
mod generate;
mod nginx;
mod sim;
mod test;
mod tidy;

use clap::{Parser, Subcommand};
use std::path::Path;
use std::process::ExitCode;

/// The project's own commands
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Generate the protocol's messages from Kafka's definitions
    Gen(generate::Options),
    /// Judge a fresh server through real clients
    Conformance(conformance::Options),
    /// Ask Apache Kafka and Ottla the same, and compare their answers
    Differ(differ::Options),
    /// Copy a topic exactly once, by programs of others, while the node is killed
    Drill(drill::Options),
    /// Measure Ottla beside Apache Kafka
    Bench(bench::Options),
    /// Write the pages that are made from the code
    Docs,
    /// Check arrows, sizes, names and purity
    Tidy,
    /// Send an access log through the classic commands, with kill -9 on the way
    Nginx,
    /// Crash logs on a simulated disk, from seeds
    Sim(sim::Options),
    /// Check everything: format, lints, tests, real clients
    Test(test::Options),
}

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in the workspace");
    let outcome = match Arguments::parse().verb {
        Verb::Gen(options) => generate::run(root, &options),
        Verb::Conformance(options) => conformance::run(root, &options),
        Verb::Differ(options) => differ::run(root, &options),
        Verb::Drill(options) => drill::run(root, &options),
        Verb::Bench(options) => bench::run(root, &options),
        Verb::Docs => docs::run(root),
        Verb::Tidy => tidy::run(root),
        Verb::Nginx => nginx::run(root),
        Verb::Sim(options) => sim::run(root, &options),
        Verb::Test(options) => test::run(root, &options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
