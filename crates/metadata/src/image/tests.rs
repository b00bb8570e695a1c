use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_wire::Uuid;
use ottla_wire::messages::client_quota_record::EntityData;
use ottla_wire::messages::register_broker_record::{BrokerEndpoint, BrokerFeature};
use ottla_wire::messages::*;

use super::*;

pub(crate) const TOPIC: Uuid = Uuid::from_halves(11, 22);
const DIRECTORY: Uuid = Uuid::from_halves(33, 44);

pub(crate) fn topic(name: &str, id: Uuid) -> MetadataRecord {
    TopicRecord { name: name.to_owned(), topic_id: id, ..Default::default() }.into()
}

pub(crate) fn partition(id: Uuid, index: i32, replicas: &[i32]) -> MetadataRecord {
    PartitionRecord {
        partition_id: index,
        topic_id: id,
        replicas: replicas.to_vec(),
        isr: replicas.to_vec(),
        leader: replicas[0],
        leader_epoch: 0,
        partition_epoch: 0,
        directories: vec![DIRECTORY; replicas.len()],
        ..Default::default()
    }
    .into()
}

pub(crate) fn broker(id: i32) -> MetadataRecord {
    RegisterBrokerRecord {
        broker_id: id,
        broker_epoch: 100 + i64::from(id),
        incarnation_id: Uuid::from_halves(1, id as u64),
        end_points: vec![BrokerEndpoint {
            name: "PLAINTEXT".to_owned(),
            host: "localhost".to_owned(),
            port: 9092,
            security_protocol: 0,
            ..Default::default()
        }],
        features: vec![BrokerFeature {
            name: "metadata.version".to_owned(),
            min_supported_version: 7,
            max_supported_version: 30,
            ..Default::default()
        }],
        rack: Some("r1".to_owned()),
        log_dirs: vec![DIRECTORY],
        ..Default::default()
    }
    .into()
}

pub(crate) fn config(kind: i8, resource: &str, name: &str, value: Option<&str>) -> MetadataRecord {
    ConfigRecord {
        resource_type: kind,
        resource_name: resource.to_owned(),
        name: name.to_owned(),
        value: value.map(str::to_owned),
        ..Default::default()
    }
    .into()
}

fn feature(name: &str, feature_level: i16) -> MetadataRecord {
    FeatureLevelRecord { name: name.to_owned(), feature_level, ..Default::default() }.into()
}

fn quota(user: Option<&str>, key: &str, value: f64, remove: bool) -> MetadataRecord {
    let entity = vec![EntityData {
        entity_type: "user".to_owned(),
        entity_name: user.map(str::to_owned),
        ..Default::default()
    }];
    ClientQuotaRecord { entity, key: key.to_owned(), value, remove, ..Default::default() }.into()
}

pub(crate) fn image_of(records: &[MetadataRecord]) -> MetadataImage {
    let mut image = MetadataImage::empty();
    for record in records {
        image.apply(record).expect("the record fits");
    }
    image
}

