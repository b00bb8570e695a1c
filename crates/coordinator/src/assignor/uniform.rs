//! Uniform, for members that all subscribe to the same topics: shares that differ by one partition at most, and as few
//! moves as that allows.

use std::collections::{BTreeMap, BTreeSet};

use ottla_wire::Uuid;

use super::{Subscriber, Work};
use crate::consumer::Assignment;

/// The shares that are left to give.
struct Quotas {
    each: usize,
    /// Members that may have one more.
    extra: usize,
    /// Members that have not been looked at.
    members_left: usize,
}

pub(super) fn assign(work: &Work) -> BTreeMap<String, Assignment> {
    let Some(first) = work.members.values().next() else { return BTreeMap::new() };
    let topics = &first.topics;
    let places = topics.iter().flat_map(|topic| {
        (0..work.partition_count(topic)).map(move |partition| (*topic, partition))
    });
    let places: Vec<(Uuid, i32)> = places.collect();
    let (count, members) = (places.len(), work.members.len());
    let mut quotas =
        Quotas { each: count / members, extra: count % members, members_left: members };
    let mut free: BTreeSet<(Uuid, i32)> = places.into_iter().collect();
    for (topic, partitions) in work.members.values().flat_map(|member| member.current.iter()) {
        for partition in partitions {
            free.remove(&(*topic, *partition));
        }
    }
    let mut assignments = BTreeMap::new();
    let mut unfilled = Vec::new();
    for (id, member) in &work.members {
        let (kept, room) = keep(member, topics, &mut quotas, &mut free);
        if room > 0 {
            unfilled.push((id, room));
        }
        assignments.insert(id.clone(), kept);
    }
    let mut free = free.into_iter();
    for (id, room) in unfilled {
        let Some(assignment) = assignments.get_mut(id) else { continue };
        for (topic, partition) in free.by_ref().take(room) {
            assignment.entry(topic).or_default().insert(partition);
        }
    }
    assignments
}

/// What a member may keep of what it has, and how many partitions it still has room for.
fn keep(
    member: &Subscriber,
    topics: &BTreeSet<Uuid>,
    quotas: &mut Quotas,
    free: &mut BTreeSet<(Uuid, i32)>,
) -> (Assignment, usize) {
    let mut has_extra = quotas.extra > 0;
    let mut room = quotas.each + usize::from(has_extra);
    let mut kept = Assignment::new();
    for (topic, partitions) in member.current.iter().filter(|(topic, _)| topics.contains(topic)) {
        for partition in partitions {
            if room > 0 {
                room -= 1;
                kept.entry(*topic).or_default().insert(*partition);
            } else {
                free.insert((*topic, *partition));
            }
        }
    }
    // A member that does not fill the larger share leaves it to others, unless it is one of the last ones.
    if room > 0 && has_extra && quotas.members_left > quotas.extra {
        room -= 1;
        has_extra = false;
    }
    quotas.extra -= usize::from(has_extra);
    quotas.members_left -= 1;
    (kept, room)
}
