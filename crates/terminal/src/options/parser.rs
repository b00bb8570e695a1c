//! Declaring options, and reading a command line as joptsimple 5 does for Kafka's tools.
//!
//! Names are never cut short, and may follow one dash or two; `=` may join name and value. The value
//! of `--name=` is taken from the next argument. What is no option is kept apart. Values are converted
//! only when asked for, so a bad number in an unused option is no error.

use super::parsed::Options;
use super::stop::Stop;
use super::table;

/// Whether an option takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    Value,
    /// Taken from the next argument unless that looks like an option.
    PerhapsValue,
}

/// One option: its name and what the help says of it.
#[derive(Clone, Debug)]
pub struct OptionSpec {
    pub(super) name: &'static str,
    pub(super) description: String,
    pub(super) takes: Takes,
    pub(super) value_type: &'static str,
    pub(super) value_description: &'static str,
    pub(super) defaults: Vec<String>,
    pub(super) separator: Option<char>,
    pub(super) is_required: bool,
    pub(super) available_with: Vec<&'static str>,
}

impl OptionSpec {
    /// What the value is, as in `--topic <String: topic>`.
    pub fn described_as(&mut self, description: &'static str) -> &mut Self {
        self.value_description = description;
        self
    }

    /// The Java class of the value, as the help names it: `Integer`, `Long`. Otherwise `String`.
    pub fn of_type(&mut self, name: &'static str) -> &mut Self {
        self.value_type = name;
        self
    }

    /// The value where none is given; the help tells it.
    pub fn defaults_to(&mut self, value: impl ToString) -> &mut Self {
        self.defaults.push(value.to_string());
        self
    }

    /// One argument holds several values.
    pub fn separated_by(&mut self, separator: char) -> &mut Self {
        self.separator = Some(separator);
        self
    }

    /// A command line without it is refused, except for one that asks for help.
    pub fn required(&mut self) -> &mut Self {
        self.is_required = true;
        self
    }

    /// Only allowed together with one of these.
    pub fn available_if(&mut self, names: &[&'static str]) -> &mut Self {
        self.available_with.extend_from_slice(names);
        self
    }

    /// `[topic]`: how joptsimple shows an option in some of its messages.
    pub(super) fn in_brackets(&self) -> String {
        format!("[{}]", self.name)
    }
}

/// The options of one tool. `--help` and `--version` are among them from the start.
///
/// ```
/// # use ottla_terminal::options::{Parser, Stop};
/// # fn topic(arguments: &[String]) -> Result<(), Stop> {
/// let mut parser = Parser::new();
/// parser.flag("list", "List all available topics.");
/// parser.value("topic", "The topic to create.").described_as("topic");
/// let options = parser.parse(arguments)?;
/// options.help_or_version("This tool helps to create topics.")?;
/// options.require(&["topic"])?;
/// let topic = options.text("topic")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Parser {
    pub(super) specs: Vec<OptionSpec>,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// A parser that knows `--help` and `--version`.
    pub fn new() -> Self {
        let mut parser = Self { specs: Vec::new() };
        parser.flag("help", "Print usage information.");
        parser.flag("version", "Display Kafka version.");
        parser
    }

    /// Declares an option without a value.
    pub fn flag(&mut self, name: &'static str, description: impl Into<String>) -> &mut OptionSpec {
        self.declare(name, description.into(), Takes::Nothing)
    }

    /// Declares an option with a value.
    pub fn value(&mut self, name: &'static str, description: impl Into<String>) -> &mut OptionSpec {
        self.declare(name, description.into(), Takes::Value)
    }

    /// Declares an option whose value may be left out.
    pub fn perhaps_value(
        &mut self,
        name: &'static str,
        description: impl Into<String>,
    ) -> &mut OptionSpec {
        self.declare(name, description.into(), Takes::PerhapsValue)
    }

