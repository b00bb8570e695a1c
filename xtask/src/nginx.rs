//! `cargo xtask nginx`: 100,000 lines of an access log through the classic commands and kill -9.
//!
//! The run itself is `tests/system/nginx.sh`; this finds what it needs and counts what it says.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::conformance::{Clients, cache_folder};

/// What the run counted.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    pub passed: u64,
    pub failed: u64,
    /// Readers that are not installed.
    pub skipped: u64,
}

/// Runs it against the release build.
pub fn run(root: &Path) -> Result<()> {
    let outcome = judge(root)?;
    if outcome.failed > 0 {
        bail!("{} checks of the nginx run failed", outcome.failed);
    }
    Ok(())
}

/// Runs it and counts; what it prints goes on to the caller.
pub fn judge(root: &Path) -> Result<Outcome> {
    let clients = Clients { root: root.to_owned(), cache: cache_folder()? };
    let mut command = Command::new(root.join("tests/system/nginx.sh"));
    command.env("OTTLA_BINARY", root.join("target/release/ottla"));
    match clients.jars() {
        Ok(jars) => drop(command.env("OTTLA_KAFKA_JARS", jars)),
        Err(error) => println!("nginx: no Java consumer: {error:#}"),
    }
    if let Err(error) = clients.kcat() {
        println!("nginx: no kcat: {error:#}");
    }
    let done = command.output().context("cannot run tests/system/nginx.sh")?;
    let text = String::from_utf8_lossy(&done.stdout);
    print!("{text}{}", String::from_utf8_lossy(&done.stderr));
    let mut outcome = count(&text);
    // Whatever ended it without a word, or in spite of its words, is a failure.
    if !done.status.success() && outcome.failed == 0 {
        outcome.failed = 1;
    }
    Ok(outcome)
}

fn count(text: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for line in text.lines() {
        match line.split_whitespace().next() {
            Some("ok") => outcome.passed += 1,
            Some("FAILED") => outcome.failed += 1,
            Some("skipped") => outcome.skipped += 1,
            _ => {}
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_is_counted() {
        let text = "ok      kcat\nkilled after 7\nFAILED  a\nskipped b: c\n1 passed, 1 failed\n";
        assert_eq!(count(text), Outcome { passed: 1, failed: 1, skipped: 1 });
        assert_eq!(count(""), Outcome::default());
    }
}
