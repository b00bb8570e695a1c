//! Names that say nothing: of crates, of modules and of types.

use super::Finding;
use super::source::Tree;

const FORBIDDEN_PLACES: [&str; 9] =
    ["common", "util", "utils", "core", "types", "shared", "helpers", "helper", "misc"];
const FORBIDDEN_ENDINGS: [&str; 7] =
    ["Manager", "Helper", "Helpers", "Util", "Utils", "Impl", "Base"];
const DECLARATIONS: [&str; 4] = ["struct ", "enum ", "trait ", "type "];

pub fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for file in tree.rust() {
        for part in file.path.trim_end_matches(".rs").split('/') {
            if FORBIDDEN_PLACES.contains(&part) {
                findings.push(Finding::new("name", &file.path, format!("`{part}` says nothing")));
            }
        }
        for line in file.text.lines() {
            if let Some(name) = declared(line)
                && FORBIDDEN_ENDINGS.iter().any(|ending| name.ends_with(ending))
            {
                findings.push(Finding::new(
                    "name",
                    format!("{}::{name}", file.path),
                    "says nothing",
                ));
            }
        }
    }
}

/// The type that a line declares.
fn declared(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = match line.strip_prefix("pub") {
        Some(rest) => rest.trim_start_matches("(crate)").trim_start_matches("(super)").trim_start(),
        None => line,
    };
    let rest = DECLARATIONS.iter().find_map(|keyword| line.strip_prefix(keyword))?;
    rest.split(|character: char| !character.is_alphanumeric() && character != '_').next()
}
