//! Reading typed values out of a map of strings, and knowing afterwards which keys nobody read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeBounds;

/// A property that can't be used, in Kafka's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A required key is absent.
    #[error("Missing required configuration \"{key}\" which has no default value.")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A value has the wrong form or lies outside its range.
    #[error("Invalid value {value} for configuration {key}: {reason}")]
    Invalid {
        /// The key.
        key: String,
        /// What it was set to.
        value: String,
        /// Kafka's reason.
        reason: String,
    },
    /// Two settings contradict each other, or ask for what this client does not do.
    #[error("{detail}")]
    Conflict {
        /// In words for the user.
        detail: String,
    },
}

/// Something about the properties that the user should hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Kafka's clients have no such key.
    Unknown {
        /// The key.
        key: String,
    },
    /// The key belongs to Kafka's Java client and means nothing here.
    NoEffect {
        /// The key.
        key: String,
        /// Why.
        reason: &'static str,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Unknown { key } => {
                write!(formatter, "the configuration '{key}' was supplied but isn't a known config")
            }
            Warning::NoEffect { key, reason } => {
                write!(formatter, "the configuration '{key}' has no effect: {reason}")
            }
        }
    }
}

/// A configuration and what its reading brought to light.
#[derive(Clone, Debug)]
pub struct Configured<T> {
    /// What to run with.
    pub config: T,
    /// What to tell the user.
    pub warnings: Vec<Warning>,
}

/// Keys of Kafka's Java clients that name Java classes or Java machinery.
const JAVA_ONLY: [(&str, &str); 17] = [
    ("key.serializer", "keys are bytes here"),
    ("value.serializer", "values are bytes here"),
    ("key.deserializer", "keys are bytes here"),
    ("value.deserializer", "values are bytes here"),
    ("interceptor.classes", "Java classes are not loaded"),
    ("metric.reporters", "Java classes are not loaded"),
    ("config.providers", "Java classes are not loaded"),
    ("auto.include.jmx.reporter", "there is no JMX"),
    ("metrics.num.samples", "metrics are not sampled in windows"),
    ("metrics.sample.window.ms", "metrics are not sampled in windows"),
    ("metrics.recording.level", "metrics are not sampled in windows"),
    ("enable.metrics.push", "client metrics are not pushed to brokers"),
    ("allow.auto.create.topics", "only a consumer creates topics by asking for them"),
    ("security.providers", "Java classes are not loaded"),
    ("socket.connection.setup.timeout.max.ms", "the setup timeout does not grow"),
    ("exclude.internal.topics", "only a consumer subscribes to patterns"),
    ("config.storage.topic", "belongs to Connect"),
];

/// A map of properties that remembers which keys were read.
#[derive(Debug)]
pub struct Properties<'a> {
    values: &'a BTreeMap<String, String>,
    read: BTreeSet<&'static str>,
}

impl<'a> Properties<'a> {
    /// Starts reading `values`.
    pub fn new(values: &'a BTreeMap<String, String>) -> Self {
        Self { values, read: BTreeSet::new() }
    }

