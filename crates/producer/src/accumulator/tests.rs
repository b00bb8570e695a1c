//! Decisions of the accumulator, step by step.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::*;

const IDENTITY: Identity = Identity { producer_id: 9, epoch: 0 };

fn rules() -> Rules {
    Rules {
        batch_size: 300,
        linger: 5,
        delivery_timeout: 1000,
        request_size_max: 10_000,
        compression: Compression::NONE,
        one_at_a_time: false,
    }
}

fn add(accumulator: &mut Accumulator, partition: i32, now: Millis) -> Added {
    let memory = Arc::new(Semaphore::new(1)).try_acquire_owned().ok();
    let value = [7; 100];
    let content = Content { timestamp: 1, key: None, value: Some(&value), headers: &[] };
    let key = TopicPartition::new("t", partition);
    let added = accumulator.add(&key, &content, &mut { memory }, now);
    added.expect("valid").expect("memory was given")
}

fn drain(accumulator: &mut Accumulator, now: Millis, identity: Option<Identity>) -> Drained {
    let leader = |key: &TopicPartition| Some(key.partition % 2).filter(|_| key.partition < 10);
    accumulator.drain(now, &Routes { leader: &leader, may_send: &|_| true, identity })
}

fn only(drained: Drained) -> SealedBatch {
    let mut batches: Vec<SealedBatch> = drained.by_leader.into_values().flatten().collect();
    assert_eq!(batches.len(), 1);
    batches.remove(0)
}

/// A first batch that the broker has, so that others may follow before they are answered.
fn begin(accumulator: &mut Accumulator, identity: Option<Identity>) {
    accumulator.hurry = true;
    add(accumulator, 0, 0);
    let first = only(drain(accumulator, 0, identity));
    accumulator.settled(&first);
}

#[test]
fn batches_go_when_full_or_when_they_lingered() {
    let mut accumulator = Accumulator::new(rules());
    assert!(add(&mut accumulator, 0, 0).wake);
    let drained = drain(&mut accumulator, 4, None);
    assert!(drained.by_leader.is_empty());
    assert_eq!(drained.next, Some(5));
    assert!(!add(&mut accumulator, 0, 4).wake, "room left, someone already looks");
    let third = add(&mut accumulator, 0, 4);
    assert!(third.wake, "no room for it, so a batch was begun");
    assert_eq!(only(drain(&mut accumulator, 4, None)).count, 2, "the first is complete");
    assert!(drain(&mut accumulator, 4, None).by_leader.is_empty());
    assert_eq!(only(drain(&mut accumulator, 9, None)).count, 1);
    assert!(add(&mut accumulator, 12, 10).wake);
    let drained = drain(&mut accumulator, 20, None);
    assert_eq!(drained.leaderless, vec![TopicPartition::new("t", 12)]);
}

#[test]
fn a_batch_that_comes_back_is_not_overtaken() {
    let mut accumulator = Accumulator::new(rules());
    begin(&mut accumulator, Some(IDENTITY));
    for now in [0, 10, 20] {
        add(&mut accumulator, 0, now);
        accumulator.hurry = true;
    }
    accumulator.hurry = true;
    let first = only(drain(&mut accumulator, 20, Some(IDENTITY)));
    add(&mut accumulator, 0, 21);
    let second = only(drain(&mut accumulator, 21, Some(IDENTITY)));
    add(&mut accumulator, 0, 22);
    assert_eq!(first.base_sequence, Some(1));
    assert_eq!(second.base_sequence, Some(1 + first.count));
    assert!(accumulator.is_next(&first) && !accumulator.is_next(&second));
    // The second is refused for the gap before it, while the first is still under way.
    let (order, sequence) = (second.order.clone(), second.base_sequence);
    accumulator.returned(&order, vec![second]);
    assert!(drain(&mut accumulator, 23, Some(IDENTITY)).by_leader.is_empty());
    let order = first.order.clone();
    accumulator.returned(&order, vec![first]);
    let first = only(drain(&mut accumulator, 24, Some(IDENTITY)));
    assert_eq!(first.base_sequence, Some(1));
    assert!(drain(&mut accumulator, 24, Some(IDENTITY)).by_leader.is_empty());
    accumulator.settled(&first);
    let second = only(drain(&mut accumulator, 25, Some(IDENTITY)));
    assert!(accumulator.is_next(&second));
    assert_eq!(second.base_sequence, sequence);
    accumulator.settled(&second);
    let third = only(drain(&mut accumulator, 26, Some(IDENTITY)));
    accumulator.settled(&third);
    assert!(accumulator.is_empty());
}

