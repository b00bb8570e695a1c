//! What happens in a group when time passes: sessions end, and phases of a rebalance run out of time.

use ottla_machine::{Decision, Millis};

use super::{ClassicGroup, Draft, JoinDeadline, State};
use crate::coordinator::GroupCoordinator;
use crate::group::CauseKind;

/// A deadline of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// Somebody was given a member id and has not joined with it.
    PendingJoin(String),
    Session(String),
    JoinPhase,
    SyncPhase,
}

impl GroupCoordinator {
    /// What is due in one group.
    pub(crate) fn expire_classic_group(&self, group: &ClassicGroup, now: Millis) -> Decision<Self> {
        let mut draft = self.draft(group.clone(), now);
        for (_, due) in group.due(now) {
            draft.expire(&due);
        }
        draft.group.find_wake();
        draft.into_decision()
    }

    /// Starts a group that was loaded: every member has a fresh session. A group that has more members than it may
    /// rebalances, and the last ones to join are turned away.
    pub(crate) fn start_classic_group(&self, group: &ClassicGroup, now: Millis) -> Decision<Self> {
        let mut draft = self.draft(group.clone(), now);
        for member_id in group.members.keys() {
            if let Some(deadline) = draft.session_deadline(member_id) {
                draft.group.renew_session(member_id, deadline);
            }
        }
        if draft.group.members.len() > self.config().members_max() {
            draft.note(CauseKind::GroupTooLarge.alone("group.max.size is lower than before"));
            draft.prepare_rebalance();
        }
        draft.into_decision()
    }
}

impl ClassicGroup {
    /// Deadlines that have passed, the earliest first.
    fn due(&self, now: Millis) -> Vec<(Millis, Due)> {
        let pending = self
            .pending_joins
            .iter()
            .map(|(member_id, until)| (*until, Due::PendingJoin(member_id.clone())));
        let sessions = self.members.values().filter_map(|member| {
            member.session_deadline.map(|until| (until, Due::Session(member.id.clone())))
        });
        let join = self.join_deadline.map(|deadline| (deadline.at(), Due::JoinPhase));
        let sync = self.sync_deadline.map(|until| (until, Due::SyncPhase));
        let mut due: Vec<(Millis, Due)> =
            pending.chain(sessions).chain(join).chain(sync).filter(|(at, _)| *at <= now).collect();
        due.sort();
        due
    }

    /// Finds out when this group has something to do next.
    fn find_wake(&mut self) {
        let pending = self.pending_joins.values().copied();
        let sessions = self.members.values().filter_map(|member| member.session_deadline);
        let phases = self.join_deadline.map(JoinDeadline::at).into_iter().chain(self.sync_deadline);
        self.wake_at = pending.chain(sessions).chain(phases).min();
    }
}

impl Draft<'_> {
    /// One deadline has passed. What was due before it may have changed the group: each one looks again.
    fn expire(&mut self, due: &Due) {
        match due {
            Due::PendingJoin(member_id) => {
                self.group.pending_joins.remove(member_id);
                self.complete_join_without_missing();
            }
            Due::Session(member_id) => self.end_session(member_id),
            Due::JoinPhase => self.end_join_phase(),
            Due::SyncPhase => self.end_sync_phase(),
        }
    }

    fn end_session(&mut self, member_id: &str) {
        let Some(member) = self.group.member(member_id) else { return };
        if member.session_deadline.is_none_or(|until| until > self.now) {
            return;
        }
        if member.is_kept_alive() {
            // The session starts anew when the wait ends.
            self.group.update(member_id, |member| member.session_deadline = None);
            return;
        }
        self.note_member(CauseKind::SessionExpired, member_id, "nothing was heard of it");
        self.remove_member(member_id);
        match self.group.state {
            State::Stable | State::CompletingRebalance => self.rebalance(),
            State::PreparingRebalance | State::Empty => self.complete_join_without_missing(),
        }
    }

    fn complete_join_without_missing(&mut self) {
        if self.group.state == State::PreparingRebalance && self.group.has_everyone_joined() {
            self.complete_join();
        }
    }

    fn end_join_phase(&mut self) {
        match self.group.join_deadline {
            Some(JoinDeadline::Initial { at, delay_ms, remaining_ms }) if at <= self.now => {
                self.end_initial_delay(delay_ms, remaining_ms);
            }
            Some(JoinDeadline::Rejoin { at }) if at <= self.now => self.complete_join(),
            _ => {}
        }
    }

    /// Members that have not synced are out: they may have missed the generation altogether.
    fn end_sync_phase(&mut self) {
        if self.group.sync_deadline.is_none_or(|until| until > self.now) {
            return;
        }
        self.group.sync_deadline = None;
        let missing: Vec<String> = self.group.pending_syncs.iter().cloned().collect();
        for member_id in &missing {
            let reason = "it did not ask for its assignment within its rebalance time-out";
            self.note_member(CauseKind::SyncTimedOut, member_id, reason);
            self.remove_member(member_id);
        }
        if !missing.is_empty() {
            self.prepare_rebalance();
        }
    }
}
