//! The findings that are accepted for now, one `rule place` a line.

use super::Finding;
use anyhow::Result;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const FILE: &str = "xtask/tidy-exceptions.txt";

/// Takes away what is excused, and adds a finding for each excuse that nothing needs.
pub fn excuse(root: &Path, findings: Vec<Finding>) -> Result<Vec<Finding>> {
    let path = root.join(FILE);
    let text = if path.exists() { fs::read_to_string(&path)? } else { String::new() };
    let excuses: BTreeSet<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let mut used = BTreeSet::new();
    let mut left = Vec::new();
    for finding in findings {
        match excuses.get(finding.key().as_str()) {
            Some(excuse) => {
                used.insert(*excuse);
            }
            None => left.push(finding),
        }
    }
    for unused in excuses.difference(&used) {
        left.push(Finding::new("exception", FILE, format!("`{unused}` excuses nothing any more")));
    }
    Ok(left)
}