/// One record or more of every type that leaves a trace.
pub(crate) fn everything() -> Vec<MetadataRecord> {
    let token = |id: &str| {
        MetadataRecord::from(DelegationTokenRecord {
            owner: "User:a".to_owned(),
            token_id: id.to_owned(),
            renewers: vec!["User:b".to_owned()],
            max_timestamp: 9,
            ..Default::default()
        })
    };
    vec![
        feature("metadata.version", 30),
        feature("group.version", 1),
        broker(1),
        broker(2),
        BrokerRegistrationChangeRecord {
            broker_id: 1,
            broker_epoch: 101,
            fenced: -1,
            cordoned_log_dirs: Some(vec![DIRECTORY]),
            ..Default::default()
        }
        .into(),
        RegisterControllerRecord { controller_id: 1, ..Default::default() }.into(),
        topic("b", TOPIC),
        partition(TOPIC, 0, &[1, 2]),
        partition(TOPIC, 1, &[2, 1]),
        PartitionChangeRecord {
            partition_id: 0,
            topic_id: TOPIC,
            isr: Some(vec![1]),
            eligible_leader_replicas: Some(vec![2]),
            last_known_elr: Some(vec![]),
            leader: 1,
            ..Default::default()
        }
        .into(),
        topic("a", Uuid::from_halves(1, 2)),
        config(2, "b", "retention.ms", Some("1")),
        config(4, "", "min.insync.replicas", Some("1")),
        config(4, "1", "log.retention.ms", Some("2")),
        quota(Some("u"), "producer_byte_rate", 10.5, false),
        quota(None, "consumer_byte_rate", 5.0, false),
        ProducerIdsRecord {
            broker_id: 1,
            broker_epoch: 101,
            next_producer_id: 1000,
            ..Default::default()
        }
        .into(),
        AccessControlEntryRecord {
            id: Uuid::from_halves(5, 5),
            resource_name: "b".to_owned(),
            principal: "User:a".to_owned(),
            ..Default::default()
        }
        .into(),
        UserScramCredentialRecord {
            name: "u".to_owned(),
            mechanism: 1,
            salt: Bytes::from_static(b"salt"),
            iterations: 4096,
            ..Default::default()
        }
        .into(),
        token("t"),
        NoOpRecord::default().into(),
        ZkMigrationStateRecord::default().into(),
    ]
}

#[test]
fn an_image_as_records_is_the_same_image() {
    let image = image_of(&everything());
    let records = image.to_records();
    let first = MetadataRecord::from(FeatureLevelRecord {
        name: "metadata.version".to_owned(),
        feature_level: 30,
        ..Default::default()
    });
    assert_eq!(records[0], first);
    assert_eq!(image_of(&records), image);
}

#[test]
fn an_image_survives_being_written_and_read() {
    let image = image_of(&everything());
    let version = image.metadata_version().expect("finalized above");
    let records = image.to_records();
    let read = records.iter().map(|record| {
        let bytes = record.encode(version.record_version(record)).expect("the version fits");
        MetadataRecord::decode(&bytes).expect("what was written can be read").0
    });
    assert_eq!(image_of(&read.collect::<Vec<_>>()), image);
}

#[test]
fn removals_leave_nothing_behind() {
    let mut image = image_of(&everything());
    let removals: Vec<MetadataRecord> = vec![
        feature("metadata.version", 0),
        feature("group.version", 0),
        RemoveTopicRecord { topic_id: TOPIC, ..Default::default() }.into(),
        RemoveTopicRecord { topic_id: Uuid::from_halves(1, 2), ..Default::default() }.into(),
        config(4, "", "min.insync.replicas", None),
        config(4, "1", "log.retention.ms", None),
        UnregisterBrokerRecord { broker_id: 1, broker_epoch: 101, ..Default::default() }.into(),
        UnregisterBrokerRecord { broker_id: 2, broker_epoch: 102, ..Default::default() }.into(),
        UnregisterControllerRecord { controller_id: 1, ..Default::default() }.into(),
        quota(Some("u"), "producer_byte_rate", 0.0, true),
        quota(None, "consumer_byte_rate", 0.0, true),
        RemoveAccessControlEntryRecord { id: Uuid::from_halves(5, 5), ..Default::default() }.into(),
        RemoveUserScramCredentialRecord {
            name: "u".to_owned(),
            mechanism: 1,
            ..Default::default()
        }
        .into(),
        RemoveDelegationTokenRecord { token_id: "t".to_owned(), ..Default::default() }.into(),
    ];
    for record in &removals {
        image.apply(record).expect("what was added can be removed");
    }
    // Producer ids never come back.
    assert_eq!(image.next_producer_id, 1000);
    image.next_producer_id = 0;
    assert!(image.is_empty(), "{image:?}");
}

