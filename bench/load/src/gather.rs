//! Much for coordinators to remember: groups with a member and offsets, and transactional ids whose transaction is open.

use crate::membership::{Kind, Member, Protocol, ask, find, for_each, join};
use crate::offsets::commit_request;
use crate::peer::Peer;
use crate::template::now_ns;
use anyhow::{Result, ensure};
use bytes::Bytes;
use ottla_wire::Records;
use ottla_wire::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use ottla_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ottla_wire::messages::{
    AddPartitionsToTxnRequest, InitProducerIdRequest, InitProducerIdResponse, ProduceRequest,
};
use ottla_wire::records::{BatchBuilder, BatchOptions};
use serde_json::{Value, json};
use std::time::Instant;

const COMMIT_VERSION: i16 = 8;
const INIT_VERSION: i16 = 4;
/// The last that clients send, and the last version of Produce that goes with it.
const ADD_VERSION: i16 = 3;
const PRODUCE_VERSION: i16 = 11;
/// The longest that brokers allow by themselves.
const TIMEOUT_MS: i32 = 900_000;

/// Options of `gather`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// host:port
    #[arg(long)]
    bootstrap: String,
    #[arg(long)]
    topic: String,
    #[arg(long)]
    partitions: i32,
    /// Groups of one member of the classic protocol
    #[arg(long)]
    groups: usize,
    /// Offsets that each of them commits, of different partitions
    #[arg(long)]
    offsets: i32,
    /// Transactional ids, each with a record in an open transaction
    #[arg(long)]
    transactional_ids: usize,
    /// Connections of groups. A new group's first member waits, and its connection with it
    #[arg(long)]
    connections: usize,
}

/// Makes them; says how long that took.
pub fn run(options: &Options) -> Result<Value> {
    let begun = Instant::now();
    let names = |what: &str, count: usize| -> Vec<String> {
        (0..count).map(|index| format!("{what}-{index}")).collect()
    };
    let groups = names("group", options.groups);
    for_each(&options.bootstrap, options.connections, &groups, |peer, group| {
        find(peer, Kind::Group, group)?;
        let member = join(peer, Protocol::Classic, group, &options.topic)?;
        commit(peer, &member, options)
    })?;
    let groups_s = begun.elapsed().as_secs_f64();
    let ids = names("transactional-id", options.transactional_ids);
    let connections = options.connections.min(16);
    for_each(&options.bootstrap, connections, &ids, |peer, id| begin(peer, id, options))?;
    let transactions_s = begun.elapsed().as_secs_f64() - groups_s;
    Ok(json!({ "groups_s": groups_s, "transactions_s": transactions_s }))
}

fn commit(peer: &mut Peer, member: &Member, options: &Options) -> Result<()> {
    let mut request = commit_request(&member.group, &options.topic, options.offsets);
    request.member_id.clone_from(&member.id);
    request.generation_id_or_member_epoch = member.epoch;
    let response = peer.call(&request, COMMIT_VERSION)?;
    let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    ensure!(partitions.all(|partition| partition.error_code == 0), "refused: {response:?}");
    Ok(())
}

/// Begins a transaction, as clients do before KIP-890, with one record.
fn begin(peer: &mut Peer, id: &str, options: &Options) -> Result<()> {
    find(peer, Kind::Transaction, id)?;
    let request = InitProducerIdRequest {
        transactional_id: Some(id.to_owned()),
        transaction_timeout_ms: TIMEOUT_MS,
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdRequest::default()
    };
    let producer = ask(peer, &request, INIT_VERSION, |response| response.error_code)?;
    let partition = i32::try_from(producer.producer_id)?.rem_euclid(options.partitions);
    let request = AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: id.to_owned(),
        v3_and_below_producer_id: producer.producer_id,
        v3_and_below_producer_epoch: producer.producer_epoch,
        v3_and_below_topics: vec![AddPartitionsToTxnTopic {
            name: options.topic.clone(),
            partitions: vec![partition],
            ..AddPartitionsToTxnTopic::default()
        }],
        ..AddPartitionsToTxnRequest::default()
    };
    ask(peer, &request, ADD_VERSION, |response| {
        let topics = response.results_by_topic_v3_and_below.iter();
        let mut codes = topics.flat_map(|topic| &topic.results_by_partition);
        codes.next().map_or(-1, |partition| partition.partition_error_code)
    })?;
    let request = ProduceRequest {
        transactional_id: Some(id.to_owned()),
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: options.topic.clone(),
            partition_data: vec![PartitionProduceData {
                index: partition,
                records: Some(Records::Bytes(record_of(&producer)?)),
                ..PartitionProduceData::default()
            }],
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    };
    ask(peer, &request, PRODUCE_VERSION, |response| {
        let mut partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
        partitions.next().map_or(-1, |partition| partition.error_code)
    })?;
    Ok(())
}

fn record_of(producer: &InitProducerIdResponse) -> Result<Bytes> {
    let mut builder = BatchBuilder::new(BatchOptions {
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch,
        base_sequence: 0,
        is_transactional: true,
        ..BatchOptions::default()
    });
    let now_ms = i64::try_from(now_ns() / 1_000_000)?;
    builder.append(now_ms, None, Some(b"in an open transaction"), &[])?;
    Ok(builder.build()?.freeze())
}
