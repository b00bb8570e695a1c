//! Launchers: each script of `bin` has its twin in `bin/windows`, which runs the same verb.

use super::Finding;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What stands before a verb, and after it, in the launchers of both kinds.
const SHELL: (&str, &str) = ("ottla-run\" ", " \"$@\"");
const WINDOWS: (&str, &str) = ("ottla-run.bat\" ", " %*");

pub fn check(root: &Path, findings: &mut Vec<Finding>) -> Result<()> {
    let shell = verbs(&root.join("bin"), "sh", SHELL)?;
    let windows = verbs(&root.join("bin/windows"), "bat", WINDOWS)?;
    for (name, verb) in &shell {
        match windows.get(name) {
            Some(twin) if twin == verb && !verb.is_empty() => {}
            Some(twin) => findings.push(Finding::new(
                "launcher",
                format!("bin/windows/{name}.bat"),
                format!("runs `{twin}`, its twin runs `{verb}`"),
            )),
            None => {
                findings.push(Finding::new("launcher", format!("bin/{name}.sh"), "has no twin"));
            }
        }
    }
    let alone = windows.keys().filter(|name| !shell.contains_key(*name) && *name != "ottla-run");
    findings
        .extend(alone.map(|name| {
            Finding::new("launcher", format!("bin/windows/{name}.bat"), "has no twin")
        }));
    Ok(())
}

/// The launchers of a folder by name, each with its verb; none where there is no folder.
fn verbs(
    folder: &Path,
    extension: &str,
    (before, after): (&str, &str),
) -> Result<BTreeMap<String, String>> {
    let mut verbs = BTreeMap::new();
    if !folder.is_dir() {
        return Ok(verbs);
    }
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let is_launcher = path.extension().is_some_and(|found| found == extension);
        let Some(name) = path.file_stem().and_then(|name| name.to_str()).filter(|_| is_launcher)
        else {
            continue;
        };
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let verb = text.lines().find_map(|line| line.split_once(before)?.1.strip_suffix(after));
        verbs.insert(name.to_owned(), verb.unwrap_or_default().to_owned());
    }
    Ok(verbs)
}
