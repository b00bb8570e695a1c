//! What readers see of transactions: aborted lists, the last stable offset, isolation.

use super::terms::*;
use crate::differ::book::Case;
use crate::differ::cases::batches::{TIME, plain};
use crate::differ::cases::terms::text;
use ottla_wire::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use ottla_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use ottla_wire::messages::{DeleteRecordsRequest, ListOffsetsRequest};

const TOPIC: &str = "txn-read";

pub fn cases() -> Vec<Case> {
    vec![interleaved(), many_aborts()]
}

/// Where a log of this much is read from.
fn read(case: &mut Case, topic: &'static str, offsets: &[i64], when: &str) {
    for isolation in [0, 1] {
        for offset in offsets.iter().copied() {
            let name = format!("{when}, from {offset}, isolation {isolation}");
            case.ask(12, &name, move |_| fetch_request(topic, 0, offset, isolation));
        }
        for timestamp in [-1, -2, -3, TIME, TIME + 1, TIME + 9] {
            let name = format!("{when}, offset of {timestamp}, isolation {isolation}");
            case.ask(7, &name, move |_| ListOffsetsRequest {
                replica_id: -1,
                isolation_level: isolation,
                topics: vec![ListOffsetsTopic {
                    name: text(topic),
                    partitions: vec![ListOffsetsPartition { timestamp, ..Default::default() }],
                    ..Default::default()
                }],
                ..Default::default()
            });
        }
    }
}

/// Two transactions and a plain producer in one partition.
fn interleaved() -> Case {
    let mut case = Case::new("transactions in one partition");
    case.topic(TOPIC, 1, &[]);
    let spot = |sequence| Spot { topic: TOPIC, index: 0, sequence };
    for id in ["left", "right"] {
        init(&mut case, id);
    }
    write(&mut case, PRODUCE_V2, "left", spot(0));
    read(&mut case, TOPIC, &[0, 1, 2, 3], "the first is open");
    write(&mut case, PRODUCE_V2, "right", spot(0));
    case.ask(12, "nobody writes", |_| produce_request(None, TOPIC, 0, plain(2)));
    read(&mut case, TOPIC, &[0, 2, 4, 6], "both are open");
    end_and_bump(&mut case, "right", false);
    read(&mut case, TOPIC, &[0, 4, 7], "the second has aborted");
    end_and_bump(&mut case, "left", true);
    read(&mut case, TOPIC, &[0, 1, 2, 4, 6, 7, 8, 9], "both have ended");
    write(&mut case, PRODUCE_V2, "left", spot(0));
    end_and_bump(&mut case, "left", false);
    read(&mut case, TOPIC, &[0, 3, 7, 8, 9, 10, 11], "another has aborted");
    for version in 4..=11 {
        case.ask(version, &format!("in version {version}"), |_| fetch_request(TOPIC, 0, 0, 1));
    }
    for version in [13, 16, 17] {
        case.ask(version, &format!("in version {version}"), |known| {
            let mut request = fetch_request("", 0, 0, 1);
            request.topics[0].topic_id = known.id(TOPIC);
            request
        });
    }
    write(&mut case, PRODUCE_V2, "left", spot(0));
    for offset in [12, 13, -1] {
        case.ask(2, &format!("records are deleted up to {offset}"), move |_| {
            DeleteRecordsRequest {
                topics: vec![DeleteRecordsTopic {
                    name: text(TOPIC),
                    partitions: vec![DeleteRecordsPartition { offset, ..Default::default() }],
                    ..Default::default()
                }],
                timeout_ms: 5_000,
                ..Default::default()
            }
        });
        read(&mut case, TOPIC, &[11, 12, 13], &format!("deleted up to {offset}"));
    }
    end_and_bump(&mut case, "left", true);
    read(&mut case, TOPIC, &[13, 14], "at last");
    case
}

/// More aborted transactions than one answer may need.
fn many_aborts() -> Case {
    let mut case = Case::new("many aborted transactions");
    case.topic("txn-aborts", 1, &[("segment.bytes", "1048576")]);
    init(&mut case, "aborts");
    for _ in 0..12 {
        let spot = Spot { topic: "txn-aborts", index: 0, sequence: 0 };
        write(&mut case, PRODUCE_V2, "aborts", spot);
        end_and_bump(&mut case, "aborts", false);
    }
    for offset in [0, 1, 2, 3, 17, 35, 36] {
        case.ask(12, &format!("from {offset}"), move |_| fetch_request("txn-aborts", 0, offset, 1));
        case.ask(12, &format!("from {offset}, 200 bytes"), move |_| {
            let mut request = fetch_request("txn-aborts", 0, offset, 1);
            request.topics[0].partitions[0].partition_max_bytes = 200;
            request
        });
    }
    case
}
