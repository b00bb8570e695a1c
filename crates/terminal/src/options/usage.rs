//! Usage and help of argparse4j: 75 columns, with running text stretched to fill them.
//!
//! Pure.

use super::arguments::{Action, Argument, Command};
use super::breaks::pieces;

const WIDTH: usize = 75;
/// Where the description of a flag begins.
const HELP_AT: usize = 25;
/// A longer program name has its usage begin on a line of its own.
const PROGRAM_WIDTH_MAX: usize = 30;

/// The usage of a command; `above` are the commands that lead to it.
pub(super) fn usage(above: &[&Command], command: &Command) -> String {
    let program = above.first().copied().unwrap_or(command).name;
    let mut text = format!("usage: {program}");
    let indent = if text.len() > PROGRAM_WIDTH_MAX {
        text.push_str("\n      ");
        6
    } else {
        text.len()
    };
    let mut parts: Vec<String> = Vec::new();
    for (depth, upper) in above.iter().enumerate() {
        if depth > 0 {
            parts.push(upper.name.to_owned());
        }
        let required = upper.arguments.iter().filter(|known| known.is_required);
        parts.extend(required.filter(|known| known.group.is_none()).map(short));
        parts.extend(groups(upper, true));
    }
    if !above.is_empty() {
        parts.push(command.name.to_owned());
    }
    parts.extend(command.arguments.iter().filter(|known| known.group.is_none()).map(short));
    parts.extend(groups(command, false));
    if !command.subcommands.is_empty() {
        parts.push(choice(command));
        parts.push("...".to_owned());
    }
    let mut width = indent;
    for (at, part) in parts.iter().enumerate() {
        if at > 0 && width + part.len() + 1 > WIDTH {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            width = indent;
        }
        text.push(' ');
        text.push_str(part);
        width += 1 + part.len();
    }
    text.push('\n');
    text
}

/// Usage, description, arguments.
pub(super) fn help(above: &[&Command], command: &Command) -> String {
    let mut text = usage(above, command);
    if !command.description.is_empty() {
        text.push_str(&format!("\n{}\n", wrap(&command.description, 0, 0)));
    }
    if command.subcommands_titled.is_none() {
        text.push_str(&subcommands(command, "positional arguments"));
    }
    text.push_str("\noptional arguments:\n");
    let apart = |argument: &&Argument| {
        argument.section.is_some()
            || argument.group.is_some_and(|at| !command.groups[at].description.is_empty())
    };
    for argument in command.arguments.iter().filter(|argument| !apart(argument)) {
        text.push_str(&described(command, argument));
    }
    for (at, group) in command.groups.iter().enumerate() {
        if group.description.is_empty() {
            continue;
        }
        text.push_str(&format!("\n  {}\n\n", wrap(group.description, 2, 2)));
        for argument in command.arguments.iter().filter(|argument| argument.group == Some(at)) {
            text.push_str(&described(command, argument));
        }
    }
    for (at, (title, description)) in command.sections.iter().enumerate() {
        text.push_str(&format!("\n{title}:\n"));
        if !description.is_empty() {
            text.push_str(&format!("  {}\n\n", wrap(description, 2, 2)));
        }
        for argument in command.arguments.iter().filter(|argument| argument.section == Some(at)) {
            text.push_str(&described(command, argument));
        }
    }
    if let Some((title, _)) = command.subcommands_titled {
        text.push_str(&subcommands(command, title));
    }
    text
}

fn subcommands(command: &Command, title: &str) -> String {
    if command.subcommands.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{title}:\n{}", entry(&choice(command), ""));
    for subcommand in &command.subcommands {
        text.push_str(&entry(&format!("  {}", subcommand.name), &subcommand.help));
    }
    text
}

fn described(command: &Command, argument: &Argument) -> String {
    let value = value(argument);
    let titles: Vec<String> = argument
        .flags
        .iter()
        .map(|flag| if value.is_empty() { (*flag).to_owned() } else { format!("{flag} {value}") })
        .collect();
    let help = match &argument.default {
        Some(default) if command.shows_defaults => {
            format!("{} (default: {default})", argument.help).trim_start().to_owned()
        }
        _ => argument.help.clone(),
    };
    entry(&titles.join(", "), &help)
}

