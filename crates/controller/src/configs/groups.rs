//! What a group's own configuration must satisfy: each value within the bounds that the brokers set.

use ottla_metadata::config::{ServerConfig, Values, broker};

/// A key, its smallest value, and the broker keys of its bounds (empty: none).
struct GroupKey {
    name: &'static str,
    at_least: i64,
    lower: &'static str,
    upper: &'static str,
}

const fn number(
    name: &'static str,
    at_least: i64,
    lower: &'static str,
    upper: &'static str,
) -> GroupKey {
    GroupKey { name, at_least, lower, upper }
}

/// Keys with whole numbers.
const NUMBERS: [GroupKey; 14] = [
    number(
        "consumer.session.timeout.ms",
        1,
        "group.consumer.min.session.timeout.ms",
        "group.consumer.max.session.timeout.ms",
    ),
    number(
        "consumer.heartbeat.interval.ms",
        1,
        "group.consumer.min.heartbeat.interval.ms",
        "group.consumer.max.heartbeat.interval.ms",
    ),
    number(
        "consumer.assignment.interval.ms",
        0,
        "group.consumer.min.assignment.interval.ms",
        "group.consumer.max.assignment.interval.ms",
    ),
    number(
        "share.session.timeout.ms",
        1,
        "group.share.min.session.timeout.ms",
        "group.share.max.session.timeout.ms",
    ),
    number(
        "share.heartbeat.interval.ms",
        1,
        "group.share.min.heartbeat.interval.ms",
        "group.share.max.heartbeat.interval.ms",
    ),
    number(
        "share.record.lock.duration.ms",
        1_000,
        "group.share.min.record.lock.duration.ms",
        "group.share.max.record.lock.duration.ms",
    ),
    number(
        "share.delivery.count.limit",
        2,
        "group.share.min.delivery.count.limit",
        "group.share.max.delivery.count.limit",
    ),
    number(
        "share.partition.max.record.locks",
        100,
        "group.share.min.partition.max.record.locks",
        "group.share.max.partition.max.record.locks",
    ),
    number(
        "share.assignment.interval.ms",
        0,
        "group.share.min.assignment.interval.ms",
        "group.share.max.assignment.interval.ms",
    ),
    number(
        "streams.session.timeout.ms",
        1,
        "group.streams.min.session.timeout.ms",
        "group.streams.max.session.timeout.ms",
    ),
    number(
        "streams.heartbeat.interval.ms",
        1,
        "group.streams.min.heartbeat.interval.ms",
        "group.streams.max.heartbeat.interval.ms",
    ),
    number("streams.num.standby.replicas", 0, "", "group.streams.max.standby.replicas"),
    number("streams.initial.rebalance.delay.ms", 0, "", ""),
    number(
        "streams.assignment.interval.ms",
        0,
        "group.streams.min.assignment.interval.ms",
        "group.streams.max.assignment.interval.ms",
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
                None => bound(server, &format!("group.{name}")),
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
    if bound(server, entry.lower).is_some_and(|lower| number < lower) {
        return Err(format!("{name} must be greater than or equal to {}", entry.lower));
    }
    if bound(server, entry.upper).is_some_and(|upper| number > upper) {
        return Err(format!("{name} must be less than or equal to {}", entry.upper));
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

/// A broker key's value, if this version has that key.
fn bound(server: &ServerConfig, name: &str) -> Option<i64> {
    broker::find(name)?;
    server.number(name)
}
