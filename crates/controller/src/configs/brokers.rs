//! What the values of a running broker must satisfy, in Kafka's words and in its order: which keys may
//! change, each value's type, what the values require of each other, and how far a size may go at a time.
//!
//! Names that neither a table here nor Kafka knows pass: they may belong to a plug-in.

use ottla_metadata::config::broker::{self, absent};
use ottla_metadata::config::key::{Key, Kind, Rule, Update};
use ottla_metadata::config::{Layers, Values, resolve};

use crate::refusal::Refusal;

const LISTENER: &str = "listener.name.";
const CLEANER_THREADS: &str = "log.cleaner.threads";
const DEDUPE_BUFFER: &str = "log.cleaner.dedupe.buffer.size";
const CONNECTIONS_PER_IP: &str = "max.connections.per.ip";
const CONNECTION_OVERRIDES: &str = "max.connections.per.ip.overrides";

/// How much of the deduplication buffer each cleaner thread must have more than.
const BYTES_PER_CLEANER: i64 = 1 << 20;

/// Counts of threads, which may be doubled or halved at a time.
const THREADS: [&str; 9] = [
    "background.threads",
    "num.network.threads",
    "num.io.threads",
    "num.replica.fetchers",
    "num.recovery.threads.per.data.dir",
    "remote.log.reader.threads",
    "remote.log.manager.copier.thread.pool.size",
    "remote.log.manager.expiration.thread.pool.size",
    "remote.log.manager.follower.thread.pool.size",
];

/// What can't be more than checked here: keys of Kafka that have no part in this version and that its
/// brokers take at run time.
const ELSEWHERE: [Key; 16] = [
    number("follower.replication.throttled.rate", Kind::Long, 0, "9223372036854775807"),
    number("leader.replication.throttled.rate", Kind::Long, 0, "9223372036854775807"),
    number("max.connection.creation.rate", Kind::Int, 0, "2147483647"),
    number("num.replica.fetchers", Kind::Int, 1, "1"),
    number("remote.fetch.max.wait.ms", Kind::Int, 1, "500"),
    number("remote.list.offsets.request.timeout.ms", Kind::Long, 1, "30000"),
    number("remote.log.index.file.cache.total.size.bytes", Kind::Long, 1, "1073741824"),
    number("remote.log.manager.copier.thread.pool.size", Kind::Int, 1, "10"),
    number("remote.log.manager.copy.max.bytes.per.second", Kind::Long, 1, "9223372036854775807"),
    number("remote.log.manager.expiration.thread.pool.size", Kind::Int, 1, "10"),
    number("remote.log.manager.fetch.max.bytes.per.second", Kind::Long, 1, "9223372036854775807"),
    number("remote.log.manager.follower.thread.pool.size", Kind::Int, 1, "2"),
    number("remote.log.reader.threads", Kind::Int, 1, "10"),
    number("replica.alter.log.dirs.io.max.bytes.per.second", Kind::Long, 0, "9223372036854775807"),
    class(
        "principal.builder.class",
        &["org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder"],
    ),
    class("metric.reporters", &["", "org.apache.kafka.common.metrics.JmxReporter"]),
];

/// Keys of TLS that may change for one listener at a time.
const SECURITY_AT_RUN_TIME: [&str; 10] = [
    "ssl.key.password",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
];

const fn number(name: &'static str, kind: Kind, least: i64, default: &'static str) -> Key {
    let (default, rule) = (Some(default), Rule::AtLeast(least));
    Key { name, kind, default, rule, update: Update::ClusterWide, doc: "" }
}

