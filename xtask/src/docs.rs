//! `cargo xtask docs`: writes the pages, and the parts of pages, that are made from the code.
//!
//! The tests that compare them write them when they are told to.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// The packages whose tests know a page, and the test's name.
const PAGES: [(&str, &str); 2] = [
    ("ottla-metadata", "the_page_of_keys_is_current"),
    ("ottla-broker", "the_table_of_apis_is_current"),
];

/// Writes every generated page.
pub fn run(root: &Path) -> Result<()> {
    for (package, test) in PAGES {
        let status = Command::new("cargo")
            .args(["test", "--quiet", "--package", package, test])
            .env("OTTLA_WRITE_DOCS", "1")
            .current_dir(root)
            .status()
            .context("cargo can't be run")?;
        if !status.success() {
            bail!("{test} of {package} failed");
        }
    }
    Ok(())
}
