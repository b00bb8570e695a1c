//! Range: of each topic, a run of partitions to each member; the first members get one more.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_cluster::TopicPartition;

use super::{Assignment, Member, nobody_yet, subscribers};

pub(super) fn assign(members: &[&Member], partition_counts: &BTreeMap<String, i32>) -> Assignment {
    let mut assignment = nobody_yet(members);
    for (topic, count) in partition_counts {
        let name: Arc<str> = topic.as_str().into();
        let takers = subscribers(members, topic);
        let Ok(taker_count) = i32::try_from(takers.len()) else { continue };
        if taker_count == 0 {
            continue;
        }
        let (share, extra) = (count / taker_count, count % taker_count);
        let mut next = 0;
        for (index, taker) in (0..).zip(takers) {
            let end = next + share + i32::from(index < extra);
            let run = (next..end).map(|index| TopicPartition::new(Arc::clone(&name), index));
            assignment.entry(taker.id.clone()).or_default().extend(run);
            next = end;
        }
    }
    assignment
}