fn entry(title: &str, help: &str) -> String {
    if help.is_empty() {
        return format!("  {title}\n");
    }
    let lead = if title.len() <= HELP_AT - 4 {
        " ".repeat(HELP_AT - 2 - title.len())
    } else {
        format!("\n{}", " ".repeat(HELP_AT))
    };
    format!("  {title}{lead}{}\n", wrap(help, HELP_AT, HELP_AT))
}

fn groups(command: &Command, only_required: bool) -> Vec<String> {
    let mut parts = Vec::new();
    for (at, group) in command.groups.iter().enumerate() {
        if only_required && !group.is_required {
            continue;
        }
        let members: Vec<&Argument> =
            command.arguments.iter().filter(|argument| argument.group == Some(at)).collect();
        let (open, close) = if group.is_required { ("(", ")") } else { ("[", "]") };
        let last = members.len() - 1;
        for (nth, member) in members.iter().enumerate() {
            let lead = if nth == 0 { open } else { "" };
            let tail = if nth == last { close } else { "" };
            parts.push(format!("{lead}{}{tail}", bare(member)));
            if nth != last {
                parts.push("|".to_owned());
            }
        }
    }
    parts
}

fn short(argument: &Argument) -> String {
    let bare = bare(argument);
    if argument.is_required { bare } else { format!("[{bare}]") }
}

fn bare(argument: &Argument) -> String {
    let value = value(argument);
    format!("{} {value}", argument.flags[0]).trim_end().to_owned()
}

fn value(argument: &Argument) -> String {
    if !argument.takes_value() {
        return String::new();
    }
    let name = match argument.placeholder {
        Some(placeholder) => placeholder.to_owned(),
        None => argument.name().replace('-', "_").to_uppercase(),
    };
    if argument.action == Action::StoreMany { format!("{name} [{name} ...]") } else { name }
}

fn choice(command: &Command) -> String {
    if let Some((_, placeholder)) = command.subcommands_titled {
        return placeholder.to_owned();
    }
    let names: Vec<&str> = command.subcommands.iter().map(|command| command.name).collect();
    format!("{{{}}}", names.join(","))
}

/// Breaks a text into lines; all but the last of a paragraph are stretched to the full width.
pub(super) fn wrap(text: &str, offset: usize, indent: usize) -> String {
    let indent = " ".repeat(indent);
    let mut wrapped = String::new();
    let mut line = String::new();
    let mut width = offset;
    for piece in pieces(text) {
        if width + piece.len() > WIDTH {
            wrapped.push_str(&stretch(&line, WIDTH, width));
            wrapped.push('\n');
            wrapped.push_str(&indent);
            line.clear();
            width = indent.len();
        }
        width += piece.len();
        line.push_str(piece);
        if piece.ends_with('\n') {
            wrapped.push_str(&line);
            wrapped.push_str(&indent);
            line.clear();
            width = indent.len();
        }
    }
    wrapped.push_str(&line);
    wrapped
}

/// Widens the gaps between words until the line ends at `goal`; what is left over goes to the middle.
fn stretch(line: &str, goal: usize, width: usize) -> String {
    let trimmed = line.trim_matches(' ');
    let width = width - (line.len() - trimmed.len());
    let gaps = trimmed.split(' ').filter(|word| !word.is_empty()).count().saturating_sub(1);
    if gaps == 0 {
        return trimmed.to_owned();
    }
    let missing = goal.saturating_sub(width);
    let (each, left) = (missing / gaps, missing % gaps);
    let from = (gaps - left).div_ceil(2);
    let mut stretched = String::new();
    let mut gap = 0;
    let mut in_gap = false;
    for character in trimmed.chars() {
        if character == ' ' && !in_gap {
            let more = usize::from((from..from + left).contains(&gap));
            stretched.push_str(&" ".repeat(each + more));
            gap += 1;
        }
        in_gap = character == ' ';
        stretched.push(character);
    }
    stretched
}
