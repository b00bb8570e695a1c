//! Sizes: files, functions, parameters, folders, crates.

use super::Finding;
use super::source::{File, Tree, is_generated};
use std::collections::BTreeMap;

const FILE_LINES_MAX: usize = 600;
const TEST_FILE_LINES_MAX: usize = 1_000;
const INDEX_LINES_MAX: usize = 60;
const FUNCTION_LINES_MAX: usize = 70;
const PARAMETERS_MAX: usize = 6;
const FOLDER_ENTRIES_MAX: usize = 15;
const CRATE_LINES_MAX: usize = 10_000;

/// Folders that hold one file a thing, however many things there are.
const FOLDERS_EXEMPT: [&str; 6] =
    ["", "bin", "bin/windows", "crates", "crates/tools/src", "crates/wire/src/messages"];

pub fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    let mut crates: BTreeMap<&str, usize> = BTreeMap::new();
    for file in tree.rust() {
        let lines = file.production().lines().count();
        if let Some(name) = file.crate_name() {
            *crates.entry(name).or_default() += lines;
        }
        of_file(file, lines, findings);
        for function in functions(file.production()) {
            of_function(file, &function, findings);
        }
    }
    for (name, lines) in crates.into_iter().filter(|(_, lines)| *lines > CRATE_LINES_MAX) {
        let detail = format!("{lines} lines, at most {CRATE_LINES_MAX}");
        findings.push(Finding::new("crate-size", name, detail));
    }
    for file in tree.files.iter().filter(|file| file.is_test && !file.path.ends_with("-lock.json"))
    {
        let lines = file.text.lines().count();
        if is_code(file) && !is_generated(&file.path) && lines > TEST_FILE_LINES_MAX {
            let detail = format!("{lines} lines, at most {TEST_FILE_LINES_MAX}");
            findings.push(Finding::new("test-file-size", &file.path, detail));
        }
    }
    for (folder, entries) in &tree.folders {
        let exempt = FOLDERS_EXEMPT.contains(&folder.as_str()) || is_data(folder);
        if *entries > FOLDER_ENTRIES_MAX && !exempt {
            let detail = format!("{entries} entries, at most {FOLDER_ENTRIES_MAX}");
            findings.push(Finding::new("folder-size", folder, detail));
        }
    }
}

fn is_code(file: &File) -> bool {
    [".rs", ".py", ".mjs", ".java"].iter().any(|ending| file.path.ends_with(ending))
}

/// Captured bytes and fuzz seeds: as many as there are cases.
fn is_data(folder: &str) -> bool {
    folder.split('/').any(|part| matches!(part, "golden" | "corpus" | "fixtures"))
}

fn of_file(file: &File, lines: usize, findings: &mut Vec<Finding>) {
    let limit = match file.name() {
        "lib.rs" => INDEX_LINES_MAX,
        "mod.rs" if file.path.starts_with("crates/") => INDEX_LINES_MAX,
        _ => FILE_LINES_MAX,
    };
    if lines > limit {
        findings.push(Finding::new(
            "file-size",
            &file.path,
            format!("{lines} lines, at most {limit}"),
        ));
    }
}

fn of_function(file: &File, function: &Function<'_>, findings: &mut Vec<Finding>) {
    let place = format!("{}::{}", file.path, function.name);
    if function.lines > FUNCTION_LINES_MAX {
        let detail = format!("{} lines, at most {FUNCTION_LINES_MAX}", function.lines);
        findings.push(Finding::new("function-size", &place, detail));
    }
    if function.parameters > PARAMETERS_MAX {
        let detail = format!("{} parameters, at most {PARAMETERS_MAX}", function.parameters);
        findings.push(Finding::new("parameters", &place, detail));
    }
}

/// A function as rustfmt lays it out.
#[derive(Debug, PartialEq)]
pub struct Function<'a> {
    pub name: &'a str,
    pub lines: usize,
    pub parameters: usize,
}

/// The functions with a body. A body ends at the first `}` as far in as the `fn` line.
pub fn functions(text: &str) -> Vec<Function<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let closing = format!("{indent}}}");
        let length = lines[start..].iter().position(|line| *line == closing).map_or(1, |at| at + 1);
        let is_one_line = line.ends_with('}') || line.ends_with(';');
        let lines = if is_one_line { 1 } else { length };
        // From the name on: a visibility has parentheses of its own.
        let offset = name.as_ptr() as usize - text.as_ptr() as usize;
        found.push(Function { name, lines, parameters: parameters(&text[offset..]) });
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix("fn ") {
            return after.split(['(', '<']).next();
        }
        let word = rest.split(' ').next()?;
        let is_qualifier =
            matches!(word, "async" | "const" | "unsafe" | "extern") || word.starts_with("pub");
        if !is_qualifier {
            return None;
        }
        rest = rest[word.len()..].trim_start();
    }
}

/// Counts what stands between the first parentheses that are not part of the generics.
fn parameters(from: &str) -> usize {
    let (mut angles, mut depth, mut count) = (0_i32, 0_i32, 0);
    let mut is_filled = false;
    let mut before = ' ';
    for character in from.chars() {
        match character {
            '<' => angles += 1,
            '>' if before != '-' => angles -= 1,
            '(' | '[' if depth > 0 || angles == 0 => depth += 1,
            ')' | ']' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            ',' if depth == 1 && angles == 0 => {
                count += usize::from(is_filled);
                is_filled = false;
            }
            character if depth > 0 && !character.is_whitespace() => is_filled = true,
            _ => {}
        }
        before = character;
    }
    count + usize::from(is_filled)
}
