//! Produces as fast as answers come (closed), or at a fixed rate whatever the answers do (open).
//!
//! At a fixed rate one thread sends what is due and another reads answers. Request `n` is due at
//! `start + n / rate`, so its number alone, which comes back as correlation id, gives its latency.

use crate::lanes::{Lane, Watch, open};
use crate::peer::PATIENCE;
use crate::template::{Shape, Template, now_ns};
use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Frames up to this size are read in one go.
const SCRATCH_BYTES: usize = 64 * 1024;
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
    /// Requests a second of all together; 0: as fast as answers come
    #[arg(long, default_value_t = 0)]
    rate: u64,
    /// How many requests of a connection may be unanswered, without a rate
    #[arg(long, default_value_t = 1)]
    in_flight: usize,
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds at the start that do not count into the latencies
    #[arg(long, default_value_t = 0.0)]
    warm_up: f64,
    #[command(flatten)]
    shape: Shape,
}

/// What was seen.
struct Seen {
    requests: u64,
    latencies: Histogram<u64>,
    seconds: f64,
}

/// Produces and reports.
pub fn run(options: &Options) -> Result<Value> {
    let lanes = open(&options.bootstrap, options.connections)?;
    let seen = if options.rate == 0 { closed(options, lanes)? } else { open_loop(options, lanes)? };
    let bytes = seen.requests * (options.shape.batch_records * options.shape.record_bytes) as u64;
    let latency = |quantile| seen.latencies.value_at_quantile(quantile) as f64 / 1000.0;
    Ok(json!({
        "requests": seen.requests,
        "records": seen.requests * options.shape.batch_records as u64,
        "bytes": bytes,
        "seconds": seen.seconds,
        "p50_us": latency(0.5),
        "p99_us": latency(0.99),
        "p999_us": latency(0.999),
        "max_us": seen.latencies.max() as f64 / 1000.0,
    }))
}

fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 600_000_000_000, 3)?)
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
    let mut template = Template::new(&options.topic, &options.shape)?;
    let mut watch = Watch::new(&lanes)?;
    let mut scratch = vec![0; SCRATCH_BYTES];
    let mut latencies = histogram()?;
    let mut sent_at: Vec<u64> = Vec::new();
    let begun = Instant::now();
    let start_ns = now_ns();
    let end = Duration::from_secs_f64(options.seconds);
    let warm_ns = start_ns + Duration::from_secs_f64(options.warm_up).as_nanos() as u64;
    let mut send = |stream: &mut std::net::TcpStream, sent_at: &mut Vec<u64>| -> Result<()> {
        let number = sent_at.len() as u64;
        let now = now_ns();
        sent_at.push(now);
        let partition = partition_of(options, number)?;
        stream.write_all(template.patched(number as u32 as i32, partition, now))?;
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

fn open_loop(options: &Options, mut lanes: Vec<Lane>) -> Result<Seen> {
    let mut streams = Vec::new();
    for lane in &lanes {
        streams.push(lane.stream.try_clone()?);
    }
    let due_all = (options.seconds * options.rate as f64) as u64;
    let interval_ns = 1e9 / options.rate as f64;
    let start_ns = now_ns() + 5_000_000;
    let due_ns = |number: u64| start_ns + (number as f64 * interval_ns) as u64;
    let warm_ns = start_ns + Duration::from_secs_f64(options.warm_up).as_nanos() as u64;
    let mut template = Template::new(&options.topic, &options.shape)?;
    let sent = AtomicU64::new(0);
    let mut latencies = histogram()?;
    let mut watch = Watch::new(&lanes)?;
    let mut scratch = vec![0; SCRATCH_BYTES];
    let mut answered = 0;
    thread::scope(|scope| {
        let sender = scope.spawn(|| -> Result<()> {
            for number in 0..due_all {
                let due = due_ns(number);
                let now = now_ns();
                if now < due {
                    thread::sleep(Duration::from_nanos(due - now));
                }
                let partition = partition_of(options, number)?;
                let frame = template.patched(number as u32 as i32, partition, due);
                let place = usize::try_from(number)? % streams.len();
                streams[place].write_all(frame)?;
                sent.store(number + 1, Ordering::Release);
            }
            Ok(())
        });
        while answered < due_all {
            let places = watch.ready(PATIENCE)?;
            if places.is_empty() || sender.is_finished() && sent.load(Ordering::Acquire) < due_all {
                bail!("{answered} of {due_all} requests were answered");
            }
            for place in places {
                let lane = &mut lanes[place];
                lane.read(&mut scratch)?;
                answered += lane.frames(|frame| {
                    let due = due_ns(u64::from(check(options, frame)?));
                    if due >= warm_ns {
                        latencies.saturating_record(now_ns().saturating_sub(due));
                    }
                    Ok(())
                })? as u64;
            }
        }
        sender.join().unwrap_or_else(|_| bail!("the sender panicked"))
    })?;
    let seconds = now_ns().saturating_sub(start_ns) as f64 / 1e9;
    Ok(Seen { requests: answered, latencies, seconds })
}