#[test]
fn no_more_is_unanswered_than_a_broker_remembers() {
    for identity in [Some(IDENTITY), None] {
        let mut accumulator = Accumulator::new(rules());
        begin(&mut accumulator, identity);
        let mut send = |now| {
            add(&mut accumulator, 0, now);
            let drained = drain(&mut accumulator, now, identity);
            drained.by_leader.into_values().flatten().next()
        };
        let mut sent: Vec<SealedBatch> = (0..5).filter_map(&mut send).collect();
        assert_eq!(sent.len(), 5);
        assert_eq!(send(5).is_none(), identity.is_some());
        // The first comes back and is sent again, while the others have not come back yet.
        let first = sent.remove(0);
        let order = first.order.clone();
        accumulator.returned(&order, vec![first]);
        let first = only(drain(&mut accumulator, 6, identity));
        assert_eq!(first.order, order);
        assert!(drain(&mut accumulator, 6, identity).by_leader.is_empty());
        accumulator.settled(&first);
        let drained = drain(&mut accumulator, 7, identity);
        assert_eq!(drained.by_leader.is_empty(), identity.is_none(), "{identity:?}");
    }
}

#[test]
fn after_a_gap_numbers_start_again_under_the_next_epoch() {
    let mut accumulator = Accumulator::new(rules());
    begin(&mut accumulator, Some(IDENTITY));
    add(&mut accumulator, 0, 0);
    let lost = only(drain(&mut accumulator, 0, Some(IDENTITY)));
    add(&mut accumulator, 0, 1);
    let behind = only(drain(&mut accumulator, 1, Some(IDENTITY)));
    add(&mut accumulator, 0, 2);
    accumulator.abandoned(&lost);
    let drained = drain(&mut accumulator, 2, Some(IDENTITY));
    assert!(drained.needs_new_epoch && drained.by_leader.is_empty());
    let next = IDENTITY.next().expect("epochs left");
    assert!(drain(&mut accumulator, 3, Some(next)).by_leader.is_empty(), "one is under way");
    let order = behind.order.clone();
    accumulator.returned(&order, vec![behind]);
    let behind = only(drain(&mut accumulator, 4, Some(next)));
    assert_eq!(behind.base_sequence, Some(0));
    assert!(drain(&mut accumulator, 4, Some(next)).by_leader.is_empty(), "the first is alone");
    accumulator.settled(&behind);
    let newest = only(drain(&mut accumulator, 4, Some(next)));
    assert_eq!(newest.base_sequence, Some(1));
}

#[test]
fn what_may_be_written_keeps_its_number_until_it_is_settled() {
    for behind_is_written in [false, true] {
        let mut accumulator = Accumulator::new(rules());
        begin(&mut accumulator, Some(IDENTITY));
        let mut send = |now| {
            add(&mut accumulator, 0, now);
            only(drain(&mut accumulator, now, Some(IDENTITY)))
        };
        let (mut lost, mut behind) = (send(0), send(1));
        let number = behind.base_sequence;
        // A connection ended: nobody knows which of the two are written. One of them has no time left.
        (lost.may_be_written, behind.may_be_written) = (true, true);
        let order = behind.order.clone();
        accumulator.returned(&order, vec![behind]);
        accumulator.abandoned(&lost);
        add(&mut accumulator, 0, 2);
        let drained = drain(&mut accumulator, 2, Some(IDENTITY));
        assert!(!drained.needs_new_epoch);
        let behind = only(drained);
        assert_eq!(behind.base_sequence, number, "it may be there under its number");
        let drained = drain(&mut accumulator, 3, Some(IDENTITY));
        assert!(drained.by_leader.is_empty() && !drained.needs_new_epoch);
        assert!(accumulator.is_next(&behind));
        let mut identity = IDENTITY;
        if behind_is_written {
            accumulator.settled(&behind);
        } else {
            accumulator.abandoned(&behind);
            assert!(drain(&mut accumulator, 4, Some(identity)).needs_new_epoch);
            identity = identity.next().expect("epochs left");
        }
        let newest = only(drain(&mut accumulator, 5, Some(identity)));
        let expected = if behind_is_written { number.map(|first| first + 1) } else { Some(0) };
        assert_eq!(newest.base_sequence, expected);
    }
}

