//! Why groups have rebalanced lately: who made them, how long it took and what came of it.
//!
//! Soft: it lives beside the groups, so that one that moves between the protocols keeps its history, and a coordinator
//! that starts anew begins with none. Bounded: so many rebalances, causes of each, and characters of what clients say.

use std::collections::VecDeque;

use ottla_machine::Millis;
use ottla_wire::group_explanation::{Cause, Rebalance};

/// How many rebalances of a group are remembered.
pub(crate) const REBALANCES_MAX: usize = 10;

/// How many causes of one rebalance; the others are counted.
pub(crate) const CAUSES_MAX: usize = 8;

/// How much of what a client says, in characters. Kafka's clients cut their reasons off at as many.
const TEXT_CHARS_MAX: usize = 255;

/// What makes a group rebalance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CauseKind {
    MemberJoined,
    /// A member joins again of its own accord, since something that it sees has changed.
    MemberRejoined,
    /// A static member is back under another member id.
    MemberReplaced,
    MemberLeft,
    SessionExpired,
    /// A member did not join again, or did not give up partitions, within its rebalance time-out.
    RebalanceTimedOut,
    /// A member did not ask for its assignment within its rebalance time-out.
    SyncTimedOut,
    SubscriptionChanged,
    /// Topics that the group subscribes to were created, deleted or have grown.
    TopicsChanged,
    /// The group has more members than it may.
    GroupTooLarge,
    /// The group goes over to the consumer protocol.
    Upgraded,
    /// The group goes over to the classic protocol.
    Downgraded,
}

impl CauseKind {
    /// The name that tools see.
    fn name(self) -> &'static str {
        match self {
            Self::MemberJoined => "member-joined",
            Self::MemberRejoined => "member-rejoined",
            Self::MemberReplaced => "member-replaced",
            Self::MemberLeft => "member-left",
            Self::SessionExpired => "session-expired",
            Self::RebalanceTimedOut => "rebalance-timed-out",
            Self::SyncTimedOut => "sync-timed-out",
            Self::SubscriptionChanged => "subscription-changed",
            Self::TopicsChanged => "topics-changed",
            Self::GroupTooLarge => "group-too-large",
            Self::Upgraded => "protocol-upgraded",
            Self::Downgraded => "protocol-downgraded",
        }
    }

    /// A cause that is no member.
    pub(crate) fn alone(self, reason: &str) -> Cause {
        self.by(("", "", ""), reason)
    }

    /// What a member did: its id, the id of its client and where that is.
    pub(crate) fn by(
        self,
        (member_id, client_id, host): (&str, &str, &str),
        reason: &str,
    ) -> Cause {
        Cause {
            kind: self.name().to_owned(),
            member_id: cut(member_id),
            client_id: cut(client_id),
            host: cut(host),
            reason: cut(reason),
        }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

/// A step of a rebalance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Of the rebalance that is under way, or of the next one.
    Caused(Cause),
    Began {
        at: Millis,
        causes: Vec<Cause>,
    },
    Ended {
        at: Millis,
        generation: i32,
        members: usize,
    },
}

/// What a coordinator has done for its groups since it was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    pub offset_commits: u64,
    pub offset_expirations: u64,
    /// Of offsets that somebody asked to be deleted.
    pub offset_deletions: u64,
    /// Rebalances of classic groups that led to a generation with members.
    pub classic_rebalances: u64,
    /// New epochs of groups of the consumer protocol.
    pub consumer_rebalances: u64,
}

impl Work {
    /// Adds what another one has done, or did more.
    pub fn add(&mut self, other: Self) {
        self.offset_commits += other.offset_commits;
        self.offset_expirations += other.offset_expirations;
        self.offset_deletions += other.offset_deletions;
        self.classic_rebalances += other.classic_rebalances;
        self.consumer_rebalances += other.consumer_rebalances;
    }

    /// What these steps of a rebalance count for.
    pub(crate) fn of_rebalance(is_consumer: bool, events: &[Event]) -> Self {
        let count = |is_wanted: fn(&Event) -> bool| {
            events.iter().filter(|event| is_wanted(event)).count() as u64
        };
        if is_consumer {
            let consumer_rebalances = count(|event| matches!(event, Event::Began { .. }));
            return Self { consumer_rebalances, ..Self::default() };
        }
        let classic_rebalances =
            count(|event| matches!(event, Event::Ended { members, .. } if *members > 0));
        Self { classic_rebalances, ..Self::default() }
    }
}

