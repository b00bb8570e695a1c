//! One configuration key: its name, type, default, range and reach.
//!
//! The tables of keys are data; everything that reads configuration (validation, DescribeConfigs,
//! `docs/configuration.md`, the server's start) reads these entries.

use std::fmt;

/// The type of a value, as DescribeConfigs names it (`ConfigType` codes 1–9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Boolean,
    String,
    Int,
    Short,
    Long,
    Double,
    List,
    Class,
    Password,
}

impl Kind {
    /// The code of the type in a DescribeConfigs response.
    #[must_use]
    pub const fn code(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }

    /// Whether a whole number fits the type.
    const fn holds(self, number: i64) -> bool {
        match self {
            Self::Int => number >= i32::MIN as i64 && number <= i32::MAX as i64,
            Self::Short => number >= i16::MIN as i64 && number <= i16::MAX as i64,
            _ => true,
        }
    }

    /// The type's name in messages and documentation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }
}

/// What a value must satisfy beyond its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    Any,
    AtLeast(i64),
    Between(i64, i64),
    /// A range, or one value outside it that means "the codec's own default".
    BetweenOr(i64, i64, i64),
    Fraction,
    OneOf(&'static [&'static str]),
    /// As `OneOf`; upper and lower case are the same.
    OneOfAnyCase(&'static [&'static str]),
    /// A list whose items come from these, without repetition; may be empty when `empty` holds.
    ListOf {
        items: &'static [&'static str],
        empty: bool,
    },
    NonEmpty,
    /// `[partition]:[broker],…` or `*`.
    ThrottledReplicas,
}

/// How a broker key may change while the broker runs (KIP-226).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    ReadOnly,
    PerBroker,
    ClusterWide,
}

/// One configuration key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    /// `None`: no default, Kafka's `null`.
    pub default: Option<&'static str>,
    pub rule: Rule,
    pub update: Update,
    /// One sentence for people.
    pub doc: &'static str,
}

/// Why a value is refused, in the words of Kafka's `ConfigException`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    pub key: String,
    pub value: Option<String>,
    pub reason: String,
}

impl fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Some of Kafka's reasons are whole sentences; what is wrong with several keys together has no key.
        if self.key.is_empty() || self.reason.starts_with("Configuration ") {
            return formatter.write_str(&self.reason);
        }
        let value = self.value.as_deref().unwrap_or("null");
        write!(formatter, "Invalid value {value} for configuration {}", self.key)?;
        if self.reason.is_empty() { Ok(()) } else { write!(formatter, ": {}", self.reason) }
    }
}

impl Key {
    /// Whether the value may be shown: passwords never are.
    #[must_use]
    pub const fn is_sensitive(&self) -> bool {
        matches!(self.kind, Kind::Password)
    }

    /// Checks a value's type and range.
    ///
    /// # Errors
    /// [`Invalid`] with Kafka's words for what is wrong.
    pub fn validate(&self, value: &str) -> Result<(), Invalid> {
        match self.reason_against(value.trim()) {
            None => Ok(()),
            Some(reason) => {
                let value = Some(self.blamed(value));
                Err(Invalid { key: self.name.to_owned(), value, reason })
            }
        }
    }

    /// What a refusal shows of a value: a number as Java prints it, if it is one; of a list the item that is
    /// wrong, or the list as Java prints it; anything else as it was given.
    fn blamed(&self, given: &str) -> String {
        let value = given.trim();
        match self.kind {
            Kind::Int | Kind::Short | Kind::Long => {
                let number = value.parse::<i64>().ok();
                let number = number.filter(|number| self.kind.holds(*number));
                return number.map_or_else(|| given.to_owned(), |number| number.to_string());
            }
            Kind::Double => {
                let number = value.parse::<f64>().ok();
                return number.map_or_else(|| given.to_owned(), |number| format!("{number:?}"));
            }
            Kind::Boolean => return given.to_owned(),
            _ => {}
        }
        let items: Vec<&str> = list_items(value).collect();
        match self.rule {
            Rule::ListOf { items: choices, .. } => {
                let wrong = items.iter().find(|item| !choices.contains(item));
                wrong.map_or_else(|| value.to_owned(), |item| (*item).to_owned())
            }
            Rule::ThrottledReplicas => format!("[{}]", items.join(", ")),
            _ => value.to_owned(),
        }
    }

