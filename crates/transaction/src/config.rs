//! Kafka's configuration keys that concern transactions.

use ottla_machine::Millis;

/// What the broker's configuration says about transactions. The defaults are Kafka's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `transaction.max.timeout.ms`
    pub max_timeout_ms: i32,
    /// `transactional.id.expiration.ms`
    pub id_expiration_ms: i32,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`
    pub abort_interval_ms: i32,
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`
    pub expiry_interval_ms: i32,
    /// `transaction.two.phase.commit.enable` (KIP-939)
    pub two_phase_commit: bool,
    /// The level of the feature `transaction.version` when the coordinator is loaded.
    pub transaction_version: i16,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_timeout_ms: 900_000,
            id_expiration_ms: 604_800_000,
            abort_interval_ms: 10_000,
            expiry_interval_ms: 3_600_000,
            two_phase_commit: false,
            transaction_version: 2,
        }
    }
}

impl Config {
    pub(crate) fn next_abort_check(&self, now: Millis) -> Millis {
        now.saturating_add(Millis::from(self.abort_interval_ms))
    }

    pub(crate) fn next_expiry_check(&self, now: Millis) -> Millis {
        now.saturating_add(Millis::from(self.expiry_interval_ms))
    }
}