/// The last rebalances of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct History {
    rebalances: VecDeque<Rebalance>,
    /// Causes of a rebalance that has not begun.
    early: Vec<Cause>,
}

impl History {
    pub(crate) fn rebalances(&self) -> impl Iterator<Item = &Rebalance> {
        self.rebalances.iter()
    }

    pub(crate) fn take_in(&mut self, event: Event) {
        match event {
            Event::Caused(cause) => {
                if let Some(rebalance) = self.under_way() {
                    add(rebalance, cause);
                } else if self.early.len() < CAUSES_MAX {
                    self.early.push(cause);
                }
            }
            Event::Began { at, causes } => {
                if let Some(overtaken) = self.under_way() {
                    overtaken.took_ms = (at - overtaken.began_at_ms).max(0);
                    overtaken.is_superseded = true;
                }
                if self.rebalances.len() == REBALANCES_MAX {
                    self.rebalances.pop_front();
                }
                let mut rebalance = Rebalance {
                    began_at_ms: at,
                    took_ms: -1,
                    generation: -1,
                    ..Rebalance::default()
                };
                let causes = self.early.drain(..).chain(causes);
                causes.for_each(|cause| add(&mut rebalance, cause));
                self.rebalances.push_back(rebalance);
            }
            Event::Ended { at, generation, members } => {
                self.early.clear();
                if let Some(rebalance) = self.under_way() {
                    rebalance.took_ms = (at - rebalance.began_at_ms).max(0);
                    rebalance.generation = generation;
                    rebalance.members = i32::try_from(members).unwrap_or(i32::MAX);
                }
            }
        }
    }

    fn under_way(&mut self) -> Option<&mut Rebalance> {
        self.rebalances.back_mut().filter(|rebalance| rebalance.took_ms == -1)
    }
}

fn add(rebalance: &mut Rebalance, cause: Cause) {
    rebalance.cause_count = rebalance.cause_count.saturating_add(1);
    if rebalance.causes.len() < CAUSES_MAX {
        rebalance.causes.push(cause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn began(at: Millis, causes: usize) -> Event {
        let cause = CauseKind::MemberLeft.by(("m", "c", "/h"), "closed");
        Event::Began { at, causes: vec![cause; causes] }
    }

    /// Began, took, generation, superseded and number of causes of each rebalance.
    fn told(history: &History) -> Vec<(i64, i64, i32, bool, i32, usize)> {
        let told = |one: &Rebalance| {
            let Rebalance { began_at_ms, took_ms, generation, is_superseded, cause_count, .. } =
                *one;
            (began_at_ms, took_ms, generation, is_superseded, cause_count, one.causes.len())
        };
        history.rebalances().map(told).collect()
    }

    #[test]
    fn causes_belong_to_the_rebalance_under_way_or_to_the_next() {
        let mut history = History::default();
        history.take_in(Event::Caused(CauseKind::TopicsChanged.alone("t")));
        history.take_in(began(10, 1));
        history.take_in(Event::Caused(CauseKind::MemberJoined.alone("")));
        assert_eq!(told(&history), [(10, -1, -1, false, 3, 3)]);
        history.take_in(Event::Ended { at: 15, generation: 4, members: 2 });
        // What is over stays as it was.
        history.take_in(Event::Ended { at: 19, generation: 5, members: 2 });
        assert_eq!(told(&history), [(10, 5, 4, false, 3, 3)]);
        history.take_in(began(20, 0));
        history.take_in(began(27, 0));
        let last = &told(&history)[1..];
        assert_eq!(last, [(20, 7, -1, true, 0, 0), (27, -1, -1, false, 0, 0)]);
    }

    #[test]
    fn nothing_grows_without_end() {
        let mut history = History::default();
        let long = "é".repeat(10_000);
        for at in 0..100 {
            for _ in 0..100 {
                history
                    .take_in(Event::Caused(CauseKind::MemberLeft.by((&long, &long, &long), &long)));
            }
            let cause = CauseKind::MemberLeft.by((&long, &long, &long), &long);
            history.take_in(Event::Began { at, causes: vec![cause; 100] });
        }
        let told = told(&history);
        assert_eq!((told.len(), told[0].0), (REBALANCES_MAX, 90), "{told:?}");
        let causes =
            |one: &Rebalance| one.causes.iter().map(|cause| cause.reason.chars().count()).max();
        assert_eq!(history.rebalances().map(|one| one.causes.len()).max(), Some(CAUSES_MAX));
        assert_eq!(history.rebalances().map(causes).max(), Some(Some(TEXT_CHARS_MAX)));
        assert_eq!(history.early.len(), 0);
    }
}