    /// The trimmed value of `key`, where it is set.
    pub fn text(&mut self, key: &'static str) -> Option<&'a str> {
        self.read.insert(key);
        self.values.get(key).map(|value| value.trim())
    }

    /// An integer inside `range`; `kind` is Kafka's name of the type (`INT`, `LONG`).
    pub fn number<R>(
        &mut self,
        key: &'static str,
        default: i64,
        range: R,
    ) -> Result<i64, ConfigError>
    where
        R: RangeBounds<i64>,
    {
        let Some(text) = self.text(key) else { return Ok(default) };
        let number: i64 =
            text.parse().map_err(|_| invalid(key, text, "Not a number of type LONG".to_owned()))?;
        if range.contains(&number) {
            return Ok(number);
        }
        let reason = match range.start_bound() {
            std::ops::Bound::Included(least) if number < *least => {
                format!("Value must be at least {least}")
            }
            _ => match range.end_bound() {
                std::ops::Bound::Included(most) => format!("Value must be no more than {most}"),
                _ => "Value is out of range".to_owned(),
            },
        };
        Err(invalid(key, text, reason))
    }

    /// Milliseconds, zero or more.
    pub fn millis(&mut self, key: &'static str, default: u64) -> Result<u64, ConfigError> {
        let default = i64::try_from(default).unwrap_or(i64::MAX);
        Ok(self.number(key, default, 0..=i64::MAX)?.unsigned_abs())
    }

    /// A size or count that fits a signed 32-bit field of the protocol.
    pub fn int(&mut self, key: &'static str, default: i32, least: i32) -> Result<i32, ConfigError> {
        let number =
            self.number(key, i64::from(default), i64::from(least)..=i64::from(i32::MAX))?;
        Ok(i32::try_from(number).expect("the range was checked"))
    }

    /// `true` or `false`, in any case.
    pub fn flag(&mut self, key: &'static str, default: bool) -> Result<bool, ConfigError> {
        match self.text(key) {
            None => Ok(default),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(text) => {
                Err(invalid(key, text, "Expected value to be either true or false".to_owned()))
            }
        }
    }

    /// One of `choices`; the first is the default.
    pub fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Result<T, ConfigError> {
        let (_, default) = choices.first().expect("a choice has at least one value");
        let Some(text) = self.text(key) else { return Ok(*default) };
        choices
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text))
            .map(|(_, value)| *value)
            .ok_or_else(|| {
                let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                invalid(key, text, format!("String must be one of: {}", names.join(", ")))
            })
    }

    /// A comma-separated list, empty entries dropped.
    pub fn list(&mut self, key: &'static str) -> Vec<String> {
        self.text(key)
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Ends the reading: every key that nothing asked for becomes a warning.
    pub fn finish<T>(self, config: T) -> Configured<T> {
        let warnings = self
            .values
            .keys()
            .filter(|key| !self.read.contains(key.as_str()))
            .map(|key| match JAVA_ONLY.iter().find(|(known, _)| known == key) {
                Some((_, reason)) => Warning::NoEffect { key: key.clone(), reason },
                None => Warning::Unknown { key: key.clone() },
            })
            .collect();
        Configured { config, warnings }
    }
}

/// Says that `key` can't have this value.
pub fn invalid(key: &str, value: &str, reason: String) -> ConfigError {
    ConfigError::Invalid { key: key.to_owned(), value: value.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn refusals_speak_as_kafka_does() {
        let values =
            map(&[("linger.ms", "soon"), ("batch.size", "-1"), ("acks", "2"), ("b", "yes")]);
        let mut properties = Properties::new(&values);
        let cases = [
            (
                properties.millis("linger.ms", 5).unwrap_err(),
                "Invalid value soon for configuration linger.ms: Not a number of type LONG",
            ),
            (
                properties.int("batch.size", 1, 0).unwrap_err(),
                "Invalid value -1 for configuration batch.size: Value must be at least 0",
            ),
            (
                properties.choice("acks", &[("all", 0), ("1", 1)]).unwrap_err(),
                "Invalid value 2 for configuration acks: String must be one of: all, 1",
            ),
            (
                properties.flag("b", true).unwrap_err(),
                "Invalid value yes for configuration b: Expected value to be either true or false",
            ),
        ];
        for (error, expected) in cases {
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn what_nobody_read_is_reported() {
        let values = map(&[("acks", "all"), ("ackss", "1"), ("key.serializer", "X")]);
        let mut properties = Properties::new(&values);
        properties.text("acks");
        let warnings = properties.finish(()).warnings;
        assert_eq!(
            warnings,
            vec![
                Warning::Unknown { key: "ackss".to_owned() },
                Warning::NoEffect {
                    key: "key.serializer".to_owned(),
                    reason: "keys are bytes here"
                },
            ]
        );
    }
}
