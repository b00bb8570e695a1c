//! `ottla-sim`: runs seeds and tells what they found. `cargo xtask sim` calls it.
use std::process::ExitCode;
use std::thread::available_parallelism;

use clap::{Parser, ValueEnum};
use ottla_log::Durability;
use ottla_sim::seeds::{Seeds, run_seeds};

/// Crash logs on a simulated disk, and see what they have kept
#[derive(Debug, Parser)]
#[command(name = "ottla-sim")]
struct Arguments {
    /// How many seeds to run
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Run this seed alone
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// What an acknowledgement promises
    #[arg(long, value_enum, default_value_t)]
    durability: Promised,
    /// How many threads to run them on [default: one for each processor]
    #[arg(long)]
    threads: Option<usize>,
    /// How many findings are enough
    #[arg(long, default_value_t = 10)]
    findings: usize,
}

/// `ottla.durability`
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Promised {
    /// The process may be killed
    #[default]
    Os,
    /// The power may be lost
    Fsync,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (from, count) = match arguments.seed {
        Some(seed) => (seed, 1),
        None => (arguments.from, arguments.seeds),
    };
    if count == 1 {
        // One seed alone is looked at: what the log says belongs to it.
        tracing_subscriber::fmt().with_writer(std::io::stderr).without_time().init();
    }
    let threads = arguments
        .threads
        .unwrap_or_else(|| available_parallelism().map_or(1, std::num::NonZero::get));
    let begun = std::time::Instant::now();
    let (durability, name) = match arguments.durability {
        Promised::Os => (Durability::Os, "os"),
        Promised::Fsync => (Durability::Fsync, "fsync"),
    };
    let findings_max = arguments.findings;
    let tally =
        run_seeds(Seeds { first: from, count, durability, threads, findings_max }, &|finding| {
            println!(
                "{}\n  repeat with: cargo xtask sim --durability {name} --seed {}",
                finding.detail, finding.seed
            );
        });
    let total = tally.total;
    println!(
        "{} seeds in {:.1} s: {} disk operations, {} batches, {} power losses, {} kills, \
         {} orderly ends, {} compactions, {} commits of the journal; {} findings",
        tally.seeds,
        begun.elapsed().as_secs_f64(),
        total.operations,
        total.batches,
        total.crashes,
        total.kills,
        total.closes,
        total.cleanings,
        total.commits,
        tally.findings.len()
    );
    if tally.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
