//! The requests of a transactional producer. What it knows of itself has its name: the producer id
//! of `t` is `t.id`, its epoch `t.epoch`.

use crate::differ::book::{Case, Step};
use crate::differ::cases::batches::{Producer, transactional};
use crate::differ::cases::terms::some;
use crate::differ::known::Known;
use bytes::Bytes;
use ottla_wire::Records;
use ottla_wire::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use ottla_wire::messages::fetch_request::{FetchPartition, FetchTopic};
use ottla_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ottla_wire::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, DescribeTransactionsRequest, EndTxnRequest,
    FetchRequest, InitProducerIdRequest, ProduceRequest,
};

/// The newest versions that a producer of transactions of version 1 speaks.
pub const PRODUCE_V1: i16 = 11;
pub const END_V1: i16 = 4;
/// The first versions of transactions of version 2.
pub const PRODUCE_V2: i16 = 12;
pub const END_V2: i16 = 5;

/// Topics with some of their partitions.
pub type Places<'a> = &'a [(&'a str, &'a [i32])];

pub fn producer_id(known: &Known, name: &str) -> i64 {
    known.number(&format!("{name}.id"))
}

pub fn epoch(known: &Known, name: &str) -> i16 {
    known.number(&format!("{name}.epoch"))
}

/// The request of a transactional id for its producer id.
pub fn init_request(transactional_id: &str) -> InitProducerIdRequest {
    InitProducerIdRequest {
        transactional_id: some(transactional_id),
        transaction_timeout_ms: 60_000,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    }
}

/// Gets the producer id of a transactional id, however long an older transaction takes to end.
pub fn init(case: &mut Case, transactional_id: &'static str) {
    case.ask(5, &format!("{transactional_id} gets its producer id"), move |_| {
        init_request(transactional_id)
    })
    .patient()
    .learn(&format!("{transactional_id}.id"), "producerId")
    .learn(&format!("{transactional_id}.epoch"), "producerEpoch");
}

pub fn topics(places: Places<'_>) -> Vec<AddPartitionsToTxnTopic> {
    places
        .iter()
        .map(|(name, partitions)| AddPartitionsToTxnTopic {
            name: (*name).to_owned(),
            partitions: partitions.to_vec(),
            ..Default::default()
        })
        .collect()
}

/// Partitions for one transaction, as a version has it.
pub fn add_request(
    version: i16,
    transactional_id: &str,
    producer: (i64, i16),
    places: Places<'_>,
) -> AddPartitionsToTxnRequest {
    let (producer_id, producer_epoch) = producer;
    if version >= 4 {
        return batched(vec![transaction(transactional_id, producer, places)]);
    }
    AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: transactional_id.to_owned(),
        v3_and_below_producer_id: producer_id,
        v3_and_below_producer_epoch: producer_epoch,
        v3_and_below_topics: topics(places),
        ..Default::default()
    }
}

pub fn transaction(
    transactional_id: &str,
    (producer_id, producer_epoch): (i64, i16),
    places: Places<'_>,
) -> AddPartitionsToTxnTransaction {
    AddPartitionsToTxnTransaction {
        transactional_id: transactional_id.to_owned(),
        producer_id,
        producer_epoch,
        topics: topics(places),
        ..Default::default()
    }
}

pub fn batched(transactions: Vec<AddPartitionsToTxnTransaction>) -> AddPartitionsToTxnRequest {
    AddPartitionsToTxnRequest { transactions, ..Default::default() }
}

/// A producer as it knows itself.
pub fn own(known: &Known, name: &str) -> (i64, i16) {
    (producer_id(known, name), epoch(known, name))
}

/// Adds partitions to the transaction that is open, or opens one.
pub fn add(case: &mut Case, transactional_id: &'static str, places: Places<'static>) {
    case.ask(3, &format!("{transactional_id} adds {places:?}"), move |known| {
        add_request(3, transactional_id, own(known, transactional_id), places)
    })
    .patient();
}

