//! File descriptors: as many as the system allows, and some kept back from connections.
//!
//! The system gives out the lowest free number, so the number of an accepted socket tells how many
//! are in use. The last ones are for the logs: a full house must not keep them from being written.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// An eighth of the descriptors is kept back, within these bounds.
const KEPT_SHARE: u64 = 8;
const KEPT_MIN: u64 = 16;
const KEPT_MAX: u64 = 1024;

/// How many files the logs may have open at once: what `ottla.log.open.files.max` says, or half of what
/// the process may open.
pub fn for_logs(configured: i64) -> usize {
    let most = match u64::try_from(configured) {
        Ok(most) => most,
        Err(_) => limit() / 2,
    };
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// Asks for as many descriptors as this process may have, as a JVM does, and returns the first
/// number that no connection may have.
pub fn claim() -> u64 {
    ceiling(limit())
}

fn limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // Refused by some systems for an unlimited maximum; then what there is has to do.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

fn ceiling(limit: u64) -> u64 {
    limit.saturating_sub((limit / KEPT_SHARE).clamp(KEPT_MIN, KEPT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_get_half_unless_told_otherwise() {
        assert_eq!(for_logs(100), 100);
        let half = for_logs(-1);
        assert!(half >= 100 && half as u64 <= limit() / 2, "{half}");
    }

    #[test]
    fn some_are_kept_back() {
        for (limit, first) in [(8, 0), (64, 48), (1024, 896), (1 << 20, (1 << 20) - 1024)] {
            assert_eq!(ceiling(limit), first);
        }
    }
}
