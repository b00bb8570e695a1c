//! Where each assigned partition is read, and whether it may be. Pure.

use std::collections::{BTreeMap, BTreeSet};

use ottla_cluster::TopicPartition;

use super::config::OffsetReset;

/// The next offset to read, and what is known of the record before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) offset: i64,
    /// Epoch of the leader that wrote the record before it, so that truncation is noticed (KIP-320).
    pub(super) leader_epoch: Option<i32>,
}

/// What must happen before a partition can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Its committed offset must be looked up.
    Committed,
    /// Its position must be found by this rule.
    Reset(OffsetReset),
}

/// One assigned partition.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) state: Result<Position, Need>,
    pub(super) paused: bool,
    /// The end that the broker last told of: the high watermark, or the last stable offset.
    pub(super) end: Option<i64>,
    /// A follower the leader wants us to read from (KIP-392).
    pub(super) preferred: Option<i32>,
    /// Goes up with every seek and assignment: what was fetched before is not used after.
    pub(super) version: u64,
}

/// All assigned partitions.
#[derive(Debug, Default)]
pub(super) struct Positions {
    readings: BTreeMap<TopicPartition, Reading>,
    versions: u64,
}

impl Positions {
    /// Adds partitions that are not assigned yet, each with what it needs first.
    pub(super) fn add(&mut self, partitions: &[TopicPartition], need: Need) {
        for partition in partitions {
            self.versions += 1;
            self.readings.entry(partition.clone()).or_insert(Reading {
                state: Err(need),
                paused: false,
                end: None,
                preferred: None,
                version: self.versions,
            });
        }
    }

    /// Takes partitions away.
    pub(super) fn remove(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.readings.remove(partition);
        }
    }

    /// Keeps these only.
    pub(super) fn retain(&mut self, partitions: &BTreeSet<TopicPartition>) {
        self.readings.retain(|known, _| partitions.contains(known));
    }

    pub(super) fn assigned(&self) -> Vec<TopicPartition> {
        self.readings.keys().cloned().collect()
    }

    pub(super) fn get(&self, partition: &TopicPartition) -> Option<&Reading> {
        self.readings.get(partition)
    }

    pub(super) fn get_mut(&mut self, partition: &TopicPartition) -> Option<&mut Reading> {
        self.readings.get_mut(partition)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TopicPartition, &Reading)> {
        self.readings.iter()
    }

    /// Moves a partition, or says what must happen first. False if it is not assigned.
    pub(super) fn set(
        &mut self,
        partition: &TopicPartition,
        state: Result<Position, Need>,
    ) -> bool {
        let Some(reading) = self.readings.get_mut(partition) else { return false };
        self.versions += 1;
        reading.version = self.versions;
        reading.state = state;
        reading.preferred = None;
        true
    }

    /// Moves a partition on after records were read from it.
    pub(super) fn advance(&mut self, partition: &TopicPartition, position: Position) {
        if let Some(reading) = self.readings.get_mut(partition) {
            reading.state = Ok(position);
        }
    }

    /// Partitions that need something, with their version.
    pub(super) fn needy(&self) -> Vec<(TopicPartition, Need, u64)> {
        let needs = self.readings.iter().filter_map(|(key, reading)| {
            reading.state.err().map(|need| (key.clone(), need, reading.version))
        });
        needs.collect()
    }

    /// Positions of everything that has one: what an automatic commit commits.
    pub(super) fn consumed(&self) -> Vec<(TopicPartition, Position)> {
        let known = self.readings.iter();
        known.filter_map(|(key, reading)| Some((key.clone(), reading.state.ok()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seek_outdates_what_was_fetched_and_reading_does_not() {
        let key = TopicPartition::new("t", 0);
        let mut positions = Positions::default();
        positions.add(std::slice::from_ref(&key), Need::Committed);
        let at = |offset| Position { offset, leader_epoch: None };
        let version = |positions: &Positions| positions.get(&key).expect("assigned").version;
        let assigned = version(&positions);
        assert_eq!(positions.needy(), vec![(key.clone(), Need::Committed, assigned)]);
        assert!(positions.set(&key, Ok(at(5))));
        let sought = version(&positions);
        assert!(sought > assigned);
        positions.advance(&key, at(9));
        assert_eq!(version(&positions), sought);
        assert_eq!(positions.consumed(), vec![(key.clone(), at(9))]);
        positions.retain(&BTreeSet::new());
        assert!(!positions.set(&key, Ok(at(1))), "no longer assigned");
    }
}
