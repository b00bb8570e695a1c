//! Kafka's configuration keys that concern classic groups and committed offsets.

use ottla_machine::Millis;

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
            offset_metadata_max_bytes: 4_096,
            offsets_retention_minutes: 10_080,
            offsets_retention_check_interval_ms: 600_000,
        }
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
