//! `cargo xtask conformance`: real clients against a fresh server.
//!
//! Each suite under `tests/conformance` judges whatever cluster `OTTLA_BOOTSTRAP` names. This
//! module starts that cluster, sets the clients up in a cache, runs the suites and counts. Running
//! them against Apache Kafka proves that the suites judge rightly.

mod clients;
mod server;
mod suites;

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

pub use clients::{Clients, cache_folder};
pub use server::{Against, Server};
pub use suites::{Outcome, Suite};

/// Options of `cargo xtask conformance`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// What is judged: `ottla`, `kafka`, or the host:port of a cluster that runs already
    #[arg(long, default_value = "ottla")]
    against: Against,
    /// What an acknowledgement of the judged server means: Ottla's `ottla.durability`, and
    /// `flush.messages=1` for Apache Kafka
    #[arg(long, default_value = "os")]
    durability: Durability,
    /// Run only the tests whose name holds this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Fail when a client cannot be set up, instead of skipping its suite
    #[arg(long, env = "CI", value_parser = clap::builder::FalseyValueParser::new())]
    strict: bool,
    /// The suites to run; all of them when none is named
    suites: Vec<Suite>,
}

/// What an acknowledgement means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Durability {
    /// The page cache has it
    Os,
    /// The disk has it
    Fsync,
}

/// A server that the suites judge.
#[derive(Clone, Debug)]
pub struct Judged {
    pub against: Against,
    pub durability: Durability,
}

impl Durability {
    /// The line of configuration that asks for it.
    fn setting(self, against: &Against) -> &'static str {
        match (self, against) {
            (Durability::Os, _) => "",
            (Durability::Fsync, Against::Kafka) => "log.flush.interval.messages=1\n",
            (Durability::Fsync, _) => "ottla.durability=fsync\n",
        }
    }
}

/// Runs the suites and fails if one of them did.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let suites =
        if options.suites.is_empty() { Suite::ALL.to_vec() } else { options.suites.clone() };
    let judged = Judged { against: options.against.clone(), durability: options.durability };
    let outcomes = judge(root, &judged, &suites, options.only.as_deref())?;
    report(&outcomes);
    let failed: u32 = outcomes.iter().map(|outcome| outcome.failed).sum();
    let skipped = outcomes.iter().filter(|outcome| outcome.skipped.is_some()).count();
    if failed > 0 {
        bail!("{failed} conformance tests failed");
    }
    if options.strict && skipped > 0 {
        bail!("{skipped} conformance suites could not run");
    }
    Ok(())
}

/// Runs `suites` against one fresh server.
pub fn judge(
    root: &Path,
    judged: &Judged,
    suites: &[Suite],
    only: Option<&str>,
) -> Result<Vec<Outcome>> {
    let clients = Clients { root: root.to_owned(), cache: cache_folder()? };
    let Judged { against, durability } = judged;
    let server = Server::start(against, &clients, durability.setting(against))?;
    let mut outcomes = Vec::new();
    for suite in suites {
        println!("conformance: {suite} against {against} at {}", server.bootstrap());
        let mut outcome = suite.run(&clients, against, server.bootstrap(), only);
        if !server.alive() {
            outcome.failed += 1;
            outcome.log.push_str("\nthe server ended while this suite ran\n");
        }
        if outcome.failed > 0 {
            println!("{}", outcome.log);
        }
        println!("conformance: {}", outcome.summary());
        outcomes.push(outcome);
        if !server.alive() {
            println!("{}", server.log());
            break;
        }
    }
    server.stop()?;
    Ok(outcomes)
}

/// Prints a line a suite.
pub fn report(outcomes: &[Outcome]) {
    for outcome in outcomes {
        println!("  {}", outcome.summary());
    }
}

/// Where the logs of the last run lie.
pub fn log_folder(root: &Path) -> PathBuf {
    root.join("target/conformance")
}
