//! Offsets that nobody has used for `offsets.retention.minutes`, and groups that have nothing left (KIP-211).
//!
//! The time counts from when the group became empty; for topics that a stable consumer group no longer subscribes to,
//! and for consumers without a group, from the last commit.

use ottla_machine::{Decision, Millis};

use super::Committed;
use crate::coordinator::{GroupCoordinator, Touch};
use crate::group::{Expiry, Group, Work};
use crate::record::Record;

/// How many records one decision may hold: they are appended as one batch. The rest is due again at once.
const TOMBSTONES_MAX: usize = 1_000;

impl GroupCoordinator {
    pub(crate) fn expire_offsets(&self, now: Millis) -> Decision<Self> {
        let mut decision = Decision::nothing();
        let mut work = Work::default();
        for group in self.groups() {
            let before = decision.records.len();
            let has_finished = self.expire_offsets_of(group, now, &mut decision.records);
            work.offset_expirations += (decision.records.len() - before) as u64;
            if decision.records.len() >= TOMBSTONES_MAX {
                decision.touches.extend(Touch::worked(work));
                decision.touches.push(Touch::check_offsets_at(now));
                return decision;
            }
            if has_finished && group.is_empty() {
                decision.records.extend(self.group_tombstones(group, now));
                decision.touches.push(Touch::forget_history(group.id()));
            }
        }
        decision.touches.extend(Touch::worked(work));
        decision.touches.push(Touch::check_offsets_at(self.next_check_after(now)));
        decision
    }

    /// Whether the group has no offsets left when these records are applied.
    fn expire_offsets_of(&self, group: &Group, now: Millis, records: &mut Vec<Record>) -> bool {
        let pending = self.offsets().pending();
        let mut has_finished = pending.of_group(group.id()).next().is_none();
        let Some(topics) = self.offsets().of_group(group.id()) else { return has_finished };
        let Some(expiry) = group.offset_expiry() else { return false };
        for (topic, partitions) in topics {
            if group.is_subscribed_to(topic) {
                has_finished = false;
                continue;
            }
            for (partition, committed) in partitions {
                if records.len() >= TOMBSTONES_MAX {
                    return false;
                }
                let is_pending = pending.has(group.id(), topic, *partition);
                if !is_pending && now >= self.expires_at(committed, expiry) {
                    records.push(Record::offset_tombstone(group.id(), topic, *partition));
                } else {
                    has_finished = false;
                }
            }
        }
        has_finished
    }

    /// From when on an offset that nobody uses may be removed.
    pub(crate) fn expires_at(&self, committed: &Committed, expiry: Expiry) -> Millis {
        let unused_since = match expiry {
            Expiry::SinceEmpty(at) => at,
            Expiry::SinceCommit => committed.committed_at,
        };
        let usual = unused_since.saturating_add(self.config().offsets_retention_ms());
        committed.expires_at.unwrap_or(usual)
    }
}
