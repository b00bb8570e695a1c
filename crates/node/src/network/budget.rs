//! `queued.max.request.bytes`: a bound on the bytes of requests that are held in memory.
//!
//! A connection takes a share as large as its request before it reads more of it than fits its read
//! buffer, and gives it back when the request is answered. One request larger than the whole bound
//! takes all of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits stand for this many bytes, so that large bounds fit a semaphore.
const UNIT: u64 = 1024;

/// The bytes that requests may hold, shared by all connections.
#[derive(Clone, Debug)]
pub struct Budget {
    permits: Option<(Arc<Semaphore>, u32)>,
    waiting: Arc<AtomicUsize>,
}

/// One that waits for room; counted until dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn among(all: &'a AtomicUsize) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(all)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Bytes held for one request; given back when dropped.
#[derive(Debug)]
pub struct Share {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// A budget of `bytes`; negative or zero: no bound.
    #[must_use]
    pub fn new(bytes: i64) -> Self {
        let Some(bytes) = u64::try_from(bytes).ok().filter(|bytes| *bytes > 0) else {
            return Self { permits: None, waiting: Arc::default() };
        };
        let most = (Semaphore::MAX_PERMITS as u64).min(u64::from(u32::MAX));
        let total = u32::try_from(bytes.div_ceil(UNIT).min(most)).unwrap_or(u32::MAX);
        let semaphore = Arc::new(Semaphore::new(total as usize));
        Self { permits: Some((semaphore, total)), waiting: Arc::default() }
    }

    /// Whether somebody waits for room that others hold.
    pub fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Waits until `bytes` fit into the budget.
    pub async fn take(&self, bytes: usize) -> Share {
        let Some((semaphore, total)) = &self.permits else { return Share { _permit: None } };
        let units = (bytes as u64).div_ceil(UNIT).min(u64::from(*total));
        let units = u32::try_from(units).unwrap_or(*total);
        let _waiting = Waiting::among(&self.waiting);
        let permit = Arc::clone(semaphore).acquire_many_owned(units).await;
        Share { _permit: permit.ok() }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_request_waits_until_others_are_answered() {
        let budget = Budget::new(10 * 1024);
        let Poll::Ready(first) = poll(pin!(budget.take(8 * 1024))) else { panic!("fits") };
        let mut second = pin!(budget.take(4 * 1024));
        assert!(!budget.is_wanted());
        assert!(poll(second.as_mut()).is_pending());
        assert!(budget.is_wanted());
        drop(first);
        assert!(poll(second.as_mut()).is_ready());
        assert!(!budget.is_wanted());
    }

    #[test]
    fn a_request_larger_than_the_budget_takes_all_of_it() {
        let budget = Budget::new(1024);
        let Poll::Ready(all) = poll(pin!(budget.take(1 << 20))) else { panic!("fits when alone") };
        assert!(poll(pin!(budget.take(1))).is_pending());
        drop(all);
    }

    #[test]
    fn no_bound_means_no_waiting() {
        assert!(poll(pin!(Budget::new(-1).take(usize::MAX))).is_ready());
    }
}