#[test]
fn what_stands_before_a_gap_keeps_its_number() {
    let mut accumulator = Accumulator::new(rules());
    begin(&mut accumulator, Some(IDENTITY));
    let mut send = |now| {
        add(&mut accumulator, 0, now);
        only(drain(&mut accumulator, now, Some(IDENTITY)))
    };
    let (mut before, refused) = (send(0), send(1));
    before.may_be_written = true;
    let (order, bytes) = (before.order.clone(), before.bytes.clone());
    accumulator.returned(&order, vec![before]);
    accumulator.abandoned(&refused);
    let drained = drain(&mut accumulator, 2, Some(IDENTITY));
    assert!(!drained.needs_new_epoch);
    let before = only(drained);
    assert_eq!(before.bytes, bytes);
    accumulator.settled(&before);
    add(&mut accumulator, 0, 3);
    assert!(drain(&mut accumulator, 3, Some(IDENTITY)).needs_new_epoch);
}

#[test]
fn a_partition_whose_numbers_are_right_goes_on_under_them_when_the_epoch_goes_up() {
    let mut accumulator = Accumulator::new(rules());
    accumulator.hurry = true;
    add(&mut accumulator, 0, 0);
    let mut first = only(drain(&mut accumulator, 0, Some(IDENTITY)));
    let next = IDENTITY.next().expect("epochs left");
    first.may_be_written = true;
    let (order, bytes) = (first.order.clone(), first.bytes.clone());
    accumulator.returned(&order, vec![first]);
    add(&mut accumulator, 0, 1);
    let first = only(drain(&mut accumulator, 1, Some(next)));
    assert_eq!(first.bytes, bytes, "under another number the broker would write it again");
    assert!(drain(&mut accumulator, 1, Some(next)).by_leader.is_empty());
    accumulator.settled(&first);
    let second = only(drain(&mut accumulator, 2, Some(next)));
    assert_eq!(second.base_sequence, Some(0));
}

#[test]
fn who_found_no_room_is_first_the_next_time() {
    let mut accumulator = Accumulator::new(Rules { request_size_max: 200, ..rules() });
    accumulator.hurry = true;
    let mut turns = Vec::new();
    for now in 0..6 {
        for partition in [0, 2] {
            add(&mut accumulator, partition, now);
        }
        turns.push(only(drain(&mut accumulator, now, None)).partition.partition);
    }
    assert_eq!(turns, [0, 2, 0, 2, 0, 2]);
}

#[test]
fn what_waits_too_long_is_given_up_wherever_it_is() {
    let mut accumulator = Accumulator::new(rules());
    let waiting = add(&mut accumulator, 12, 0).ticket.outcome;
    let under_way = add(&mut accumulator, 0, 100).ticket.outcome;
    let batch = only(drain(&mut accumulator, 200, Some(IDENTITY)));
    assert_eq!(accumulator.expire(999), Some(1000));
    assert_eq!(accumulator.expire(1000), Some(1100));
    assert!(waiting.is_settled() && !under_way.is_settled());
    assert_eq!(accumulator.expire(1100), None);
    assert!(under_way.is_settled());
    accumulator.abandoned(&batch);
    assert!(accumulator.is_empty());
}

#[test]
fn a_request_has_a_size_and_every_partition_gets_its_turn() {
    let mut accumulator = Accumulator::new(Rules { request_size_max: 400, ..rules() });
    accumulator.hurry = true;
    for partition in [0, 2, 4, 6] {
        add(&mut accumulator, partition, 0);
    }
    let mut order = Vec::new();
    while order.len() < 4 {
        let drained = drain(&mut accumulator, 0, None);
        let batches: Vec<i32> = drained
            .by_leader
            .into_values()
            .flatten()
            .map(|batch| batch.partition.partition)
            .collect();
        assert!(!batches.is_empty() && batches.len() <= 2, "{batches:?}");
        order.extend(batches);
    }
    order.sort_unstable();
    assert_eq!(order, vec![0, 2, 4, 6]);
}