#[test]
fn a_change_touches_what_it_names_and_raises_epochs() {
    let image = image_of(&everything());
    let changed = image.partition(TOPIC, 0).expect("created above");
    assert_eq!((changed.leader, changed.leader_epoch, changed.partition_epoch), (1, 1, 1));
    assert_eq!((&changed.isr, &changed.elr), (&vec![1], &vec![2]));
    let untouched = image.partition(TOPIC, 1).expect("created above");
    assert_eq!((untouched.leader, untouched.leader_epoch, untouched.partition_epoch), (2, 0, 0));

    let mut cleared = image.clone();
    let record = ClearElrRecord { topic_name: "b".to_owned(), ..Default::default() };
    cleared.apply(&record.into()).expect("the topic exists");
    assert_eq!(cleared.partition(TOPIC, 0).map(|partition| partition.elr.clone()), Some(vec![]));
    assert_eq!(image.partition(TOPIC, 0).map(|partition| partition.elr.clone()), Some(vec![2]));
}

#[test]
fn records_that_do_not_fit_are_refused_with_facts_and_change_nothing() {
    let before = image_of(&everything());
    let other = Uuid::from_halves(9, 9);
    let cases: Vec<(MetadataRecord, ApplyError)> = vec![
        (
            partition(other, 0, &[1]),
            ApplyError::NoSuchTopicId { record: "PartitionRecord", id: other },
        ),
        (
            PartitionChangeRecord { topic_id: TOPIC, partition_id: 7, ..Default::default() }.into(),
            ApplyError::NoSuchPartition {
                record: "PartitionChangeRecord",
                topic: TOPIC,
                partition: 7,
            },
        ),
        (
            topic("b", other),
            ApplyError::TopicExists { name: "b".to_owned(), existing: TOPIC, id: other },
        ),
        (
            RemoveTopicRecord { topic_id: other, ..Default::default() }.into(),
            ApplyError::NoSuchTopicId { record: "RemoveTopicRecord", id: other },
        ),
        (
            FenceBrokerRecord { id: 9, epoch: 1, ..Default::default() }.into(),
            ApplyError::NoSuchBroker { record: "FenceBrokerRecord", id: 9 },
        ),
        (
            UnfenceBrokerRecord { id: 1, epoch: 1, ..Default::default() }.into(),
            ApplyError::OtherBrokerEpoch {
                record: "UnfenceBrokerRecord",
                id: 1,
                epoch: 1,
                current: 101,
            },
        ),
        (
            BrokerRegistrationChangeRecord {
                broker_id: 1,
                broker_epoch: 101,
                fenced: 2,
                ..Default::default()
            }
            .into(),
            ApplyError::UnknownValue {
                record: "BrokerRegistrationChangeRecord",
                field: "fenced",
                value: 2,
            },
        ),
        (
            config(3, "x", "a", Some("b")),
            ApplyError::UnknownValue { record: "ConfigRecord", field: "resourceType", value: 3 },
        ),
        (
            ClearElrRecord { topic_name: "nope".to_owned(), ..Default::default() }.into(),
            ApplyError::NoSuchTopic { record: "ClearElrRecord", name: "nope".to_owned() },
        ),
        (
            ProducerIdsRecord { next_producer_id: 1000, ..Default::default() }.into(),
            ApplyError::ProducerIdsGoBack { current: 1000, next: 1000 },
        ),
    ];
    for (record, error) in cases {
        let mut image = before.clone();
        assert_eq!(image.apply(&record), Err(error), "{record:?}");
        assert_eq!(image, before, "{record:?}");
    }
}

#[test]
fn clones_do_not_share_their_future() {
    let before = image_of(&everything());
    let mut after = before.clone();
    after.apply(&config(2, "b", "retention.ms", Some("7"))).expect("any value fits");
    after.apply(&partition(TOPIC, 2, &[1])).expect("the topic exists");
    let value = |image: &MetadataImage| {
        image.configs.topic("b").and_then(|values| values.get("retention.ms").cloned())
    };
    assert_eq!(value(&before).as_deref(), Some("1"));
    assert_eq!(value(&after).as_deref(), Some("7"));
    assert!(before.partition(TOPIC, 2).is_none());
    let names: BTreeMap<&str, usize> =
        after.topics.iter().map(|topic| (&*topic.name, topic.partitions.len())).collect();
    assert_eq!(names, BTreeMap::from([("a", 0), ("b", 3)]));
}
