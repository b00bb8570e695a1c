//! Who gets what, as tables.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_cluster::TopicPartition;
use ottla_cluster::members::Subscription;

use super::{Assignor, Member};

fn key(text: &str) -> TopicPartition {
    let (topic, partition) = text.rsplit_once('-').expect("topic-partition");
    TopicPartition::new(topic, partition.parse().expect("a number"))
}

fn member(id: &str, topics: &str, owned: &str) -> Member {
    let owned: Vec<TopicPartition> = owned.split_whitespace().map(key).collect();
    let topics = topics.split_whitespace().map(str::to_owned).collect();
    let user_data = Assignor::Sticky.user_data(&owned, 1);
    let subscription =
        Subscription { topics, owned, generation: Some(1), user_data, ..Subscription::default() };
    Member { id: id.to_owned(), instance_id: None, subscription }
}

fn counts(text: &str) -> BTreeMap<String, i32> {
    let entries = text.split_whitespace().map(|entry| {
        let (topic, count) = entry.split_once(':').expect("topic:count");
        (topic.to_owned(), count.parse().expect("a number"))
    });
    entries.collect()
}

fn assign(assignor: Assignor, members: &[Member], topics: &str) -> Vec<(String, String)> {
    let assignment = assignor.assign(members, &counts(topics));
    let text = |partitions: Vec<TopicPartition>| {
        partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assignment.into_iter().map(|(id, partitions)| (id, text(partitions))).collect()
}

#[test]
fn tables() {
    let cases = [
        (Assignor::Range, "a:3 b:3", "a b", "a b", "a-0 a-1 b-0 b-1", "a-2 b-2"),
        (Assignor::Range, "a:3 b:2", "a b", "a", "a-0 a-1 b-0 b-1", "a-2"),
        (Assignor::RoundRobin, "a:3 b:3", "a b", "a b", "a-0 a-2 b-1", "a-1 b-0 b-2"),
        (Assignor::RoundRobin, "a:2 b:2", "a b", "b", "a-0 a-1 b-1", "b-0"),
        (Assignor::Range, "a:1", "c", "c", "", ""),
    ];
    for (assignor, topics, first, second, expected_first, expected_second) in cases {
        let members = [member("m1", first, ""), member("m2", second, "")];
        let found = assign(assignor, &members, topics);
        let expected = [("m1", expected_first), ("m2", expected_second)];
        let expected = expected.map(|(id, text)| (id.to_owned(), text.to_owned()));
        assert_eq!(found, expected, "{assignor:?} {topics}");
    }
}

#[test]
fn sticky_moves_only_what_evenness_asks_for() {
    let members =
        [member("m1", "a", "a-0 a-1 a-2 a-3"), member("m2", "a", "a-4 a-5"), member("m3", "a", "")];
    let found = Assignor::Sticky.assign(&members, &counts("a:6"));
    assert!(found.values().all(|partitions| partitions.len() == 2), "{found:?}");
    assert!(found["m1"].iter().all(|kept| members[0].subscription.owned.contains(kept)));
    assert_eq!(found["m2"], members[1].subscription.owned);
}

#[test]
fn a_cooperative_group_waits_for_owners_to_let_go() {
    let members = [member("m1", "a", "a-0 a-1 a-2 a-3"), member("m2", "a", "")];
    let found = Assignor::CooperativeSticky.assign(&members, &counts("a:5"));
    assert_eq!(found["m1"].len(), 3, "one too many is taken away: {found:?}");
    assert_eq!(found["m2"], vec![key("a-4")], "what is free is given, what moves is not");
}

#[test]
fn contradicting_claims_are_settled_by_generation() {
    let mut stale = member("m1", "a", "a-0 a-1");
    stale.subscription.generation = Some(0);
    let members = [stale, member("m2", "a", "a-0 a-1")];
    let found = Assignor::CooperativeSticky.assign(&members, &counts("a:2"));
    assert_eq!(found["m2"].len(), 1);
    assert!(found["m1"].is_empty(), "{found:?}");
}

#[test]
fn uneven_subscriptions_are_balanced_as_far_as_they_go() {
    let members = [member("m1", "a b", ""), member("m2", "a", ""), member("m3", "b", "")];
    for assignor in [Assignor::Sticky, Assignor::CooperativeSticky] {
        let found = assignor.assign(&members, &counts("a:6 b:3"));
        let sizes: Vec<usize> = found.values().map(Vec::len).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 9);
        assert!(
            sizes.iter().max().expect("three") - sizes.iter().min().expect("three") <= 1,
            "{found:?}"
        );
    }
}

#[test]
fn user_data_of_garbage_is_nothing() {
    let mut garbage = member("m1", "a", "");
    garbage.subscription.user_data = Some(Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff, 1]));
    let found = Assignor::Sticky.assign(&[garbage], &counts("a:2"));
    assert_eq!(found["m1"].len(), 2);
}
