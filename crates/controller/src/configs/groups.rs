//! What a group's own configuration must satisfy: each value within the bounds that the brokers set.

use ottla_metadata::config::{ServerConfig, Values, group};

/// A bound: the broker key that sets it, and its value where nobody did.
type Bound = Option<(&'static str, i64)>;

/// A key, its smallest value, and the bounds that brokers set it.
struct GroupKey {
    name: &'static str,
    at_least: i64,
    lower: Bound,
    upper: Bound,
}

const fn number(name: &'static str, at_least: i64, lower: Bound, upper: Bound) -> GroupKey {
    GroupKey { name, at_least, lower, upper }
}

/// Keys with whole numbers.
const NUMBERS: [GroupKey; 14] = [
    number(
        "consumer.session.timeout.ms",
        1,
        Some(("group.consumer.min.session.timeout.ms", 45_000)),
        Some(("group.consumer.max.session.timeout.ms", 60_000)),
    ),
    number(
        "consumer.heartbeat.interval.ms",
        1,
        Some(("group.consumer.min.heartbeat.interval.ms", 5_000)),
        Some(("group.consumer.max.heartbeat.interval.ms", 15_000)),
    ),
    number(
        "consumer.assignment.interval.ms",
        0,
        Some(("group.consumer.min.assignment.interval.ms", 0)),
        Some(("group.consumer.max.assignment.interval.ms", 15_000)),
    ),
    number(
        "share.session.timeout.ms",
        1,
        Some(("group.share.min.session.timeout.ms", 45_000)),
        Some(("group.share.max.session.timeout.ms", 60_000)),
    ),
    number(
        "share.heartbeat.interval.ms",
        1,
        Some(("group.share.min.heartbeat.interval.ms", 5_000)),
        Some(("group.share.max.heartbeat.interval.ms", 15_000)),
    ),
    number(
        "share.record.lock.duration.ms",
        1_000,
        Some(("group.share.min.record.lock.duration.ms", 15_000)),
        Some(("group.share.max.record.lock.duration.ms", 60_000)),
    ),
    number(
        "share.delivery.count.limit",
        2,
        Some(("group.share.min.delivery.count.limit", 2)),
        Some(("group.share.max.delivery.count.limit", 10)),
    ),
    number(
        "share.partition.max.record.locks",
        100,
        Some(("group.share.min.partition.max.record.locks", 100)),
        Some(("group.share.max.partition.max.record.locks", 4_000)),
    ),
    number(
        "share.assignment.interval.ms",
        0,
        Some(("group.share.min.assignment.interval.ms", 0)),
        Some(("group.share.max.assignment.interval.ms", 15_000)),
    ),
    number(
        "streams.session.timeout.ms",
        1,
        Some(("group.streams.min.session.timeout.ms", 45_000)),
        Some(("group.streams.max.session.timeout.ms", 60_000)),
    ),
    number(
        "streams.heartbeat.interval.ms",
        1,
        Some(("group.streams.min.heartbeat.interval.ms", 5_000)),
        Some(("group.streams.max.heartbeat.interval.ms", 15_000)),
    ),
    number(
        "streams.num.standby.replicas",
        0,
        None,
        Some(("group.streams.max.standby.replicas", 2)),
    ),
    number("streams.initial.rebalance.delay.ms", 0, None, None),
    number(
        "streams.assignment.interval.ms",
        0,
        Some(("group.streams.min.assignment.interval.ms", 0)),
        Some(("group.streams.max.assignment.interval.ms", 15_000)),
    ),
];

/// Keys with truth values.
const FLAGS: [&str; 1] = ["share.renew.acknowledge.enable"];

/// Session time-outs that must exceed their heartbeat intervals.
const PAIRS: [(&str, &str); 3] = [
    ("consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"),
    ("share.session.timeout.ms", "share.heartbeat.interval.ms"),
    ("streams.session.timeout.ms", "streams.heartbeat.interval.ms"),
];

/// Refuses values that the group coordinator could not follow.
pub(super) fn validate(server: &ServerConfig, values: &Values) -> Result<(), String> {
    if let Some(unknown) = values.keys().find(|name| group::find(name).is_none()) {
        return Err(format!("Unknown group config name: {unknown}"));
    }
    for (name, value) in values {
        if let Some(entry) = NUMBERS.iter().find(|entry| entry.name == name) {
            validate_number(server, entry, value)?;
        } else {
            validate_other(name, value)?;
        }
    }
    for (session, heartbeat) in PAIRS {
        let in_force = |name: &str| -> Option<i64> {
            match values.get(name) {
                Some(value) => value.trim().parse().ok(),
                None => {
                    let default = group::find(name)?.key.default?.parse().ok()?;
                    Some(set_or(server, &format!("group.{name}"), default))
                }
            }
        };
        if !values.contains_key(session) && !values.contains_key(heartbeat) {
            continue;
        }
        if let (Some(timeout), Some(interval)) = (in_force(session), in_force(heartbeat))
            && timeout <= interval
        {
            return Err(format!("{session} must be greater than {heartbeat}"));
        }
    }
    Ok(())
}

fn validate_number(server: &ServerConfig, entry: &GroupKey, value: &str) -> Result<(), String> {
    let name = entry.name;
    let number: i64 = value.trim().parse::<i32>().map(i64::from).map_err(|_| {
        format!("Invalid value {value} for configuration {name}: Not a number of type INT")
    })?;
    if number < entry.at_least {
        let least = entry.at_least;
        return Err(format!(
            "Invalid value {number} for configuration {name}: Value must be at least {least}"
        ));
    }
    if let Some((key, default)) = entry.lower
        && number < set_or(server, key, default)
    {
        return Err(format!("{name} must be greater than or equal to {key}"));
    }
    if let Some((key, default)) = entry.upper
        && number > set_or(server, key, default)
    {
        return Err(format!("{name} must be less than or equal to {key}"));
    }
    Ok(())
}

fn validate_other(name: &str, value: &str) -> Result<(), String> {
    let value = value.trim();
    let invalid =
        |reason: &str| Err(format!("Invalid value {value} for configuration {name}: {reason}"));
    match name {
        "share.auto.offset.reset" => {
            let duration =
                value.strip_prefix("by_duration:").is_some_and(|left| left.starts_with('P'));
            if value == "earliest" || value == "latest" || duration {
                Ok(())
            } else {
                invalid(&format!(
                    "Invalid value `{value}` for configuration {name}. The value must be either \
                     'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'."
                ))
            }
        }
        "share.isolation.level" => match value {
            "read_committed" | "read_uncommitted" => Ok(()),
            _ => invalid("String must be one of: read_committed, read_uncommitted"),
        },
        flag if FLAGS.contains(&flag) => match value.to_ascii_lowercase().as_str() {
            "true" | "false" => Ok(()),
            _ => invalid("Expected value to be either true or false"),
        },
        unknown => Err(format!("Unknown group config name: {unknown}")),
    }
}

/// A broker key's value: as the server has it, or the default.
fn set_or(server: &ServerConfig, name: &str, default: i64) -> i64 {
    let given = server.values().get(name).and_then(|value| value.trim().parse().ok());
    given.unwrap_or(default)
}
