//! `cargo xtask differ`: the same requests to Apache Kafka and to Ottla, answer against answer.
//!
//! Both start fresh and with the same settings; a case that needs others comes with the servers that
//! have them. What differs by nature (ids, ports, times) becomes a symbol, everything else is compared
//! field by field. A difference that stays on purpose is an entry of `expected`, which names its row of
//! `docs/compatibility.md`.
//!
//! # Layout
//! - `book`, `known`: the words in which a case is written; `cases`: the cases
//! - `side`, `connection`, `play`: a case is asked on both sides
//! - `answer`, `batches`: what comes back, as a tree; `symbols`: what differs by nature
//! - `compare`, `expected`: what is different, and what may be

mod answer;
mod batches;
mod book;
mod cases;
mod compare;
mod connection;
mod expected;
mod known;
mod play;
mod side;
mod symbols;

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// Options of `cargo xtask differ`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Ask only the cases whose name holds this, or one of these
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// The binary that is compared; the release build when not given
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Print every exchange, and the differences that are expected
    #[arg(long)]
    verbose: bool,
}

/// What a run found.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Exchanges without an unexplained difference.
    pub passed: u64,
    /// Exchanges with one, and explanations that explain nothing.
    pub failed: u64,
}

/// Asks every case and fails if something is different without a reason.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let outcome = compare(root, options)?;
    println!("{} passed, {} failed", outcome.passed, outcome.failed);
    if outcome.failed > 0 {
        bail!("{} exchanges differ", outcome.failed);
    }
    Ok(())
}

/// Every case, against the release build.
pub fn judge(root: &Path) -> Result<Outcome> {
    compare(root, &Options { only: Vec::new(), binary: None, verbose: false })
}

/// Asks the cases of both servers.
fn compare(root: &Path, options: &Options) -> Result<Outcome> {
    let mut play = play::Play::new(expected::read(root)?, options.verbose);
    let mut cases = cases::all();
    let is_wanted = |name: &str| options.only.iter().any(|text| name.contains(text));
    cases.retain(|case| options.only.is_empty() || is_wanted(&case.name));
    for alike in cases.chunk_by(|one, next| one.settings == next.settings) {
        let settings = alike.first().map_or("", |case| case.settings);
        let mut pair = side::Pair::start(root, options.binary.as_deref(), settings)?;
        for case in alike {
            play.case(&mut pair, case)?;
        }
        pair.stop()?;
    }
    Ok(play.close(options.only.is_empty()))
}
