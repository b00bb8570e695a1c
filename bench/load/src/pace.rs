//! Requests at a fixed rate, whatever the answers do.
//!
//! One thread sends what is due and another reads answers. Request `n` is due at `start + n / rate`, so its number
//! alone, which comes back as correlation id, gives its latency.

use crate::lanes::{Lane, Watch};
use crate::peer::PATIENCE;
use crate::template::now_ns;
use anyhow::{Result, bail};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Frames up to this size are read in one go.
pub const SCRATCH_BYTES: usize = 64 * 1024;

/// How fast, and for how long.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Pace {
    /// Requests a second of all connections together; 0: as fast as answers come
    #[arg(long, default_value_t = 0)]
    pub rate: u64,
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// Seconds at the start that do not count into the latencies
    #[arg(long, default_value_t = 0.0)]
    pub warm_up: f64,
}

/// Requests as bytes, one after the other.
pub trait Frames: Send {
    /// The frame whose correlation id is this number, due at this moment.
    fn frame(&mut self, number: u64, due_ns: u64) -> Result<&[u8]>;
}

/// What was seen.
#[derive(Debug)]
pub struct Seen {
    pub requests: u64,
    pub latencies: Histogram<u64>,
    pub seconds: f64,
}

impl Seen {
    /// What every report says.
    pub fn report(&self) -> Value {
        let latency = |quantile| self.latencies.value_at_quantile(quantile) as f64 / 1000.0;
        json!({
            "requests": self.requests,
            "seconds": self.seconds,
            "p50_us": latency(0.5),
            "p99_us": latency(0.99),
            "p999_us": latency(0.999),
            "max_us": self.latencies.max() as f64 / 1000.0,
        })
    }
}

/// Latencies in nanoseconds.
pub fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 600_000_000_000, 3)?)
}

/// Sends what is due, when it is due, over connections by turns. `check` says the correlation id of an answer, which has
/// no length any more, if it is the right one.
pub fn open_loop(
    pace: &Pace,
    mut lanes: Vec<Lane>,
    mut frames: impl Frames,
    check: impl Fn(&[u8]) -> Result<u32>,
) -> Result<Seen> {
    let mut streams = Vec::new();
    for lane in &lanes {
        streams.push(lane.stream.try_clone()?);
    }
    let due_all = (pace.seconds * pace.rate as f64) as u64;
    let interval_ns = 1e9 / pace.rate as f64;
    let start_ns = now_ns() + 5_000_000;
    let due_ns = |number: u64| start_ns + (number as f64 * interval_ns) as u64;
    let warm_ns = start_ns + Duration::from_secs_f64(pace.warm_up).as_nanos() as u64;
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
                let place = usize::try_from(number)? % streams.len();
                streams[place].write_all(frames.frame(number, due)?)?;
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
                    let due = due_ns(u64::from(check(frame)?));
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
