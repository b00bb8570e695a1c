//! What happens in a consumer group when time passes, and when its coordinator starts.

use std::collections::BTreeSet;

use ottla_machine::{Decision, Millis};

use super::draft::Draft;
use super::state::ConsumerGroup;
use super::state::MemberState;
use crate::coordinator::GroupCoordinator;

impl GroupCoordinator {
    /// What is due in one group.
    pub(crate) fn expire_consumer_group(
        &self,
        group: &ConsumerGroup,
        now: Millis,
    ) -> Decision<Self> {
        let mut draft = Draft::new(self, now, group.clone());
        let mut overdue = BTreeSet::new();
        for (member_id, (kind, reason)) in group.overdue(now) {
            if let Some(member) = group.member(&member_id) {
                draft.note_member(kind, member, reason);
            }
            overdue.insert(member_id);
        }
        draft.drop_idle_timers(&overdue);
        if draft.group.soft.resolve_at.is_some_and(|at| at <= now) {
            draft.resolve();
        }
        draft.group.soft.find_wake();
        draft.without(overdue)
    }

    /// Starts a group that was loaded: every member has a fresh session.
    pub(crate) fn start_consumer_group(
        &self,
        group: &ConsumerGroup,
        now: Millis,
    ) -> Decision<Self> {
        let mut draft = Draft::new(self, now, group.clone());
        let deadline = draft.after(draft.settings().session_timeout_ms);
        for member in group.members.values() {
            let revocation = (member.state == MemberState::Unrevoked
                && !member.uses_classic_protocol())
            .then(|| (draft.after(member.rebalance_timeout_ms), member.epoch));
            draft.group.soft.set(&member.id, |timers| {
                timers.session = Some(deadline);
                timers.revocation = revocation;
            });
        }
        draft.into_decision()
    }
}

impl Draft<'_> {
    /// Forgets deadlines that have passed and mean nothing any more.
    fn drop_idle_timers(&mut self, overdue: &BTreeSet<String>) {
        let due: Vec<String> = self.group.soft.due(self.now).map(|(id, _)| id.clone()).collect();
        for member_id in due.iter().filter(|member_id| !overdue.contains(*member_id)) {
            match self.group.members.contains_key(member_id) {
                true => self.group.soft.set(member_id, |timers| timers.revocation = None),
                false => self.group.soft.forget(member_id),
            }
        }
    }
}
