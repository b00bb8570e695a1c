//! ListOffsets, OffsetForLeaderEpoch, DeleteRecords and DescribeLogDirs.

use super::batches::{TIME, plain, timed};
use super::terms::text;
use crate::differ::book::Case;
use bytes::Bytes;
use ottla_wire::Records;
use ottla_wire::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use ottla_wire::messages::describe_log_dirs_request::DescribableLogDirTopic;
use ottla_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use ottla_wire::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use ottla_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ottla_wire::messages::{
    DeleteRecordsRequest, DescribeLogDirsRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest,
    ProduceRequest,
};

pub fn cases() -> Vec<Case> {
    vec![list_offsets(), leader_epochs(), delete_records(), log_dirs()]
}

fn fill(case: &mut Case, topic: &'static str, batch: Bytes) {
    case.ask(12, "set up records", move |_| ProduceRequest {
        acks: -1,
        timeout_ms: 5_000,
        topic_data: vec![TopicProduceData {
            name: text(topic),
            partition_data: vec![PartitionProduceData {
                records: Some(Records::Bytes(batch.clone())),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    });
}

fn offsets(topic: &str, partitions: Vec<ListOffsetsPartition>) -> ListOffsetsRequest {
    ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic { name: text(topic), partitions, ..Default::default() }],
        timeout_ms: 1_000,
        ..Default::default()
    }
}

fn at(partition_index: i32, timestamp: i64) -> ListOffsetsPartition {
    ListOffsetsPartition { partition_index, timestamp, ..Default::default() }
}

fn list_offsets() -> Case {
    let mut case = Case::new("list offsets");
    case.topic("list", 1, &[]);
    for timestamp in [-1, -2, -3, -4, -5, -6, 0] {
        case.versions(&format!("an empty log, timestamp {timestamp}"), move |_, version| {
            let mut request = offsets("list", vec![at(0, timestamp)]);
            if version < 10 {
                request.timeout_ms = 0;
            }
            request
        });
    }
    fill(&mut case, "list", plain(5));
    fill(&mut case, "list", timed(TIME + 1_000));
    fill(&mut case, "list", plain(2));
    let times = [-1, -2, -3, -4, -5, -6, -7, 0, TIME, TIME + 3, TIME + 4, TIME + 5, TIME + 1_001];
    for timestamp in times.into_iter().chain([i64::MAX, i64::MIN]) {
        case.versions(&format!("timestamp {timestamp}"), move |_, _| {
            offsets("list", vec![at(0, timestamp)])
        });
    }
    for timestamp in [-1, -3, TIME] {
        case.versions(&format!("read committed, timestamp {timestamp}"), move |_, _| {
            ListOffsetsRequest { isolation_level: 1, ..offsets("list", vec![at(0, timestamp)]) }
        });
    }
    for epoch in [0, 1, -2, i32::MAX] {
        case.ask(7, &format!("leader epoch {epoch}"), move |_| {
            offsets("list", vec![ListOffsetsPartition { current_leader_epoch: epoch, ..at(0, -1) }])
        });
    }
    for replica_id in [-2, -3, 0, 1, 9] {
        case.ask(7, &format!("replica {replica_id}"), move |_| ListOffsetsRequest {
            replica_id,
            ..offsets("list", vec![at(0, -1)])
        });
    }
    case.versions("wrong partitions", |_, _| offsets("list", vec![at(1, -1), at(-1, -1)]));
    case.versions("an unknown topic", |_, _| offsets("no-such-topic", vec![at(0, -1)]));
    case.ask(7, "an invalid name", |_| offsets("a/b", vec![at(0, -1)]));
    case.ask(7, "an empty name", |_| offsets("", vec![at(0, -1)]));
    case.ask(7, "a partition twice", |_| offsets("list", vec![at(0, -1), at(0, -2)]));
    case.ask(7, "a partition twice and another", |_| {
        offsets("list", vec![at(0, -1), at(0, -2), at(1, -2)])
    });
    case.ask(7, "a topic twice", |_| {
        let mut request = offsets("list", vec![at(0, -1)]);
        request.topics.extend(offsets("list", vec![at(0, -2)]).topics);
        request
    });
    case.ask(7, "isolation level 7", |_| ListOffsetsRequest {
        isolation_level: 7,
        ..offsets("list", vec![at(0, -1)])
    });
    case
}

fn leader_epochs() -> Case {
    let mut case = Case::new("offsets for leader epochs");
    let ask =
        |topic: &str, partition, current_leader_epoch, leader_epoch| OffsetForLeaderEpochRequest {
            replica_id: -1,
            topics: vec![OffsetForLeaderTopic {
                topic: text(topic),
                partitions: vec![OffsetForLeaderPartition {
                    partition,
                    current_leader_epoch,
                    leader_epoch,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
    for (current, epoch) in
        [(-1, 0), (0, 0), (-1, 1), (-1, 9), (-1, -1), (-1, -2), (1, 0), (-2, 0), (0, i32::MAX)]
    {
        case.versions(&format!("epoch {epoch} as of {current}"), move |_, version| {
            let mut request = ask("list", 0, current, epoch);
            if version < 3 {
                request.replica_id = -2;
            }
            request
        });
    }
    for (topic, partition) in [("list", 7), ("list", -1), ("no-such-topic", 0), ("a/b", 0)] {
        case.ask(4, &format!("partition {partition} of {topic}"), move |_| {
            ask(topic, partition, -1, 0)
        });
    }
    case
}

fn delete_records() -> Case {
    let mut case = Case::new("delete records");
    case.topic("cut", 1, &[]);
    case.topic("cut-compact", 1, &[("cleanup.policy", "compact")]);
    case.topic("cut-both", 1, &[("cleanup.policy", "compact,delete")]);
    case.topic("cut-neither", 1, &[("cleanup.policy", "")]);
    for topic in ["cut", "cut-compact", "cut-both", "cut-neither"] {
        fill(&mut case, topic, plain(5));
    }
    let ask = |topic: &str, partition_index, offset| DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: text(topic),
            partitions: vec![DeleteRecordsPartition {
                partition_index,
                offset,
                ..Default::default()
            }],
            ..Default::default()
        }],
        timeout_ms: 5_000,
        ..Default::default()
    };
    for version in [0, 1, 2] {
        case.ask(version, "up to a record", move |_| ask("cut", 0, i64::from(version) + 1));
        for timestamp in [-1, -2, -3, TIME, TIME + 3, TIME + 9] {
            case.ask(8, &format!("what is left, timestamp {timestamp}"), move |_| {
                ListOffsetsRequest { timeout_ms: 0, ..offsets("cut", vec![at(0, timestamp)]) }
            });
        }
    }
    for (topic, partition, offset) in [
        ("cut", 0, 2),
        ("cut", 0, 0),
        ("cut", 0, 6),
        ("cut", 0, -2),
        ("cut", 0, i64::MAX),
        ("cut", 0, -1),
        ("cut", 0, -1),
        ("cut", 1, 0),
        ("cut", -1, 0),
        ("no-such-topic", 0, 0),
        ("a/b", 0, 0),
        ("", 0, 0),
        ("cut-compact", 0, 1),
        ("cut-both", 0, 1),
        ("cut-neither", 0, 1),
        ("__consumer_offsets", 0, 0),
    ] {
        case.ask(2, &format!("partition {partition} of {topic:?} to {offset}"), move |_| {
            ask(topic, partition, offset)
        });
    }
    case.ask(2, "a partition twice", move |_| {
        let mut request = ask("cut", 0, 5);
        request.topics.extend(ask("cut", 0, 4).topics);
        request
    });
    for timestamp in [-1, -2, -3, -4, TIME] {
        case.ask(8, &format!("the log afterwards, timestamp {timestamp}"), move |_| {
            ListOffsetsRequest { timeout_ms: 0, ..offsets("cut", vec![at(0, timestamp)]) }
        });
    }
    case
}

fn log_dirs() -> Case {
    let mut case = Case::new("log directories");
    let ask = |topics: &[(&str, &[i32])]| DescribeLogDirsRequest {
        topics: Some(
            topics
                .iter()
                .map(|(topic, partitions)| DescribableLogDirTopic {
                    topic: text(topic),
                    partitions: partitions.to_vec(),
                    ..Default::default()
                })
                .collect(),
        ),
        ..Default::default()
    };
    case.versions("a partition", move |_, _| ask(&[("list", &[0])]));
    case.ask(4, "partitions that are not there", move |_| ask(&[("list", &[0, 1, -1])]));
    case.ask(4, "a topic that is not there", move |_| ask(&[("no-such-topic", &[0])]));
    case.ask(4, "a topic without partitions", move |_| ask(&[("list", &[])]));
    case.ask(4, "a topic twice", move |_| ask(&[("list", &[0]), ("list", &[0])]));
    case.versions("everything", |_, _| DescribeLogDirsRequest {
        topics: None,
        ..Default::default()
    });
    case
}
