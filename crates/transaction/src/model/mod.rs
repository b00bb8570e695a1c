//! Many producers, an unreliable coordinator, markers that come late and twice; and what must hold nevertheless.
//!
//! From a seed: producers begin, write, commit, abort, stall, lose answers, repeat themselves and fence each other,
//! while the coordinator crashes at random appends and comes back from its log. Then the faults stop, and every
//! transaction must be all or nothing.

mod partition;
mod producer;
mod world;

use std::ops::Range;

use world::{Random, World};

const SEEDS: u64 = 300;

/// Prints the seed of a failure.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat with OTTLA_TEST_SEED={} and the name of this test", self.0);
        }
    }
}

/// The seeds of a test: one that is to be repeated, or as many as are asked for.
fn seeds(usual: u64) -> Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("OTTLA_TEST_SEED");
    match number("OTTLA_TEST_ROUNDS").or(first.map(|_| 1)) {
        Some(rounds) => first.unwrap_or(0)..first.unwrap_or(0) + rounds,
        None => 0..usual,
    }
}

fn run(seed: u64) -> World {
    let _seed = Seed(seed);
    let mut world = World::new(Random::new(seed));
    for _ in 0..500 {
        world.step_with_faults();
    }
    world.heal();
    world
}

#[test]
fn transactions_survive_faults() {
    let (mut crashes, mut commits, mut fenced, mut kept) = (0, 0, 0, 0);
    let seeds = seeds(SEEDS);
    let runs = (seeds.end - seeds.start) as usize;
    for seed in seeds {
        let world = run(seed);
        crashes += world.crashes();
        commits += world.commits;
        fenced += world.fenced;
        kept += world.kept;
    }
    println!(
        "{runs} seeds: {crashes} crashes, {commits} commits, {fenced} times fenced, {kept} kept"
    );
    // The faults and the work must really happen, or the test proves nothing.
    assert!(runs == 1 || crashes > 2 * runs, "{crashes} crashes");
    assert!(runs == 1 || commits > 5 * runs, "{commits} commits");
    assert!(runs == 1 || fenced > runs, "{fenced} times fenced");
    assert!(runs == 1 || 2 * kept > runs, "{kept} were kept");
}

/// What a seed prints is all there is to repeat a failure: nothing may hang on anything else.
#[test]
fn a_seed_replays_bit_for_bit() {
    for seed in seeds(3) {
        assert_eq!(run(seed).log(), run(seed).log(), "seed {seed}");
    }
}
