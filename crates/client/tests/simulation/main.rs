//! Producer and consumer against a scripted cluster, in memory and in virtual time, from seeds.
//!
//! Everything below the network is the client's own code. `CLIENT_SEEDS=1..100000` runs these seeds, a failure
//! prints the one to repeat.
//!
//! # Layout
//! - `network`: connections without sockets
//! - `broker`: what a connection is answered, and what goes wrong on the way
//! - `scene`: the state of the cluster, and what happens to it
//! - `fetch`, `coordinate`, `group`: what consumers are answered
//! - `partition`: a log that checks sequences as Kafka's does, and what was ever sent to it
//! - `producing`, `consuming`: a life, and what must be true of it

mod broker;
mod consuming;
mod coordinate;
mod fetch;
mod group;
mod network;
mod partition;
mod producing;
mod scene;

use std::ops::Range;
use std::time::Duration;

/// Seeds of an ordinary run.
const SEEDS: Range<u64> = 1..201;
/// A seed that takes longer than this in real time goes round in circles.
const STUCK: Duration = Duration::from_secs(20);
const SHOWN: usize = 5;

#[test]
fn what_is_sent_is_settled_in_time_in_order_and_once() {
    doubt(producing::run);
}

#[test]
fn what_is_owned_is_read_once_and_all_of_it() {
    doubt(consuming::run);
}

fn doubt(live: fn(u64) -> Vec<String>) {
    let mut failures = Vec::new();
    for seed in seeds() {
        let begun = std::time::Instant::now();
        let mut findings = live(seed);
        if begun.elapsed() > STUCK {
            findings.push(format!("took {:?}", begun.elapsed()));
        }
        if !findings.is_empty() {
            findings.truncate(SHOWN);
            let shown = findings.join("\n  ");
            failures.push(format!("CLIENT_SEEDS={seed}..{}\n  {shown}", seed + 1));
        }
        if failures.len() == SHOWN {
            break;
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn seeds() -> Range<u64> {
    let Ok(asked) = std::env::var("CLIENT_SEEDS") else { return SEEDS };
    let bounds = asked
        .split_once("..")
        .and_then(|(first, end)| Some(first.parse::<u64>().ok()?..end.parse::<u64>().ok()?));
    bounds.expect("CLIENT_SEEDS is a range like 1..100")
}
