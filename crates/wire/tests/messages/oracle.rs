//! Against the `kafka-protocol` crate: what it reads from our bytes it has to write as the same.

use crate::random::{self, Random};
use crate::schema::{SCHEMAS, Schema};
use crate::table::probe;
use crate::value;
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind};
use std::collections::BTreeSet;

/// Versions that the crate lists and then refuses to read.
const REFUSED_BY_PEER: [(&str, i16); 3] =
    [("InitProducerIdRequest", 6), ("OffsetCommitRequest", 10), ("OffsetFetchRequest", 10)];

/// The crate knows fewer APIs, and some in fewer versions.
fn peer_key(schema: &Schema, version: i16) -> Option<ApiKey> {
    let key = ApiKey::try_from(schema.api_key?).ok()?;
    let versions = key.valid_versions();
    if REFUSED_BY_PEER.contains(&(&schema.name, version)) {
        return None;
    }
    (versions.min <= version && version <= versions.max).then_some(key)
}

/// What the crate makes of the bytes, and whether it left some.
fn through_peer(
    schema: &Schema,
    key: ApiKey,
    version: i16,
    bytes: &Bytes,
) -> Result<Bytes, String> {
    let text = |error| format!("{error:#}");
    let mut source = bytes.clone();
    let mut written = BytesMut::new();
    match &*schema.kind {
        "request" => {
            let request = RequestKind::decode(key, &mut source, version).map_err(text)?;
            request.encode(&mut written, version).map_err(text)?;
        }
        _ => {
            let response = ResponseKind::decode(key, &mut source, version).map_err(text)?;
            response.encode(&mut written, version).map_err(text)?;
        }
    }
    match source.is_empty() {
        true => Ok(written.freeze()),
        false => Err(format!("{} bytes left", source.len())),
    }
}

#[test]
fn another_implementation_reads_and_writes_the_same() {
    let seed = random::seed();
    let mut compared = 0;
    let mut differences = BTreeSet::new();
    let bodies = SCHEMAS.iter().filter(|schema| matches!(&*schema.kind, "request" | "response"));
    for schema in bodies {
        let probe = probe(&schema.name).expect("checked by another test");
        for version in schema.first..=schema.last {
            let Some(key) = peer_key(schema, version) else { continue };
            let mut random = Random(seed);
            for _ in 0..5 {
                let place = format!("{} v{version}", schema.name);
                let value = random::message(schema, version, &mut random);
                let bytes = value::encode(schema, &value, version).expect("fits its version");
                let decoded = (probe.decode)(&Bytes::from(bytes), version).expect(&place);
                let ours = (decoded.encode)(version).expect(&place);
                match through_peer(schema, key, version, &ours) {
                    Ok(theirs) if theirs == ours => compared += 1,
                    Ok(_) => drop(differences.insert(format!("{place}: other bytes"))),
                    Err(error) => drop(differences.insert(format!("{place}: {error}"))),
                }
            }
        }
    }
    assert!(differences.is_empty(), "OTTLA_TEST_SEED={seed}\n{differences:#?}");
    assert!(compared > 1000, "only {compared} messages compared");
}
