//! Subscriptions to client metrics (KIP-714).

use ottla_metadata::config::Values;
use ottla_wire::ErrorCode;

use super::java_pattern;
use crate::refusal::Refusal;

/// How often a client may be asked to push, in milliseconds.
const INTERVAL_MS: std::ops::RangeInclusive<i32> = 100..=3_600_000;

/// What a `match` entry may select clients by.
const SELECTORS: [&str; 6] = [
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];

/// Refuses a subscription that clients could not follow.
pub(super) fn validate(subscription: &str, values: &Values) -> Result<(), Refusal> {
    if subscription.is_empty() {
        return Err(Refusal::invalid_request("Subscription name can't be empty"));
    }
    for (name, value) in values {
        match name.as_str() {
            "metrics" => require_items(name, value)?,
            "interval.ms" => validate_interval(value)?,
            "match" => {
                require_items(name, value)?;
                validate_match(value)?;
            }
            unknown => {
                let message = format!("Unknown client metrics configuration: {unknown}");
                return Err(Refusal::invalid_request(message));
            }
        }
    }
    Ok(())
}

fn validate_interval(value: &str) -> Result<(), Refusal> {
    let Ok(interval) = value.trim().parse::<i32>() else {
        return Err(super::rules::invalid_config(format!(
            "Invalid value {value} for configuration interval.ms: Not a number of type INT"
        )));
    };
    if INTERVAL_MS.contains(&interval) {
        return Ok(());
    }
    let message = format!(
        "Invalid value {interval} for interval.ms, interval must be between 100 and 3600000 (1 hour)"
    );
    Err(Refusal::invalid_request(message))
}

/// A list may be empty, its items may not.
fn require_items(name: &str, value: &str) -> Result<(), Refusal> {
    let is_empty = |item: &str| item.trim().is_empty();
    match !is_empty(value) && value.split(',').any(is_empty) {
        true => Err(super::rules::invalid_config(format!(
            "Configuration '{name}' values must not be empty."
        ))),
        false => Ok(()),
    }
}

/// Each entry is the name of what clients are selected by, one `=`, and a pattern.
fn validate_match(value: &str) -> Result<(), Refusal> {
    for entry in ottla_metadata::config::key::list_items(value) {
        let mut parts = entry.split('=');
        let parts = (parts.next(), parts.next(), parts.next());
        let is_legal = match parts {
            (Some(selector), Some(pattern), None) => {
                SELECTORS.contains(&selector.trim())
                    && !pattern.is_empty()
                    && java_pattern::is_valid(pattern.trim())
            }
            _ => false,
        };
        if !is_legal {
            let message = format!("Illegal client matching pattern: {entry}");
            return Err(Refusal::new(ErrorCode::InvalidConfig, message));
        }
    }
    Ok(())
}
