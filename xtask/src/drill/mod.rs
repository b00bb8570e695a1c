//! `cargo xtask drill`: exactly once, by programs that nobody here wrote, while the node is killed.
//!
//! A program copies a topic in transactions, offsets and records together, while `kill -9` ends the
//! node every few seconds and it is started again at once. Afterwards input and `read_committed`
//! output are equal, record for record, and nothing that was acknowledged is missing from the input.

mod bell;
mod copier;
mod draw;
mod feed;
mod node;
mod round;
mod verdict;

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::conformance::{Clients, cache_folder};
use copier::Copier;
use round::{Ground, Plan};

/// The levels of `transaction.version` that a cluster can have.
const TRANSACTION_VERSIONS: [u8; 3] = [0, 1, 2];
/// Records a second that come in.
const RATE: u64 = 400;

/// Options of `cargo xtask drill`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How long each program copies while the node is killed
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Only these programs
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Copier>,
    /// Only these levels of transaction.version
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u8).range(0..=2))]
    versions: Vec<u8>,
    /// Records a second that come in
    #[arg(long, default_value_t = RATE)]
    rate: u64,
    /// Draws the moments at which the node is killed
    #[arg(long)]
    seed: Option<u64>,
    /// Drill this binary instead of target/release/ottla
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Leave directories and logs where they are
    #[arg(long)]
    keep: bool,
}

/// What the drills counted.
#[derive(Debug, Default)]
pub struct Outcome {
    pub passed: u64,
    pub failed: u64,
}

/// Runs the drills that were asked for, and fails if one of them did.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let outcome = judge(root, options)?;
    println!("{} passed, {} failed", outcome.passed, outcome.failed);
    if outcome.failed > 0 {
        bail!("{} drills failed", outcome.failed);
    }
    Ok(())
}

/// What continuous integration has time for: every program and every level once, a minute each.
pub fn judge_briefly(root: &Path) -> Result<Outcome> {
    let clients = Clients { root: root.to_owned(), cache: cache_folder()? };
    let ground = Ground::prepare(&clients, None, false)?;
    let seed = seed_of_now();
    let lasting = Duration::from_secs(60);
    let plans = Copier::ALL.into_iter().zip([2, 1, 0]).map(|(copier, transaction_version)| Plan {
        copier,
        transaction_version,
        lasting,
        rate: RATE,
        seed,
    });
    Ok(carry_out(&ground, plans))
}

fn judge(root: &Path, options: &Options) -> Result<Outcome> {
    let clients = Clients { root: root.to_owned(), cache: cache_folder()? };
    let ground = Ground::prepare(&clients, options.binary.as_deref(), options.keep)?;
    let seed = options.seed.unwrap_or_else(seed_of_now);
    let copiers = if options.only.is_empty() { &Copier::ALL[..] } else { &options.only };
    let versions =
        if options.versions.is_empty() { &TRANSACTION_VERSIONS[..] } else { &options.versions };
    let plans = versions.iter().flat_map(|version| {
        copiers.iter().map(|copier| Plan {
            copier: *copier,
            transaction_version: *version,
            lasting: Duration::from_secs_f64(options.minutes * 60.0),
            rate: options.rate,
            seed,
        })
    });
    Ok(carry_out(&ground, plans))
}

fn carry_out(ground: &Ground, plans: impl Iterator<Item = Plan>) -> Outcome {
    let mut outcome = Outcome::default();
    for plan in plans {
        match round::run(ground, &plan) {
            Ok(told) => {
                outcome.passed += 1;
                println!("ok      {plan}: {told}");
            }
            Err(error) => {
                outcome.failed += 1;
                println!("FAILED  {plan}, seed {}: {error:#}", plan.seed);
            }
        }
    }
    outcome
}

fn seed_of_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_secs() ^ u64::from(now.subsec_nanos())
}
