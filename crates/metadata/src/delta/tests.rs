use ottla_wire::messages::*;

use super::*;
use crate::image::tests::{TOPIC, broker, config, everything, image_of, partition, topic};
use crate::replayer::Replayer;

fn at(offset: i64) -> Provenance {
    Provenance { offset, epoch: 1, timestamp_ms: offset * 10 }
}

fn delta_of(base: &MetadataImage, records: &[MetadataRecord]) -> MetadataDelta {
    let mut delta = MetadataDelta::new(base.clone());
    for record in records {
        delta.apply(record).expect("the record fits");
    }
    delta
}

fn remove(id: Uuid) -> MetadataRecord {
    RemoveTopicRecord { topic_id: id, ..Default::default() }.into()
}

#[test]
fn a_delta_tells_what_changed() {
    let base = image_of(&everything());
    let new = Uuid::from_halves(6, 6);
    let change =
        PartitionChangeRecord { topic_id: TOPIC, partition_id: 1, leader: 1, ..Default::default() };
    let delta = delta_of(
        &base,
        &[
            change.into(),
            topic("c", new),
            partition(new, 0, &[1]),
            config(2, "c", "retention.ms", Some("5")),
            broker(3),
        ],
    );
    let changes = delta.changes();
    let fates: Vec<_> = changes
        .topics
        .iter()
        .map(|(id, change)| (*id, change.fate, change.partitions.clone()))
        .collect();
    let expected = vec![
        (new, TopicFate::Created, BTreeSet::from([0])),
        (TOPIC, TopicFate::Changed, BTreeSet::from([1])),
    ];
    assert_eq!(fates, expected);
    assert_eq!(changes.configs, BTreeSet::from([ConfigResource::topic("c")]));
    assert_eq!(changes.brokers, BTreeSet::from([3]));
    assert!(!changes.features && !changes.acls);
    let image = delta.image(at(50));
    assert_eq!(image.provenance, at(50));
    assert_eq!(image.partition(TOPIC, 1).map(|partition| partition.leader), Some(1));
    assert_eq!(delta.base(), &base);
}

#[test]
fn what_came_and_went_within_a_delta_was_never_there() {
    let base = image_of(&everything());
    let new = Uuid::from_halves(6, 6);
    let records = [
        topic("c", new),
        partition(new, 0, &[1]),
        config(2, "c", "retention.ms", Some("5")),
        remove(new),
    ];
    let delta = delta_of(&base, &records);
    assert!(delta.changes().is_empty(), "{:?}", delta.changes());
    assert_eq!(delta.next(), &base);
}

#[test]
fn a_topic_created_again_is_another_topic() {
    let base = image_of(&everything());
    let new = Uuid::from_halves(6, 6);
    let delta = delta_of(&base, &[remove(TOPIC), topic("b", new), partition(new, 0, &[1])]);
    let fates: Vec<_> = delta
        .changes()
        .topics
        .iter()
        .map(|(id, change)| (*id, change.fate, &*change.name))
        .collect();
    assert_eq!(fates, [(new, TopicFate::Created, "b"), (TOPIC, TopicFate::Deleted, "b")]);
    assert_eq!(delta.changes().configs, BTreeSet::from([ConfigResource::topic("b")]));
    assert_eq!(delta.next().topics.id_of("b"), Some(new));
}

#[test]
fn comparing_two_images_finds_the_same_changes() {
    let base = image_of(&everything());
    let new = Uuid::from_halves(6, 6);
    let change =
        PartitionChangeRecord { topic_id: TOPIC, partition_id: 1, leader: 1, ..Default::default() };
    let scenarios: [Vec<MetadataRecord>; 4] = [
        vec![change.into(), topic("c", new), partition(new, 0, &[1]), broker(3)],
        vec![remove(TOPIC), topic("b", new)],
        vec![
            config(4, "1", "log.retention.ms", None),
            config(2, "b", "cleanup.policy", Some("compact")),
        ],
        vec![ClearElrRecord::default().into()],
    ];
    for records in scenarios {
        let applied = delta_of(&base, &records);
        let compared = MetadataDelta::between(base.clone(), applied.next().clone());
        assert_eq!(compared.changes(), applied.changes(), "{records:?}");
    }
}

#[test]
fn a_transaction_is_seen_as_a_whole_or_not_at_all() {
    let new = Uuid::from_halves(6, 6);
    let begin: MetadataRecord = BeginTransactionRecord::default().into();
    let end: MetadataRecord = EndTransactionRecord::default().into();
    let abort: MetadataRecord = AbortTransactionRecord::default().into();
    let names = |replayer: &Replayer| -> Vec<String> {
        replayer.image().topics.iter().map(|topic| topic.name.to_string()).collect()
    };
    let feed = |replayer: &mut Replayer, records: &[&MetadataRecord], offset: i64| {
        replayer.batch(records.iter().copied(), at(offset)).expect("the records fit")
    };
    let (a, b, c) = (topic("a", TOPIC), topic("b", new), topic("c", Uuid::from_halves(7, 7)));

    let mut replayer = Replayer::default();
    let delta = feed(&mut replayer, &[&a, &begin, &b], 2).expect("a came before the transaction");
    assert_eq!(delta.changes().topics.len(), 1);
    assert_eq!(names(&replayer), ["a"]);
    assert!(feed(&mut replayer, &[&c], 3).is_none());
    assert_eq!(names(&replayer), ["a"]);
    let delta = feed(&mut replayer, &[&end], 4).expect("the transaction ended");
    assert_eq!(delta.changes().topics.len(), 2);
    assert_eq!(names(&replayer), ["a", "b", "c"]);
    assert_eq!(replayer.image().provenance, at(4));

    let mut replayer = Replayer::default();
    feed(&mut replayer, &[&a, &begin, &b], 2);
    let delta = feed(&mut replayer, &[&abort, &c], 4).expect("the transaction was aborted");
    assert_eq!(delta.changes().topics.len(), 1);
    assert_eq!(names(&replayer), ["a", "c"]);
}

#[test]
fn a_snapshot_replaces_everything() {
    let mut replayer = Replayer::new(image_of(&everything()));
    let records = [topic("z", Uuid::from_halves(8, 8))];
    let delta = replayer.snapshot(&records, at(99)).expect("the records fit");
    assert_eq!(replayer.image().provenance, at(99));
    assert_eq!(replayer.image().topics.len(), 1);
    let fates: Vec<TopicFate> = delta.changes().topics.values().map(|change| change.fate).collect();
    assert_eq!(fates, [TopicFate::Deleted, TopicFate::Created, TopicFate::Deleted]);
    assert!(delta.changes().features && delta.changes().acls);
}
