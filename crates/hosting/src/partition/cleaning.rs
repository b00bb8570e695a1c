//! One compaction at a time, and none of a log that goes away.

use parking_lot::{Condvar, Mutex};

/// Whether somebody compacts the log.
#[derive(Debug, Default)]
pub(super) struct Cleaning {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_running: bool,
    /// The log is given up: nobody may begin any more.
    is_over: bool,
}

/// The right to compact, until it is dropped.
#[derive(Debug)]
pub(crate) struct CleaningTurn<'a>(&'a Cleaning);

impl Cleaning {
    pub(super) fn begin(&self) -> Option<CleaningTurn<'_>> {
        let mut state = self.state.lock();
        if state.is_running || state.is_over {
            return None;
        }
        state.is_running = true;
        Some(CleaningTurn(self))
    }

    pub(super) fn is_running(&self) -> bool {
        self.state.lock().is_running
    }

    /// Ends it for good. Returns once nobody is at work.
    pub(super) fn end(&self) {
        let mut state = self.state.lock();
        state.is_over = true;
        while state.is_running {
            self.ended.wait(&mut state);
        }
    }
}

impl CleaningTurn<'_> {
    /// Whether the log is to be given up: whoever holds the turn stops soon.
    pub(crate) fn is_over(&self) -> bool {
        self.0.state.lock().is_over
    }
}

impl Drop for CleaningTurn<'_> {
    fn drop(&mut self) {
        self.0.state.lock().is_running = false;
        self.0.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn one_at_a_time_and_none_after_the_end() {
        let cleaning = Arc::new(Cleaning::default());
        let turn = cleaning.begin().expect("nobody is at work");
        assert!(cleaning.begin().is_none());
        let ended = Arc::new(AtomicBool::new(false));
        std::thread::scope(|scope| {
            let (other, flag) = (Arc::clone(&cleaning), Arc::clone(&ended));
            scope.spawn(move || {
                other.end();
                flag.store(true, Ordering::Release);
            });
            while !turn.is_over() {
                std::thread::yield_now();
            }
            assert!(!ended.load(Ordering::Acquire), "the end waits for the turn");
            drop(turn);
        });
        assert!(ended.load(Ordering::Acquire));
        assert!(cleaning.begin().is_none());
    }
}