const fn class(name: &'static str, known: &'static [&'static str]) -> Key {
    let rule = Rule::OneOf(known);
    Key { name, kind: Kind::Class, default: None, rule, update: Update::ClusterWide, doc: "" }
}

/// Refuses what Kafka's broker would refuse.
pub(super) fn validate(layers: Layers<'_>, name: &str, values: &Values) -> Result<(), Refusal> {
    validate_name(name)?;
    let those = |update: Update| -> Vec<&str> {
        let known = values.keys().filter_map(|name| broker::find(name));
        known.filter(|found| found.key.update == update).map(|found| found.key.name).collect()
    };
    let mut fixed = those(Update::ReadOnly);
    fixed.extend(values.keys().map(String::as_str).filter(|name| is_fixed_elsewhere(name)));
    refuse("Cannot update these configs dynamically", &fixed)?;
    let secrets: Vec<&str> = values
        .keys()
        .map(String::as_str)
        .filter(|name| SECURITY_AT_RUN_TIME.contains(name))
        .collect();
    refuse(
        "These security configs can be dynamically updated only per-listener using the listener prefix",
        &secrets,
    )?;
    for (name, value) in values {
        validate_type(name, value)?;
    }
    if name.is_empty() {
        let what =
            "Cannot update these configs at default cluster level, broker id must be specified";
        refuse(what, &those(Update::PerBroker))?;
    }
    let sizes = Sizes { values, layers };
    sizes.check_requirements().map_err(Refusal::invalid_request)?;
    sizes.check_steps().map_err(|message| {
        Refusal::invalid_request(format!(
            "Invalid value org.apache.kafka.common.config.ConfigException: {message} for configuration \
             Invalid dynamic configuration"
        ))
    })
}

fn refuse(what: &str, names: &[&str]) -> Result<(), Refusal> {
    match names {
        [] => Ok(()),
        names => Err(Refusal::invalid_request(format!("{what}: [{}]", names.join(", ")))),
    }
}

fn validate_name(name: &str) -> Result<(), Refusal> {
    if name.is_empty() {
        return Ok(());
    }
    match name.parse::<i32>() {
        Err(_) => Err(Refusal::invalid_request("Unable to parse broker name as a base 10 number.")),
        Ok(id) if id < 0 => Err(Refusal::invalid_request("Invalid negative broker ID.")),
        Ok(_) => Ok(()),
    }
}

/// Whether a key has no part here and takes no other value while Kafka's broker runs.
fn is_fixed_elsewhere(name: &str) -> bool {
    absent::contains(name) && !broker::dynamic().contains(&name)
}

fn elsewhere(name: &str) -> Option<&'static Key> {
    ELSEWHERE.iter().find(|key| key.name == name)
}

/// The key that a name means: a listener's own is that of all listeners.
fn key_of(name: &str) -> Option<&'static Key> {
    let of_listener = name.strip_prefix(LISTENER).and_then(|rest| rest.split_once('.'));
    let name = of_listener.map_or(name, |(_, key)| key);
    broker::find(name).map(|found| &found.key).or_else(|| elsewhere(name))
}

fn validate_type(name: &str, value: &str) -> Result<(), Refusal> {
    let Some(key) = key_of(name) else { return Ok(()) };
    let refusal = |message: String| Err(Refusal::invalid_request(message));
    match (key.validate(value), key.kind, key.name) {
        (Ok(()), ..) => Ok(()),
        (Err(_), Kind::Class, "metric.reporters") => refusal(
            "Invalid value org.apache.kafka.common.config.ConfigException: Validation of dynamic config update \
             of Set(metric.reporters) failed with class class kafka.server.DynamicMetricsReporters for \
             configuration Invalid dynamic configuration"
                .to_owned(),
        ),
        (Err(_), Kind::Class, name) => refusal(format!(
            "Invalid value {value} for configuration {name}: Class {value} could not be found."
        )),
        (Err(invalid), ..) => refusal(invalid.to_string()),
    }
}

/// The values that a broker would have over those that are in force.
struct Sizes<'a> {
    values: &'a Values,
    layers: Layers<'a>,
}

