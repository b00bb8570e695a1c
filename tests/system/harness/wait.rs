//! Waiting for conditions.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take on a machine that does other things too.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long to pause between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks until there is something to see.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "not seen in {PATIENCE:?}: {what}");
        thread::park_timeout(PAUSE);
    }
}

/// Looks until it is so.
#[track_caller]
pub fn until_true(what: &str, mut look: impl FnMut() -> bool) {
    until(what, || look().then_some(()));
}
