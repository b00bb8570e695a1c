//! Words that do not belong: in production code, in tests, anywhere.

use super::Finding;
use super::source::{File, Tree};

const NOT_IN_PRODUCTION: [&str; 4] = [".unwrap()", "todo!(", "unimplemented!(", "dbg!("];
const NOT_IN_TESTS: [&str; 3] = ["thread::sleep(", "time::sleep(", "#[ignore"];

/// Places on one person's machine; split, so that this file does not name them itself.
const NOT_ANYWHERE: [&str; 3] =
    [concat!("/wo", "rk/"), concat!("/root", "/"), concat!("/tmp", "/brief")];

pub fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for file in &tree.files {
        for word in NOT_ANYWHERE.iter().filter(|word| file.text.contains(**word)) {
            findings.push(Finding::new("outside", &file.path, format!("names {word}")));
        }
    }
    // The rules' own words stand in tidy's sources and in its violating trees.
    for file in tree.rust().filter(|file| !file.path.starts_with("xtask/src/tidy/")) {
        of_production(file, findings);
        for word in NOT_IN_TESTS.iter().filter(|word| file.tests().contains(**word)) {
            findings.push(Finding::new(
                "test",
                &file.path,
                format!("a test must not say `{word}`"),
            ));
        }
    }
}

fn of_production(file: &File, findings: &mut Vec<Finding>) {
    for line in file.production().lines() {
        let code = line.split("//").next().unwrap_or_default();
        for word in NOT_IN_PRODUCTION.iter().filter(|word| code.contains(**word)) {
            findings.push(Finding::new(
                "production",
                &file.path,
                format!("production code says `{word}`"),
            ));
        }
    }
}
