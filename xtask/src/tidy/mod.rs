//! `cargo xtask tidy`: the rules of the house that a program can check.
//!
//! Every finding is one line: a rule, a place, what is wrong. `xtask/tidy-exceptions.txt` lists the
//! findings that are accepted for now; an entry that excuses nothing is itself a finding, so the
//! list can only shrink. Functions and modules are found by how rustfmt lays them out.

mod arrows;
mod exceptions;
mod launchers;
mod names;
mod purity;
mod sizes;
mod source;
#[cfg(test)]
mod tests;
mod text;

use anyhow::{Result, bail};
use std::fmt;
use std::path::Path;

use source::Tree;

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    rule: &'static str,
    place: String,
    detail: String,
}

impl Finding {
    fn new(rule: &'static str, place: impl Into<String>, detail: impl Into<String>) -> Finding {
        Finding { rule, place: place.into(), detail: detail.into() }
    }

    /// What an exception has to say to excuse this finding.
    fn key(&self) -> String {
        format!("{} {}", self.rule, self.place)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}: {}", self.rule, self.place, self.detail)
    }
}

/// Checks the work tree at `root` and fails if anything is found.
pub fn run(root: &Path) -> Result<()> {
    let findings = check(root)?;
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} things are not tidy", findings.len());
    }
    println!("tidy");
    Ok(())
}

/// Everything that is wrong and not excused.
pub fn check(root: &Path) -> Result<Vec<Finding>> {
    let tree = Tree::read(root)?;
    let mut findings = Vec::new();
    arrows::check(&tree, &mut findings);
    sizes::check(&tree, &mut findings);
    names::check(&tree, &mut findings);
    purity::check(&tree, &mut findings);
    text::check(&tree, &mut findings);
    launchers::check(root, &mut findings)?;
    findings.sort();
    findings.dedup();
    exceptions::excuse(root, findings)
}
