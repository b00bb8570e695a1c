//! Groups of the consumer protocol (KIP-848).

use super::super::key::{Invalid, Kind, Rule, Update};
use super::{BrokerKey, Effect, key};

const fn number(
    name: &'static str,
    default: &'static str,
    least: i64,
    doc: &'static str,
) -> BrokerKey {
    let terms = (Rule::AtLeast(least), Update::ReadOnly);
    key(name, Kind::Int, Some(default), terms, Effect::Full, doc)
}

/// Every key of this part, by name.
pub(super) static KEYS: &[BrokerKey] = &[
    key(
        "group.consumer.assignment.interval.ms",
        Kind::Int,
        Some("1000"),
        (Rule::AtLeast(0), Update::ClusterWide),
        Effect::Full,
        "How long at least lies between two assignments of a consumer group.",
    ),
    key(
        "group.consumer.assignors",
        Kind::List,
        Some("uniform,range"),
        (
            Rule::ListOf {
                items: &[
                    "uniform",
                    "range",
                    "org.apache.kafka.coordinator.group.assignor.UniformAssignor",
                    "org.apache.kafka.coordinator.group.assignor.RangeAssignor",
                ],
                empty: false,
            },
            Update::ReadOnly,
        ),
        Effect::Full,
        "The assignors that members may ask for; the first one is for groups whose members ask for none.",
    ),
    number(
        "group.consumer.heartbeat.interval.ms",
        "5000",
        1,
        "How often members of a consumer group say that they live.",
    ),
    number(
        "group.consumer.max.assignment.interval.ms",
        "15000",
        0,
        "The longest time that a group may ask for between two assignments.",
    ),
    number(
        "group.consumer.max.heartbeat.interval.ms",
        "15000",
        1,
        "The longest heartbeat interval that a group may ask for.",
    ),
    number(
        "group.consumer.max.session.timeout.ms",
        "60000",
        1,
        "The longest session time-out that a group may ask for.",
    ),
    number(
        "group.consumer.max.size",
        "2147483647",
        1,
        "How many members a consumer group may have.",
    ),
    key(
        "group.consumer.migration.policy",
        Kind::String,
        Some("bidirectional"),
        (
            Rule::OneOfAnyCase(&["bidirectional", "disabled", "downgrade", "upgrade"]),
            Update::ReadOnly,
        ),
        Effect::Full,
        "Between which protocols a group with members may move: upgrade is from classic to consumer, downgrade back.",
    ),
    number(
        "group.consumer.min.assignment.interval.ms",
        "0",
        0,
        "The shortest time that a group may ask for between two assignments.",
    ),
    number(
        "group.consumer.min.heartbeat.interval.ms",
        "5000",
        1,
        "The shortest heartbeat interval that a group may ask for.",
    ),
    number(
        "group.consumer.min.session.timeout.ms",
        "45000",
        1,
        "The shortest session time-out that a group may ask for.",
    ),
    number(
        "group.consumer.regex.refresh.interval.ms",
        "600000",
        10_000,
        "How often the topics that match a group's regular expressions are looked for at least.",
    ),
    number(
        "group.consumer.session.timeout.ms",
        "45000",
        1,
        "After how long without a heartbeat a member of a consumer group is out.",
    ),
    key(
        "group.coordinator.rebalance.protocols",
        Kind::List,
        Some("classic,consumer,streams"),
        (
            Rule::ListOf { items: &["classic", "consumer", "streams"], empty: false },
            Update::ReadOnly,
        ),
        Effect::Full,
        "The protocols that groups may use; classic must be among them.",
    ),
];

const PREFIX: &str = "group.consumer.";

/// What has a smallest and a largest value that a group may ask for.
const BOUNDED: [&str; 3] =
    ["heartbeat.interval.ms", "session.timeout.ms", "assignment.interval.ms"];

/// What is wrong with these keys together, in Kafka's words. `number` tells the value that is in force.
pub(in crate::config) fn conflicts(number: impl Fn(&str) -> Option<i64>) -> Vec<Invalid> {
    let mut reasons = Vec::new();
    for name in BOUNDED {
        let own = format!("{PREFIX}{name}");
        let (least, most) = (format!("{PREFIX}min.{name}"), format!("{PREFIX}max.{name}"));
        for (lesser, greater, is_upper_bound) in
            [(&least, &most, false), (&least, &own, false), (&own, &most, true)]
        {
            if number(lesser) <= number(greater) {
                continue;
            }
            reasons.push(match is_upper_bound {
                true => format!("{lesser} must be less than or equal to {greater}"),
                false => format!("{greater} must be greater than or equal to {lesser}"),
            });
        }
    }
    let heartbeat = format!("{PREFIX}heartbeat.interval.ms");
    let session = format!("{PREFIX}session.timeout.ms");
    if number(&heartbeat) >= number(&session) {
        reasons.push(format!("{heartbeat} must be less than {session}"));
    }
    let invalid = |reason| Invalid { key: String::new(), value: None, reason };
    reasons.into_iter().map(invalid).collect()
}
