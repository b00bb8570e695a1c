//! What a command line says, and the checks that Kafka's tools make on it.

use std::str::FromStr;

use super::parser::{OptionSpec, Parser, Takes};
use super::stop::Stop;

/// The options of one command line. Names are those that the parser declares; another name is a
/// mistake in the tool and panics.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    parser: &'a Parser,
    /// For each declared option: its values, if the command line has it.
    given: Vec<Option<Vec<String>>>,
    /// Every option as it came, with its value.
    sequence: Vec<(usize, Option<String>)>,
    /// Arguments that are no options.
    pub others: Vec<String>,
    /// Nothing was given at all.
    pub is_empty: bool,
}

impl<'a> Options<'a> {
    pub(super) fn new(parser: &'a Parser, is_empty: bool) -> Self {
        Self {
            parser,
            given: vec![None; parser.specs.len()],
            sequence: Vec::new(),
            others: Vec::new(),
            is_empty,
        }
    }

    pub(super) fn add(&mut self, at: usize, value: Option<&str>) {
        self.sequence.push((at, value.map(str::to_owned)));
        let separator = self.parser.specs[at].separator;
        let values = self.given[at].get_or_insert_default();
        match (value, separator) {
            (None, _) => {}
            (Some(value), None) => values.push(value.to_owned()),
            (Some(value), Some(separator)) => {
                values.extend(
                    value.split(separator).filter(|one| !one.is_empty()).map(str::to_owned),
                );
            }
        }
    }

    /// Options that must be there, or may not be.
    pub(super) fn check(&self) -> Result<(), Stop> {
        if self.has("help") {
            return Ok(());
        }
        let specs = || self.parser.specs.iter().zip(&self.given);
        let missing: Vec<&str> = specs()
            .filter(|(spec, given)| spec.is_required && given.is_none())
            .map(|(spec, _)| spec.name)
            .collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Err(Stop::refused(format!("Missing required option(s) [{missing}]")));
        }
        let unavailable = specs().find(|(spec, given)| {
            let needs = &spec.available_with;
            given.is_some() && !needs.is_empty() && !needs.iter().any(|name| self.has(name))
        });
        match unavailable {
            None => Ok(()),
            Some((spec, _)) => Err(Stop::refused(format!(
                "Option(s) {} are unavailable given other options on the command line",
                spec.in_brackets()
            ))),
        }
    }

    fn index(&self, name: &str) -> usize {
        let declared = self.parser.specs.iter().position(|spec| spec.name == name);
        declared.unwrap_or_else(|| panic!("option {name} is not declared"))
    }

    fn spec(&self, name: &str) -> &OptionSpec {
        &self.parser.specs[self.index(name)]
    }

    /// Whether the command line has this option.
    pub fn has(&self, name: &str) -> bool {
        self.given[self.index(name)].is_some()
    }

    /// Those of the named options that are given, as often and in the order as they are, with values.
    pub fn in_order(&self, names: &[&str]) -> Vec<(&'static str, Option<&str>)> {
        let wanted: Vec<usize> = names.iter().map(|name| self.index(name)).collect();
        let given = self.sequence.iter().filter(|(at, _)| wanted.contains(at));
        given.map(|(at, value)| (self.parser.specs[*at].name, value.as_deref())).collect()
    }

    /// All values of an option, in order; its defaults if the command line does not have it.
    pub fn texts(&self, name: &str) -> &[String] {
        let at = self.index(name);
        self.given[at].as_deref().unwrap_or(&self.parser.specs[at].defaults)
    }

    /// The value of an option, or its default. Two values are refused.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Stop> {
        match self.texts(name) {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            _ => Err(Stop::refused(format!(
                "Found multiple arguments for option {}, but you asked for only one",
                self.spec(name).name
            ))),
        }
    }

    /// The value of an option as a number, or its default.
    pub fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, Stop> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let parsed = text.strip_prefix('+').unwrap_or(text).parse();
        parsed.map(Some).map_err(|_| {
            let option = self.spec(name).name;
            Stop::refused(format!("Cannot parse argument '{text}' of option {option}"))
        })
    }

    /// Ends the tool with a message and the help.
    pub fn usage(&self, message: &str) -> Stop {
        self.parser.usage(message)
    }

    /// Ends the tool when help or version is asked for; an empty command line asks for help.
    pub fn help_or_version(&self, what_it_does: &str) -> Result<(), Stop> {
        if self.is_empty || self.has("help") {
            return Err(self.usage(what_it_does));
        }
        if self.has("version") { Err(Stop::version()) } else { Ok(()) }
    }

    /// All of these must be given.
    pub fn require(&self, names: &[&str]) -> Result<(), Stop> {
        match names.iter().find(|name| !self.has(name)) {
            None => Ok(()),
            Some(missing) => {
                let missing = self.spec(missing).in_brackets();
                Err(self.usage(&format!("Missing required argument \"{missing}\"")))
            }
        }
    }

    /// When `used` is given, none of the others may be.
    pub fn forbid_with(&self, used: &str, others: &[&str]) -> Result<(), Stop> {
        if !self.has(used) {
            return Ok(());
        }
        match others.iter().find(|name| self.has(name)) {
            None => Ok(()),
            Some(other) => {
                let (used, other) = (self.spec(used).in_brackets(), self.spec(other).in_brackets());
                Err(self.usage(&format!("Option \"{used}\" can't be used with option \"{other}\"")))
            }
        }
    }

    /// Whether an option that may lack its value has one.
    pub fn has_value(&self, name: &str) -> bool {
        let at = self.index(name);
        self.parser.specs[at].takes != Takes::Nothing
            && self.given[at].as_ref().is_some_and(|values| !values.is_empty())
    }
}
