//! `cargo xtask sim`: seeds of the deterministic disk, by the simulator itself.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// What to run
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many seeds to run
    #[arg(long)]
    seeds: Option<u64>,
    /// The first of them
    #[arg(long)]
    from: Option<u64>,
    /// Run this seed alone, and tell what happens
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// What an acknowledgement promises: os or fsync
    #[arg(long, default_value = "os")]
    durability: String,
    /// With an optimised build: worth it from ten thousand seeds on
    #[arg(long)]
    release: bool,
}

/// Builds the simulator and runs it.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root).args(["run", "--quiet", "--package", "ottla-sim"]);
    if options.release {
        command.arg("--release");
    }
    command.args(["--", "--durability", &options.durability]);
    let numbers = [("--seeds", options.seeds), ("--from", options.from), ("--seed", options.seed)];
    for (name, number) in numbers {
        if let Some(number) = number {
            command.args([name, &number.to_string()]);
        }
    }
    if !command.status().context("cannot run cargo")?.success() {
        bail!("the simulator has found something");
    }
    Ok(())
}
