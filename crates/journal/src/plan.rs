//! What of a journal a start still needs. Pure.
//!
//! Entries are looked at in the order they were written. What happened to a log after an append (its
//! end cut off, its start moved, the log given up) takes the append out of the plan; it is never done
//! to the log again, whose segments may have gone on since.
use std::collections::BTreeMap;

use super::layout::{EntryHeader, EntryKind, LogKey};

/// Batches that a log may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedAppend {
    /// Where the log ended before.
    pub follows: i64,
    /// Offset of the first record.
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// Of the last batch.
    pub leader_epoch: i32,
    /// Batches from here on were cut off later.
    pub cut_at: i64,
    /// Where the records lie, for [`Replay::records`](crate::Replay::records).
    pub records: Place,
}

/// Where bytes lie in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub(crate) slot: usize,
    pub(crate) position: u64,
    pub(crate) bytes: u32,
}

/// What one log may lack.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LogPlan {
    /// In the order in which they were handed in.
    pub appends: Vec<PlannedAppend>,
    /// Nothing before it counts.
    pub log_start: Option<i64>,
}

/// What every log may lack.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) logs: BTreeMap<LogKey, LogPlan>,
}

impl Plan {
    /// Takes the next entry into account.
    pub(crate) fn take(&mut self, entry: &EntryHeader, records: Place) {
        if entry.kind == EntryKind::Forgotten {
            self.logs.remove(&entry.key);
            return;
        }
        let log = self.logs.entry(entry.key).or_default();
        match entry.kind {
            EntryKind::Append { follows, base_offset, last_offset, leader_epoch } => {
                log.appends.push(PlannedAppend {
                    follows,
                    base_offset,
                    last_offset,
                    leader_epoch,
                    cut_at: i64::MAX,
                    records,
                });
            }
            EntryKind::Truncated { offset } => {
                log.appends.retain(|append| append.base_offset < offset);
                for append in log.appends.iter_mut().filter(|each| each.last_offset >= offset) {
                    append.cut_at = offset.min(append.cut_at);
                }
            }
            // What the start hides may be wanted all the same, as the end of a transaction is.
            EntryKind::StartMoved { offset } => log.log_start = log.log_start.max(Some(offset)),
            EntryKind::StartedOver { offset } => {
                log.appends.clear();
                log.log_start = Some(offset);
            }
            EntryKind::Forgotten => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use ottla_wire::Uuid;

    use super::*;

    const KEY: LogKey = LogKey { topic_id: Uuid::ONE, partition: 0 };
    const PLACE: Place = Place { slot: 0, position: 0, bytes: 0 };

    fn append(base_offset: i64, last_offset: i64) -> EntryKind {
        EntryKind::Append { follows: base_offset, base_offset, last_offset, leader_epoch: 0 }
    }

    /// Base offsets that stay, with where they are cut, and where the log starts.
    fn planned(kinds: &[EntryKind]) -> (Vec<(i64, i64)>, Option<i64>) {
        let mut plan = Plan::default();
        for kind in kinds {
            plan.take(&EntryHeader { key: KEY, kind: *kind, bytes: 0 }, PLACE);
        }
        let log = plan.logs.remove(&KEY).unwrap_or_default();
        let appends = log.appends.iter().map(|each| (each.base_offset, each.cut_at)).collect();
        (appends, log.log_start)
    }

    #[test]
    fn what_happened_later_takes_appends_out() {
        use EntryKind::{Forgotten, StartMoved, StartedOver, Truncated};
        const WHOLE: i64 = i64::MAX;
        let two = [append(0, 4), append(5, 9)];
        let with = |more: &[EntryKind]| planned(&[&two[..], more].concat());
        assert_eq!(with(&[]), (vec![(0, WHOLE), (5, WHOLE)], None));
        assert_eq!(with(&[Truncated { offset: 5 }]), (vec![(0, WHOLE)], None));
        assert_eq!(with(&[Truncated { offset: 7 }]), (vec![(0, WHOLE), (5, 7)], None));
        assert_eq!(
            with(&[Truncated { offset: 5 }, append(5, 6)]),
            (vec![(0, WHOLE), (5, WHOLE)], None)
        );
        let both = vec![(0, WHOLE), (5, WHOLE)];
        assert_eq!(with(&[StartMoved { offset: 5 }]), (both.clone(), Some(5)));
        assert_eq!(with(&[StartMoved { offset: 5 }, StartMoved { offset: 3 }]), (both, Some(5)));
        assert_eq!(with(&[StartedOver { offset: 2 }]), (vec![], Some(2)));
        assert_eq!(with(&[Forgotten, append(0, 1)]), (vec![(0, WHOLE)], None));
    }
}