impl Sizes<'_> {
    /// What is in force for a key.
    fn current(&self, name: &str) -> Option<i64> {
        let key = key_of(name)?;
        let nearest = resolve::broker(key, &[], self.layers).into_iter().next()?;
        nearest.value?.trim().parse().ok()
    }

    /// What a key is set to now.
    fn set(&self, name: &str) -> Option<i64> {
        self.values.get(name)?.trim().parse().ok()
    }

    fn then(&self, name: &str) -> Option<i64> {
        self.set(name).or_else(|| self.current(name))
    }

    /// What Kafka requires of a configuration as a whole.
    fn check_requirements(&self) -> Result<(), String> {
        if let (Some(bytes), Some(threads)) = (self.then(DEDUPE_BUFFER), self.then(CLEANER_THREADS))
        {
            match bytes.checked_div(threads) {
                None => return Err("/ by zero".to_owned()),
                Some(each) if each <= BYTES_PER_CLEANER => {
                    return Err(format!(
                        "requirement failed: {DEDUPE_BUFFER} must be at least 1MB per cleaner thread."
                    ));
                }
                Some(_) => {}
            }
        }
        let refused = [
            (
                "log.roll.ms",
                self.set("log.roll.ms") < Some(1),
                "must be greater than or equal to 1",
            ),
            (
                "log.roll.jitter.ms",
                self.set("log.roll.jitter.ms") < Some(0),
                "must be greater than or equal to 0",
            ),
            (
                "log.retention.ms",
                self.set("log.retention.ms") == Some(0),
                "must be unlimited (-1) or, greater than or equal to 1",
            ),
        ];
        for (name, is_refused, words) in refused {
            if self.values.contains_key(name) && is_refused {
                return Err(format!("requirement failed: {name} {words}"));
            }
        }
        self.check_connections()
    }

    fn check_connections(&self) -> Result<(), String> {
        let overrides = self.values.get(CONNECTION_OVERRIDES).map_or("", String::as_str);
        for entry in overrides.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let Some((_, count)) = entry.rsplit_once(':') else {
                return Err(format!(
                    "Error parsing configuration property '{CONNECTION_OVERRIDES}': begin 0, end -1, length {}",
                    entry.encode_utf16().count()
                ));
            };
            if count.trim().parse::<i32>().is_err() {
                return Err(format!("For input string: \"{}\"", count.trim()));
            }
        }
        if self.set(CONNECTIONS_PER_IP) == Some(0) && overrides.is_empty() {
            return Err(format!(
                "requirement failed: {CONNECTIONS_PER_IP} can be set to zero only if \
                 {CONNECTION_OVERRIDES} property is set."
            ));
        }
        Ok(())
    }

    /// How far a size may go in one step.
    fn check_steps(&self) -> Result<(), String> {
        for name in THREADS {
            let of_listener =
                |key: &&String| key.ends_with(&format!(".{name}")) && key.starts_with(LISTENER);
            let listeners = self.values.keys().filter(of_listener).map(String::as_str);
            for wanted in [name].into_iter().chain(listeners).filter_map(|key| self.set(key)) {
                let Some(now) = self.current(name) else { continue };
                let failed =
                    format!("Dynamic thread count update validation failed for {name}={wanted}");
                if wanted < now / 2 {
                    return Err(format!(
                        "{failed}, value should be at least half the current value {now}"
                    ));
                }
                if wanted > now * 2 {
                    return Err(format!(
                        "{failed}, value should not be greater than double the current value {now}"
                    ));
                }
            }
        }
        if let (Some(wanted), Some(now)) =
            (self.set(CLEANER_THREADS), self.current(CLEANER_THREADS))
        {
            let step = "Log cleaner threads cannot be";
            if wanted < now / 2 {
                return Err(format!("{step} reduced to less than half the current value {now}"));
            }
            if wanted > now * 2 {
                return Err(format!(
                    "{step} increased to more than double the current value {now}"
                ));
            }
        }
        for name in ["max.connections", "max.connection.creation.rate"] {
            if self.set(name) == Some(0) {
                return Err(format!("Invalid {name} 0"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_a_running_broker_refuses() {
        let file = values(&[("num.io.threads", "6")]);
        let cluster = values(&[("num.io.threads", "10"), ("log.cleaner.threads", "4")]);
        let layers = Layers { broker: None, cluster: Some(&cluster), file: &file };
        type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>);
        let cases: [Case<'_>; 22] = [
            (&[("num.io.threads", "20")], None),
            (&[("num.io.threads", "5")], None),
            (&[("num.io.threads", "21")], Some("double the current value 10")),
            (&[("num.io.threads", "4")], Some("half the current value 10")),
            (&[("listener.name.a.num.network.threads", "7")], Some("for num.network.threads=7")),
            (&[("listener.name.a.max.connections", "x")], Some("max.connections: Not a number")),
            (&[("num.replica.fetchers", "3")], Some("double the current value 1")),
            (&[("num.replica.fetchers", "0")], Some("Value must be at least 1")),
            (&[("log.cleaner.threads", "8")], None),
            (&[("log.cleaner.threads", "9")], Some("more than double the current value 4")),
            (&[("log.cleaner.threads", "1")], Some("less than half the current value 4")),
            (&[("log.cleaner.threads", "0")], Some("/ by zero")),
            (&[("log.cleaner.dedupe.buffer.size", "4194305")], Some("at least 1MB per cleaner")),
            (&[("log.cleaner.dedupe.buffer.size", "4194308")], None),
            (&[("remote.log.manager.thread.pool.size", "2")], Some("Cannot update these configs")),
            (&[("ssl.keystore.location", "/x")], Some("only per-listener")),
            (&[("max.connections", "0")], Some("Invalid max.connections 0")),
            (&[("max.connections.per.ip", "0")], Some("can be set to zero only if")),
            (&[("max.connections.per.ip", "0"), ("max.connections.per.ip.overrides", "a:1")], None),
            (&[("max.connections.per.ip.overrides", "a")], Some("end -1, length 1")),
            (&[("log.retention.ms", "0")], Some("must be unlimited (-1)")),
            (&[("log.retention.ms", "-2"), ("a.plug-in", "x")], None),
        ];
        for (set, expected) in cases {
            let found = validate(layers, "1", &values(set));
            match (&found, expected) {
                (Ok(()), None) => {}
                (Err(refusal), Some(words)) => {
                    let message = refusal.message.as_deref().unwrap_or_default();
                    assert!(message.contains(words), "{set:?}: {message}");
                }
                _ => panic!("{set:?}: {found:?}"),
            }
        }
    }
}
