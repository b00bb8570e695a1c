//! Balance and stickiness, whatever the members subscribe to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ottla_wire::Uuid;

use super::{Assignor, Subscriber, Work};
use crate::consumer::Assignment;

fn id(topic: u8) -> Uuid {
    Uuid::from_halves(0, u64::from(topic))
}

/// Work for members by id, each with its topics; topics by id with their partitions.
fn work(members: &[(&str, &[u8])], topics: &[(u8, i32)]) -> Work {
    let sets: BTreeSet<&[u8]> = members.iter().map(|(_, topics)| *topics).collect();
    let members = members.iter().map(|(member, topics)| {
        let topics: BTreeSet<Uuid> = topics.iter().map(|topic| id(*topic)).collect();
        let subscriber =
            Subscriber { instance_id: None, topics: Arc::new(topics), current: Arc::default() };
        ((*member).to_owned(), subscriber)
    });
    Work {
        members: members.collect(),
        partitions: topics.iter().map(|(topic, count)| (id(*topic), *count)).collect(),
        is_homogeneous: sets.len() == 1,
    }
}

fn adopt(work: &mut Work, assignments: &BTreeMap<String, Assignment>) {
    for (member, subscriber) in &mut work.members {
        subscriber.current = Arc::new(assignments.get(member).cloned().unwrap_or_default());
    }
}

fn size(assignment: &Assignment) -> usize {
    assignment.values().map(BTreeSet::len).sum()
}

fn sizes(assignments: &BTreeMap<String, Assignment>) -> Vec<usize> {
    assignments.values().map(size).collect()
}

/// How many partitions somebody has now who did not have them before.
fn moves(work: &Work, assignments: &BTreeMap<String, Assignment>) -> usize {
    let gained = assignments.iter().flat_map(|(member, assignment)| {
        let before = &work.members[member].current;
        assignment.iter().map(move |(topic, partitions)| match before.get(topic) {
            Some(before) => partitions.difference(before).count(),
            None => partitions.len(),
        })
    });
    gained.sum()
}

/// Every partition of every topic has exactly one owner, and one that subscribes to it.
fn check(work: &Work, assignments: &BTreeMap<String, Assignment>) {
    let mut owners: BTreeMap<(Uuid, i32), &str> = BTreeMap::new();
    for (member, assignment) in assignments {
        for (topic, partitions) in assignment {
            assert!(work.members[member].topics.contains(topic), "{member} has a foreign topic");
            for partition in partitions {
                let other = owners.insert((*topic, *partition), member);
                assert_eq!(other, None, "two owners of {topic}-{partition}");
            }
        }
    }
    let wanted: BTreeSet<&Uuid> =
        work.members.values().flat_map(|member| member.topics.iter()).collect();
    let count: i32 = wanted.iter().map(|topic| work.partition_count(topic)).sum();
    assert_eq!(owners.len(), usize::try_from(count).expect("a count"), "somebody is left out");
}

#[test]
fn ranges_are_contiguous_and_alike() {
    let mut work = work(&[("a", &[1, 2]), ("b", &[1, 2]), ("c", &[2])], &[(1, 5), (2, 5)]);
    work.members.get_mut("c").expect("a member").instance_id = Some("first".to_owned());
    let assignments = Assignor::Range.assign(&work);
    check(&work, &assignments);
    let partitions = |member: &str, topic: u8| -> Vec<i32> {
        assignments[member].get(&id(topic)).into_iter().flatten().copied().collect()
    };
    assert_eq!((partitions("a", 1), partitions("b", 1)), (vec![0, 1, 2], vec![3, 4]));
    // A static member comes before all others.
    assert_eq!(partitions("c", 2), [0, 1]);
    assert_eq!((partitions("a", 2), partitions("b", 2)), (vec![2, 3], vec![4]));
}

