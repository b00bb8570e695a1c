//! The keys of a group, each with the broker key that gives its default, and those of a subscription to
//! client metrics (KIP-714).

use super::key::{Key, Kind, Rule, Update};

/// A group key.
#[derive(Clone, Copy, Debug)]
pub struct GroupKey {
    pub key: Key,
    /// The broker key that stands in for it.
    pub synonym: Option<&'static str>,
}

const fn number(
    name: &'static str,
    default: &'static str,
    least: i64,
    synonym: &'static str,
    doc: &'static str,
) -> GroupKey {
    let rule = Rule::AtLeast(least);
    let default = Some(default);
    let key = Key { name, kind: Kind::Int, default, rule, update: Update::ReadOnly, doc };
    GroupKey { key, synonym: Some(synonym) }
}

const fn other(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    rule: Rule,
    doc: &'static str,
) -> GroupKey {
    let key = Key { name, kind, default: Some(default), rule, update: Update::ReadOnly, doc };
    GroupKey { key, synonym: None }
}

/// Every group key, by name.
pub static GROUP_KEYS: &[GroupKey] = &[
    number(
        "consumer.assignment.interval.ms",
        "1000",
        0,
        "group.consumer.assignment.interval.ms",
        "How long at least lies between two assignments of the group.",
    ),
    number(
        "consumer.heartbeat.interval.ms",
        "5000",
        1,
        "group.consumer.heartbeat.interval.ms",
        "How often members of the group say that they live.",
    ),
    number(
        "consumer.session.timeout.ms",
        "45000",
        1,
        "group.consumer.session.timeout.ms",
        "After how long without a heartbeat a member of the group is out.",
    ),
    number(
        "share.assignment.interval.ms",
        "1000",
        0,
        "group.share.assignment.interval.ms",
        "How long at least lies between two assignments of the share group.",
    ),
    other(
        "share.auto.offset.reset",
        Kind::String,
        "latest",
        Rule::Any,
        "Where a share group begins to read: latest, earliest, or by_duration: and how long ago.",
    ),
    number(
        "share.delivery.count.limit",
        "5",
        2,
        "group.share.delivery.count.limit",
        "How often a record is delivered to the share group before it is given up.",
    ),
    number(
        "share.heartbeat.interval.ms",
        "5000",
        1,
        "group.share.heartbeat.interval.ms",
        "How often members of the share group say that they live.",
    ),
    other(
        "share.isolation.level",
        Kind::String,
        "read_uncommitted",
        Rule::OneOf(&["read_committed", "read_uncommitted"]),
        "Whether the share group reads records of transactions that have not been committed.",
    ),
    number(
        "share.partition.max.record.locks",
        "2000",
        100,
        "group.share.partition.max.record.locks",
        "How many records of a partition the share group may hold at a time.",
    ),
    number(
        "share.record.lock.duration.ms",
        "30000",
        1000,
        "group.share.record.lock.duration.ms",
        "How long a member of the share group may hold a record before others get it.",
    ),
    other(
        "share.renew.acknowledge.enable",
        Kind::Boolean,
        "true",
        Rule::Any,
        "Whether members of the share group may ask for more time with a record.",
    ),
    number(
        "share.session.timeout.ms",
        "45000",
        1,
        "group.share.session.timeout.ms",
        "After how long without a heartbeat a member of the share group is out.",
    ),
    number(
        "streams.assignment.interval.ms",
        "1000",
        0,
        "group.streams.assignment.interval.ms",
        "How long at least lies between two assignments of the streams group.",
    ),
    number(
        "streams.heartbeat.interval.ms",
        "5000",
        1,
        "group.streams.heartbeat.interval.ms",
        "How often members of the streams group say that they live.",
    ),
    number(
        "streams.initial.rebalance.delay.ms",
        "3000",
        0,
        "group.streams.initial.rebalance.delay.ms",
        "How long the first rebalance of an empty streams group waits for more members.",
    ),
    number(
        "streams.num.standby.replicas",
        "0",
        0,
        "group.streams.num.standby.replicas",
        "How many standby copies each task of the streams group has.",
    ),
    number(
        "streams.session.timeout.ms",
        "45000",
        1,
        "group.streams.session.timeout.ms",
        "After how long without a heartbeat a member of the streams group is out.",
    ),
];

const fn metrics(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { name, kind, default: Some(default), rule: Rule::Any, update: Update::ReadOnly, doc }
}

/// The keys of a subscription to client metrics, by name.
pub static CLIENT_METRICS_KEYS: &[Key] = &[
    metrics(
        "interval.ms",
        Kind::Int,
        "300000",
        "How often clients push the metrics of the subscription.",
    ),
    metrics(
        "match",
        Kind::List,
        "",
        "Which clients the subscription is for, as name=pattern pairs; empty: all of them.",
    ),
    metrics("metrics", Kind::List, "", "Prefixes of the metrics that are subscribed to."),
];

/// The group key of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static GroupKey> {
    GROUP_KEYS.binary_search_by(|entry| entry.key.name.cmp(name)).ok().map(|at| &GROUP_KEYS[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_their_defaults_are_valid() {
        assert!(GROUP_KEYS.windows(2).all(|pair| pair[0].key.name < pair[1].key.name));
        let keys = GROUP_KEYS.iter().map(|entry| &entry.key).chain(CLIENT_METRICS_KEYS);
        for key in keys {
            assert!(key.doc.ends_with('.'), "{}", key.name);
            assert_eq!(key.validate(key.default.expect("a default")), Ok(()), "{}", key.name);
        }
        assert!(find("share.isolation.level").is_some_and(|entry| entry.synonym.is_none()));
    }
}
