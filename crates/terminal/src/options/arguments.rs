//! Commands with subcommands and short flags, read as argparse4j 0.7 does for Kafka's tools.
//!
//! A flag may be cut short while it stays unambiguous, and so may the name of a subcommand. Values
//! are checked as they are read; what is required is checked at the end.

use std::collections::BTreeMap;

use super::stop::Stop;
use super::{similar, usage};

/// What an argument does with what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Takes one value; the last one counts.
    Store,
    /// Takes one or more values.
    StoreMany,
    /// Takes one value each time it is given.
    Append,
    /// Takes nothing.
    StoreTrue,
    /// Prints the version.
    Version,
    /// Prints the help.
    Help,
}

/// One flag of a command.
#[derive(Clone, Debug)]
pub struct Argument {
    pub(super) flags: Vec<&'static str>,
    pub(super) help: String,
    pub(super) placeholder: Option<&'static str>,
    pub(super) action: Action,
    pub(super) is_required: bool,
    pub(super) default: Option<String>,
    /// A Java class and what its values satisfy.
    number: Option<(&'static str, fn(&str) -> bool)>,
    choices: Vec<&'static str>,
    /// Which mutually exclusive group it belongs to.
    pub(super) group: Option<usize>,
    /// Which section at the end of the help shows it.
    pub(super) section: Option<usize>,
    /// Whether its absence is told as that of a group's.
    is_one_of: bool,
}

impl Argument {
    /// A flag that takes a value, by all its spellings.
    pub fn new(flags: &[&'static str], help: impl Into<String>) -> Self {
        Self {
            flags: flags.to_vec(),
            help: help.into(),
            placeholder: None,
            action: Action::Store,
            is_required: false,
            default: None,
            number: None,
            choices: Vec::new(),
            group: None,
            section: None,
            is_one_of: false,
        }
    }

    /// What stands for the value in the help; otherwise the name in capitals.
    pub fn placeholder(mut self, placeholder: &'static str) -> Self {
        self.placeholder = Some(placeholder);
        self
    }

    /// The command line must have it.
    pub fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// The command line must have it; Kafka's tool declares it as a group of one, and tells of it so.
    pub fn required_group(mut self) -> Self {
        self.is_one_of = true;
        self.required()
    }

    /// The value where none is given.
    pub fn default(mut self, value: impl ToString) -> Self {
        self.default = Some(value.to_string());
        self
    }

    /// It takes no value.
    pub fn flag(mut self) -> Self {
        self.action = Action::StoreTrue;
        self.default = Some("false".to_owned());
        self
    }

    /// It takes one or more values.
    pub fn many(mut self) -> Self {
        self.action = Action::StoreMany;
        self
    }

    /// It may be repeated.
    pub fn append(mut self) -> Self {
        self.action = Action::Append;
        self
    }

    /// It prints the version of Kafka.
    pub fn version(mut self) -> Self {
        self.action = Action::Version;
        self
    }

    /// Its value must be a number; `class` is Java's name for its kind, such as `Integer`.
    pub fn number<T: std::str::FromStr>(mut self, class: &'static str) -> Self {
        self.number = Some((class, |text| text.parse::<T>().is_ok()));
        self
    }

    /// Its value must be one of these.
    pub fn choices(mut self, choices: &[&'static str]) -> Self {
        self.choices = choices.to_vec();
        self
    }

    /// The name under which its value is kept: the first long flag, without dashes.
    pub(super) fn name(&self) -> &'static str {
        let long = self.flags.iter().find(|flag| flag.starts_with("--"));
        long.unwrap_or(&self.flags[0]).trim_start_matches('-')
    }

    pub(super) fn takes_value(&self) -> bool {
        matches!(self.action, Action::Store | Action::StoreMany | Action::Append)
    }

    fn check(&self, value: &str) -> Result<(), String> {
        let listed = self.choices.join(",");
        match self.number {
            Some((class, valid)) if !valid(value) => {
                let is_short = class == "Short" && value.parse::<i32>().is_ok();
                let reason = match value {
                    _ if is_short => format!("Value out of range. Value:\"{value}\" Radix:10"),
                    "" if class == "Double" => "empty String".to_owned(),
                    _ => format!("For input string: \"{value}\""),
                };
                Err(format!("could not convert '{value}' to {class} ({reason})"))
            }
            _ if !self.choices.is_empty() && !self.choices.contains(&value) => {
                Err(format!("invalid choice: '{value}' (choose from {{{listed}}})"))
            }
            _ => Ok(()),
        }
    }
}

/// Arguments of which only one may be given.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) is_required: bool,
    /// Shown above its arguments, which then have a place of their own in the help.
    pub(super) description: &'static str,
}

/// A command, or a subcommand of one.
#[derive(Clone, Debug)]
pub struct Command {
    /// The program for a command, the subcommand's name for a subcommand.
    pub(super) name: &'static str,
    pub(super) description: String,
    pub(super) help: String,
    pub(super) arguments: Vec<Argument>,
    pub(super) groups: Vec<Group>,
    pub(super) subcommands: Vec<Command>,
    /// The title of the subcommands in the help, and what stands for them in the usage.
    pub(super) subcommands_titled: Option<(&'static str, &'static str)>,
    pub(super) shows_defaults: bool,
    /// Titles and descriptions of arguments that the help shows apart.
    pub(super) sections: Vec<(&'static str, &'static str)>,
    help_code: u8,
    refusal: Option<fn(&str) -> Stop>,
}

impl Command {
    /// A command that knows `-h` and `--help`.
    pub fn new(name: &'static str) -> Self {
        let mut help = Argument::new(&["-h", "--help"], "show this help message and exit");
        help.action = Action::Help;
        Self {
            name,
            description: String::new(),
            help: String::new(),
            arguments: vec![help],
            groups: Vec::new(),
            subcommands: Vec::new(),
            subcommands_titled: None,
            shows_defaults: false,
            sections: Vec::new(),
            help_code: 0,
            refusal: None,
        }
    }

