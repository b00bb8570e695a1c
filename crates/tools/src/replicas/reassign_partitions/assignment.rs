//! Where the replicas of a topic could lie: leaders in turn, followers spread, racks kept apart. Pure.
//!
//! As Kafka's tools propose it: a random start, so that topics do not all begin at the same broker, and another
//! distance between leader and followers each time around.

use std::collections::{BTreeMap, BTreeSet};

use super::trouble::Trouble;

/// A broker and its rack, if racks count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broker {
    pub(super) id: i32,
    pub(super) rack: Option<String>,
}

/// How a proposal begins; any numbers will do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) index: usize,
    pub(super) shift: usize,
}

/// Replicas of each partition.
pub(super) fn assign(
    brokers: &[Broker],
    partitions: usize,
    factor: usize,
    start: Start,
) -> Result<Vec<Vec<i32>>, Trouble> {
    if partitions == 0 {
        return Err(Trouble::failed("Number of partitions must be larger than 0."));
    }
    if factor == 0 {
        return Err(Trouble::failed("Replication factor must be larger than 0."));
    }
    if brokers.is_empty() {
        return Err(Trouble::failed(
            "All brokers are currently fenced, or have all their log directories cordoned.",
        ));
    }
    if factor > brokers.len() {
        return Err(Trouble::failed(format!(
            "The target replication factor of {factor} cannot be reached because only {} broker(s) are \
             registered or some brokers have all their log directories cordoned.",
            brokers.len()
        )));
    }
    let order = alternating(brokers);
    let racks: BTreeSet<&Option<String>> = brokers.iter().map(|broker| &broker.rack).collect();
    // Without racks every broker is a rack of its own.
    let has_racks = brokers.iter().all(|broker| broker.rack.is_some());
    let stride = if has_racks { racks.len() } else { 1 };
    let mut shift = start.shift;
    let mut assigned = Vec::with_capacity(partitions);
    for partition in 0..partitions {
        if partition > 0 && partition % order.len() == 0 {
            shift += 1;
        }
        let first = (partition + start.index) % order.len();
        let mut replicas = vec![order[first]];
        let mut next = 0;
        while replicas.len() < factor {
            let candidate = order[follower(first, shift * stride, next, order.len())];
            next += 1;
            let of_rack = |broker: &&Broker| broker.rack == candidate.rack;
            let used: BTreeSet<_> = replicas.iter().map(|broker| &broker.rack).collect();
            let crowds = has_racks && used.len() < racks.len() && replicas.iter().any(of_rack);
            if !crowds && !replicas.contains(&candidate) {
                replicas.push(candidate);
            }
        }
        assigned.push(replicas.iter().map(|broker| broker.id).collect());
    }
    Ok(assigned)
}

/// The place of a follower: never that of the leader.
fn follower(first: usize, shift: usize, replica: usize, count: usize) -> usize {
    (first + 1 + (shift + replica) % (count - 1)) % count
}

/// Brokers by id; with racks, one of each rack in turn.
fn alternating(brokers: &[Broker]) -> Vec<&Broker> {
    let mut sorted: Vec<&Broker> = brokers.iter().collect();
    sorted.sort_by_key(|broker| broker.id);
    let mut by_rack: BTreeMap<&Option<String>, Vec<&Broker>> = BTreeMap::new();
    for broker in sorted {
        by_rack.entry(&broker.rack).or_default().push(broker);
    }
    let longest = by_rack.values().map(Vec::len).max().unwrap_or(0);
    (0..longest).flat_map(|at| by_rack.values().filter_map(move |of| of.get(at).copied())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brokers(racks: &[Option<&str>]) -> Vec<Broker> {
        let broker =
            |(id, rack): (i32, &Option<&str>)| Broker { id, rack: rack.map(str::to_owned) };
        (0..).zip(racks).map(broker).collect()
    }

    #[test]
    fn leaders_go_round_and_followers_spread() {
        let start = Start { index: 0, shift: 0 };
        let assigned = assign(&brokers(&[None; 5]), 10, 3, start).expect("possible");
        // The example of Kafka's documentation of this rule.
        let expected: [&[i32]; 10] = [
            &[0, 1, 2],
            &[1, 2, 3],
            &[2, 3, 4],
            &[3, 4, 0],
            &[4, 0, 1],
            &[0, 2, 3],
            &[1, 3, 4],
            &[2, 4, 0],
            &[3, 0, 1],
            &[4, 1, 2],
        ];
        assert_eq!(assigned, expected);
    }

    #[test]
    fn racks_are_kept_apart_whatever_the_start() {
        let racks = ["a", "b", "c", "a", "b", "c", "a"].map(Some);
        for index in 0..7 {
            for shift in 0..7 {
                let found =
                    assign(&brokers(&racks), 21, 3, Start { index, shift }).expect("possible");
                for replicas in found {
                    let used: BTreeSet<_> = replicas
                        .iter()
                        .map(|id| racks[usize::try_from(*id).expect("small")])
                        .collect();
                    assert_eq!(used.len(), 3, "{replicas:?}");
                }
            }
        }
        // More replicas than racks: still on brokers of their own.
        let found = assign(&brokers(&racks), 7, 5, Start { index: 3, shift: 2 }).expect("possible");
        assert!(found.iter().all(|of| of.iter().collect::<BTreeSet<_>>().len() == 5));
    }

    #[test]
    fn more_replicas_than_brokers_are_refused() {
        let start = Start { index: 0, shift: 0 };
        let refused = assign(&brokers(&[None]), 1, 2, start).expect_err("one broker");
        let told = "The target replication factor of 2 cannot be reached because only 1 broker(s) are \
                    registered or some brokers have all their log directories cordoned.";
        assert!(matches!(refused, Trouble::Failed(message) if message == told));
        assert_eq!(assign(&brokers(&[None]), 2, 1, start).expect("possible"), [[0], [0]]);
    }
}
