//! A few hundred seeds of the deterministic disk; `cargo xtask sim --seeds 100000` runs more.
use ottla_log::Durability;
use ottla_sim::run_seed;
use ottla_sim::seeds::{Seeds, Tally, run_seeds};

fn run(durability: Durability, name: &str) -> Tally {
    let seeds = Seeds { first: 0, count: 300, durability, threads: 2, findings_max: 5 };
    let tally = run_seeds(seeds, &|finding| {
        println!(
            "{}\n  repeat with: cargo xtask sim --durability {name} --seed {}",
            finding.detail, finding.seed
        );
    });
    assert!(tally.findings.is_empty(), "{:#?}", tally.findings);
    // What happens is what was meant to: else the seeds would find nothing because they do nothing.
    let total = tally.total;
    let happened = [total.batches, total.crashes, total.kills, total.closes, total.cleanings];
    assert!(happened.iter().all(|count| *count > 50), "{total:?}");
    tally
}

#[test]
fn no_seed_finds_anything() {
    assert_eq!(run(Durability::Os, "os").total.commits, 0);
}

#[test]
fn no_seed_finds_anything_with_a_journal() {
    assert!(run(Durability::Fsync, "fsync").total.commits > 1000);
}

#[test]
fn a_seed_repeats_bit_for_bit() {
    for seed in [3, 77, 5_000_000_000] {
        for durability in [Durability::Os, Durability::Fsync] {
            let once = || run_seed(seed, durability, false);
            assert_eq!(once(), once());
        }
    }
}
