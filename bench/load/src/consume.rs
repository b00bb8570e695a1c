//! Fetches behind a producer: how old the records are when they arrive.
//!
//! Every consumer reads all partitions from their ends, with a fetch session as real consumers have.

use crate::lanes::{Lane, Watch, open};
use crate::peer::{Peer, encoded};
use crate::template::now_ns;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hdrhistogram::Histogram;
use ottla_wire::header::decode_response_header;
use ottla_wire::messages::fetch_request::{FetchPartition, FetchTopic};
use ottla_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use ottla_wire::messages::{FetchRequest, FetchResponse, ListOffsetsRequest};
use ottla_wire::records::BatchViews;
use ottla_wire::{ApiKey, Message, Reader};
use serde_json::{Value, json};
use std::io::Write;
use std::time::{Duration, Instant};

const FETCH_VERSION: i16 = 12;
const LIST_OFFSETS_VERSION: i16 = 7;
const LATEST: i64 = -1;
const WAIT_MS: i32 = 500;
const FETCH_BYTES_MAX: i32 = 50 << 20;
const PARTITION_BYTES_MAX: i32 = 1 << 20;
const SCRATCH_BYTES: usize = 256 * 1024;

/// Options of `consume`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// host:port
    #[arg(long)]
    bootstrap: String,
    #[arg(long)]
    topic: String,
    #[arg(long, default_value_t = 1)]
    partitions: i32,
    #[arg(long, default_value_t = 1)]
    consumers: usize,
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds at the start that do not count into the ages
    #[arg(long, default_value_t = 0.0)]
    warm_up: f64,
}

/// One consumer's place in its partitions.
struct Consumer {
    session_id: i32,
    epoch: i32,
    positions: Vec<i64>,
}

/// Consumes and reports.
pub fn run(options: &Options) -> Result<Value> {
    let positions = ends(options)?;
    let mut lanes = open(&options.bootstrap, options.consumers)?;
    let mut watch = Watch::new(&lanes)?;
    let mut consumers: Vec<Consumer> = Vec::new();
    for lane in &mut lanes {
        let consumer = Consumer { session_id: 0, epoch: 0, positions: positions.clone() };
        consumer.ask(options, lane, 0..options.partitions)?;
        consumers.push(consumer);
    }
    let mut ages = Histogram::<u64>::new_with_bounds(1, 600_000_000_000, 3)?;
    let (mut bytes, mut records) = (0, 0);
    let mut scratch = vec![0; SCRATCH_BYTES];
    let begun = Instant::now();
    let warm_up = Duration::from_secs_f64(options.warm_up);
    while begun.elapsed().as_secs_f64() < options.seconds {
        for place in watch.ready(Duration::from_millis(100))? {
            let (lane, consumer) = (&mut lanes[place], &mut consumers[place]);
            lane.read(&mut scratch)?;
            let mut frames = Vec::new();
            lane.frames(|frame| {
                frames.push(Bytes::copy_from_slice(frame));
                Ok(())
            })?;
            for frame in frames {
                let mut count = |record_bytes: usize, sent_ns: u64| {
                    bytes += record_bytes as u64;
                    records += 1;
                    if begun.elapsed() >= warm_up {
                        ages.saturating_record(now_ns().saturating_sub(sent_ns));
                    }
                };
                let moved = consumer.take(options, &frame, &mut count)?;
                consumer.ask(options, lane, moved)?;
            }
        }
    }
    let age = |quantile| ages.value_at_quantile(quantile) as f64 / 1000.0;
    Ok(json!({
        "records": records,
        "bytes": bytes,
        "seconds": begun.elapsed().as_secs_f64(),
        "p50_us": age(0.5),
        "p99_us": age(0.99),
        "p999_us": age(0.999),
    }))
}

fn ends(options: &Options) -> Result<Vec<i64>> {
    let partitions = (0..options.partitions).map(|partition_index| ListOffsetsPartition {
        partition_index,
        current_leader_epoch: -1,
        timestamp: LATEST,
        ..ListOffsetsPartition::default()
    });
    let request = ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: options.topic.clone(),
            partitions: partitions.collect(),
            ..ListOffsetsTopic::default()
        }],
        ..ListOffsetsRequest::default()
    };
    let response = Peer::connect(&options.bootstrap)?.call(&request, LIST_OFFSETS_VERSION)?;
    let topic = response.topics.first().context("an answer for the topic")?;
    let mut ends: Vec<(i32, i64)> =
        topic.partitions.iter().map(|each| (each.partition_index, each.offset)).collect();
    ends.sort_unstable();
    Ok(ends.into_iter().map(|(_, offset)| offset).collect())
}

impl Consumer {
    fn ask(
        &self,
        options: &Options,
        lane: &mut Lane,
        moved: impl IntoIterator<Item = i32>,
    ) -> Result<()> {
        let mut partitions = Vec::new();
        for partition in moved {
            partitions.push(FetchPartition {
                partition,
                current_leader_epoch: -1,
                fetch_offset: self.positions[usize::try_from(partition)?],
                last_fetched_epoch: -1,
                log_start_offset: -1,
                partition_max_bytes: PARTITION_BYTES_MAX,
                ..FetchPartition::default()
            });
        }
        let topic = FetchTopic { topic: options.topic.clone(), partitions, ..Default::default() };
        let request = FetchRequest {
            replica_id: -1,
            max_wait_ms: WAIT_MS,
            min_bytes: 1,
            max_bytes: FETCH_BYTES_MAX,
            session_id: self.session_id,
            session_epoch: self.epoch,
            topics: if topic.partitions.is_empty() { Vec::new() } else { vec![topic] },
            ..FetchRequest::default()
        };
        lane.stream.write_all(&encoded(&request, FETCH_VERSION, 0)?)?;
        Ok(())
    }

    /// Takes an answer in; the partitions whose position moved.
    fn take(
        &mut self,
        options: &Options,
        frame: &Bytes,
        count: &mut impl FnMut(usize, u64),
    ) -> Result<Vec<i32>> {
        let mut reader = Reader::new(frame);
        decode_response_header(&mut reader, ApiKey::Fetch, FETCH_VERSION)?;
        let response = FetchResponse::decode(&mut reader, FETCH_VERSION)?;
        ensure!(response.error_code == 0, "fetch of {}: {}", options.topic, response.error_code);
        self.session_id = response.session_id;
        self.epoch += 1;
        let mut moved = Vec::new();
        for partition in response.responses.iter().flat_map(|topic| &topic.partitions) {
            ensure!(partition.error_code == 0, "a partition failed: {}", partition.error_code);
            let Some(records) = partition.records.as_ref().and_then(|records| records.bytes())
            else {
                continue;
            };
            let position = &mut self.positions[usize::try_from(partition.partition_index)?];
            for batch in BatchViews::new(records) {
                let Ok(batch) = batch else { break };
                for record in batch.plain_records()?.context("plain records")? {
                    let value = record?.value.unwrap_or_default();
                    let sent = value.first_chunk::<8>().map_or(0, |ns| u64::from_be_bytes(*ns));
                    count(value.len(), sent);
                }
                *position = (*position).max(batch.last_offset() + 1);
            }
            moved.push(partition.partition_index);
        }
        Ok(moved)
    }
}
