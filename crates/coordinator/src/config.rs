//! Kafka's configuration keys that concern groups and committed offsets.

use ottla_machine::Millis;

use crate::assignor::Assignor;

/// What the broker's configuration says about groups. The defaults are Kafka's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `group.min.session.timeout.ms`
    pub group_min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`
    pub group_max_session_timeout_ms: i32,
    /// `group.initial.rebalance.delay.ms`
    pub group_initial_rebalance_delay_ms: i32,
    /// `group.max.size`
    pub group_max_size: i32,
    /// What groups of the consumer protocol have to keep to.
    pub consumer: ConsumerConfig,
    /// `offset.metadata.max.bytes`
    pub offset_metadata_max_bytes: i32,
    /// `offsets.retention.minutes`
    pub offsets_retention_minutes: i32,
    /// `offsets.retention.check.interval.ms`
    pub offsets_retention_check_interval_ms: i64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            group_min_session_timeout_ms: 6_000,
            group_max_session_timeout_ms: 1_800_000,
            group_initial_rebalance_delay_ms: 3_000,
            group_max_size: i32::MAX,
            consumer: ConsumerConfig::default(),
            offset_metadata_max_bytes: 4_096,
            offsets_retention_minutes: 10_080,
            offsets_retention_check_interval_ms: 600_000,
        }
    }
}

/// The keys of the consumer protocol (KIP-848).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// `node.id`
    pub broker_id: i32,
    /// `group.consumer.session.timeout.ms`
    pub session_timeout_ms: i32,
    /// `group.consumer.heartbeat.interval.ms`
    pub heartbeat_interval_ms: i32,
    /// `group.consumer.max.size`
    pub max_size: i32,
    /// `group.consumer.assignors`; the first one is the default, and there is at least one.
    pub assignors: Vec<Assignor>,
    /// `group.consumer.migration.policy`
    pub migration: Migration,
    /// `group.consumer.assignment.interval.ms`, unless the metadata has it for this broker or for all of them.
    pub assignment_interval_ms: i32,
    /// `group.consumer.regex.refresh.interval.ms`
    pub regex_refresh_interval_ms: i32,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            broker_id: 0,
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 5_000,
            max_size: i32::MAX,
            assignors: vec![Assignor::Uniform, Assignor::Range],
            migration: Migration::Bidirectional,
            assignment_interval_ms: 1_000,
            regex_refresh_interval_ms: 600_000,
        }
    }
}

impl ConsumerConfig {
    /// The assignor of groups whose members ask for none.
    #[must_use]
    pub fn default_assignor(&self) -> Assignor {
        self.assignors.first().copied().unwrap_or(Assignor::Uniform)
    }
}

/// Between which protocols a group with members may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migration {
    /// From classic to consumer and back.
    Bidirectional,
    /// From classic to consumer.
    Upgrade,
    /// From consumer to classic.
    Downgrade,
    /// Neither; and no classic member joins a group of the consumer protocol.
    Disabled,
}

impl Migration {
    /// The policy for a value of the key, in any case.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "bidirectional" => Some(Self::Bidirectional),
            "upgrade" => Some(Self::Upgrade),
            "downgrade" => Some(Self::Downgrade),
            "disabled" => Some(Self::Disabled),
            _ => None,
        }
    }

    pub(crate) fn upgrades(self) -> bool {
        matches!(self, Self::Bidirectional | Self::Upgrade)
    }

    pub(crate) fn downgrades(self) -> bool {
        matches!(self, Self::Bidirectional | Self::Downgrade)
    }
}

impl Config {
    /// How long an offset outlives its last use.
    #[must_use]
    pub fn offsets_retention_ms(&self) -> Millis {
        Millis::from(self.offsets_retention_minutes) * 60_000
    }

    /// How many members a group may have.
    #[must_use]
    pub fn members_max(&self) -> usize {
        usize::try_from(self.group_max_size).unwrap_or(0)
    }
}

/// How long a member may wait in its first rebalance before it must show that it is alive.
///
/// A new member doesn't know its id yet and can't send heartbeats, so its session timeout can't apply. Kafka fixes
/// this at five minutes; a client that is still there joins again.
pub(crate) const NEW_MEMBER_JOIN_TIMEOUT_MS: i32 = 300_000;
