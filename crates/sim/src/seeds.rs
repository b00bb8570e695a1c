//! Many seeds, side by side.
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ottla_log::Durability;

use crate::simulation::{Report, Simulation};

/// Something wrong, and how to see it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What to repeat.
    pub seed: u64,
    /// What is wrong.
    pub detail: String,
}

/// What many seeds came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Seeds that ran.
    pub seeds: u64,
    /// All their reports together.
    pub total: Report,
    /// In the order of their seeds.
    pub findings: Vec<Finding>,
}

/// Runs one seed, and tells what happens on standard error if it is to. A panic is a finding.
pub fn run_seed(seed: u64, durability: Durability, is_told: bool) -> Result<Report, Finding> {
    let simulation = Simulation::new(seed, durability);
    let simulation = if is_told { simulation.told() } else { simulation };
    let run = catch_unwind(AssertUnwindSafe(|| simulation.run()));
    let outcome = run.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        let message = message.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(format!("panic: {}", message.unwrap_or_default()))
    });
    outcome.map_err(|detail| Finding { seed, detail })
}

/// Which seeds to run, and how.
#[derive(Clone, Copy, Debug)]
pub struct Seeds {
    /// The first.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// What the logs promise.
    pub durability: Durability,
    /// Side by side.
    pub threads: usize,
    /// Stop after so many findings.
    pub findings_max: usize,
}

/// Runs seeds on a few threads, telling of each finding at once; a single one
/// tells all that happens.
pub fn run_seeds(seeds: Seeds, tell: &(impl Fn(&Finding) + Sync)) -> Tally {
    let Seeds { first, count, durability, threads, findings_max } = seeds;
    let next = AtomicU64::new(0);
    let tally = Mutex::new(Tally::default());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let outcome = run_seed(first.wrapping_add(number), durability, count == 1);
            let mut tally = tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if tally.findings.len() >= findings_max {
                return;
            }
            tally.seeds += 1;
            match outcome {
                Ok(report) => tally.total.add(report),
                Err(finding) => {
                    tell(&finding);
                    tally.findings.push(finding);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.max(1) {
            scope.spawn(work);
        }
        work();
    });
    let mut tally = tally.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    tally.findings.sort_by_key(|finding| finding.seed);
    tally
}

impl Report {
    fn add(&mut self, other: Report) {
        self.operations += other.operations;
        self.batches += other.batches;
        self.crashes += other.crashes;
        self.kills += other.kills;
        self.closes += other.closes;
        self.cleanings += other.cleanings;
        self.commits += other.commits;
    }
}
