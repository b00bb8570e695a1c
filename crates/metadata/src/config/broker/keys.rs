//! What is known of a broker key, and the look-ups in all tables.

use super::{absent, consumer_groups, groups, log, network, server, transactions};
use crate::config::key::{Invalid, Key, Kind, Rule, Update};
use crate::config::topic::{Synonym, Unit};

/// Whether setting a key changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Full,
    /// Accepted for the sake of existing files; the sentence says why nothing changes.
    None(&'static str),
}

/// A broker key.
#[derive(Clone, Copy, Debug)]
pub struct BrokerKey {
    pub key: Key,
    pub effect: Effect,
}

/// Why thread and queue sizes have no effect.
pub(super) const TASKS: &str = "every connection is a task of one scheduler that uses all cores";
/// Why listeners have no order of opening.
pub(super) const AT_ONCE: &str = "a listener opens once the node has read its metadata log";

pub(super) const fn key(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    (rule, update): (Rule, Update),
    effect: Effect,
    doc: &'static str,
) -> BrokerKey {
    BrokerKey { key: Key { name, kind, default, rule, update, doc }, effect }
}

/// Every broker key.
pub fn all() -> impl Iterator<Item = &'static BrokerKey> {
    let groups = groups::KEYS.iter().chain(consumer_groups::KEYS).chain(transactions::KEYS);
    network::KEYS.iter().chain(log::KEYS).chain(groups).chain(server::KEYS)
}

/// The protocols that groups may use.
pub(in crate::config) const PROTOCOLS: &str = "group.coordinator.rebalance.protocols";

/// What is wrong with keys that are right each by itself.
pub(in crate::config) fn conflicts(
    number: impl Fn(&str) -> Option<i64>,
    protocols: &[String],
) -> Vec<Invalid> {
    let mut invalid = consumer_groups::conflicts(number);
    if !protocols.iter().any(|protocol| protocol == "classic") {
        invalid.push(Invalid {
            key: PROTOCOLS.to_owned(),
            value: Some(format!("[{}]", protocols.join(", "))),
            reason: "Disabling the 'classic' protocol is not supported.".to_owned(),
        });
    }
    invalid
}

/// The broker key of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static BrokerKey> {
    all().find(|entry| entry.key.name == name)
}

/// Keys that Kafka lets change while a cluster runs, and that count from the next start on here.
const DYNAMIC_IN_KAFKA: [&str; 2] = ["listener.security.protocol.map", "listeners"];

/// Keys that Kafka knows as quotas of brokers, and that no file can set.
const QUOTAS: [&str; 3] = [
    "follower.replication.throttled.rate",
    "leader.replication.throttled.rate",
    "replica.alter.log.dirs.io.max.bytes.per.second",
];

/// The names of the keys that Kafka lets change while a cluster runs, sorted.
#[must_use]
pub fn dynamic() -> Vec<&'static str> {
    let own = all().filter(|entry| entry.key.update != Update::ReadOnly);
    let own = own.map(|entry| entry.key.name).filter(|name| !name.starts_with("ottla."));
    let others = [absent::DYNAMIC, &DYNAMIC_IN_KAFKA, &QUOTAS].concat();
    let mut names: Vec<_> = own.chain(others).collect();
    names.sort_unstable();
    names.dedup();
    names
}

const fn same(name: &'static str) -> Synonym {
    Synonym { name, unit: Unit::Same }
}

/// The keys that stand in for a broker key when it is not set, nearest first.
#[must_use]
pub fn synonyms(name: &str) -> &'static [Synonym] {
    match name {
        "log.retention.ms" => {
            const { &[same("log.retention.minutes"), same("log.retention.hours")] }
        }
        "log.retention.minutes" => const { &[same("log.retention.hours")] },
        "log.roll.ms" => const { &[same("log.roll.hours")] },
        "log.roll.jitter.ms" => const { &[same("log.roll.jitter.hours")] },
        "log.flush.interval.ms" => const { &[same("log.flush.scheduler.interval.ms")] },
        "node.id" => const { &[same("broker.id")] },
        "log.dirs" => const { &[same("log.dir")] },
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_documented_and_have_valid_defaults() {
        let mut names: Vec<_> = all().map(|entry| entry.key.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for entry in all() {
            assert!(entry.key.doc.ends_with('.'), "{}", entry.key.name);
            assert!(!absent::contains(entry.key.name), "{}", entry.key.name);
            if let Some(default) = entry.key.default {
                assert_eq!(entry.key.validate(default), Ok(()), "{}", entry.key.name);
            }
        }
    }
}
