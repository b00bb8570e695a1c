//! Round robin: all partitions in turn, each to the next member that wants its topic.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_cluster::TopicPartition;

use super::{Assignment, Member, nobody_yet};

pub(super) fn assign(members: &[&Member], partition_counts: &BTreeMap<String, i32>) -> Assignment {
    let mut assignment = nobody_yet(members);
    let mut turn = 0;
    for (topic, count) in partition_counts {
        let wants = |member: &Member| member.subscription.topics.contains(topic);
        if !members.iter().any(|member| wants(member)) {
            continue;
        }
        let name: Arc<str> = topic.as_str().into();
        for index in 0..*count {
            while !wants(members[turn % members.len()]) {
                turn += 1;
            }
            let taker = members[turn % members.len()];
            turn += 1;
            let partition = TopicPartition::new(Arc::clone(&name), index);
            assignment.entry(taker.id.clone()).or_default().push(partition);
        }
    }
    assignment
}
