//! Many clients, an unreliable coordinator, and what must hold nevertheless.
//!
//! From a seed: clients join, sync, commit, stall, lose answers, ask twice and leave, while the coordinator crashes at
//! random appends and comes back from its log. Then the faults stop, and the group must come together.

mod atomic;
mod client;
mod ledger;
mod mixed;
mod place;
mod speaker;
mod world;

use std::ops::Range;

use atomic::Atomic;
use mixed::Mixed;
use world::{Random, World};

const SEEDS: u64 = 300;
const MIXED_SEEDS: u64 = 100;
const ATOMIC_SEEDS: u64 = 200;

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
    for _ in 0..400 {
        world.step_with_faults();
    }
    world.heal();
    world
}

#[test]
fn groups_survive_faults() {
    let (mut crashes, mut generations, mut commits) = (0, 0, 0);
    let seeds = seeds(SEEDS);
    let runs = (seeds.end - seeds.start) as usize;
    for seed in seeds {
        let world = run(seed);
        crashes += world.crashes();
        generations += world.generations();
        commits += world.commits();
    }
    println!("{runs} seeds: {crashes} crashes, {generations} generations, {commits} commits");
    // The faults and the work must really happen, or the test proves nothing.
    assert!(runs == 1 || crashes > runs, "{crashes} crashes");
    assert!(runs == 1 || generations > 5 * runs, "{generations} generations");
    assert!(runs == 1 || commits > 5 * runs, "{commits} commits");
}

fn run_mixed(seed: u64) -> Mixed {
    let _seed = Seed(seed);
    let mut mixed = Mixed::new(Random::new(seed));
    for _ in 0..400 {
        mixed.step_with_faults();
    }
    mixed.heal();
    mixed
}

/// Members of both protocols, who change over now and then, in one group.
#[test]
fn groups_of_both_protocols_survive_faults() {
    let (mut crashes, mut epochs, mut migrations, mut commits) = (0, 0, 0, 0);
    let seeds = seeds(MIXED_SEEDS);
    let runs = (seeds.end - seeds.start) as usize;
    for seed in seeds {
        let mixed = run_mixed(seed);
        crashes += mixed.crashes();
        epochs += mixed.epochs();
        migrations += mixed.migrations();
        commits += mixed.commits();
    }
    println!(
        "{runs} seeds: {crashes} crashes, {epochs} epochs, {migrations} groups went over, {commits} commits"
    );
    assert!(runs == 1 || crashes > runs, "{crashes} crashes");
    assert!(runs == 1 || epochs > 20 * runs, "{epochs} epochs");
    assert!(runs == 1 || migrations > 2 * runs, "{migrations} groups went over");
    assert!(runs == 1 || commits > 10 * runs, "{commits} commits");
}

fn run_atomic(seed: u64) -> Atomic {
    let _seed = Seed(seed);
    let mut atomic = Atomic::new(Random::new(seed));
    for _ in 0..400 {
        atomic.step_with_faults();
    }
    atomic.heal();
    atomic
}

/// Transactions that write to several partitions and commit offsets of several groups.
#[test]
fn transactions_are_all_or_nothing_over_partitions_and_groups() {
    let (mut crashes, mut commits, mut fenced) = (0, 0, 0);
    let seeds = seeds(ATOMIC_SEEDS);
    let runs = (seeds.end - seeds.start) as usize;
    for seed in seeds {
        let atomic = run_atomic(seed);
        crashes += atomic.crashes();
        commits += atomic.commits;
        fenced += atomic.fenced;
    }
    println!("{runs} seeds: {crashes} crashes, {commits} commits, {fenced} times fenced");
    assert!(runs == 1 || crashes > 2 * runs, "{crashes} crashes");
    assert!(runs == 1 || commits > 3 * runs, "{commits} commits");
    assert!(runs == 1 || fenced > runs, "{fenced} times fenced");
}

/// What a seed prints is all there is to repeat a failure: nothing may hang on anything else.
#[test]
fn a_seed_replays_bit_for_bit() {
    for seed in seeds(3) {
        assert_eq!(run(seed).log(), run(seed).log(), "seed {seed}");
        assert_eq!(run_mixed(seed).log(), run_mixed(seed).log(), "seed {seed}");
        assert_eq!(run_atomic(seed).log(), run_atomic(seed).log(), "seed {seed}");
    }
}
