//! Many producers, an unreliable coordinator, markers that come late and twice; and what must hold nevertheless.
//!
//! From a seed: producers begin, write, commit, abort, stall, lose answers, repeat themselves and fence each other,
//! while the coordinator crashes at random appends and comes back from its log. Then the faults stop, and every
//! transaction must be all or nothing.

mod partition;
mod producer;
mod world;

use world::{Random, World};

const SEEDS: u64 = 300;

/// Prints the seed of a failure.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the model failed with seed {}: see `one_seed` in model/mod.rs", self.0);
        }
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
    let (mut crashes, mut commits, mut fenced) = (0, 0, 0);
    for seed in 0..SEEDS {
        let world = run(seed);
        crashes += world.crashes();
        commits += world.commits;
        fenced += world.fenced;
    }
    // The faults and the work must really happen, or the test proves nothing.
    assert!(crashes > 2 * SEEDS as usize, "{crashes} crashes");
    assert!(commits > 5 * SEEDS as usize, "{commits} commits");
    assert!(fenced > SEEDS as usize, "{fenced} times fenced");
}

/// To look at one seed: put its number here.
#[test]
fn one_seed() {
    run(0);
}
