//! Copies of what every request counts: threads that write to one copy wait for each other's caches.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// So many copies there are at most: more threads than this share them.
const SHARDS: usize = 8;

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SHARD: usize = THREADS.fetch_add(1, Ordering::Relaxed) % SHARDS;
}

/// One value for each thread that writes, made when it first does.
#[derive(Debug)]
pub(super) struct Shards<Value>([OnceLock<Box<Alone<Value>>>; SHARDS]);

/// A value that shares no line of the cache, nor the one that is fetched along with it.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Alone<Value>(Value);

impl<Value> Default for Shards<Value> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| OnceLock::new()))
    }
}

impl<Value: Default> Shards<Value> {
    /// The copy that this thread writes to.
    pub(super) fn own(&self) -> &Value {
        &self.0[SHARD.with(|shard| *shard)].get_or_init(Box::default).0
    }

    /// The copies that there are.
    pub(super) fn each(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().filter_map(|shard| Some(&shard.get()?.0))
    }
}

/// A count of what goes on: up in one thread, down perhaps in another.
#[derive(Debug, Default)]
pub(crate) struct Gauge(Shards<AtomicU64>);

impl Gauge {
    pub(super) fn up(&self) {
        self.0.own().fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn down(&self) {
        self.0.own().fetch_sub(1, Ordering::Relaxed);
    }

    /// How many there are. Copies may be below zero, their sum is not, but for a glance in between.
    pub(super) fn value(&self) -> u64 {
        let sum =
            self.0.each().fold(0u64, |sum, shard| sum.wrapping_add(shard.load(Ordering::Relaxed)));
        u64::try_from(sum.cast_signed()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_one_thread_begins_another_may_end() {
        let gauge = Gauge::default();
        gauge.up();
        thread::scope(|scope| {
            scope.spawn(|| (0..5).for_each(|_| gauge.up()));
        });
        assert_eq!(gauge.value(), 6);
        thread::scope(|scope| {
            scope.spawn(|| (0..6).for_each(|_| gauge.down()));
        });
        assert_eq!(gauge.value(), 0);
        assert!(gauge.0.each().count() >= 2, "each thread has its own");
    }
}
