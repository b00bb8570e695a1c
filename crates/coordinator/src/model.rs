//! Many clients, an unreliable coordinator, and what must hold nevertheless.
//!
//! From a seed: clients join, sync, commit, stall, lose answers, ask twice and leave, while the coordinator crashes at
//! random appends and comes back from its log. Then the faults stop, and the group must come together.

mod client;
mod committing;
mod mixed;
mod mixed_commits;
mod speaker;
mod transactions;
mod world;

use mixed::Mixed;
use ottla_trial::{Crash, Dice, Seed, seeds};
use world::World;

use crate::trial::Trial;

const SEEDS: u64 = 300;
const MIXED_SEEDS: u64 = 100;
const CONSUMER_SEEDS: u64 = 100;
const TRANSACTION_SEEDS: u64 = 200;

/// The coordinator dies at one of its next appends, or loses its leadership now; its replicas fall behind, or catch up.
fn disturb(trial: &mut Trial, dice: &Dice) {
    let kept = dice.pick(&[0, 1, 2, usize::MAX]);
    if dice.one_in(15) {
        trial.crash = Some(Crash { after: dice.below(4), kept });
    }
    if dice.one_in(60) {
        trial.depose(kept);
    }
    if dice.one_in(8) {
        trial.lags = dice.one_in(2);
    }
    match trial.lags {
        true if dice.one_in(3) => trial.commit_appends(dice.below(4) as usize),
        true => {}
        false => trial.commit_all(),
    }
}

/// Nothing of the kind any more.
fn calm(trial: &mut Trial) {
    trial.crash = None;
    trial.lags = false;
    trial.commit_all();
}

fn run(seed: u64) -> World {
    let _seed = Seed(seed);
    let mut world = World::new(Dice::new(seed));
    for _ in 0..400 {
        world.step_with_faults();
    }
    world.heal();
    world
}

#[test]
fn groups_survive_faults() {
    let (mut crashes, mut generations, mut commits, mut transactions) = (0, 0, 0, 0);
    let seeds = seeds(SEEDS);
    let runs = (seeds.end - seeds.start) as usize;
    for seed in seeds {
        let world = run(seed);
        crashes += world.crashes();
        generations += world.generations();
        commits += world.commits;
        transactions += world.transactions;
    }
    println!(
        "{runs} seeds: {crashes} crashes, {generations} generations, {commits} commits, \
         {transactions} transactions"
    );
    // The faults and the work must really happen, or the test proves nothing.
    assert!(runs == 1 || crashes > runs, "{crashes} crashes");
    assert!(runs == 1 || generations > 5 * runs, "{generations} generations");
    assert!(runs == 1 || commits > 5 * runs, "{commits} commits");
    assert!(runs == 1 || 20 * transactions > runs, "{transactions} transactions");
}

fn run_mixed(seed: u64, only_consumers: bool) -> Mixed {
    let _seed = Seed(seed);
    let mut mixed = Mixed::new(Dice::new(seed), only_consumers);
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
    let mut refused = 0;
    let seeds = seeds(MIXED_SEEDS);
    let runs = (seeds.end - seeds.start) as usize;
    for seed in seeds {
        let mixed = run_mixed(seed, false);
        crashes += mixed.crashes();
        epochs += mixed.epochs();
        migrations += mixed.migrations();
        commits += mixed.commits();
        refused += mixed.refused();
    }
    println!(
        "{runs} seeds: {crashes} crashes, {epochs} epochs, {migrations} groups went over, {commits} commits, \
         {refused} too late"
    );
    assert!(runs == 1 || crashes > runs, "{crashes} crashes");
    assert!(runs == 1 || epochs > 20 * runs, "{epochs} epochs");
    assert!(runs == 1 || migrations > 2 * runs, "{migrations} groups went over");
    assert!(runs == 1 || commits > 10 * runs, "{commits} commits");
    assert!(runs == 1 || refused > runs / 2, "{refused} too late");
}

/// Members of the consumer protocol alone: no change of protocol begins their group anew.
#[test]
fn groups_of_consumers_survive_faults() {
    let (mut crashes, mut epochs, mut commits, mut refused) = (0, 0, 0, 0);
    let seeds = seeds(CONSUMER_SEEDS);
    let runs = (seeds.end - seeds.start) as usize;
    for seed in seeds {
        let consumers = run_mixed(seed, true);
        crashes += consumers.crashes();
        epochs += consumers.epochs();
        commits += consumers.commits();
        refused += consumers.refused();
    }
    println!(
        "{runs} seeds: {crashes} crashes, {epochs} epochs, {commits} commits, {refused} too late"
    );
    assert!(runs == 1 || crashes > runs, "{crashes} crashes");
    assert!(runs == 1 || epochs > 20 * runs, "{epochs} epochs");
    assert!(runs == 1 || commits > 10 * runs, "{commits} commits");
    assert!(runs == 1 || refused > runs / 2, "{refused} too late");
}

fn run_transactions(seed: u64) -> transactions::World {
    let _seed = Seed(seed);
    let mut world = transactions::World::new(seed);
    for _ in 0..400 {
        world.step_with_faults();
    }
    world.heal();
    world
}

/// Transactions that write to several partitions and commit offsets of several groups.
#[test]
fn transactions_are_all_or_nothing_over_partitions_and_groups() {
    let (mut crashes, mut commits, mut fenced) = (0, 0, 0);
    let (mut kept, mut duplicates, mut lies) = (0, 0, 0);
    let seeds = seeds(TRANSACTION_SEEDS);
    let runs = (seeds.end - seeds.start) as usize;
    for seed in seeds {
        let world = run_transactions(seed);
        crashes += world.crashes();
        commits += world.commits;
        fenced += world.fenced;
        kept += world.kept;
        duplicates += world.duplicates;
        lies += world.lies;
    }
    println!(
        "{runs} seeds: {crashes} crashes, {commits} commits, {fenced} times fenced, {kept} kept, \
         {duplicates} duplicates, {lies} lies"
    );
    assert!(runs == 1 || crashes > 2 * runs, "{crashes} crashes");
    assert!(runs == 1 || commits > 3 * runs, "{commits} commits");
    assert!(runs == 1 || fenced > runs, "{fenced} times fenced");
    assert!(runs == 1 || 4 * kept > runs, "{kept} were kept");
    assert!(runs == 1 || duplicates > runs, "{duplicates} duplicates");
    assert!(runs == 1 || lies > runs, "{lies} lies");
}

/// What a seed prints is all there is to repeat a failure: nothing may hang on anything else.
#[test]
fn a_seed_replays_bit_for_bit() {
    for seed in seeds(3) {
        assert_eq!(run(seed).log(), run(seed).log(), "seed {seed}");
        for only_consumers in [false, true] {
            let run = || run_mixed(seed, only_consumers).log();
            assert_eq!(run(), run(), "seed {seed}");
        }
        assert_eq!(run_transactions(seed).log(), run_transactions(seed).log(), "seed {seed}");
    }
}
