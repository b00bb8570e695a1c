//! What a consumer group may forget in a restart: when its members must be heard of, and what it has to look at.

use imbl::OrdMap;
use ottla_machine::Millis;

/// When a member is out unless something happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::consumer) struct Timers {
    /// Unless it is heard of.
    pub(in crate::consumer) session: Option<Millis>,
    /// Unless it has left this epoch by giving up what it must.
    pub(in crate::consumer) revocation: Option<(Millis, i32)>,
    /// Unless it joins again, being of the classic protocol.
    pub(in crate::consumer) join: Option<Millis>,
    /// Unless it asks for its assignment, being of the classic protocol.
    pub(in crate::consumer) sync: Option<Millis>,
}

impl Timers {
    pub(in crate::consumer) fn first(&self) -> Option<Millis> {
        let revocation = self.revocation.map(|(at, _)| at);
        [self.session, revocation, self.join, self.sync].into_iter().flatten().min()
    }
}

#[derive(Clone, Debug, Default)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct Soft {
    timers: OrdMap<String, Timers>,
    /// No deadline is earlier than this. Deadlines move away all the time; this follows when it is due.
    wake_at: Option<Millis>,
    /// The metadata that the group's hash was last compared with, and the epoch of the group then.
    pub(in crate::consumer) compared: Option<(i64, i32)>,
    /// When regular expressions are to be matched against the topics.
    pub(in crate::consumer) resolve_at: Option<Millis>,
}

impl Soft {
    pub(in crate::consumer) fn wake_at(&self) -> Option<Millis> {
        self.wake_at
    }

    pub(in crate::consumer) fn timers(&self, member_id: &str) -> Timers {
        self.timers.get(member_id).copied().unwrap_or_default()
    }

    /// Members with a deadline that has passed.
    pub(in crate::consumer) fn due(&self, now: Millis) -> impl Iterator<Item = (&String, &Timers)> {
        self.timers.iter().filter(move |(_, timers)| timers.first().is_some_and(|at| at <= now))
    }

    pub(in crate::consumer) fn set(&mut self, member_id: &str, change: impl FnOnce(&mut Timers)) {
        let mut timers = self.timers(member_id);
        change(&mut timers);
        self.wake_by(timers.first());
        self.timers.insert(member_id.to_owned(), timers);
    }

    pub(in crate::consumer) fn forget(&mut self, member_id: &str) {
        self.timers.remove(member_id);
    }

    pub(in crate::consumer) fn resolve_by(&mut self, at: Millis) {
        self.resolve_at = Some(at);
        self.wake_by(Some(at));
    }

    /// Finds out when the group has something to do next.
    pub(in crate::consumer) fn find_wake(&mut self) {
        let timers = self.timers.values().filter_map(Timers::first);
        self.wake_at = timers.chain(self.resolve_at).min();
    }

    fn wake_by(&mut self, deadline: Option<Millis>) {
        self.wake_at = match (self.wake_at, deadline) {
            (Some(wake_at), Some(deadline)) => Some(wake_at.min(deadline)),
            (wake_at, deadline) => wake_at.or(deadline),
        };
    }
}
