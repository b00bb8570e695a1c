//! `cargo xtask test`: everything that must hold, in one command.
//!
//! Format, lints, every test of the workspace, a release build, the nginx run and real clients
//! against it. Says what it ran and what it could not, and ends with one line `N passed, N failed`.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::conformance::{self, Against, Durability, Judged, Suite};
use crate::differ;
use crate::drill;
use crate::nginx;

/// Options of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Leave out the real clients
    #[arg(long)]
    no_conformance: bool,
    /// Fail when a client cannot be set up, instead of skipping its suite
    #[arg(long, env = "CI", value_parser = clap::builder::FalseyValueParser::new())]
    strict: bool,
}

/// What has been counted so far.
#[derive(Debug, Default)]
struct Tally {
    passed: u64,
    failed: u64,
    notes: Vec<String>,
}

/// Runs every step, also after one failed, and fails if any did.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let mut tally = Tally::default();
    tally.step(root, "format", &["fmt", "--all", "--check"])?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    tally.step(root, "lints", &clippy)?;
    tally.cargo_test(root)?;
    tally.step(
        root,
        "release build",
        &["build", "--release", "--quiet", "--package", "ottla-cli"],
    )?;
    tally.nginx(root, options.strict)?;
    if options.no_conformance {
        tally.notes.push("conformance: left out on request".to_owned());
    } else {
        tally.conformance(root, options.strict)?;
        tally.drill(root)?;
        tally.differ(root)?;
    }
    println!();
    for note in &tally.notes {
        println!("{note}");
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed > 0 {
        bail!("{} checks failed", tally.failed);
    }
    Ok(())
}

impl Tally {
    /// One command that passes or fails as a whole.
    fn step(&mut self, root: &Path, name: &str, arguments: &[&str]) -> Result<()> {
        println!("== {name}: cargo {}", arguments.join(" "));
        let status = Command::new("cargo")
            .args(arguments)
            .current_dir(root)
            .status()
            .context("cannot run cargo")?;
        self.count(name, status.success());
        Ok(())
    }

    fn count(&mut self, name: &str, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
        self.notes.push(format!("{name}: {}", if passed { "ok" } else { "FAILED" }));
    }

    /// Every test of the workspace, counted by the lines with which test binaries close.
    fn cargo_test(&mut self, root: &Path) -> Result<()> {
        println!("== tests: cargo test --workspace --no-fail-fast");
        let mut child = Command::new("cargo")
            .args(["test", "--workspace", "--no-fail-fast", "--quiet"])
            .current_dir(root)
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run cargo")?;
        let output = child.stdout.take().context("the output was asked for")?;
        let (mut passed, mut failed) = (0, 0);
        for line in BufReader::new(output).lines() {
            let line = line?;
            println!("{line}");
            if let Some((good, bad)) = closing_line(&line) {
                passed += good;
                failed += bad;
            }
        }
        // A test that does not compile fails without a closing line.
        if !child.wait()?.success() && failed == 0 {
            failed = 1;
        }
        self.passed += passed;
        self.failed += failed;
        self.notes.push(format!("tests: {passed} passed, {failed} failed"));
        Ok(())
    }

    fn drill(&mut self, root: &Path) -> Result<()> {
        println!("== drill: exactly once, while the node is killed");
        let outcome = drill::judge_briefly(root)?;
        self.passed += outcome.passed;
        self.failed += outcome.failed;
        self.notes.push(format!("drill: {} passed, {} failed", outcome.passed, outcome.failed));
        Ok(())
    }

    fn differ(&mut self, root: &Path) -> Result<()> {
        println!("== differ: the same requests to Apache Kafka and to Ottla");
        let outcome = differ::judge(root)?;
        self.passed += outcome.passed;
        self.failed += outcome.failed;
        self.notes.push(format!("differ: {} passed, {} failed", outcome.passed, outcome.failed));
        Ok(())
    }

    fn nginx(&mut self, root: &Path, strict: bool) -> Result<()> {
        println!("== nginx: tests/system/nginx.sh");
        let outcome = nginx::judge(root)?;
        self.passed += outcome.passed;
        self.failed += outcome.failed;
        if strict {
            self.failed += outcome.skipped;
        }
        self.notes.push(format!(
            "nginx: {} passed, {} failed, {} skipped",
            outcome.passed, outcome.failed, outcome.skipped
        ));
        Ok(())
    }

    fn conformance(&mut self, root: &Path, strict: bool) -> Result<()> {
        let judged = Judged { against: Against::Ottla, durability: Durability::Os };
        let outcomes = conformance::judge(root, &judged, &Suite::ALL, None)?;
        for outcome in outcomes {
            self.passed += u64::from(outcome.passed);
            self.failed += u64::from(outcome.failed);
            if strict && outcome.skipped.is_some() {
                self.failed += 1;
            }
            self.notes.push(format!("conformance: {}", outcome.summary()));
        }
        Ok(())
    }
}

/// `test result: ok. 12 passed; 0 failed; …`
fn closing_line(line: &str) -> Option<(u64, u64)> {
    let rest = line.strip_prefix("test result: ")?;
    let mut words = rest.split_whitespace();
    let mut before = |label: &str| {
        let mut last = None;
        for word in words.by_ref() {
            if word.trim_end_matches([';', '.']) == label {
                return last;
            }
            last = word.parse().ok();
        }
        None
    };
    Some((before("passed")?, before("failed")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted() {
        let line =
            "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(closing_line(line), Some((12, 3)));
        assert_eq!(closing_line("running 12 tests"), None);
    }
}
