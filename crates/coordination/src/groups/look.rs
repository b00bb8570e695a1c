//! A coordinator's groups and offsets, for metrics.

use std::collections::BTreeMap;

use ottla_coordinator::{GroupCoordinator, State, Work};
use ottla_hosting::Partitions;

/// A coordinator's groups and offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// How many groups are in each state.
    pub groups: BTreeMap<State, usize>,
    /// What was done for them since the coordinator was loaded.
    pub work: Work,
    pub offsets: Vec<SeenOffset>,
}

/// A committed offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenOffset {
    pub group: String,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// Records a second over the last minute, in thousandths.
    pub rate_millis: i64,
}

impl Look {
    pub(super) fn of(machine: &GroupCoordinator, now_ms: i64) -> Self {
        let offsets = machine.committed_offsets().map(|committed| SeenOffset {
            group: committed.group_id.to_owned(),
            topic: committed.topic.to_owned(),
            partition: committed.partition,
            offset: committed.offset,
            rate_millis: committed.rate_millis(now_ms),
        });
        Self { groups: machine.groups_by_state(), work: machine.work(), offsets: offsets.collect() }
    }
}

/// How many records lie between a committed offset and the high watermark; `None` where the partition is not here.
pub fn lag_behind(partitions: &Partitions, topic: &str, index: i32, offset: i64) -> Option<i64> {
    let end = partitions.get(topic, index)?.log_offsets().ok()?.high_watermark;
    Some(end.saturating_sub(offset).max(0))
}
