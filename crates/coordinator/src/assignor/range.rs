//! Range: every member gets a contiguous range of each topic it subscribes to.
//!
//! Members are in the order of their instance ids, then of their ids, so that static members keep their ranges and
//! topics of the same size are shared out alike.

use std::collections::BTreeMap;

use ottla_wire::Uuid;

use super::{Subscriber, Work};
use crate::consumer::Assignment;

/// How far a topic has been shared out.
struct Shares {
    partitions: i32,
    each: i32,
    /// Members that get one more.
    extra: i32,
    next: i32,
}

pub(super) fn assign(work: &Work) -> BTreeMap<String, Assignment> {
    let mut members: Vec<(&String, &Subscriber)> = work.members.iter().collect();
    members.sort_by_key(|(id, member)| (member.instance_id.is_none(), &member.instance_id, *id));
    let mut subscribers: BTreeMap<&Uuid, i32> = BTreeMap::new();
    for topic in members.iter().flat_map(|(_, member)| member.topics.iter()) {
        *subscribers.entry(topic).or_default() += 1;
    }
    let mut shares: BTreeMap<&Uuid, Shares> = subscribers
        .into_iter()
        .map(|(topic, count)| {
            let partitions = work.partition_count(topic);
            let (each, extra) = (partitions / count, partitions % count);
            (topic, Shares { partitions, each, extra, next: 0 })
        })
        .collect();
    let mut assignments = BTreeMap::new();
    for (id, member) in members {
        let mut assignment = Assignment::new();
        for topic in member.topics.iter() {
            let Some(shares) = shares.get_mut(topic) else { continue };
            let range = shares.take();
            if !range.is_empty() {
                assignment.insert(*topic, range.collect());
            }
        }
        assignments.insert(id.clone(), assignment);
    }
    assignments
}

impl Shares {
    fn take(&mut self) -> std::ops::Range<i32> {
        let start = self.next;
        self.next = (start + self.each + i32::from(self.extra > 0)).min(self.partitions);
        self.extra -= i32::from(self.extra > 0);
        start..self.next
    }
}