    /// What stands above its arguments in the help.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// What the help of the command above says of this subcommand.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = text.into();
        self
    }

    /// Also tells default values in the help.
    pub fn show_defaults(mut self) -> Self {
        self.shows_defaults = true;
        self
    }

    /// The exit code after `--help`: some tools take it for a failure.
    pub fn help_code(mut self, code: u8) -> Self {
        self.help_code = code;
        self
    }

    /// How a mistake is told, by its message; otherwise with the usage above it.
    pub fn refusal(mut self, tell: fn(&str) -> Stop) -> Self {
        self.refusal = Some(tell);
        self
    }

    /// Adds a flag.
    pub fn argument(mut self, argument: Argument) -> Self {
        self.arguments.push(argument);
        self
    }

    /// Adds flags that the help shows at its end, under a title and a description.
    pub fn section(
        mut self,
        title: &'static str,
        description: &'static str,
        arguments: impl IntoIterator<Item = Argument>,
    ) -> Self {
        let section = Some(self.sections.len());
        self.sections.push((title, description));
        let apart = arguments.into_iter().map(|argument| Argument { section, ..argument });
        self.arguments.extend(apart);
        self
    }

    /// Adds flags of which only one may be given.
    pub fn exclusive(
        mut self,
        is_required: bool,
        description: &'static str,
        arguments: impl IntoIterator<Item = Argument>,
    ) -> Self {
        let group = Some(self.groups.len());
        self.groups.push(Group { is_required, description });
        self.arguments.extend(arguments.into_iter().map(|argument| Argument { group, ..argument }));
        self
    }

    /// Lists the subcommands at the end of the help, under a title; `placeholder` stands for them in the usage.
    pub fn titled(mut self, title: &'static str, placeholder: &'static str) -> Self {
        self.subcommands_titled = Some((title, placeholder));
        self
    }

    /// Adds a subcommand.
    pub fn subcommand(mut self, command: Command) -> Self {
        self.subcommands.push(command);
        self
    }

    /// The usage and a message on standard error, exit code 1.
    pub fn refuse(&self, message: &str) -> Stop {
        self.refuse_below(&[], message)
    }

    fn refuse_below(&self, below: &[&Command], message: &str) -> Stop {
        let first = below.first().copied().unwrap_or(self);
        if let Some(tell) = first.refusal {
            return tell(message);
        }
        let program = first.name;
        let error = usage::wrap(&format!("{program}: error: {message}\n"), 0, 0);
        let err = format!("{}{error}", usage::usage(below, self));
        Stop { out: String::new(), err, code: 1 }
    }

    /// Reads a command line.
    pub fn parse(&self, arguments: &[String]) -> Result<Arguments, Stop> {
        let mut parsed = Arguments::default();
        self.read(&[], arguments, &mut parsed)?;
        Ok(parsed)
    }

