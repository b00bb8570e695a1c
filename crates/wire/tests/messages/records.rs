//! The records of internal topics, with what stands before them.

use crate::random::{self, Random};
use crate::schema::{SCHEMAS, Schema};
use crate::value;
use bytes::Bytes;
use ottla_wire::DecodeError;
use ottla_wire::api::{ApiKey, RequestBody, ResponseBody};
use ottla_wire::messages::{
    GroupRecordKey, GroupRecordValue, MetadataRecord, RemoteLogMetadataRecord, ShareRecordKey,
    ShareRecordValue, TransactionRecordKey, TransactionRecordValue,
};
use ottla_wire::{Reader, Writer};

/// One random body of every version of every schema of a kind in an artifact.
fn bodies(artifact: &str, kind: &str) -> Vec<(&'static Schema, i16, Vec<u8>)> {
    let seed = random::seed();
    println!("OTTLA_TEST_SEED={seed}");
    let mut random = Random(seed);
    let mut bodies = Vec::new();
    for schema in SCHEMAS.iter().filter(|s| s.artifact == artifact && s.kind == kind) {
        for version in schema.first..=schema.last {
            let value = random::message(schema, version, &mut random);
            let body = value::encode(schema, &value, version).expect("fits its version");
            bodies.push((schema, version, body));
        }
    }
    assert!(!bodies.is_empty(), "{artifact} has no {kind}");
    bodies
}

macro_rules! coordinator {
    ($test:ident, $artifact:literal, $key:ident, $value:ident) => {
        #[test]
        fn $test() {
            for (schema, _, body) in bodies($artifact, "coordinator-key") {
                let number = schema.api_key.expect("records have numbers");
                let bytes = Bytes::from([&number.to_be_bytes()[..], &body].concat());
                let key = $key::decode(&bytes).expect(&schema.name);
                assert_eq!((key.record_type(), key.name()), (number, &*schema.name));
                assert_eq!(key.encode(), Ok(bytes));
            }
            for (schema, version, body) in bodies($artifact, "coordinator-value") {
                let number = schema.api_key.expect("records have numbers");
                let bytes = Bytes::from([&version.to_be_bytes()[..], &body].concat());
                let (value, read) = $value::decode(number, &bytes).expect(&schema.name);
                assert_eq!(
                    (value.record_type(), value.name(), read),
                    (number, &*schema.name, version)
                );
                assert_eq!(value.latest_version(), schema.last);
                assert_eq!(value.encode(version), Ok(bytes));
            }
            let unknown = Bytes::from_static(&[0x7f, 0]);
            assert!(matches!($key::decode(&unknown), Err(DecodeError::UnknownType { .. })));
            assert!($key::decode(&Bytes::new()).is_err());
            assert!($value::decode(0x7f00, &unknown).is_err());
        }
    };
}

coordinator!(group_records, "kafka-group-coordinator", GroupRecordKey, GroupRecordValue);
coordinator!(
    transaction_records,
    "kafka-transaction-coordinator",
    TransactionRecordKey,
    TransactionRecordValue
);
coordinator!(share_records, "kafka-share-coordinator", ShareRecordKey, ShareRecordValue);

#[test]
fn metadata_records() {
    for (schema, version, body) in bodies("kafka-metadata", "metadata") {
        let number = schema.api_key.expect("records have numbers");
        let bytes = Bytes::from([&[1, number as u8, version as u8][..], &body].concat());
        let (record, read) = MetadataRecord::decode(&bytes).expect(&schema.name);
        assert_eq!((record.record_type(), record.name(), read), (number, &*schema.name, version));
        assert_eq!(record.latest_version(), schema.last);
        assert_eq!(record.encode(version), Ok(bytes.clone()));
        let longer = Bytes::from([&bytes[..], &[0]].concat());
        assert!(matches!(
            MetadataRecord::decode(&longer),
            Err(DecodeError::TrailingBytes { remaining: 1, .. })
        ));
    }
    for refused in [&[][..], &[0, 2, 0], &[2, 2, 0], &[1, 0x7f, 0], &[1, 2, 0x7f], &[1, 2]] {
        assert!(MetadataRecord::decode(&Bytes::copy_from_slice(refused)).is_err(), "{refused:?}");
    }
}

#[test]
fn remote_log_metadata_records() {
    for (schema, version, body) in bodies("kafka-storage", "metadata") {
        let number = schema.api_key.expect("records have numbers");
        let bytes = Bytes::from([&[1, number as u8, version as u8][..], &body].concat());
        let (record, read) = RemoteLogMetadataRecord::decode(&bytes).expect(&schema.name);
        assert_eq!((record.record_type(), record.name(), read), (number, &*schema.name, version));
        assert_eq!(record.encode(version), Ok(bytes));
    }
}

#[test]
fn bodies_of_any_api() {
    for (schema, version, body) in bodies("kafka-clients", "request") {
        let key = ApiKey::try_from(schema.api_key.expect("requests have keys")).expect("known");
        let bytes = Bytes::from(body);
        let body = RequestBody::decode(key, &mut Reader::new(&bytes), version).expect("ours");
        let mut writer = Writer::contiguous(0);
        body.encode(&mut writer, version).expect("the same version");
        assert_eq!((body.api_key(), writer.into_bytes()), (key, bytes));
    }
    for (schema, version, body) in bodies("kafka-clients", "response") {
        let key = ApiKey::try_from(schema.api_key.expect("responses have keys")).expect("known");
        let bytes = Bytes::from(body);
        let body = ResponseBody::decode(key, &mut Reader::new(&bytes), version).expect("ours");
        let mut writer = Writer::contiguous(0);
        body.encode(&mut writer, version).expect("the same version");
        assert_eq!((body.api_key(), writer.into_bytes()), (key, bytes));
    }
}
