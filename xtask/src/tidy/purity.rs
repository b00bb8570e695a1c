//! Pure crates say so and do no IO, read no clock, draw no random number.

use super::Finding;
use super::source::{File, Tree};

const PURE: [&str; 7] =
    ["wire", "machine", "metadata", "controller", "coordinator", "transaction", "raft"];
const PROMISE: &str = "//! Pure.";
const IMPURE: [&str; 10] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime",
    "tokio",
    "rand::",
    "getrandom",
];
const IMPURE_CRATES: [&str; 6] = ["tokio", "rand", "getrandom", "ottla-world", "socket2", "rustix"];

pub fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for file in &tree.files {
        let Some(name) = file.crate_name().filter(|name| PURE.contains(name)) else { continue };
        if file.name() == "Cargo.toml" {
            of_manifest(file, findings);
        }
        if file.path == format!("crates/{name}/src/lib.rs") && !file.text.starts_with(PROMISE) {
            findings.push(Finding::new("pure", &file.path, format!("must begin with `{PROMISE}`")));
        }
        if file.is_rust() && file.path.contains("/src/") {
            of_source(file, findings);
        }
    }
}

fn of_source(file: &File, findings: &mut Vec<Finding>) {
    for line in file.production().lines() {
        let code = line.split("//").next().unwrap_or_default();
        for impure in IMPURE.iter().filter(|impure| code.contains(**impure)) {
            findings.push(Finding::new("pure", &file.path, format!("a pure crate names {impure}")));
        }
    }
}

fn of_manifest(file: &File, findings: &mut Vec<Finding>) {
    let dependencies = file.text.split("[dev-dependencies]").next().unwrap_or_default();
    for line in dependencies.lines() {
        let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
        if IMPURE_CRATES.contains(&name) {
            findings.push(Finding::new(
                "pure",
                &file.path,
                format!("a pure crate depends on {name}"),
            ));
        }
    }
}
