//! What must hold in the end, and on the way.

use std::collections::{BTreeMap, BTreeSet};

use super::producer::Tag;
use super::records::Found;
use super::world::{GROUPS, IDS, World};
use crate::transaction::ProducerEpoch;

/// What the application of a transaction knows of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was never asked to be committed.
    NotCommitted,
    /// A commit was asked for and the answer never came.
    Unknown,
    Committed,
    Aborted,
}

/// A message that a producer has sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    /// Its transaction, if it has any.
    pub(super) tag: Option<Tag>,
    pub(super) partition: usize,
    /// Where it was appended last.
    pub(super) offset: Option<i64>,
    pub(super) is_acknowledged: bool,
}

impl World {
    /// What holds at any time.
    pub(super) fn check(&mut self) {
        self.ledger.check_reload(IDS);
        self.groups.iter().for_each(super::offsets::Offsets::check_reload);
        for partition in &mut self.partitions {
            check_sequences(&partition.all());
            let outcomes = &self.outcomes;
            for found in partition.committed() {
                let tag = self.messages[found.message as usize].tag;
                let outcome = tag.map_or(Outcome::Committed, |tag| outcomes[tag as usize]);
                let may_be = matches!(outcome, Outcome::Committed | Outcome::Unknown);
                assert!(may_be, "{found:?} of {tag:?} is read: {outcome:?}");
            }
        }
    }

    /// What holds when everything has ended.
    pub(super) fn check_verdict(&mut self) {
        self.groups.iter().for_each(super::offsets::Offsets::check_rest);
        self.partitions.iter().for_each(super::records::Records::check_rest);
        let read: Vec<BTreeSet<u64>> = self.partitions.iter_mut().map(read).collect();
        let there: Vec<BTreeSet<u64>> =
            self.partitions.iter().map(|each| numbers(&each.all())).collect();
        for (number, message) in (0..).zip(&self.messages) {
            let is_there = there[message.partition].contains(&number);
            assert!(is_there || !message.is_acknowledged, "message {number} is lost: {message:?}");
            let is_read = read[message.partition].contains(&number);
            let is_free = message.tag.is_none();
            assert!(!is_free || is_read == is_there, "message {number} is nobody's to hide");
        }
        for (tag, outcome) in (0..).zip(&self.outcomes) {
            self.check_outcome(tag, *outcome, &read, &there);
        }
    }

    /// A transaction is all or nothing, wherever it has written.
    fn check_outcome(
        &self,
        tag: Tag,
        outcome: Outcome,
        read: &[BTreeSet<u64>],
        there: &[BTreeSet<u64>],
    ) {
        let (mut committed, mut aborted) = (Vec::new(), Vec::new());
        for group in 0..GROUPS {
            let account = self.groups[group].account();
            if account.committed.contains(&tag) {
                committed.push(format!("group {group}"));
            }
            if account.aborted.contains(&tag) {
                aborted.push(format!("group {group}"));
            }
            let was_told = self.written_groups.get(&tag).is_some_and(|all| all.contains(&group));
            let is_lost = outcome == Outcome::Committed && was_told;
            assert!(!is_lost || account.committed.contains(&tag), "{tag} is lost in {group}");
        }
        for (number, message) in (0..).zip(&self.messages) {
            if message.tag == Some(tag) && there[message.partition].contains(&number) {
                let is_read = read[message.partition].contains(&number);
                let side = if is_read { &mut committed } else { &mut aborted };
                side.push(format!("message {number}"));
            }
        }
        let is_whole = committed.is_empty() || aborted.is_empty();
        assert!(is_whole, "transaction {tag}: {committed:?} are committed, {aborted:?} are not");
        match outcome {
            Outcome::Committed => assert!(aborted.is_empty(), "{tag} was committed: {aborted:?}"),
            Outcome::Aborted | Outcome::NotCommitted => {
                assert!(committed.is_empty(), "{tag} was not committed: {committed:?}");
            }
            Outcome::Unknown => {}
        }
    }
}

fn read(partition: &mut super::records::Records) -> BTreeSet<u64> {
    numbers(partition.committed())
}

fn numbers(found: &[Found]) -> BTreeSet<u64> {
    let numbers: BTreeSet<u64> = found.iter().map(|found| found.message).collect();
    assert_eq!(numbers.len(), found.len(), "a message is there twice: {found:?}");
    numbers
}

/// Of every producer the sequences begin at 0 and have no gap, no repetition and no other order, and so do its messages.
fn check_sequences(found: &[Found]) {
    let mut last: BTreeMap<ProducerEpoch, Found> = BTreeMap::new();
    for found in found {
        let before = last.insert(found.producer, *found);
        let expected = before.map_or(0, |before| before.sequence + 1);
        assert_eq!(found.sequence, expected, "{found:?} follows {before:?}");
        let is_later = before.is_none_or(|before| before.message < found.message);
        assert!(is_later, "{found:?} follows {before:?}");
    }
}
