//! Produce in transactions, and what is refused: the wrong producer, the wrong time, the wrong kind.

use super::terms::*;
use crate::differ::book::Case;
use crate::differ::cases::batches::{Producer, changed, plain, sequenced, transactional};
use crate::differ::known::Known;
use bytes::Bytes;
use ottla_wire::messages::produce_request::PartitionProduceData;
use ottla_wire::{
    Records, messages::DescribeProducersRequest, messages::describe_producers_request::TopicRequest,
};

pub fn cases() -> Vec<Case> {
    vec![unregistered(), implicit(), mixed(), wrong_batches(), open_producers()]
}

const TOPIC: &str = "txn-write";

fn batch(known: &Known, name: &str, epoch_delta: i16, sequence: i32) -> Bytes {
    let (id, epoch) = own(known, name);
    transactional(1, Producer { id, epoch: epoch + epoch_delta, sequence })
}

/// A producer of transactions of version 1 has to add its partitions first.
fn unregistered() -> Case {
    let mut case = Case::new("writes to partitions that were not added");
    case.topic(TOPIC, 3, &[]);
    init(&mut case, "late");
    for version in [3, 7, 9, PRODUCE_V1] {
        case.ask(version, "before anything was added", |known| {
            produce_request(Some("late"), TOPIC, 0, batch(known, "late", 0, 0))
        });
    }
    add(&mut case, "late", &[(TOPIC, &[0])]);
    for version in [3, 9, PRODUCE_V1] {
        case.ask(version, "to another partition", |known| {
            produce_request(Some("late"), TOPIC, 1, batch(known, "late", 0, 0))
        });
        case.ask(version, "to both", move |known| {
            let mut request = produce_request(Some("late"), TOPIC, 1, batch(known, "late", 0, 0));
            request.topic_data[0].partition_data.push(PartitionProduceData {
                index: 0,
                records: Some(Records::Bytes(batch(known, "late", 0, i32::from(version)))),
                ..Default::default()
            });
            request
        });
    }
    write(&mut case, PRODUCE_V1, "late", Spot { topic: TOPIC, index: 0, sequence: 0 });
    end(&mut case, "late", true);
    case.ask(PRODUCE_V1, "after the end", |known| {
        produce_request(Some("late"), TOPIC, 0, batch(known, "late", 0, 2))
    });
    case
}

/// KIP-890: the first write adds its partition.
fn implicit() -> Case {
    let mut case = Case::new("writes that add their partitions");
    init(&mut case, "joins");
    for epoch_delta in [1, -1, 9] {
        case.ask(PRODUCE_V2, &format!("with its epoch and {epoch_delta}"), move |known| {
            produce_request(Some("joins"), TOPIC, 0, batch(known, "joins", epoch_delta, 0))
        });
    }
    case.ask(PRODUCE_V2, "a sequence that is not 0", |known| {
        produce_request(Some("joins"), TOPIC, 0, batch(known, "joins", 0, 5))
    });
    describe(&mut case, "joins");
    write(&mut case, PRODUCE_V2, "joins", Spot { topic: TOPIC, index: 0, sequence: 0 });
    write(&mut case, PRODUCE_V2, "joins", Spot { topic: TOPIC, index: 0, sequence: 0 });
    write(&mut case, PRODUCE_V2, "joins", Spot { topic: TOPIC, index: 1, sequence: 0 });
    case.ask(13, "by the topic's id", |known| {
        let mut request = produce_request(Some("joins"), "", 1, batch(known, "joins", 0, 2));
        request.topic_data[0].topic_id = known.id(TOPIC);
        request
    });
    case.ask(PRODUCE_V2, "to a topic that is not there", |known| {
        produce_request(Some("joins"), "no-such-topic", 0, batch(known, "joins", 0, 0))
    });
    case.ask(PRODUCE_V2, "to a partition that is not there", |known| {
        produce_request(Some("joins"), TOPIC, 9, batch(known, "joins", 0, 0))
    });
    case.ask(PRODUCE_V2, "to an internal topic", |known| {
        produce_request(Some("joins"), "__transaction_state", 0, batch(known, "joins", 0, 0))
    });
    describe(&mut case, "joins");
    end_and_bump(&mut case, "joins", true);
    case.ask(PRODUCE_V2, "the epoch before writes", |known| {
        produce_request(Some("joins"), TOPIC, 0, batch(known, "joins", -1, 2))
    });
    case.ask(PRODUCE_V2, "goes on with the old sequence", |known| {
        produce_request(Some("joins"), TOPIC, 0, batch(known, "joins", 0, 3))
    });
    describe(&mut case, "joins");
    case.ask(END_V2, "aborts what it may have", |known| {
        end_request("joins", own(known, "joins"), false)
    })
    .patient();
    case
}

