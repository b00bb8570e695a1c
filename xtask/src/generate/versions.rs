//! Ranges of versions as the definitions write them: `3`, `0-4`, `2+`, `none`.

use anyhow::{Context, Result};

/// An inclusive range; empty if `first > last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    pub first: i16,
    pub last: i16,
}

impl Versions {
    pub const NONE: Versions = Versions { first: 0, last: -1 };

    pub fn parse(text: &str) -> Result<Versions> {
        let number = |text: &str| {
            text.trim().parse::<i16>().with_context(|| format!("invalid version '{text}'"))
        };
        Ok(match (text, text.strip_suffix('+'), text.split_once('-')) {
            ("none", ..) => Versions::NONE,
            (_, Some(first), _) => Versions { first: number(first)?, last: i16::MAX },
            (.., Some((first, last))) => Versions { first: number(first)?, last: number(last)? },
            _ => Versions { first: number(text)?, last: number(text)? },
        })
    }

    pub fn is_empty(self) -> bool {
        self.first > self.last
    }

    pub fn contains(self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }

    pub fn intersect(self, other: Versions) -> Versions {
        let both = Versions { first: self.first.max(other.first), last: self.last.min(other.last) };
        if both.is_empty() { Versions::NONE } else { both }
    }

    /// Every version of a closed range.
    pub fn each(self) -> impl Iterator<Item = i16> {
        self.first..=self.last
    }

    /// When a version of `within` is in this range too.
    pub fn condition(self, within: Versions) -> Condition {
        let both = self.intersect(within);
        if both.is_empty() {
            return Condition::Never;
        }
        if both == within {
            return Condition::Always;
        }
        Condition::When(if both.first == both.last {
            format!("version == {}", both.first)
        } else if both.last == within.last {
            format!("version >= {}", both.first)
        } else if both.first == within.first {
            format!("version <= {}", both.last)
        } else {
            format!("({}..={}).contains(&version)", both.first, both.last)
        })
    }
}

/// What has to be true of the variable `version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    Always,
    Never,
    When(String),
}

impl Condition {
    /// An expression of type `bool`.
    pub fn expression(&self) -> String {
        match self {
            Condition::Always => "true".to_owned(),
            Condition::Never => "false".to_owned(),
            Condition::When(test) => test.clone(),
        }
    }

    /// The opposite of a test on `version`.
    pub fn negated(test: &str) -> String {
        for (operator, opposite) in [(" >= ", " < "), (" <= ", " > "), (" == ", " != ")] {
            if let Some((left, right)) = test.split_once(operator) {
                return format!("{left}{opposite}{right}");
            }
        }
        format!("!{test}")
    }

    /// `if` and `else`, or only the branch that is ever taken.
    pub fn choose(&self, then: &str, otherwise: &str) -> String {
        match self {
            Condition::Always => then.to_owned(),
            Condition::Never => otherwise.to_owned(),
            Condition::When(test) if otherwise.is_empty() => format!("if {test} {{ {then} }}"),
            Condition::When(test) => format!("if {test} {{ {then} }} else {{ {otherwise} }}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_written() {
        for (text, first, last) in [("3", 3, 3), ("0-4", 0, 4), ("2+", 2, i16::MAX)] {
            assert_eq!(Versions::parse(text).unwrap(), Versions { first, last }, "{text}");
        }
        assert!(Versions::parse("none").unwrap().is_empty());
        for text in ["", "+", "a", "1-", "-1", "1-2-3"] {
            assert!(Versions::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn conditions_say_no_more_than_needed() {
        let within = Versions::parse("4-18").unwrap();
        for (field, condition) in [
            ("0+", Condition::Always),
            ("0-3", Condition::Never),
            ("none", Condition::Never),
            ("12+", Condition::When("version >= 12".into())),
            ("0-12", Condition::When("version <= 12".into())),
            ("7-12", Condition::When("(7..=12).contains(&version)".into())),
            ("5", Condition::When("version == 5".into())),
        ] {
            assert_eq!(Versions::parse(field).unwrap().condition(within), condition, "{field}");
        }
    }
}
