//! Bytes that somebody made up: an error, never a panic, and no more memory than they justify.

use crate::random::{self, Random};
use crate::schema::SCHEMAS;
use crate::table::probe;
use crate::value;
use bytes::Bytes;
use ottla_wire::header::decode_request_header;
use ottla_wire::{DecodeError, Reader};

#[test]
fn every_truncation_is_an_error() {
    let seed = random::seed();
    for schema in SCHEMAS.iter() {
        let probe = probe(&schema.name).expect("checked by another test");
        for version in schema.first..=schema.last {
            let value = random::message(schema, version, &mut Random(seed));
            let bytes = Bytes::from(value::encode(schema, &value, version).expect("fits"));
            let step = 1 + bytes.len() / 500;
            for end in (0..bytes.len()).step_by(step) {
                let outcome = (probe.decode)(&bytes.slice(..end), version);
                let place = format!("{} v{version} cut at {end}, seed {seed}", schema.name);
                assert!(outcome.is_err(), "{place}");
            }
        }
    }
}

#[test]
fn changed_and_random_bytes_never_panic() {
    let seed = random::seed();
    println!("OTTLA_TEST_SEED={seed}");
    let mut random = Random(seed);
    for schema in SCHEMAS.iter() {
        let probe = probe(&schema.name).expect("checked by another test");
        for version in schema.first..=schema.last {
            let value = random::message(schema, version, &mut random);
            let mut bytes = value::encode(schema, &value, version).expect("fits");
            for _ in 0..50 {
                if !bytes.is_empty() {
                    let place = random.below(bytes.len());
                    bytes[place] = [0, 1, 0x7f, 0x80, 0xff, random.next() as u8][random.below(6)];
                }
                let _ = (probe.decode)(&Bytes::from(bytes.clone()), version);
            }
            let noise: Vec<u8> = (0..random.below(200)).map(|_| random.next() as u8).collect();
            let _ = (probe.decode)(&Bytes::from(noise), version);
        }
    }
}

#[test]
fn lying_counts_are_refused_before_room_is_made() {
    for (name, version, bytes) in [
        ("MetadataRequest", 1, &[0x7f, 0xff, 0xff, 0xff][..]),
        ("MetadataRequest", 9, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ("DeleteTopicsRequest", 1, &[0x10, 0, 0, 0, 0, 1]),
        ("ListGroupsRequest", 4, &[0xff, 0xff, 0xff, 0xff, 0x07, 0]),
        ("ApiVersionsRequest", 3, &[1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    ] {
        let outcome =
            (probe(name).expect("a message").decode)(&Bytes::copy_from_slice(bytes), version);
        let error = outcome.err().unwrap_or_else(|| panic!("{name} v{version} was read"));
        let refused = matches!(error, DecodeError::CountTooLarge { .. });
        assert!(refused, "{name} v{version}: {error}");
    }
}

#[test]
fn short_and_unknown_headers_are_errors() {
    for bytes in [
        &[][..],
        &[0],
        &[0, 18, 0],
        &[0, 18, 0, 3],
        &[0, 18, 0, 3, 0, 0, 0, 1],
        &[0, 18, 0, 3, 0, 0, 0, 1, 0, 5, b'a'],
        &[0, 18, 0, 3, 0, 0, 0, 1, 0, 0],
        &[0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0, 0],
        &[0, 4, 0, 0, 0, 0, 0, 1, 0, 0],
    ] {
        let bytes = Bytes::copy_from_slice(bytes);
        assert!(decode_request_header(&mut Reader::new(&bytes)).is_err(), "{bytes:?}");
    }
    let good = Bytes::from_static(&[0, 18, 0x7f, 0xff, 0, 0, 0, 7, 0xff, 0xff, 0, 9]);
    let mut reader = Reader::new(&good);
    let start =
        decode_request_header(&mut reader).expect("any version of ApiVersions has a header");
    assert_eq!((start.header.correlation_id, start.header.client_id), (7, None));
    assert_eq!(reader.remaining(), 1);
    // Java takes any negative length for null.
    let negative = Bytes::from_static(&[0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xfe]);
    let start =
        decode_request_header(&mut Reader::new(&negative)).expect("a header without a name");
    assert_eq!(start.header.client_id, None);
}
