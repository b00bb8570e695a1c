//! Random messages: what the definitions say has to be what the code does.

use crate::random::{self, Random};
use crate::schema::{SCHEMAS, Schema};
use crate::table::probe;
use crate::value::{self, Refusal};
use bytes::Bytes;
use ottla_wire::EncodeError;

const ROUNDS: usize = 20;

fn for_each_version(check: impl Fn(&Schema, i16, &mut Random, &str)) {
    let seed = random::seed();
    for schema in SCHEMAS.iter() {
        for version in schema.first..=schema.last {
            let mut random = Random(seed);
            for _ in 0..ROUNDS {
                let place = format!("{} v{version}, OTTLA_TEST_SEED={seed}", schema.name);
                check(schema, version, &mut random, &place);
            }
        }
    }
}

#[test]
fn every_definition_has_its_message_and_versions() {
    for schema in SCHEMAS.iter() {
        let probe = probe(&schema.name).unwrap_or_else(|| panic!("no message {}", schema.name));
        assert_eq!((probe.first, probe.last), (schema.first, schema.last), "{}", schema.name);
        let flexible: Vec<i16> =
            (schema.first..=schema.last).filter(|v| schema.flexible.has(*v)).collect();
        let claimed: Vec<i16> = (schema.first..=schema.last)
            .filter(|version| probe.flexible_from.is_some_and(|first| *version >= first))
            .collect();
        assert_eq!(claimed, flexible, "{}", schema.name);
    }
}

#[test]
fn bytes_survive_and_values_are_where_they_belong() {
    for_each_version(|schema, version, random, place| {
        let value = random::message(schema, version, random);
        let expected = value::encode(schema, &value, version);
        let bytes = Bytes::from(expected.unwrap_or_else(|error| panic!("{place}: {error:?}")));
        let probe = probe(&schema.name).expect("checked by another test");
        let decoded = (probe.decode)(&bytes, version).unwrap_or_else(|e| panic!("{place}: {e}"));
        assert_eq!(decoded.remaining, 0, "{place}");
        assert_eq!(decoded.tree, value::tree(schema, &value, version), "{place}");
        assert_eq!((decoded.encode)(version), Ok(bytes), "{place}");
    });
}

#[test]
fn other_versions_carry_or_refuse_as_kafka_does() {
    for_each_version(|schema, version, random, place| {
        let value = random::message(schema, version, random);
        let bytes = Bytes::from(value::encode(schema, &value, version).expect("fits its version"));
        let probe = probe(&schema.name).expect("checked by another test");
        let decoded = (probe.decode)(&bytes, version).unwrap_or_else(|e| panic!("{place}: {e}"));
        for other in schema.first..=schema.last {
            let expected = value::encode(schema, &value, other);
            match ((decoded.encode)(other), expected) {
                (Ok(written), Ok(expected)) => assert_eq!(written, expected, "{place} as v{other}"),
                (Err(EncodeError::UnsupportedField { .. }), Err(Refusal::UnsupportedField)) => {}
                (Err(EncodeError::Null { .. }), Err(Refusal::Null)) => {}
                (Err(EncodeError::TaggedFieldsNotSupported { .. }), Err(Refusal::TaggedFields)) => {
                }
                (written, expected) => panic!("{place} as v{other}: {written:?} {expected:?}"),
            }
        }
    });
}

#[test]
fn defaults_are_those_of_the_definitions() {
    for schema in SCHEMAS.iter() {
        let probe = probe(&schema.name).expect("checked by another test");
        let value = value::default_structure(schema, &schema.fields);
        for version in schema.first..=schema.last {
            let expected = value::encode(schema, &value, version).map(Bytes::from).ok();
            let written = (probe.encode_default)(version).ok();
            assert_eq!(written, expected, "{} v{version}", schema.name);
        }
    }
}

#[test]
fn versions_outside_the_range_are_refused() {
    for schema in SCHEMAS.iter() {
        let probe = probe(&schema.name).expect("checked by another test");
        for version in [i16::MIN, -1, schema.first - 1, schema.last + 1, i16::MAX] {
            assert!((probe.decode)(&Bytes::new(), version).is_err(), "{} v{version}", schema.name);
            assert!((probe.encode_default)(version).is_err(), "{} v{version}", schema.name);
        }
    }
}
