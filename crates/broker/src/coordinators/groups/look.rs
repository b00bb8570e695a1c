//! A coordinator's groups and offsets, for metrics.

use std::collections::BTreeMap;

use ottla_coordinator::{GroupCoordinator, State};

/// A coordinator's groups and offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// How many groups are in each state.
    pub groups: BTreeMap<State, usize>,
    /// Group, topic, partition and committed offset.
    pub offsets: Vec<(String, String, i32, i64)>,
}

impl Look {
    pub(super) fn of(machine: &GroupCoordinator) -> Self {
        let offsets = machine.committed_offsets().map(|committed| {
            let (group, topic) = (committed.group_id.to_owned(), committed.topic.to_owned());
            (group, topic, committed.partition, committed.offset)
        });
        Self { groups: machine.groups_by_state(), offsets: offsets.collect() }
    }
}