pub fn add_offsets_request(
    transactional_id: &str,
    (producer_id, producer_epoch): (i64, i16),
    group_id: &str,
) -> AddOffsetsToTxnRequest {
    AddOffsetsToTxnRequest {
        transactional_id: transactional_id.to_owned(),
        producer_id,
        producer_epoch,
        group_id: group_id.to_owned(),
        ..Default::default()
    }
}

pub fn end_request(
    transactional_id: &str,
    (producer_id, producer_epoch): (i64, i16),
    committed: bool,
) -> EndTxnRequest {
    EndTxnRequest {
        transactional_id: transactional_id.to_owned(),
        producer_id,
        producer_epoch,
        committed,
        ..Default::default()
    }
}

/// Ends a transaction of version 1 and waits for its markers.
pub fn end(case: &mut Case, transactional_id: &'static str, committed: bool) {
    let name = format!("{transactional_id} {}", if committed { "commits" } else { "aborts" });
    case.ask(END_V1, &name, move |known| {
        end_request(transactional_id, own(known, transactional_id), committed)
    })
    .patient();
    ended(case, transactional_id, committed);
}

/// Ends a transaction of version 2, which brings the next epoch, and waits for its markers.
pub fn end_and_bump(case: &mut Case, transactional_id: &'static str, committed: bool) {
    let name = format!("{transactional_id} {}", if committed { "commits" } else { "aborts" });
    case.ask(END_V2, &name, move |known| {
        end_request(transactional_id, own(known, transactional_id), committed)
    })
    .patient()
    .learn(&format!("{transactional_id}.id"), "producerId")
    .learn(&format!("{transactional_id}.epoch"), "producerEpoch");
    ended(case, transactional_id, committed);
}

/// Waits until every marker of a transaction is written.
pub fn ended<'a>(case: &'a mut Case, transactional_id: &str, committed: bool) -> &'a mut Step {
    let state = if committed { "CompleteCommit" } else { "CompleteAbort" };
    describe(case, transactional_id).until("transactionStates[0].transactionState", state)
}

/// What the coordinator says of a transaction.
pub fn describe<'a>(case: &'a mut Case, transactional_id: &str) -> &'a mut Step {
    let asked = transactional_id.to_owned();
    case.ask(0, &format!("{transactional_id} is described"), move |_| DescribeTransactionsRequest {
        transactional_ids: vec![asked.clone()],
        ..Default::default()
    })
}

pub fn produce_request(
    transactional_id: Option<&str>,
    topic: &str,
    index: i32,
    batch: Bytes,
) -> ProduceRequest {
    ProduceRequest {
        transactional_id: transactional_id.map(str::to_owned),
        acks: -1,
        timeout_ms: 5_000,
        topic_data: vec![TopicProduceData {
            name: topic.to_owned(),
            partition_data: vec![PartitionProduceData {
                index,
                records: Some(Records::Bytes(batch)),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// Where a producer writes: a topic, a partition and the sequence it has got to.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    pub topic: &'static str,
    pub index: i32,
    pub sequence: i32,
}

/// Writes two records of the open transaction.
pub fn write<'a>(
    case: &'a mut Case,
    version: i16,
    transactional_id: &'static str,
    spot: Spot,
) -> &'a mut Step {
    let Spot { topic, index, sequence } = spot;
    let name = format!("{transactional_id} writes {sequence} to {topic} {index}");
    case.ask(version, &name, move |known| {
        let (id, epoch) = own(known, transactional_id);
        let batch = transactional(2, Producer { id, epoch, sequence });
        produce_request(Some(transactional_id), topic, index, batch)
    })
    .patient()
}

/// A fetch of one partition, outside of any session.
pub fn fetch_request(topic: &str, index: i32, offset: i64, isolation_level: i8) -> FetchRequest {
    FetchRequest {
        replica_id: -1,
        max_wait_ms: 0,
        min_bytes: 0,
        max_bytes: 50 << 20,
        isolation_level,
        session_epoch: -1,
        topics: vec![FetchTopic {
            topic: topic.to_owned(),
            partitions: vec![FetchPartition {
                partition: index,
                fetch_offset: offset,
                partition_max_bytes: 1 << 20,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}