    fn reason_against(&self, value: &str) -> Option<String> {
        match self.kind {
            Kind::Boolean => {
                let known =
                    value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false");
                (!known).then(|| "Expected value to be either true or false".to_owned())
            }
            Kind::Int | Kind::Short | Kind::Long => self.integer(value),
            Kind::Double => self.double(value),
            Kind::List => self.list(value),
            Kind::String | Kind::Class | Kind::Password => self.text(value),
        }
    }

    fn integer(&self, value: &str) -> Option<String> {
        let number = match value.parse::<i64>() {
            Ok(number) if self.kind.holds(number) => number,
            _ => return Some(format!("Not a number of type {}", self.kind.name())),
        };
        match self.rule {
            Rule::AtLeast(low) if number < low => Some(format!("Value must be at least {low}")),
            Rule::Between(low, _) if number < low => Some(format!("Value must be at least {low}")),
            Rule::Between(_, high) if number > high => {
                Some(format!("Value must be no more than {high}"))
            }
            Rule::BetweenOr(low, high, other)
                if number != other && !(low..=high).contains(&number) =>
            {
                Some(format!("Value must be between {low} and {high} or equal to {other}"))
            }
            _ => None,
        }
    }

    fn double(&self, value: &str) -> Option<String> {
        let Ok(number) = value.parse::<f64>() else {
            return Some(format!("Not a number of type {}", self.kind.name()));
        };
        match self.rule {
            Rule::Fraction if number < 0.0 => Some("Value must be at least 0".to_owned()),
            Rule::Fraction if number > 1.0 => Some("Value must be no more than 1".to_owned()),
            _ => None,
        }
    }

    fn text(&self, value: &str) -> Option<String> {
        match self.rule {
            Rule::OneOf(choices) if !choices.contains(&value) => {
                Some(format!("String must be one of: {}", choices.join(", ")))
            }
            Rule::OneOfAnyCase(choices)
                if !choices.iter().any(|choice| choice.eq_ignore_ascii_case(value)) =>
            {
                let choices = choices.join(", ").to_ascii_uppercase();
                Some(format!("String must be one of (case insensitive): {choices}"))
            }
            Rule::NonEmpty if value.is_empty() => Some("String must be non-empty".to_owned()),
            _ => None,
        }
    }

    fn list(&self, value: &str) -> Option<String> {
        let items: Vec<&str> = list_items(value).collect();
        match self.rule {
            Rule::ListOf { items: choices, empty } => {
                if items.is_empty() && !empty {
                    return Some(format!("Configuration '{}' must not be empty.", self.name));
                }
                if items.iter().any(|item| item.is_empty()) {
                    let name = self.name;
                    return Some(format!("Configuration '{name}' values must not be empty."));
                }
                // An item may come twice: Kafka drops the second one before it looks.
                let is_unknown = items.iter().any(|item| !choices.contains(item));
                is_unknown.then(|| format!("String must be one of: {}", choices.join(", ")))
            }
            Rule::ThrottledReplicas => {
                let all = items.len() == 1 && (items[0] == "*" || items[0].is_empty());
                let pairs = items.iter().all(|item| {
                    item.split_once(':').is_some_and(|(partition, broker)| {
                        partition.parse::<u32>().is_ok() && broker.parse::<u32>().is_ok()
                    })
                });
                (!all && !pairs).then(|| {
                    format!(
                        "{} must be the literal '*' or a list of replicas in the following format: \
                         [partitionId]:[brokerId],[partitionId]:[brokerId],...",
                        self.name
                    )
                })
            }
            _ => None,
        }
    }
}

