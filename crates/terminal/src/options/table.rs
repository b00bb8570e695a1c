//! The help of joptsimple: names on the left, what they mean on the right, in 80 columns.
//!
//! Pure. Each column is as wide as its widest entry, the left one at most 39; a piece that does not
//! fit begins a new line, two blanks in. Every line is filled with blanks to its full width.

use super::breaks::pieces;
use super::parser::{OptionSpec, Takes};

const WIDTH: usize = 80;
const GAP: usize = 2;
const INDENT: &str = "  ";

pub(super) fn render(specs: &[OptionSpec]) -> String {
    let mut sorted: Vec<&OptionSpec> = specs.iter().collect();
    sorted.sort_by_key(|spec| spec.name);
    let any_required = specs.iter().any(|spec| spec.is_required);
    let header = if any_required { "Option (* = required)" } else { "Option" };
    let mut rows = vec![
        (header.to_owned(), "Description".to_owned()),
        ("-".repeat(header.len()), "-".repeat("Description".len())),
    ];
    rows.extend(sorted.iter().map(|spec| (left(spec), right(spec))));

    let (left_width, right_width) = widths(&rows);
    let fitted: Vec<(String, String)> = rows
        .iter()
        .flat_map(|(left, right)| {
            let (mut left, mut right) = (fit(left, left_width), fit(right, right_width));
            let height = left.len().max(right.len());
            left.resize(height, String::new());
            right.resize(height, String::new());
            left.into_iter().zip(right)
        })
        .collect();

    let (left_width, right_width) = widths(&fitted);
    let mut text = String::new();
    for (left, right) in fitted {
        text.push_str(&format!("{left:left_width$}{:GAP$}{right:right_width$}\n", ""));
    }
    text
}

fn widths(rows: &[(String, String)]) -> (usize, usize) {
    let widest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
    let left = widest(&mut rows.iter().map(|(left, _)| left.chars().count()));
    let right = widest(&mut rows.iter().map(|(_, right)| right.chars().count()));
    let left = left.min((WIDTH - GAP) / 2);
    (left, right.min(WIDTH - left - GAP))
}

fn left(spec: &OptionSpec) -> String {
    let mark = if spec.is_required { "* " } else { "" };
    let dashes = if spec.name.len() > 1 { "--" } else { "-" };
    let mut text = format!("{mark}{dashes}{}", spec.name);
    let (open, close) = match spec.takes {
        Takes::Nothing => return text,
        Takes::Value => ('<', '>'),
        Takes::PerhapsValue => ('[', ']'),
    };
    let colon = if spec.value_description.is_empty() { "" } else { ": " };
    text.push_str(&format!(" {open}{}{colon}{}{close}", spec.value_type, spec.value_description));
    text
}

fn right(spec: &OptionSpec) -> String {
    let told = match spec.defaults.as_slice() {
        [] => return spec.description.clone(),
        [value] => value.clone(),
        values => format!("[{}]", values.join(", ")),
    };
    format!("{} (default: {told})", spec.description).trim().to_owned()
}

/// Breaks a text into lines of this width.
fn fit(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    // As Java's `trim` and `split`: blanks at the ends go, and so do empty lines at the end.
    for line in text.trim_matches(|character| character <= ' ').split('\n') {
        let mut current = String::new();
        for piece in pieces(line) {
            if current.chars().count() + piece.chars().count() > width {
                lines.push(current.trim_end().to_owned());
                INDENT.clone_into(&mut current);
            }
            current.push_str(piece);
        }
        if !current.is_empty() {
            lines.push(current);
        }
    }
    lines
}