#[test]
fn uniform_shares_differ_by_one_and_stay_where_they_are() {
    let topics = &[(1, 7), (2, 4)];
    let mut three = work(&[("a", &[1, 2]), ("b", &[1, 2]), ("c", &[1, 2])], topics);
    let first = Assignor::Uniform.assign(&three);
    check(&three, &first);
    let mut shares = sizes(&first);
    shares.sort_unstable();
    assert_eq!(shares, [3, 4, 4]);
    adopt(&mut three, &first);
    assert_eq!(Assignor::Uniform.assign(&three), first, "nothing has changed, so nothing moves");
    let mut four = work(&[("a", &[1, 2]), ("b", &[1, 2]), ("c", &[1, 2]), ("d", &[1, 2])], topics);
    adopt(&mut four, &first);
    let second = Assignor::Uniform.assign(&four);
    check(&four, &second);
    assert_eq!(moves(&four, &second), 2, "the new member takes its share, and nobody else gains");
    let mut two = work(&[("a", &[1, 2]), ("b", &[1, 2])], topics);
    adopt(&mut two, &first);
    let third = Assignor::Uniform.assign(&two);
    check(&two, &third);
    assert_eq!(moves(&two, &third), size(&first["c"]), "what the third one had, and no more");
}

#[test]
fn members_with_different_topics_are_balanced_as_far_as_that_goes() {
    let members: &[(&str, &[u8])] = &[("a", &[1]), ("b", &[1, 2]), ("c", &[2])];
    let mut work = work(members, &[(1, 10), (2, 10)]);
    let first = Assignor::Uniform.assign(&work);
    check(&work, &first);
    let shares = sizes(&first);
    let (least, most) = (shares.iter().min(), shares.iter().max());
    assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 2), "{shares:?}");
    adopt(&mut work, &first);
    assert_eq!(Assignor::Uniform.assign(&work), first);
    // One that turns away from a topic gives up that topic, and takes of the other.
    work.members.get_mut("b").expect("a member").topics = Arc::new([id(2)].into());
    let second = Assignor::Uniform.assign(&work);
    check(&work, &second);
    assert_eq!(sizes(&second), [10, 5, 5]);
}

/// Members come, go and change their minds; whatever they do, everything has one owner and shares are even.
#[test]
fn any_history_ends_in_balance() {
    for seed in 0..200_u64 {
        let mut bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut below = |end: u64| {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            bits % end
        };
        let mut assignments = BTreeMap::new();
        for round in 0..8 {
            let topics: Vec<(u8, i32)> =
                (1..=4).map(|topic| (topic, below(9) as i32 + 1)).collect();
            let all: Vec<u8> = topics.iter().map(|(topic, _)| *topic).collect();
            let same = below(2) == 0;
            let names: Vec<String> = (0..=below(6)).map(|_| format!("m{}", below(9))).collect();
            let sets: Vec<Vec<u8>> = names
                .iter()
                .map(|_| match same {
                    true => all.clone(),
                    false => all.iter().copied().filter(|_| below(2) == 0).collect(),
                })
                .collect();
            let members: Vec<(&str, &[u8])> =
                names.iter().map(String::as_str).zip(sets.iter().map(Vec::as_slice)).collect();
            let mut work = work(&members, &topics);
            work.is_homogeneous = same;
            adopt(&mut work, &assignments);
            // Partitions beyond a topic's end are no more: counts only grow in a cluster, and this one is another.
            for member in work.members.values_mut() {
                let mut current = Assignment::clone(&member.current);
                for (topic, partitions) in &mut current {
                    let count = topics.iter().find(|(known, _)| id(*known) == *topic);
                    partitions.retain(|partition| count.is_some_and(|count| *partition < count.1));
                }
                member.current = Arc::new(current);
            }
            assignments = Assignor::Uniform.assign(&work);
            check(&work, &assignments);
            let shares = sizes(&assignments);
            let spread =
                shares.iter().max().zip(shares.iter().min()).map(|(most, least)| most - least);
            assert!(!same || spread <= Some(1), "seed {seed}, round {round}: {shares:?}");
            check(&work, &Assignor::Range.assign(&work));
        }
    }
}
