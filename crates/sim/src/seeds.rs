//! Many seeds, side by side.
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

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
pub fn run_seed(seed: u64, is_told: bool) -> Result<Report, Finding> {
    let simulation = Simulation::new(seed);
    let simulation = if is_told { simulation.told() } else { simulation };
    let run = catch_unwind(AssertUnwindSafe(|| simulation.run()));
    let outcome = run.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        let message = message.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(format!("panic: {}", message.unwrap_or_default()))
    });
    outcome.map_err(|detail| Finding { seed, detail })
}

/// Runs so many seeds from `first` on, on a few threads, telling of each finding at once; a single one
/// tells all that happens. Stops after `findings_max` of them.
pub fn run_seeds(
    first: u64,
    count: u64,
    threads: usize,
    findings_max: usize,
    tell: &(impl Fn(&Finding) + Sync),
) -> Tally {
    let next = AtomicU64::new(0);
    let tally = Mutex::new(Tally::default());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let outcome = run_seed(first.wrapping_add(number), count == 1);
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
    }
}