    fn read(
        &self,
        above: &[&Command],
        arguments: &[String],
        parsed: &mut Arguments,
    ) -> Result<(), Stop> {
        let refuse = |message: &str| self.refuse_below(above, message);
        let mut given: Vec<&Argument> = Vec::new();
        let mut at = 0;
        while let Some(argument) = arguments.get(at) {
            at += 1;
            if !looks_like_a_flag(argument) {
                // Help of a subcommand is given before anything is missed, but what is missing here is told
                // before what is wrong there.
                let below = self.descend(above, &arguments[at - 1..], parsed);
                let is_told = below.as_ref().is_err_and(|stop| !stop.out.is_empty());
                if !is_told && !self.subcommands.is_empty() {
                    self.check_required(&given).map_err(|message| refuse(&message))?;
                }
                return below;
            }
            let (flag, mut joined) = match argument.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            let found = match self.resolve(flag).map_err(|message| refuse(&message))? {
                Some(found) => found,
                None => match self.abutting(argument) {
                    Some((found, value)) => {
                        joined = value;
                        found
                    }
                    None => return Err(self.refuse_unknown(above, argument)),
                },
            };
            let told =
                |message: String| refuse(&format!("argument {}: {message}", found.flags.join("/")));
            self.check_exclusive(&given, found).map_err(told)?;
            given.push(found);
            match found.action {
                Action::Help => return Err(self.helped(above)),
                Action::Version => return Err(Stop::version()),
                _ => {}
            }
            let taken = take(found, joined, &arguments[at..]).map_err(told)?;
            at += taken.consumed;
            parsed.keep(found, taken.values);
        }
        if !self.subcommands.is_empty() {
            return Err(refuse("too few arguments"));
        }
        self.check_required(&given).map_err(|message| refuse(&message))
    }

    fn refuse_unknown(&self, above: &[&Command], flag: &str) -> Stop {
        let message = format!("unrecognized arguments: '{flag}'");
        let mut stop = self.refuse_below(above, &message);
        let word = flag.trim_start_matches('-');
        let is_bare = above.first().copied().unwrap_or(self).refusal.is_some();
        if word.chars().count() >= 2 && !is_bare {
            let flags = self.arguments.iter().flat_map(|argument| argument.flags.iter().copied());
            stop.err.push_str(&similar::suggestion(word, flags));
        }
        stop
    }

    fn descend(
        &self,
        above: &[&Command],
        arguments: &[String],
        parsed: &mut Arguments,
    ) -> Result<(), Stop> {
        let word = &arguments[0];
        if self.subcommands.is_empty() {
            let rest = arguments.join(" ");
            let message = format!("unrecognized arguments: '{rest}'");
            return Err(self.refuse_below(above, &message));
        }
        let names = self.subcommands.iter().map(|command| command.name);
        let message = match unambiguous(names.clone(), word) {
            Ok(Some(name)) => {
                parsed.subcommand = Some(name);
                let command = self.subcommands.iter().find(|command| command.name == name);
                let command = command.expect("the name was found among them");
                return command.read(&[above, &[self]].concat(), &arguments[1..], parsed);
            }
            Ok(None) => {
                let quoted: Vec<String> = names.clone().map(|name| format!("'{name}'")).collect();
                let message =
                    format!("invalid choice: '{word}' (choose from {})", quoted.join(", "));
                let mut stop = self.refuse_below(above, &message);
                if above.first().copied().unwrap_or(self).refusal.is_none() {
                    stop.err.push_str(&similar::suggestion(word, names));
                }
                return Err(stop);
            }
            Err(names) => format!("ambiguous command: {word} could match {names}"),
        };
        Err(self.refuse_below(above, &message))
    }

    fn helped(&self, above: &[&Command]) -> Stop {
        let code = above.first().copied().unwrap_or(self).help_code;
        Stop { out: usage::help(above, self), err: String::new(), code }
    }

    fn resolve(&self, flag: &str) -> Result<Option<&Argument>, String> {
        let flags = self.arguments.iter().flat_map(|argument| argument.flags.iter().copied());
        match unambiguous(flags, flag) {
            Ok(found) => Ok(found.and_then(|flag| {
                self.arguments.iter().find(|argument| argument.flags.contains(&flag))
            })),
            Err(names) => Err(format!("ambiguous option: {flag} could match {names}")),
        }
    }

    /// `-cFILE`: a short flag with its value right behind.
    fn abutting(&self, argument: &str) -> Option<(&Argument, Option<String>)> {
        let flag = argument.get(..2).filter(|flag| *flag != "--")?;
        let mut arguments = self.arguments.iter();
        let found = arguments.find(|known| known.flags.contains(&flag) && known.takes_value())?;
        Some((found, Some(argument[2..].to_owned())))
    }

