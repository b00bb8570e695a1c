//! A server's configuration as given: the properties file and the command line, checked.
//!
//! Old spellings become what they mean today; what has no effect, or no meaning, is said so in a
//! [`Notice`], with the nearest key for what looks like a slip. Nothing is dropped in silence.

use super::broker::{self, Effect, absent};
use super::key::{Invalid, list_items};
use super::legacy;
use super::nearest::nearest;
use super::properties::Property;
use super::resolve::Values;
use super::topic::TOPIC_KEYS;

/// Something a person should know about the given configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// As expected, but worth a line.
    Info(String),
    /// Probably not what was meant.
    Warn(String),
}

/// The checked values by today's names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerConfig {
    given: Values,
}

impl ServerConfig {
    /// Checks every property. Values of the same key: the last one wins.
    ///
    /// # Errors
    /// Every value that its key refuses.
    pub fn new(
        properties: impl IntoIterator<Item = Property>,
    ) -> Result<(Self, Vec<Notice>), Vec<Invalid>> {
        let mut given: Values =
            properties.into_iter().map(|property| (property.key, property.value)).collect();
        let mut notices = Vec::new();
        legacy::translate(&mut given, &mut notices);
        let mut idle = Vec::new();
        let mut without_part = Vec::new();
        let mut invalid = Vec::new();
        for (name, value) in &given {
            match broker::find(name) {
                Some(entry) => {
                    invalid.extend(entry.key.validate(value).err());
                    if let Effect::None(_) = entry.effect {
                        idle.push(name.as_str());
                    }
                }
                None if is_listener_prefixed(name) => {}
                None if absent::contains(name) => without_part.push(name.as_str()),
                None => notices.push(unknown(name)),
            }
        }
        if !idle.is_empty() {
            let names = idle.join(", ");
            notices.push(Notice::Info(format!("accepted, with nothing to tune here: {names}")));
        }
        if !without_part.is_empty() {
            let names = without_part.join(", ");
            notices.push(Notice::Warn(format!(
                "these keys of Apache Kafka have no effect in this version of Ottla: {names}"
            )));
        }
        let config = Self { given };
        if invalid.is_empty() {
            let protocols = config.list(broker::PROTOCOLS);
            invalid = broker::conflicts(|name| config.number(name), &protocols);
        }
        if invalid.is_empty() { Ok((config, notices)) } else { Err(invalid) }
    }

    /// The values that were given, by today's names.
    #[must_use]
    pub fn values(&self) -> &Values {
        &self.given
    }

    /// Sets a value that nobody gave: a default of the embedded configuration.
    pub fn set_default(&mut self, name: &str, value: &str) {
        self.given.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }

    /// Whether somebody gave the key a value.
    #[must_use]
    pub fn is_given(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// The value in force: the given one, one of its synonyms', or the default.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let entry = broker::find(name).expect("only keys of the table are asked for");
        let mut names =
            std::iter::once(name).chain(broker::synonyms(name).iter().map(|synonym| synonym.name));
        let given = names.find_map(|name| self.given.get(name)).map(|value| value.trim());
        given.or(entry.key.default)
    }

    /// A whole number; `None` when there is neither a value nor a default.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.text(name).map(|value| value.parse().expect("values are checked when they are given"))
    }

    /// A whole number of a key that has a default.
    #[must_use]
    pub fn whole(&self, name: &str) -> i64 {
        self.number(name).expect("the key has a default")
    }

    /// A truth value; `false` when there is neither a value nor a default.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The items of a list.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<String> {
        list_items(self.text(name).unwrap_or_default()).map(str::to_owned).collect()
    }
}

fn is_listener_prefixed(name: &str) -> bool {
    name.starts_with("listener.name.")
}

fn unknown(name: &str) -> Notice {
    let known = broker::all().map(|entry| entry.key.name).chain(absent::all());
    let hint = match nearest(name, known) {
        Some(near) => format!("did you mean {near}?"),
        None if TOPIC_KEYS.iter().any(|entry| entry.key.name == name) => {
            "it is a key of topics: set it with kafka-topics.sh or kafka-configs.sh".to_owned()
        }
        None => "docs/configuration.md lists every key".to_owned(),
    };
    Notice::Warn(format!("unknown key {name} is ignored; hint: {hint}"))
}

#[cfg(test)]
mod tests {
    use super::super::properties::parse;
    use super::*;

    #[test]
    fn a_file_of_the_zookeeper_days_starts() {
        let file = "broker.id=3\nport=9093\nhost.name=127.0.0.1\nzookeeper.connect=localhost:2181\n\
                    log.dirs=/a,/b\nnum.io.threads=8\nauto.create.topics.enabe=false\n";
        let (config, notices) = ServerConfig::new(parse(file)).expect("valid");
        assert_eq!(config.text("listeners"), Some("PLAINTEXT://127.0.0.1:9093"));
        assert_eq!(config.number("node.id"), Some(3));
        assert_eq!(config.list("log.dirs"), ["/a", "/b"]);
        let warnings: Vec<_> = notices
            .iter()
            .filter_map(|notice| match notice {
                Notice::Warn(text) => Some(text.as_str()),
                Notice::Info(_) => None,
            })
            .collect();
        assert!(warnings.iter().any(|text| text.contains("zookeeper.connect")), "{warnings:?}");
        assert!(warnings.iter().any(|text| text.contains("port")), "{warnings:?}");
        assert!(
            warnings.iter().any(|text| text.contains("did you mean auto.create.topics.enable?")),
            "{warnings:?}"
        );
    }

    #[test]
    fn bounds_of_groups_must_fit_each_other() {
        for (file, expected) in [
            (
                "group.consumer.session.timeout.ms=44999",
                "group.consumer.session.timeout.ms must be greater than or equal to \
                 group.consumer.min.session.timeout.ms",
            ),
            (
                "group.consumer.assignment.interval.ms=20000",
                "group.consumer.assignment.interval.ms must be less than or equal to \
                 group.consumer.max.assignment.interval.ms",
            ),
            (
                "group.consumer.max.heartbeat.interval.ms=45000\n\
                 group.consumer.heartbeat.interval.ms=45000",
                "group.consumer.heartbeat.interval.ms must be less than group.consumer.session.timeout.ms",
            ),
            (
                "group.coordinator.rebalance.protocols=consumer",
                "Invalid value [consumer] for configuration group.coordinator.rebalance.protocols: \
                 Disabling the 'classic' protocol is not supported.",
            ),
        ] {
            let refused = ServerConfig::new(parse(file)).expect_err(expected);
            let reasons: Vec<String> = refused.iter().map(ToString::to_string).collect();
            assert_eq!(reasons, [expected]);
        }
    }

    #[test]
    fn bad_values_are_refused_all_at_once() {
        let invalid = ServerConfig::new(parse("num.partitions=0\nlog.retention.ms=x\n"))
            .expect_err("two bad values");
        let told: Vec<_> = invalid.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "Invalid value x for configuration log.retention.ms: Not a number of type LONG",
                "Invalid value 0 for configuration num.partitions: Value must be at least 1",
            ]
        );
    }
}