    fn declare(
        &mut self,
        name: &'static str,
        description: String,
        takes: Takes,
    ) -> &mut OptionSpec {
        let at = self.specs.len();
        self.specs.push(OptionSpec {
            name,
            description,
            takes,
            value_type: "String",
            value_description: "",
            defaults: Vec::new(),
            separator: None,
            is_required: false,
            available_with: Vec::new(),
        });
        &mut self.specs[at]
    }

    /// The help, as joptsimple prints it.
    pub fn help(&self) -> String {
        table::render(&self.specs)
    }

    /// A message and the help on standard error, exit code 1: Kafka's way to refuse.
    pub fn usage(&self, message: &str) -> Stop {
        let err = format!("{message}\n{}", self.help());
        Stop { out: String::new(), err, code: 1 }
    }

    /// Reads a command line.
    pub fn parse(&self, arguments: &[String]) -> Result<Options<'_>, Stop> {
        let mut options = Options::new(self, arguments.is_empty());
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if argument == "--" {
                options.others.extend(rest.by_ref().cloned());
            } else if let Some(token) = argument.strip_prefix("--") {
                let (name, value) = split(token);
                let at = self.find(name).ok_or_else(|| unrecognized(name))?;
                self.take(at, value, &mut rest, &mut options)?;
            } else if argument.len() > 1
                && let Some(token) = argument.strip_prefix('-')
            {
                let (name, value) = split(token);
                match self.find(name) {
                    Some(at) => self.take(at, value, &mut rest, &mut options)?,
                    None => self.cluster(token, &mut rest, &mut options)?,
                }
            } else {
                options.others.push(argument.clone());
            }
        }
        options.check()?;
        Ok(options)
    }

    /// The option of this name.
    fn find(&self, name: &str) -> Option<usize> {
        self.specs.iter().position(|spec| spec.name == name)
    }

    fn take(
        &self,
        at: usize,
        value: &str,
        rest: &mut std::slice::Iter<'_, String>,
        options: &mut Options<'_>,
    ) -> Result<(), Stop> {
        let spec = &self.specs[at];
        match spec.takes {
            Takes::Nothing => options.add(at, None),
            _ if !value.is_empty() => options.add(at, Some(value)),
            Takes::Value => match rest.next() {
                Some(value) => options.add(at, Some(value)),
                None => {
                    let name = spec.name;
                    return Err(Stop::refused(format!("Option {name} requires an argument")));
                }
            },
            Takes::PerhapsValue => match rest.as_slice().first() {
                Some(next) if next.len() < 2 || !next.starts_with('-') => {
                    rest.next();
                    options.add(at, Some(next));
                }
                _ => options.add(at, None),
            },
        }
        Ok(())
    }

    /// One-letter options that share a dash: `-ab`, or `-afile`.
    fn cluster(
        &self,
        letters: &str,
        rest: &mut std::slice::Iter<'_, String>,
        options: &mut Options<'_>,
    ) -> Result<(), Stop> {
        let found: Vec<(usize, usize)> = letters
            .char_indices()
            .map(|(offset, letter)| {
                let name = &letters[offset..offset + letter.len_utf8()];
                self.find(name).map(|at| (offset, at)).ok_or_else(|| unrecognized(name))
            })
            .scan(false, |ended, outcome| {
                // What follows the first letter that takes a value is that value.
                let take = !*ended;
                *ended |=
                    matches!(&outcome, Ok((_, at)) if self.specs[*at].takes != Takes::Nothing);
                take.then_some(outcome)
            })
            .collect::<Result<_, Stop>>()?;
        for (offset, at) in found {
            let behind = if offset == 0 { letters.get(1..).unwrap_or_default() } else { "" };
            self.take(at, behind, rest, options)?;
        }
        Ok(())
    }
}

fn split(token: &str) -> (&str, &str) {
    token.split_once('=').unwrap_or((token, ""))
}

fn unrecognized(name: &str) -> Stop {
    Stop::refused(format!("{name} is not a recognized option"))
}
