//! The thread that waits for the disk.
//!
//! A partition whose `flush.messages` is reached queues itself once; everything appended until its
//! turn comes goes to disk with one sync, and whoever waited for it is woken. The queue holds each
//! partition at most once, so its bound is the number of partitions.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Weak};
use std::thread;

use ottla_log::Log;
use ottla_world::Clock;

use super::Partition;

/// A handle to the flushing thread, which ends when the last handle is gone.
#[derive(Clone, Debug)]
pub struct Flusher(Sender<Weak<Partition>>);

impl Flusher {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(clock: Arc<dyn Clock>) -> io::Result<Self> {
        let (queue, asked) = channel::<Weak<Partition>>();
        thread::Builder::new().name("ottla-flush".to_owned()).spawn(move || {
            for partition in asked {
                if let Some(partition) = partition.upgrade() {
                    partition.flush(clock.now_ms());
                }
            }
        })?;
        Ok(Self(queue))
    }
}

impl Partition {
    /// Has the log synced soon, by the flushing thread.
    pub fn request_flush(self: &Arc<Self>) {
        if self.flush_is_queued.swap(true, Ordering::AcqRel) {
            return;
        }
        if self.flusher.0.send(Arc::downgrade(self)).is_err() {
            // The thread can only be gone after a panic. Nothing is acknowledged from then on.
            tracing::error!("the flushing thread is gone");
        }
    }

    /// Syncs the log, without holding its lock while the disk works. A failure takes the partition
    /// offline.
    pub fn flush(&self, now_ms: i64) {
        self.flush_is_queued.store(false, Ordering::Release);
        let prepared = self.with_log(Log::prepare_flush);
        let finished = match prepared {
            None | Some(Ok(None)) => return,
            Some(Err(error)) => Err(error),
            Some(Ok(Some(pending))) => {
                let outcome = pending.run();
                match self.with_log(|log| log.finish_flush(outcome, now_ms)) {
                    Some(finished) => finished,
                    None => return,
                }
            }
        };
        match finished {
            Ok(()) => {
                let high_watermark = self.with_log(|log| log.high_watermark());
                self.waiters.committed(high_watermark.unwrap_or(i64::MAX));
            }
            Err(error) => self.failed(&error),
        }
    }
}
