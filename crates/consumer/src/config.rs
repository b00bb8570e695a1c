//! A consumer's properties.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_cluster::ClientConfig;
use ottla_cluster::admin::IsolationLevel;
use ottla_cluster::config::{ConfigError, Configured, Properties, invalid};

use super::assignors::Assignor;

/// Where to begin when there is no committed offset, or it is gone (`auto.offset.reset`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the first record.
    Earliest,
    /// After the last.
    Latest,
    /// At the first record that is not older than this (KIP-1106).
    ByDuration(Duration),
    /// Nowhere: the caller is told.
    None,
}

/// Who decides which member of a group reads what (`group.protocol`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupProtocol {
    /// A member that leads the others.
    Classic,
    /// The coordinator (KIP-848).
    Consumer,
}

/// How a consumer works.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// How to reach the cluster.
    pub client: ClientConfig,
    /// `group.id`.
    pub group_id: Option<String>,
    /// `group.instance.id`: makes the member static (KIP-345).
    pub group_instance_id: Option<String>,
    /// `group.protocol`.
    pub group_protocol: GroupProtocol,
    /// `group.remote.assignor`: with the consumer protocol, how the coordinator shares out; its choice if there is
    /// none.
    pub remote_assignor: Option<String>,
    /// `session.timeout.ms`, of the classic protocol.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`, of the classic protocol.
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`.
    pub poll_interval_max: Duration,
    /// `max.poll.records`.
    pub poll_records_max: usize,
    /// `partition.assignment.strategy`, of the classic protocol, most wanted first.
    pub assignors: Vec<Assignor>,
    /// `auto.commit.interval.ms`, unless `enable.auto.commit` is off.
    pub auto_commit: Option<Duration>,
    /// `auto.offset.reset`.
    pub offset_reset: OffsetReset,
    /// `isolation.level`.
    pub isolation: IsolationLevel,
    /// `fetch.min.bytes`.
    pub fetch_bytes_min: i32,
    /// `fetch.max.bytes`.
    pub fetch_bytes_max: i32,
    /// `fetch.max.wait.ms`.
    pub fetch_wait_max: Duration,
    /// `max.partition.fetch.bytes`.
    pub partition_bytes_max: i32,
    /// `check.crcs`.
    pub check_crcs: bool,
    /// `allow.auto.create.topics`.
    pub create_topics: bool,
    /// `exclude.internal.topics`.
    pub exclude_internal_topics: bool,
}

impl ConsumerConfig {
    /// Defaults, for the given `host:port` addresses; without a group nothing is committed.
    pub fn new(bootstrap_servers: &str, group_id: Option<&str>) -> Self {
        Self {
            client: defaults(bootstrap_servers),
            group_id: group_id.map(str::to_owned),
            group_instance_id: None,
            group_protocol: GroupProtocol::Classic,
            remote_assignor: None,
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            poll_interval_max: Duration::from_mins(5),
            poll_records_max: 500,
            assignors: vec![Assignor::Range, Assignor::CooperativeSticky],
            auto_commit: group_id.map(|_| Duration::from_secs(5)),
            offset_reset: OffsetReset::Latest,
            isolation: IsolationLevel::ReadUncommitted,
            fetch_bytes_min: 1,
            fetch_bytes_max: 52_428_800,
            fetch_wait_max: Duration::from_millis(500),
            partition_bytes_max: 1_048_576,
            check_crcs: true,
            create_topics: true,
            exclude_internal_topics: true,
        }
    }

    /// Reads Kafka's consumer properties.
    pub fn from_properties(
        values: &BTreeMap<String, String>,
    ) -> Result<Configured<ConsumerConfig>, ConfigError> {
        let mut properties = Properties::new(values);
        let client = ClientConfig::read(&mut properties, defaults(""))?;
        let group_protocol = group_protocol(&mut properties)?;
        let group_id = properties.text("group.id").map(str::to_owned);
        let mut duration =
            |key, default| properties.millis(key, default).map(Duration::from_millis);
        let session_timeout = duration("session.timeout.ms", 45_000)?;
        let heartbeat_interval = duration("heartbeat.interval.ms", 3_000)?;
        let poll_interval_max = duration("max.poll.interval.ms", 300_000)?;
        let fetch_wait_max = duration("fetch.max.wait.ms", 500)?;
        let config = ConsumerConfig {
            group_instance_id: properties.text("group.instance.id").map(str::to_owned),
            group_protocol,
            remote_assignor: properties.text("group.remote.assignor").map(str::to_owned),
            session_timeout,
            heartbeat_interval,
            poll_interval_max,
            poll_records_max: properties.int("max.poll.records", 500, 1)?.unsigned_abs() as usize,
            assignors: assignors(&mut properties)?,
            auto_commit: auto_commit(&mut properties, group_id.is_some())?,
            offset_reset: offset_reset(&mut properties)?,
            isolation: isolation(&mut properties)?,
            fetch_bytes_min: properties.int("fetch.min.bytes", 1, 0)?,
            fetch_bytes_max: properties.int("fetch.max.bytes", 52_428_800, 0)?,
            fetch_wait_max,
            partition_bytes_max: properties.int("max.partition.fetch.bytes", 1_048_576, 0)?,
            check_crcs: properties.flag("check.crcs", true)?,
            create_topics: properties.flag("allow.auto.create.topics", true)?,
            exclude_internal_topics: properties.flag("exclude.internal.topics", true)?,
            group_id,
            client,
        };
        config.check()?;
        Ok(properties.finish(config))
    }

    fn check(&self) -> Result<(), ConfigError> {
        let is_classic = self.group_protocol == GroupProtocol::Classic;
        if is_classic && self.group_id.is_some() && self.heartbeat_interval >= self.session_timeout
        {
            let detail = "Heartbeat must be set lower than the session timeout".to_owned();
            return Err(ConfigError::Conflict { detail });
        }
        match (&self.group_id, &self.group_instance_id) {
            (Some(id), _) if id.is_empty() => Err(invalid(
                "group.id",
                id,
                "The configured group.id should not be an empty string or whitespace.".to_owned(),
            )),
            (_, Some(id)) if id.is_empty() => {
                Err(invalid("group.instance.id", id, "String must be non-empty".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

/// Keys that mean nothing where the coordinator assigns and decides how often it is to hear of a member.
const OF_CLASSIC: [&str; 3] =
    ["partition.assignment.strategy", "heartbeat.interval.ms", "session.timeout.ms"];

fn defaults(bootstrap_servers: &str) -> ClientConfig {
    ClientConfig {
        idle_timeout: Some(Duration::from_mins(9)),
        ..ClientConfig::new(bootstrap_servers)
    }
}

fn group_protocol(properties: &mut Properties<'_>) -> Result<GroupProtocol, ConfigError> {
    let name = properties.text("group.protocol").unwrap_or("classic");
    let (protocol, foreign): (_, &[&'static str]) = match name.to_ascii_lowercase().as_str() {
        "classic" => (GroupProtocol::Classic, &["group.remote.assignor"]),
        "consumer" => (GroupProtocol::Consumer, &OF_CLASSIC),
        _ => {
            let reason = "String must be one of (case insensitive): CONSUMER, CLASSIC".to_owned();
            return Err(invalid("group.protocol", name, reason));
        }
    };
    let given: Vec<&str> =
        foreign.iter().copied().filter(|key| properties.text(key).is_some()).collect();
    if given.is_empty() {
        return Ok(protocol);
    }
    let name = name.to_ascii_uppercase();
    let detail = format!("{} cannot be set when group.protocol={name}", given.join(", "));
    Err(ConfigError::Conflict { detail })
}

fn assignors(properties: &mut Properties<'_>) -> Result<Vec<Assignor>, ConfigError> {
    let names = properties.list("partition.assignment.strategy");
    if names.is_empty() {
        return Ok(vec![Assignor::Range, Assignor::CooperativeSticky]);
    }
    let known = |name: &String| {
        let simple = name.rsplit('.').next().unwrap_or(name);
        Assignor::ALL.into_iter().find(|assignor| assignor.class() == simple).ok_or_else(|| {
            let reason = format!("Class {name} could not be found.");
            invalid("partition.assignment.strategy", name, reason)
        })
    };
    names.iter().map(known).collect()
}

fn auto_commit(
    properties: &mut Properties<'_>,
    has_group: bool,
) -> Result<Option<Duration>, ConfigError> {
    let is_set = properties.text("enable.auto.commit").is_some();
    let enabled = properties.flag("enable.auto.commit", has_group)?;
    let interval = Duration::from_millis(properties.millis("auto.commit.interval.ms", 5_000)?);
    if enabled && is_set && !has_group {
        let detail =
            "enable.auto.commit cannot be set to true when default group id (null) is used."
                .to_owned();
        return Err(ConfigError::Conflict { detail });
    }
    Ok(enabled.then_some(interval))
}

fn isolation(properties: &mut Properties<'_>) -> Result<IsolationLevel, ConfigError> {
    let key = "isolation.level";
    match properties.text(key) {
        None | Some("read_uncommitted") => Ok(IsolationLevel::ReadUncommitted),
        Some("read_committed") => Ok(IsolationLevel::ReadCommitted),
        Some(other) => {
            let reason = "String must be one of: read_committed, read_uncommitted".to_owned();
            Err(invalid(key, other, reason))
        }
    }
}

fn offset_reset(properties: &mut Properties<'_>) -> Result<OffsetReset, ConfigError> {
    let key = "auto.offset.reset";
    let text = properties.text(key).unwrap_or("latest");
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "latest" => Ok(OffsetReset::Latest),
        "earliest" => Ok(OffsetReset::Earliest),
        "none" => Ok(OffsetReset::None),
        other => other
            .strip_prefix("by_duration:")
            .and_then(iso_duration)
            .map(OffsetReset::ByDuration)
            .ok_or_else(|| {
                let reason = format!(
                    "Invalid value `{text}` for configuration {key}. The value must be either 'earliest', \
                     'latest', 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'."
                );
                invalid(key, text, reason)
            }),
    }
}

/// Reads an ISO 8601 duration, `PnDTnHnMn.nS`, in lower case; negative ones are none.
fn iso_duration(text: &str) -> Option<Duration> {
    let rest = text.strip_prefix('p')?;
    let (days, clock) = rest.split_once('t').map_or((rest, None), |(d, t)| (d, Some(t)));
    let mut seconds = 0.0;
    let mut parts = 0;
    for (section, units) in [(Some(days), "d"), (clock, "hms")] {
        let Some(mut section) = section else { continue };
        let mut units = units.chars();
        while !section.is_empty() {
            let end = section.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
            let (number, tail) = section.split_at(end);
            let unit = tail.chars().next()?;
            // Units come in this order, each at most once.
            units.find(|known| *known == unit)?;
            let factor = match unit {
                'd' => 86_400.0,
                'h' => 3_600.0,
                'm' => 60.0,
                _ => 1.0,
            };
            if unit != 's' && number.contains('.') {
                return None;
            }
            seconds += number.parse::<f64>().ok()? * factor;
            parts += 1;
            section = &tail[1..];
        }
    }
    if parts == 0 || clock == Some("") {
        return None;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(entries: &[(&str, &str)]) -> Result<ConsumerConfig, String> {
        let mut values: BTreeMap<String, String> =
            entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        values.insert("bootstrap.servers".to_owned(), "a:1".to_owned());
        let read = ConsumerConfig::from_properties(&values);
        read.map(|configured| configured.config).map_err(|error| error.to_string())
    }

    #[test]
    fn durations_are_iso_8601() {
        let cases = [
            ("p1d", Some(86_400_000)),
            ("pt1h30m", Some(5_400_000)),
            ("p2dt0.5s", Some(172_800_500)),
            ("pt0s", Some(0)),
            ("pt", None),
            ("p", None),
            ("pt1m1h", None),
            ("pt-5s", None),
            ("5s", None),
            ("pt1.5h", None),
        ];
        for (text, millis) in cases {
            assert_eq!(iso_duration(text), millis.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn values_are_kafkas() {
        let config = read(&[
            ("group.id", "g"),
            ("auto.offset.reset", "by_duration:PT1H"),
            (
                "partition.assignment.strategy",
                "org.apache.kafka.clients.consumer.StickyAssignor, RoundRobinAssignor",
            ),
        ])
        .expect("valid");
        assert_eq!(config.offset_reset, OffsetReset::ByDuration(Duration::from_secs(3600)));
        assert_eq!(config.assignors, vec![Assignor::Sticky, Assignor::RoundRobin]);
        assert_eq!(config.auto_commit, Some(Duration::from_secs(5)));
        assert_eq!(read(&[]).expect("valid").auto_commit, None);
        let config = read(&[
            ("group.id", "g"),
            ("group.protocol", "Consumer"),
            ("group.remote.assignor", "range"),
        ])
        .expect("valid");
        assert_eq!(config.group_protocol, GroupProtocol::Consumer);
        assert_eq!(config.remote_assignor.as_deref(), Some("range"));
        let both = [("group.protocol", "consumer"), ("heartbeat.interval.ms", "3")];
        let told = "heartbeat.interval.ms cannot be set when group.protocol=CONSUMER";
        assert_eq!(read(&both).expect_err("of the other protocol"), told);
        let refused: [&[(&str, &str)]; 9] = [
            &[("auto.offset.reset", "middle")],
            &[("enable.auto.commit", "true")],
            &[("group.id", "")],
            &[("group.id", "g"), ("heartbeat.interval.ms", "45000")],
            &[("group.protocol", "streams")],
            &[("group.protocol", "CONSUMER"), ("session.timeout.ms", "6000")],
            &[("group.protocol", "consumer"), ("partition.assignment.strategy", "RangeAssignor")],
            &[("group.remote.assignor", "uniform")],
            &[("partition.assignment.strategy", "com.example.Mine")],
        ];
        for entries in refused {
            assert!(read(entries).is_err(), "{entries:?}");
        }
    }
}
