//! Produces as fast as answers come, or at a fixed rate whatever the answers do.

use crate::lanes::{Lane, Watch, open};
use crate::pace::{Frames, Pace, SCRATCH_BYTES, Seen, histogram, open_loop};
use crate::peer::PATIENCE;
use crate::template::{Shape, Template, now_ns};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::io::Write;
use std::time::{Duration, Instant};

/// Header, topic count, topic name's length, partition count, partition.
const ERROR_CODE_AFTER_NAME: usize = 4 + 1 + 1 + 1 + 1 + 4;

/// Options of `produce`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// host:port
    #[arg(long)]
    bootstrap: String,
    #[arg(long)]
    topic: String,
    #[arg(long, default_value_t = 1)]
    partitions: u64,
    /// Producers, one connection each
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// How many requests of a connection may be unanswered, without a rate
    #[arg(long, default_value_t = 1)]
    in_flight: usize,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    shape: Shape,
}

/// Produces and reports.
pub fn run(options: &Options) -> Result<Value> {
    let lanes = open(&options.bootstrap, options.connections)?;
    let seen = match options.pace.rate {
        0 => closed(options, lanes)?,
        _ => open_loop(&options.pace, lanes, Produced::new(options)?, |answer| {
            check(options, answer)
        })?,
    };
    let records = seen.requests * options.shape.batch_records as u64;
    let mut report = seen.report();
    report["records"] = json!(records);
    report["bytes"] = json!(records * options.shape.record_bytes as u64);
    Ok(report)
}

/// Produce requests, to partitions by turns.
struct Produced<'a> {
    options: &'a Options,
    template: Template,
}

impl<'a> Produced<'a> {
    fn new(options: &'a Options) -> Result<Produced<'a>> {
        Ok(Produced { options, template: Template::new(&options.topic, &options.shape)? })
    }
}

impl Frames for Produced<'_> {
    fn frame(&mut self, number: u64, due_ns: u64) -> Result<&[u8]> {
        let partition = partition_of(self.options, number)?;
        Ok(self.template.patched(number as u32 as i32, partition, due_ns))
    }
}

/// Partitions by turns, so that neighbours in time meet different logs.
fn partition_of(options: &Options, number: u64) -> Result<i32> {
    Ok(i32::try_from(number.wrapping_mul(0x9e37_79b9) % options.partitions)?)
}

fn check(options: &Options, frame: &[u8]) -> Result<u32> {
    let at = ERROR_CODE_AFTER_NAME + options.topic.len();
    let (id, code) = (frame.first_chunk::<4>(), frame.get(at..at + 2));
    let id = id.context("an answer without an id")?;
    ensure!(code == Some(&[0, 0]), "the server refused records: {code:?}");
    Ok(u32::from_be_bytes(*id))
}

fn closed(options: &Options, mut lanes: Vec<Lane>) -> Result<Seen> {
    let mut frames = Produced::new(options)?;
    let mut watch = Watch::new(&lanes)?;
    let mut scratch = vec![0; SCRATCH_BYTES];
    let mut latencies = histogram()?;
    let mut sent_at: Vec<u64> = Vec::new();
    let begun = Instant::now();
    let start_ns = now_ns();
    let end = Duration::from_secs_f64(options.pace.seconds);
    let warm_ns = start_ns + Duration::from_secs_f64(options.pace.warm_up).as_nanos() as u64;
    let mut send = |stream: &mut std::net::TcpStream, sent_at: &mut Vec<u64>| -> Result<()> {
        let number = sent_at.len() as u64;
        let now = now_ns();
        sent_at.push(now);
        stream.write_all(frames.frame(number, now)?)?;
        Ok(())
    };
    for lane in &mut lanes {
        for _ in 0..options.in_flight {
            send(&mut lane.stream, &mut sent_at)?;
        }
    }
    let mut answered = 0;
    while answered < sent_at.len() as u64 {
        let places = watch.ready(PATIENCE)?;
        ensure!(!places.is_empty(), "no answer within {PATIENCE:?}");
        for place in places {
            let lane = &mut lanes[place];
            lane.read(&mut scratch)?;
            let count = lane.frames(|frame| {
                let sent = sent_at[check(options, frame)? as usize];
                if sent >= warm_ns {
                    latencies.saturating_record(now_ns().saturating_sub(sent));
                }
                Ok(())
            })?;
            answered += count as u64;
            if begun.elapsed() < end {
                for _ in 0..count {
                    send(&mut lane.stream, &mut sent_at)?;
                }
            }
        }
    }
    Ok(Seen { requests: answered, latencies, seconds: begun.elapsed().as_secs_f64() })
}
