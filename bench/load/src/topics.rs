//! Creating topics, and waiting until the server acknowledges.

use crate::peer::{PATIENCE, Peer};
use crate::template::{Codec, PRODUCE_VERSION, Shape, batch, now_ns};
use anyhow::{Context, Result, bail};
use ottla_wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use ottla_wire::messages::delete_topics_request::DeleteTopicState;
use ottla_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ottla_wire::messages::{CreateTopicsRequest, DeleteTopicsRequest, ProduceRequest};
use ottla_wire::{ErrorCode, Records};
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

const CREATE_VERSION: i16 = 7;
const DELETE_VERSION: i16 = 6;
/// How often a server that is not there yet is asked again.
const PAUSE: Duration = Duration::from_micros(300);
/// Partitions of one request: a batch each.
const PARTITIONS_AT_ONCE: i32 = 500;

/// Options of `first-ack`.
#[derive(Debug, clap::Args)]
pub struct FirstAck {
    /// host:port
    #[arg(long)]
    bootstrap: String,
    #[arg(long)]
    topic: String,
    /// The topic is there already
    #[arg(long)]
    existing: bool,
}

/// Options of `create`.
#[derive(Debug, clap::Args)]
pub struct Create {
    /// host:port
    #[arg(long)]
    bootstrap: String,
    #[arg(long)]
    topic: String,
    #[arg(long, default_value_t = 1)]
    partitions: i32,
    /// A configuration of the topic, key=value
    #[arg(long)]
    config: Vec<String>,
}

/// Options of `delete`.
#[derive(Debug, clap::Args)]
pub struct Delete {
    /// host:port
    #[arg(long)]
    bootstrap: String,
    #[arg(long)]
    topic: String,
}

/// Options of `ack-all`.
#[derive(Debug, clap::Args)]
pub struct AckAll {
    /// host:port
    #[arg(long)]
    bootstrap: String,
    #[arg(long)]
    topic: String,
    #[arg(long)]
    partitions: i32,
    #[command(flatten)]
    shape: Shape,
}

/// Asks until a record is acknowledged; says when that was.
pub fn first_ack(options: &FirstAck) -> Result<Value> {
    let deadline = Instant::now() + PATIENCE;
    let mut created = options.existing;
    let shape = Shape { record_bytes: 100, batch_records: 1, codec: Codec::None, acks: 1 };
    let data = vec![PartitionProduceData {
        records: Some(Records::Bytes(batch(&shape)?)),
        ..PartitionProduceData::default()
    }];
    let produce = produce_request(&options.topic, data, shape.acks);
    loop {
        let tried = try_once(options, &mut created, &produce);
        if matches!(tried, Ok(true)) {
            return Ok(json!({ "acked_at_ns": now_ns() }));
        }
        if Instant::now() > deadline {
            bail!("nothing was acknowledged within {PATIENCE:?}: {tried:?}");
        }
        thread::sleep(PAUSE);
    }
}

fn try_once(options: &FirstAck, created: &mut bool, produce: &ProduceRequest) -> Result<bool> {
    let mut peer = Peer::connect(&options.bootstrap)?;
    if !*created {
        *created = create_topic(&mut peer, &options.topic, 1, Vec::new())?;
        if !*created {
            return Ok(false);
        }
    }
    // The leader may need a moment to learn that it leads.
    for _ in 0..1000 {
        if failed_partitions(&mut peer, produce)?.is_empty() {
            return Ok(true);
        }
        thread::sleep(PAUSE);
    }
    Ok(false)
}

fn create_topic(
    peer: &mut Peer,
    topic: &str,
    partitions: i32,
    configs: Vec<CreatableTopicConfig>,
) -> Result<bool> {
    let request = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: topic.to_owned(),
            num_partitions: partitions,
            replication_factor: 1,
            configs,
            ..CreatableTopic::default()
        }],
        timeout_ms: 60_000,
        ..CreateTopicsRequest::default()
    };
    let response = peer.call(&request, CREATE_VERSION)?;
    let answer = response.topics.first().context("an answer for the topic")?;
    let wanted = [ErrorCode::None.code(), ErrorCode::TopicAlreadyExists.code()];
    Ok(wanted.contains(&answer.error_code))
}

/// Creates a topic; says how long that took.
pub fn create(options: &Create) -> Result<Value> {
    let mut peer = Peer::connect(&options.bootstrap)?;
    let mut configs = Vec::new();
    for pair in &options.config {
        let (name, value) = pair.split_once('=').context("a configuration is key=value")?;
        configs.push(CreatableTopicConfig {
            name: name.to_owned(),
            value: Some(value.to_owned()),
            ..CreatableTopicConfig::default()
        });
    }
    let begun = Instant::now();
    if !create_topic(&mut peer, &options.topic, options.partitions, configs)? {
        bail!("{} was not created", options.topic);
    }
    Ok(json!({ "seconds": begun.elapsed().as_secs_f64() }))
}

/// Deletes a topic.
pub fn delete(options: &Delete) -> Result<Value> {
    let request = DeleteTopicsRequest {
        topics: vec![DeleteTopicState {
            name: Some(options.topic.clone()),
            ..DeleteTopicState::default()
        }],
        timeout_ms: 60_000,
        ..DeleteTopicsRequest::default()
    };
    let begun = Instant::now();
    let response = Peer::connect(&options.bootstrap)?.call(&request, DELETE_VERSION)?;
    if response.responses.iter().any(|answer| answer.error_code != 0) {
        bail!("{} was not deleted", options.topic);
    }
    Ok(json!({ "seconds": begun.elapsed().as_secs_f64() }))
}

/// Produces a batch to every partition and asks again for those that refuse, until all have it.
pub fn ack_all(options: &AckAll) -> Result<Value> {
    let begun = Instant::now();
    let records = batch(&options.shape)?;
    let mut waiting: Vec<i32> = (0..options.partitions).collect();
    let mut peer: Option<Peer> = None;
    while !waiting.is_empty() {
        if begun.elapsed() > 2 * PATIENCE {
            bail!("{} partitions did not acknowledge", waiting.len());
        }
        let mut refused = Vec::new();
        for some in waiting.chunks(usize::try_from(PARTITIONS_AT_ONCE)?) {
            let data = some.iter().map(|index| PartitionProduceData {
                index: *index,
                records: Some(Records::Bytes(records.clone())),
                ..PartitionProduceData::default()
            });
            let request = produce_request(&options.topic, data.collect(), options.shape.acks);
            let connected = match peer.take() {
                Some(peer) => Ok(peer),
                None => Peer::connect(&options.bootstrap),
            };
            let answered = connected.and_then(|mut connected| {
                let failed = failed_partitions(&mut connected, &request)?;
                peer = Some(connected);
                Ok(failed)
            });
            match answered {
                Ok(failed) => refused.extend(failed),
                Err(_) => refused.extend_from_slice(some),
            }
        }
        if !refused.is_empty() {
            thread::sleep(PAUSE);
        }
        waiting = refused;
    }
    Ok(json!({ "seconds": begun.elapsed().as_secs_f64(), "acked_at_ns": now_ns() }))
}

fn produce_request(topic: &str, data: Vec<PartitionProduceData>, acks: i16) -> ProduceRequest {
    ProduceRequest {
        acks,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: topic.to_owned(),
            partition_data: data,
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    }
}

/// The partitions that did not take their records.
fn failed_partitions(peer: &mut Peer, request: &ProduceRequest) -> Result<Vec<i32>> {
    let response = peer.call(request, PRODUCE_VERSION)?;
    let partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    Ok(partitions.filter(|each| each.error_code != 0).map(|each| each.index).collect())
}
