//! WriteTxnMarkers, as a coordinator on another broker would ask.

use super::terms::*;
use crate::differ::book::Case;
use crate::differ::cases::terms::text;
use crate::differ::known::Known;
use ottla_wire::messages::WriteTxnMarkersRequest;
use ottla_wire::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};

const TOPIC: &str = "txn-marked";

pub fn cases() -> Vec<Case> {
    vec![markers(), wrong_markers()]
}

fn marker(producer: (i64, i16), places: Places<'_>, committed: bool) -> WritableTxnMarker {
    WritableTxnMarker {
        producer_id: producer.0,
        producer_epoch: producer.1,
        transaction_result: committed,
        topics: places
            .iter()
            .map(|(name, partitions)| WritableTxnMarkerTopic {
                name: text(name),
                partition_indexes: partitions.to_vec(),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    }
}

fn request(markers: Vec<WritableTxnMarker>) -> WriteTxnMarkersRequest {
    WriteTxnMarkersRequest { markers, ..Default::default() }
}

/// The log as it is, with its markers.
fn log(case: &mut Case, when: &str) {
    for isolation in [0, 1] {
        case.ask(12, &format!("{when}, isolation {isolation}"), move |_| {
            fetch_request(TOPIC, 0, 0, isolation)
        });
    }
}

fn markers() -> Case {
    let mut case = Case::new("markers");
    case.topic(TOPIC, 2, &[]);
    init(&mut case, "marked");
    add(&mut case, "marked", &[(TOPIC, &[0])]);
    write(&mut case, PRODUCE_V1, "marked", Spot { topic: TOPIC, index: 0, sequence: 0 });
    let own_marker = |known: &Known, epoch: i16, committed: bool, coordinator_epoch: i32| {
        let (id, own_epoch) = own(known, "marked");
        let marker = marker((id, own_epoch + epoch), &[(TOPIC, &[0])], committed);
        request(vec![WritableTxnMarker { coordinator_epoch, ..marker }])
    };
    for version in [1, 2] {
        case.ask(version, "of an older epoch", move |known| own_marker(known, -1, true, 5));
        case.ask(version, "commits", move |known| own_marker(known, 0, true, 5));
        log(&mut case, &format!("after the commit, version {version}"));
        case.ask(version, "commits again", move |known| own_marker(known, 0, true, 5));
        case.ask(version, "aborts, too", move |known| own_marker(known, 0, false, 5));
        case.ask(version, "of an older coordinator", move |known| own_marker(known, 0, true, 4));
        case.ask(version, "of a newer coordinator", move |known| own_marker(known, 0, true, 6));
        case.ask(version, "of a newer epoch", move |known| own_marker(known, 3, false, 6));
        log(&mut case, &format!("after all of them, version {version}"));
        let spot = Spot { topic: TOPIC, index: 0, sequence: i32::from(version) * 2 };
        write(&mut case, PRODUCE_V1, "marked", spot);
    }
    for transaction_version in [0_i8, 1, 2, 3, -1] {
        for epoch in [3_i16, 4] {
            let name = format!("of transaction version {transaction_version}, epoch {epoch}");
            case.ask(2, &name, move |known| {
                let mut request = own_marker(known, epoch, true, 6);
                request.markers[0].transaction_version = transaction_version;
                request
            });
        }
    }
    log(&mut case, "at last");
    case
}

fn wrong_markers() -> Case {
    let mut case = Case::new("markers for what is not there");
    let places: [Places<'static>; 11] = [
        &[("no-such-topic", &[0])],
        &[(TOPIC, &[7])],
        &[(TOPIC, &[-1])],
        &[("a/b", &[0])],
        &[("", &[0])],
        &[(TOPIC, &[1])],
        &[(TOPIC, &[1, 9]), ("no-such-topic", &[0])],
        &[(TOPIC, &[])],
        &[],
        &[("__transaction_state", &[0])],
        &[("__consumer_offsets", &[0])],
    ];
    for places in places {
        for version in [1, 2] {
            case.ask(version, &format!("{places:?}"), move |_| {
                request(vec![marker((77_000, 0), places, true)])
            });
        }
    }
    for producer in [(-1, 0), (77_000, -1), (-1, -1), (i64::MIN, i16::MIN)] {
        case.ask(2, &format!("of {producer:?}"), move |_| {
            request(vec![marker(producer, &[(TOPIC, &[1])], false)])
        });
    }
    for coordinator_epoch in [-1, i32::MIN, i32::MAX] {
        case.ask(2, &format!("of coordinator epoch {coordinator_epoch}"), move |_| {
            let marker = marker((77_001, 0), &[(TOPIC, &[1])], false);
            request(vec![WritableTxnMarker { coordinator_epoch, ..marker }])
        });
    }
    case.ask(2, "none", |_| request(Vec::new()));
    case.ask(2, "two of one producer", |_| {
        let one = marker((77_002, 0), &[(TOPIC, &[1])], true);
        request(vec![one.clone(), one])
    });
    case.ask(2, "two of two producers", |_| {
        let both = [77_003, 77_004];
        request(both.map(|id| marker((id, 0), &[(TOPIC, &[1])], true)).to_vec())
    });
    case.ask(12, "what they left", |_| fetch_request(TOPIC, 1, 0, 0));
    case
}