    fn check_exclusive(&self, given: &[&Argument], next: &Argument) -> Result<(), String> {
        let other = given.iter().find(|other| {
            next.group.is_some() && other.group == next.group && other.flags != next.flags
        });
        match other {
            None => Ok(()),
            Some(other) => Err(format!("not allowed with argument {}", other.flags.join("/"))),
        }
    }

    fn check_required(&self, given: &[&Argument]) -> Result<(), String> {
        let has = |argument: &Argument| given.iter().any(|one| one.flags == argument.flags);
        let missing = |known: &&Argument| known.is_required && !has(known);
        // Of several that are missing argparse4j names the last one; Kafka's tools declare those that the
        // help shows apart before all others.
        let of_section = |is_apart| {
            self.arguments
                .iter()
                .rev()
                .filter(move |known: &&Argument| known.section.is_some() == is_apart)
        };
        let mut alone = of_section(false).chain(of_section(true)).filter(|known| !known.is_one_of);
        if let Some(missing) = alone.find(missing) {
            return Err(format!("argument {} is required", missing.flags.join("/")));
        }
        if let Some(missing) = self.arguments.iter().filter(|known| known.is_one_of).find(missing) {
            return Err(format!("one of the arguments {} is required", missing.flags.join("/")));
        }
        let mut groups = self.groups.iter().enumerate().rev();
        let is_missing = |at: usize| !given.iter().any(|argument| argument.group == Some(at));
        let Some((at, _)) = groups.find(|(at, group)| group.is_required && is_missing(*at)) else {
            return Ok(());
        };
        let members = self.arguments.iter().filter(|known| known.group == Some(at));
        let names: Vec<String> = members.map(|known| known.flags.join("/")).collect();
        Err(format!("one of the arguments {} is required", names.join(" ")))
    }
}

struct Taken {
    values: Vec<String>,
    consumed: usize,
}

fn take(argument: &Argument, joined: Option<String>, rest: &[String]) -> Result<Taken, String> {
    let wanted = match argument.action {
        Action::Store | Action::Append => 1,
        Action::StoreMany => usize::MAX,
        _ => {
            return match joined {
                None => Ok(Taken { values: vec!["true".to_owned()], consumed: 0 }),
                Some(value) => Err(format!("ignore implicit argument '{value}'")),
            };
        }
    };
    let (values, consumed) = match joined {
        Some(value) => (vec![value], 0),
        None => {
            let behind = rest.iter().take_while(|next| !looks_like_a_flag(next)).take(wanted);
            let values: Vec<String> = behind.cloned().collect();
            let consumed = values.len();
            (values, consumed)
        }
    };
    if values.is_empty() {
        let many = argument.action == Action::StoreMany;
        let wanted = if many { "expected 1 argument(s)" } else { "expected one argument" };
        return Err(wanted.to_owned());
    }
    values.iter().try_for_each(|value| argument.check(value))?;
    Ok(Taken { values, consumed })
}

/// A negative number is a value.
fn looks_like_a_flag(argument: &str) -> bool {
    argument.len() > 1
        && argument.starts_with('-')
        && !argument[1..].bytes().all(|byte| byte.is_ascii_digit())
}

/// The name that is given or begun; `Err` lists those that might be meant.
fn unambiguous(
    names: impl Iterator<Item = &'static str>,
    word: &str,
) -> Result<Option<&'static str>, String> {
    let mut begun: Vec<&'static str> = names.filter(|name| name.starts_with(word)).collect();
    if let Some(exact) = begun.iter().find(|name| **name == word) {
        return Ok(Some(exact));
    }
    begun.sort_unstable();
    match begun.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        _ => Err(begun.join(", ")),
    }
}

/// What a command line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The subcommand, by its full name.
    pub subcommand: Option<&'static str>,
    values: BTreeMap<&'static str, Vec<String>>,
}

impl Arguments {
    fn keep(&mut self, argument: &Argument, values: Vec<String>) {
        let kept = self.values.entry(argument.name()).or_default();
        if argument.action == Action::Append {
            kept.extend(values);
        } else {
            *kept = values;
        }
    }

    /// Whether the command line has the flag of this name (its first long spelling, without dashes).
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The value of a flag, if given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).last().map(String::as_str)
    }

    /// All values of a flag.
    pub fn texts(&self, name: &str) -> &[String] {
        self.values.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The value of a flag that was declared as a number of this kind.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name).and_then(|text| text.parse().ok())
    }
}