/// The items of a list value: separated by commas, trimmed; an empty value has none.
pub fn list_items(value: &str) -> impl Iterator<Item = &str> {
    let value = value.trim();
    value.split(',').map(str::trim).filter(move |_| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: Kind, rule: Rule) -> Key {
        Key { name: "k", kind, default: None, rule, update: Update::ReadOnly, doc: "" }
    }

    #[test]
    fn values_are_checked_with_the_words_of_kafka() {
        let cases = [
            (key(Kind::Int, Rule::Any), "x", "Not a number of type INT"),
            (key(Kind::Int, Rule::Any), "3000000000", "Not a number of type INT"),
            (key(Kind::Long, Rule::AtLeast(-1)), "-2", "Value must be at least -1"),
            (key(Kind::Int, Rule::Between(1, 9)), "10", "Value must be no more than 9"),
            (key(Kind::Boolean, Rule::Any), "yes", "Expected value to be either true or false"),
            (key(Kind::Double, Rule::Fraction), "1.5", "Value must be no more than 1"),
            (key(Kind::String, Rule::OneOf(&["a", "b"])), "c", "String must be one of: a, b"),
            (
                key(Kind::String, Rule::OneOfAnyCase(&["a", "b"])),
                "c",
                "String must be one of (case insensitive): A, B",
            ),
            (
                key(Kind::List, Rule::ListOf { items: &["compact", "delete"], empty: true }),
                "nope",
                "String must be one of: compact, delete",
            ),
        ];
        for (key, value, reason) in cases {
            let invalid = key.validate(value).expect_err(value);
            assert_eq!(invalid.reason, reason);
            assert_eq!(
                invalid.to_string(),
                format!("Invalid value {value} for configuration k: {reason}")
            );
        }
    }

    #[test]
    fn lists_name_what_is_wrong_with_them() {
        let policy = Rule::ListOf { items: &["compact", "delete"], empty: true };
        for (rule, value, message) in [
            (
                policy,
                "delete,nope",
                "Invalid value nope for configuration k: String must be one of: compact, delete",
            ),
            (policy, "delete,", "Configuration 'k' values must not be empty."),
            (
                Rule::ThrottledReplicas,
                "0:1,x",
                "Invalid value [0:1, x] for configuration k: k must be the literal '*' or a list \
                 of replicas in the following format: \
                 [partitionId]:[brokerId],[partitionId]:[brokerId],...",
            ),
        ] {
            let invalid = key(Kind::List, rule).validate(value).expect_err(value);
            assert_eq!(invalid.to_string(), message);
        }
        assert_eq!(key(Kind::List, policy).validate("delete,delete"), Ok(()));
    }

    #[test]
    fn numbers_out_of_range_are_shown_as_java_prints_them() {
        for (kind, rule, given, shown) in [
            (Kind::Double, Rule::Fraction, "2", "2.0"),
            (Kind::Long, Rule::AtLeast(-1), " -02 ", "-2"),
            (Kind::Int, Rule::Any, " x ", " x "),
            (Kind::Int, Rule::Any, "3000000000", "3000000000"),
        ] {
            let invalid = key(kind, rule).validate(given).expect_err(given);
            assert_eq!(invalid.value.as_deref(), Some(shown));
        }
    }

    #[test]
    fn good_values_pass() {
        let cases = [
            (key(Kind::Int, Rule::BetweenOr(1, 9, -1)), "-1"),
            (key(Kind::Boolean, Rule::Any), "TRUE"),
            (key(Kind::List, Rule::ListOf { items: &["compact", "delete"], empty: true }), ""),
            (key(Kind::List, Rule::ThrottledReplicas), "0:1,1:2"),
            (key(Kind::List, Rule::ThrottledReplicas), "*"),
            (key(Kind::Long, Rule::Any), " 7 "),
        ];
        for (key, value) in cases {
            assert_eq!(key.validate(value), Ok(()), "{value}");
        }
    }
}
