use bytes::Bytes;
use ottla_wire::Uuid;
use ottla_wire::messages::group_metadata_value::MemberMetadata;
use ottla_wire::messages::{GroupMetadataValue, OffsetCommitValue};

use super::{Record, RecordError};

/// Captured from Apache Kafka 4.3.1 by the program beside it.
const GOLDEN: &str = include_str!("../../../../tests/golden/consumer_offsets/records.txt");

fn hex(text: &str) -> Bytes {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(digit).collect()
}

fn golden(name: &str) -> (Bytes, Option<Bytes>) {
    let line = GOLDEN.lines().find(|line| line.split(' ').next() == Some(name)).expect("captured");
    let mut fields = line.split(' ').skip(1);
    let key = hex(fields.next().expect("key"));
    let value = fields.next().filter(|value| *value != "-").map(hex);
    (key, value)
}

fn offset() -> OffsetCommitValue {
    OffsetCommitValue {
        offset: 1_234_567_890_123,
        leader_epoch: 42,
        metadata: "note".into(),
        commit_timestamp: 1_700_000_000_000,
        ..OffsetCommitValue::default()
    }
}

fn member(id: &str, instance: Option<&str>, rebalance: i32, assignment: &[u8]) -> MemberMetadata {
    MemberMetadata {
        member_id: id.into(),
        group_instance_id: instance.map(Into::into),
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        rebalance_timeout: rebalance,
        session_timeout: 45_000,
        subscription: Bytes::from_static(&[9, 8]),
        assignment: Bytes::copy_from_slice(assignment),
        ..MemberMetadata::default()
    }
}

fn empty_group() -> GroupMetadataValue {
    GroupMetadataValue {
        current_state_timestamp: 1_700_000_000_000,
        protocol: None,
        leader: None,
        ..GroupMetadataValue::default()
    }
}

fn expected() -> Vec<(&'static str, Record)> {
    let id = *b"\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02";
    let commit = |value| Record::offset("größe", "orders", 7, value);
    vec![
        ("offset", commit(offset())),
        (
            "offset-with-topic-id",
            commit(OffsetCommitValue { topic_id: Uuid::from_bytes(id), ..offset() }),
        ),
        (
            "offset-with-expiry",
            commit(OffsetCommitValue {
                leader_epoch: -1,
                expire_timestamp: 1_700_000_001_000,
                ..offset()
            }),
        ),
        ("offset-tombstone", Record::offset_tombstone("größe", "orders", 7)),
        ("group-empty", Record::group("größe", empty_group())),
        (
            "group",
            Record::group(
                "größe",
                GroupMetadataValue {
                    protocol_type: "consumer".into(),
                    generation: 3,
                    protocol: Some("range".into()),
                    leader: Some("m-1".into()),
                    members: vec![
                        member("m-1", None, 300_000, &[0, 1, 2]),
                        member("m-2", Some("instance"), 60_000, &[]),
                    ],
                    ..empty_group()
                },
            ),
        ),
        ("group-tombstone", Record::group_tombstone("größe")),
    ]
}

#[test]
fn records_are_kafkas_bytes() {
    for (name, record) in expected() {
        let (key, value) = golden(name);
        assert_eq!(record.encode().expect("encodes"), (key.clone(), value.clone()), "{name}");
        assert_eq!(Record::decode(key, value).expect("decodes"), record, "{name}");
    }
}

#[test]
fn older_values_are_read() {
    let (key, value) = golden("offset-version-3");
    let record = Record::decode(key, value).expect("decodes");
    assert_eq!(record, Record::offset("größe", "orders", 7, offset()));
}

#[test]
fn a_type_of_before_kafka_0_9_reads_as_a_commit() {
    let (key, value) = golden("offset-version-3");
    let legacy: Bytes = [&[0, 0], &key[2..]].concat().into();
    let record = Record::decode(legacy, value).expect("decodes");
    assert_eq!(record, Record::offset("größe", "orders", 7, offset()));
}

#[test]
fn records_of_other_kinds_of_groups_are_kept() {
    let (key, value) = golden("share-group");
    let record = Record::decode(key.clone(), value.clone()).expect("decodes");
    assert_eq!(record, Record::Unknown { key: key.clone(), value: value.clone() });
    assert_eq!(record.encode().expect("encodes"), (key, value));
}

#[test]
fn malformed_records_are_errors() {
    let (key, value) = golden("offset");
    let value = value.expect("a value");
    let version_9: Bytes = [&[0, 9], &value[2..]].concat().into();
    for (key, value, check) in [
        (Bytes::new(), None, "Key"),
        (key.slice(..key.len() - 1), None, "Key"),
        (key.clone(), Some(Bytes::from_static(&[0])), "Value"),
        (key.clone(), Some(value.slice(..value.len() - 1)), "Value"),
        (key.clone(), Some(version_9), "Value"),
    ] {
        let error: RecordError = Record::decode(key, value).expect_err(check);
        let name = format!("{error:?}");
        assert_eq!(name.split([' ', '{', '(']).next(), Some(check));
    }
}
