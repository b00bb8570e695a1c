//! The text format's forms that more than one part writes.

use std::fmt::{Display, Write as _};

/// Begins a family of gauges; its series follow.
pub fn family(text: &mut String, name: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
}

/// Writes a gauge of one series without labels.
pub fn gauge(text: &mut String, name: &str, help: &str, value: impl Display) {
    family(text, name, help);
    let _ = writeln!(text, "{name} {value}");
}
