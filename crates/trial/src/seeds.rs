//! Which seeds a test runs, and how a failure says which one it was.
use std::ops::Range;

/// Prints the seed of a failure when it is dropped in a panic.
#[derive(Debug)]
pub struct Seed(pub u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat with OTTLA_TEST_SEED={} and the name of this test", self.0);
        }
    }
}

/// The seeds of a test: one that is to be repeated (`OTTLA_TEST_SEED`), or as many as are asked for
/// (`OTTLA_TEST_ROUNDS`).
pub fn seeds(usual: u64) -> Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("OTTLA_TEST_SEED");
    match number("OTTLA_TEST_ROUNDS").or(first.map(|_| 1)) {
        Some(rounds) => first.unwrap_or(0)..first.unwrap_or(0) + rounds,
        None => 0..usual,
    }
}
