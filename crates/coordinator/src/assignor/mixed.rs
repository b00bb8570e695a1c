//! Uniform, for members that subscribe to different topics.
//!
//! Everyone keeps what it still subscribes to; what is free goes to whoever has least; then partitions move from those
//! that have most to those that have least, topic by topic, until nothing more is gained.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use ottla_wire::Uuid;

use super::Work;
use crate::consumer::Assignment;

/// How often every topic is looked at: overlapping subscriptions may take many rounds for ever smaller gains.
const ROUNDS_MAX: usize = 16;

struct Balance<'a> {
    work: &'a Work,
    members: Vec<&'a String>,
    /// Members, by index, that subscribe to each topic.
    subscribers: BTreeMap<Uuid, Vec<usize>>,
    /// Who is to own each partition.
    owners: BTreeMap<Uuid, Vec<Option<usize>>>,
    loads: Vec<usize>,
}

pub(super) fn assign(work: &Work) -> BTreeMap<String, Assignment> {
    let mut balance = Balance::of(work);
    balance.keep();
    balance.hand_out();
    balance.even_out();
    balance.into_assignments()
}

impl<'a> Balance<'a> {
    fn of(work: &'a Work) -> Self {
        let mut subscribers: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
        for (index, member) in work.members.values().enumerate() {
            for topic in member.topics.iter() {
                subscribers.entry(*topic).or_default().push(index);
            }
        }
        let owners = subscribers.keys().map(|topic| {
            let count = usize::try_from(work.partition_count(topic)).unwrap_or(0);
            (*topic, vec![None; count])
        });
        Self {
            work,
            members: work.members.keys().collect(),
            owners: owners.collect(),
            subscribers,
            loads: vec![0; work.members.len()],
        }
    }

    fn keep(&mut self) {
        for (index, member) in self.work.members.values().enumerate() {
            for (topic, partitions) in member.current.iter() {
                if !member.topics.contains(topic) {
                    continue;
                }
                let Some(owners) = self.owners.get_mut(topic) else { continue };
                for partition in partitions {
                    let place = usize::try_from(*partition).ok().and_then(|at| owners.get_mut(at));
                    if let Some(place) = place.filter(|place| place.is_none()) {
                        *place = Some(index);
                        self.loads[index] += 1;
                    }
                }
            }
        }
    }

    /// Topics with many partitions for each subscriber first, then those with few subscribers: they have the least
    /// choice.
    fn topics(&self) -> Vec<Uuid> {
        let mut topics: Vec<Uuid> = self.subscribers.keys().copied().collect();
        topics.sort_by(|one, other| {
            let ratio = |topic: &Uuid, of: &Uuid| {
                self.owners[topic].len() as u64 * self.subscribers[of].len() as u64
            };
            let order = ratio(other, one).cmp(&ratio(one, other));
            let fewer = self.subscribers[one].len().cmp(&self.subscribers[other].len());
            order.then(fewer).then(one.cmp(other))
        });
        topics
    }

    /// The subscribers of a topic, the least loaded first.
    fn by_load(&self, topic: &Uuid) -> BTreeSet<(usize, usize)> {
        self.subscribers[topic].iter().map(|index| (self.loads[*index], *index)).collect()
    }

    fn hand_out(&mut self) {
        for topic in self.topics() {
            let mut by_load = self.by_load(&topic);
            let Some(owners) = self.owners.get_mut(&topic) else { continue };
            for place in owners.iter_mut().filter(|place| place.is_none()) {
                let Some((load, index)) = by_load.pop_first() else { break };
                *place = Some(index);
                self.loads[index] += 1;
                by_load.insert((load + 1, index));
            }
        }
    }

    fn even_out(&mut self) {
        let topics = self.topics();
        for _ in 0..ROUNDS_MAX {
            let moves: usize = topics.iter().map(|topic| self.even_out_topic(topic)).sum();
            if moves == 0 {
                return;
            }
        }
    }

    /// How many partitions of the topic have moved.
    fn even_out_topic(&mut self, topic: &Uuid) -> usize {
        let mut by_load = self.by_load(topic);
        let mut owned: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (partition, owner) in self.owners[topic].iter().enumerate() {
            if let Some(owner) = owner {
                owned.entry(*owner).or_default().push(partition);
            }
        }
        let mut givers: BTreeSet<Reverse<(usize, usize)>> =
            owned.keys().map(|index| Reverse((self.loads[*index], *index))).collect();
        let mut moves = 0;
        while let (Some((least, taker)), Some(Reverse((most, giver)))) =
            (by_load.first().copied(), givers.first().copied())
        {
            if most <= least + 1 {
                break;
            }
            givers.remove(&Reverse((most, giver)));
            let Some(partition) = owned.get_mut(&giver).and_then(Vec::pop) else { continue };
            if let Some(owners) = self.owners.get_mut(topic) {
                owners[partition] = Some(taker);
            }
            by_load.remove(&(least, taker));
            by_load.remove(&(most, giver));
            by_load.insert((least + 1, taker));
            by_load.insert((most - 1, giver));
            givers.insert(Reverse((most - 1, giver)));
            if givers.remove(&Reverse((least, taker))) {
                givers.insert(Reverse((least + 1, taker)));
            }
            self.loads[giver] -= 1;
            self.loads[taker] += 1;
            moves += 1;
        }
        moves
    }

    fn into_assignments(self) -> BTreeMap<String, Assignment> {
        let mut assignments: BTreeMap<String, Assignment> =
            self.members.iter().map(|id| ((*id).clone(), Assignment::new())).collect();
        for (topic, owners) in &self.owners {
            for (partition, owner) in (0..).zip(owners) {
                let assignment = owner.and_then(|owner| assignments.get_mut(self.members[owner]));
                if let Some(assignment) = assignment {
                    assignment.entry(*topic).or_default().insert(partition);
                }
            }
        }
        assignments
    }
}
