//! What a member reads, by topic id, and what an assignment changes. Pure.
//!
//! A topic that was deleted and created again has another id: its partitions go and come, though their names stay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ottla_cluster::TopicPartition;
use ottla_wire::Uuid;

use super::member::Partitions;

/// Partitions that are read, with the names that their topics had when they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owned(BTreeMap<Uuid, (Arc<str>, BTreeSet<i32>)>);

/// What becomes of an assignment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// What is read afterwards.
    pub(crate) owned: Owned,
    /// What is read no more.
    pub(crate) revoked: Vec<TopicPartition>,
    /// What is read anew.
    pub(crate) added: Vec<TopicPartition>,
    /// Topics whose name metadata has yet to tell; they come later.
    pub(crate) unresolved: Vec<Uuid>,
}

impl Owned {
    /// By id alone, as the coordinator wants it.
    pub(crate) fn partitions(&self) -> Partitions {
        self.0.iter().map(|(id, (_, partitions))| (*id, partitions.clone())).collect()
    }

    /// What `target` changes, as far as names are known.
    pub(crate) fn change_to(
        &self,
        target: &Partitions,
        name_of: impl Fn(&Uuid) -> Option<Arc<str>>,
    ) -> Change {
        let mut change = Change::default();
        for (id, partitions) in target.iter().filter(|(_, partitions)| !partitions.is_empty()) {
            let known = self.0.get(id).map(|(name, _)| Arc::clone(name));
            match known.or_else(|| name_of(id)) {
                Some(name) => {
                    change.owned.0.insert(*id, (name, partitions.clone()));
                }
                None => change.unresolved.push(*id),
            }
        }
        change.revoked = self.without(&change.owned);
        change.added = change.owned.without(self);
        change
    }

    /// Partitions that the other one lacks, in order of their names.
    fn without(&self, other: &Self) -> Vec<TopicPartition> {
        let mut lacking = Vec::new();
        for (id, (name, partitions)) in &self.0 {
            let has =
                |partition: &i32| other.0.get(id).is_some_and(|(_, of)| of.contains(partition));
            let partitions = partitions.iter().filter(|partition| !has(partition));
            lacking.extend(partitions.map(|one| TopicPartition::new(Arc::clone(name), *one)));
        }
        lacking.sort();
        lacking
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(topic: u8) -> Uuid {
        Uuid::from_bytes([topic; 16])
    }

    fn target(topics: &[(u8, &[i32])]) -> Partitions {
        let entry = |(topic, partitions): &(u8, &[i32])| {
            (id(*topic), partitions.iter().copied().collect::<BTreeSet<i32>>())
        };
        topics.iter().map(entry).collect()
    }

    fn shown(change: &Change) -> String {
        let list = |keys: &[TopicPartition]| {
            keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        let unresolved = change.unresolved.len();
        format!("-[{}] +[{}] ?{unresolved}", list(&change.revoked), list(&change.added))
    }

    /// Topics 1 and 3 are both called `a`, one after the other; 2 is `b`, others are unknown.
    fn name_of(topic: &Uuid) -> Option<Arc<str>> {
        let names = [(1, "a"), (2, "b"), (3, "a")];
        names.iter().find(|(known, _)| id(*known) == *topic).map(|(_, name)| Arc::from(*name))
    }

    #[test]
    fn what_an_assignment_changes() {
        let mut owned = Owned::default();
        // target, what changes
        let cases: [(&[(u8, &[i32])], &str); 7] = [
            (&[(1, &[0, 1])], "-[] +[a-0 a-1] ?0"),
            (&[(1, &[0, 1])], "-[] +[] ?0"),
            (&[(1, &[1, 2]), (2, &[0])], "-[a-0] +[a-2 b-0] ?0"),
            (&[(1, &[1, 2]), (9, &[0])], "-[b-0] +[] ?1"),
            (&[(3, &[1])], "-[a-1 a-2] +[a-1] ?0"),
            (&[(3, &[])], "-[a-1] +[] ?0"),
            (&[], "-[] +[] ?0"),
        ];
        for (wanted, expected) in cases {
            let change = owned.change_to(&target(wanted), name_of);
            assert_eq!(shown(&change), expected, "{wanted:?}");
            owned = change.owned;
        }
    }

    #[test]
    fn a_topic_keeps_its_name_when_metadata_forgets_it() {
        let owned = Owned::default().change_to(&target(&[(1, &[0])]), name_of).owned;
        let change = owned.change_to(&target(&[(1, &[0, 1])]), |_| None);
        assert_eq!(shown(&change), "-[] +[a-1] ?0");
        assert_eq!(change.owned.partitions(), target(&[(1, &[0, 1])]));
    }
}