/// Transactions and plain idempotence of one producer id.
fn mixed() -> Case {
    let mut case = Case::new("writes of two kinds");
    init(&mut case, "mixed");
    case.ask(PRODUCE_V2, "plain while nothing is open", |known| {
        let (id, epoch) = own(known, "mixed");
        produce_request(None, TOPIC, 2, sequenced(1, Producer { id, epoch, sequence: 0 }))
    });
    add(&mut case, "mixed", &[(TOPIC, &[2])]);
    write(&mut case, PRODUCE_V1, "mixed", Spot { topic: TOPIC, index: 2, sequence: 1 });
    for id in [None, Some("mixed")] {
        case.ask(PRODUCE_V2, &format!("plain while it is open, as {id:?}"), move |known| {
            let (producer, epoch) = own(known, "mixed");
            let batch = sequenced(1, Producer { id: producer, epoch, sequence: 3 });
            produce_request(id, TOPIC, 2, batch)
        });
    }
    case.ask(PRODUCE_V2, "of nobody while it is open", |_| {
        produce_request(None, TOPIC, 2, plain(1))
    });
    case.ask(PRODUCE_V2, "of nobody in its name", |_| {
        produce_request(Some("mixed"), TOPIC, 2, plain(1))
    });
    end(&mut case, "mixed", true);
    case
}

fn wrong_batches() -> Case {
    let mut case = Case::new("batches that no transaction may hold");
    init(&mut case, "wrong");
    init(&mut case, "other");
    add(&mut case, "wrong", &[(TOPIC, &[0])]);
    for version in [8, PRODUCE_V1, PRODUCE_V2] {
        case.ask(version, "without a transactional id", |known| {
            produce_request(None, TOPIC, 0, batch(known, "wrong", 0, 0))
        });
        case.ask(version, "with an empty transactional id", |known| {
            produce_request(Some(""), TOPIC, 0, batch(known, "wrong", 0, 0))
        });
        case.ask(version, "with an unknown transactional id", |known| {
            produce_request(Some("no-such-id"), TOPIC, 0, batch(known, "wrong", 0, 0))
        });
        case.ask(version, "with another's transactional id", |known| {
            produce_request(Some("other"), TOPIC, 0, batch(known, "wrong", 0, 0))
        });
        case.ask(version, "of two producers", |known| {
            let mut request = produce_request(Some("wrong"), TOPIC, 0, batch(known, "wrong", 0, 0));
            request.topic_data[0].partition_data.push(PartitionProduceData {
                index: 1,
                records: Some(Records::Bytes(batch(known, "other", 0, 0))),
                ..Default::default()
            });
            request
        });
        case.ask(version, "a control batch", |known| {
            let control = changed(&batch(known, "wrong", 0, 0), 22, &[0x30]);
            produce_request(Some("wrong"), TOPIC, 0, control)
        });
        case.ask(version, "without a producer id", |known| {
            let anonymous = changed(&batch(known, "wrong", 0, 0), 43, &(-1_i64).to_be_bytes());
            produce_request(Some("wrong"), TOPIC, 0, anonymous)
        });
        case.ask(version, "with an epoch of -1", |known| {
            let without = changed(&batch(known, "wrong", 0, 0), 51, &(-1_i16).to_be_bytes());
            produce_request(Some("wrong"), TOPIC, 0, without)
        });
    }
    for acks in [0_i16, 1] {
        let step = case.ask(PRODUCE_V2, &format!("acks {acks}"), move |known| {
            let batch = batch(known, "wrong", 0, i32::from(acks));
            ottla_wire::messages::ProduceRequest {
                acks,
                ..produce_request(Some("wrong"), TOPIC, 0, batch)
            }
        });
        if acks == 0 {
            step.probe();
        }
    }
    describe(&mut case, "wrong");
    end(&mut case, "wrong", false);
    case
}

fn open_producers() -> Case {
    let mut case = Case::new("producers with open transactions");
    init(&mut case, "open");
    let described = |case: &mut Case, when: &str| {
        case.ask(0, when, |_| DescribeProducersRequest {
            topics: vec![TopicRequest {
                name: "txn-open".to_owned(),
                partition_indexes: vec![0, 1, 1, 7],
                ..Default::default()
            }],
            ..Default::default()
        });
    };
    case.topic("txn-open", 2, &[]);
    add(&mut case, "open", &[("txn-open", &[0, 1])]);
    described(&mut case, "nothing is written");
    write(&mut case, PRODUCE_V1, "open", Spot { topic: "txn-open", index: 0, sequence: 0 });
    described(&mut case, "one partition is written");
    write(&mut case, PRODUCE_V1, "open", Spot { topic: "txn-open", index: 0, sequence: 2 });
    write(&mut case, PRODUCE_V1, "open", Spot { topic: "txn-open", index: 1, sequence: 0 });
    described(&mut case, "both are written");
    end(&mut case, "open", true);
    described(&mut case, "after the end");
    case
}
