//! Wakes what waits for a partition: long polls for bytes, `acks=all` writes for the high watermark.
//!
//! A waiter joins the waiters of every partition it is interested in, looks once more at what it
//! waits for, and then sleeps; so nothing that happens in between is missed. Nobody polls. With
//! nobody waiting an append pays for one atomic load.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// More bytes than any waiter can be missing.
pub const ENOUGH: i64 = 1 << 40;

/// One sleeper, interested in any number of partitions.
#[derive(Clone, Debug)]
pub struct Waiter(Arc<Sleeper>);

#[derive(Debug)]
struct Sleeper {
    /// How many readable bytes are still missing.
    bytes_missing: AtomicI64,
    notify: Notify,
}

impl Waiter {
    /// A waiter that sleeps until `bytes_missing` bytes have become readable.
    #[must_use]
    pub fn for_bytes(bytes_missing: i64) -> Self {
        let bytes_missing = AtomicI64::new(bytes_missing);
        Self(Arc::new(Sleeper { bytes_missing, notify: Notify::new() }))
    }

    /// A waiter that sleeps until something it waits for is committed.
    #[must_use]
    pub fn for_commit() -> Self {
        Self::for_bytes(0)
    }

    /// Sleeps until woken. A wake-up that came first is not lost.
    pub async fn woken(&self) {
        self.0.notify.notified().await;
    }

    /// Wakes the sleeper.
    pub(crate) fn wake(&self) {
        self.0.notify.notify_one();
    }

    fn credit(&self, bytes: i64) {
        let before = self.0.bytes_missing.fetch_sub(bytes, Ordering::AcqRel);
        if before <= bytes {
            self.wake();
        }
    }
}

/// What a waiter expects of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// More bytes can be read.
    Bytes,
    /// The high watermark has reached this offset.
    Committed(i64),
    /// The smallest log start offset among the replicas has reached this offset.
    Deleted(i64),
}

#[derive(Debug)]
struct Entry {
    id: u64,
    until: Until,
    waiter: Waiter,
}

/// Everybody who waits for one partition.
#[derive(Debug, Default)]
pub struct Waiters {
    count: AtomicUsize,
    next_id: AtomicU64,
    entries: Mutex<Vec<Entry>>,
}

impl Waiters {
    /// Adds a waiter until the registration is dropped.
    #[must_use]
    pub fn join(self: &Arc<Self>, waiter: &Waiter, until: Until) -> Registration {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut entries = self.entries.lock();
        entries.push(Entry { id, until, waiter: waiter.clone() });
        self.count.store(entries.len(), Ordering::SeqCst);
        Registration { waiters: Arc::clone(self), id }
    }

    /// `bytes` more bytes can be read.
    pub(crate) fn readable(&self, bytes: i64) {
        self.each(|entry| {
            if entry.until == Until::Bytes {
                entry.waiter.credit(bytes);
            }
        });
    }

    /// The high watermark is now `high_watermark`.
    pub fn committed(&self, high_watermark: i64) {
        self.each(|entry| {
            if matches!(entry.until, Until::Committed(offset) if offset <= high_watermark) {
                entry.waiter.wake();
            }
        });
    }

    /// The low watermark is now `low_watermark`.
    pub fn deleted(&self, low_watermark: i64) {
        self.each(|entry| {
            if matches!(entry.until, Until::Deleted(offset) if offset <= low_watermark) {
                entry.waiter.wake();
            }
        });
    }

    /// Something changed that everybody must look at: leadership, deletion, a failed disk.
    pub fn changed(&self) {
        self.each(|entry| entry.waiter.wake());
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn each(&self, visit: impl Fn(&Entry)) {
        if !self.is_empty() {
            self.entries.lock().iter().for_each(visit);
        }
    }
}

/// Keeps a waiter among the waiters of one partition.
#[derive(Debug)]
pub struct Registration {
    waiters: Arc<Waiters>,
    id: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut entries = self.waiters.entries.lock();
        entries.retain(|entry| entry.id != self.id);
        self.waiters.count.store(entries.len(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn is_awake(waiter: &Waiter) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(waiter.woken()).as_mut().poll(&mut context) == Poll::Ready(())
    }

    #[test]
    fn bytes_of_several_partitions_add_up() {
        let (first, second) = (Arc::new(Waiters::default()), Arc::new(Waiters::default()));
        let waiter = Waiter::for_bytes(100);
        let _joined = (first.join(&waiter, Until::Bytes), second.join(&waiter, Until::Bytes));
        first.readable(60);
        assert!(!is_awake(&waiter));
        second.readable(40);
        assert!(is_awake(&waiter));
    }

    #[test]
    fn offsets_wake_those_who_wait_for_them() {
        type Event = fn(&Waiters);
        let cases: [(Until, Event, bool); 7] = [
            (Until::Committed(5), |waiters| waiters.committed(4), false),
            (Until::Committed(5), |waiters| waiters.committed(5), true),
            (Until::Committed(5), |waiters| waiters.deleted(9), false),
            (Until::Deleted(5), |waiters| waiters.deleted(6), true),
            (Until::Deleted(5), |waiters| waiters.readable(9), false),
            (Until::Bytes, |waiters| waiters.committed(9), false),
            (Until::Committed(5), Waiters::changed, true),
        ];
        for (number, (until, happens, expected)) in cases.into_iter().enumerate() {
            let waiters = Arc::new(Waiters::default());
            let waiter = Waiter::for_bytes(1);
            let _joined = waiters.join(&waiter, until);
            happens(&waiters);
            assert_eq!(is_awake(&waiter), expected, "case {number}");
        }
    }

    #[test]
    fn who_left_is_not_woken() {
        let waiters = Arc::new(Waiters::default());
        let waiter = Waiter::for_bytes(1);
        let joined = waiters.join(&waiter, Until::Bytes);
        assert_eq!(waiters.len(), 1);
        drop(joined);
        assert!(waiters.is_empty());
        waiters.changed();
        assert!(!is_awake(&waiter));
    }
}
