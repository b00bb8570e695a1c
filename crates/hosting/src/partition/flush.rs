//! The thread that waits for the disk.
//!
//! A partition whose `flush.messages` is reached queues itself once; everything appended until its
//! turn comes goes to disk with one sync, and whoever waited for it is woken. A partition that wrote
//! zeros ahead of its records queues itself once, too, and is cut to size when it is quiet. The queue
//! holds each partition at most once for each, so its bound is twice the number of partitions.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use ottla_log::Log;
use ottla_world::Clock;

use super::Partition;

/// How often logs that were written fast are looked at.
const TRIM_INTERVAL: Duration = Duration::from_millis(250);

/// What a partition asks of the thread.
#[derive(Debug)]
enum Task {
    Flush(Weak<Partition>),
    Trim(Weak<Partition>),
}

/// What a partition has asked for and not got yet.
#[derive(Debug, Default)]
pub(super) struct Asked {
    flush: AtomicBool,
    trim: AtomicBool,
}

/// A handle to the flushing thread, which ends when the last handle is gone.
#[derive(Clone, Debug)]
pub(crate) struct Flusher(Sender<Task>);

impl Flusher {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(crate) fn start(clock: Arc<dyn Clock>) -> io::Result<Self> {
        let (queue, asked) = channel();
        let work = move || Work { clock, asked, untrimmed: Vec::new() }.run();
        thread::Builder::new().name("ottla-flush".to_owned()).spawn(work)?;
        Ok(Self(queue))
    }
}

/// What the thread has before it.
struct Work {
    clock: Arc<dyn Clock>,
    asked: Receiver<Task>,
    untrimmed: Vec<Weak<Partition>>,
}

impl Work {
    fn run(mut self) {
        let mut trim_at = Instant::now();
        loop {
            let task = if self.untrimmed.is_empty() {
                trim_at = Instant::now() + TRIM_INTERVAL;
                self.asked.recv().map_err(RecvTimeoutError::from)
            } else {
                self.asked.recv_timeout(trim_at.saturating_duration_since(Instant::now()))
            };
            match task {
                Ok(Task::Flush(partition)) => {
                    if let Some(partition) = partition.upgrade() {
                        partition.flush(self.clock.now_ms());
                    }
                }
                Ok(Task::Trim(partition)) => self.untrimmed.push(partition),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if Instant::now() >= trim_at {
                let now_ms = self.clock.now_ms();
                self.untrimmed.retain(|partition| {
                    partition.upgrade().is_some_and(|partition| partition.trim_room(now_ms))
                });
                trim_at = Instant::now() + TRIM_INTERVAL;
            }
        }
    }
}

impl Partition {
    /// Has the log synced soon, by the flushing thread.
    pub(crate) fn request_flush(self: &Arc<Self>) {
        if !self.asked.flush.swap(true, Ordering::AcqRel) {
            self.ask(Task::Flush(Arc::downgrade(self)));
        }
    }

    /// Has the zeros behind the records cut off, by the flushing thread and once the log is quiet.
    pub(super) fn request_trim(self: &Arc<Self>) {
        if !self.asked.trim.swap(true, Ordering::AcqRel) {
            self.ask(Task::Trim(Arc::downgrade(self)));
        }
    }

    fn ask(&self, task: Task) {
        if self.flusher.0.send(task).is_err() {
            // The thread can only be gone after a panic. Nothing is acknowledged from then on.
            tracing::error!("the flushing thread is gone");
        }
    }

    /// Cuts the log to size if it is quiet; false when there is nothing to cut off any more.
    fn trim_room(&self, now_ms: i64) -> bool {
        let trimmed = self.with_log(|log| {
            let trimmed = log.trim_room(now_ms);
            // Under the log's lock: the next append that writes zeros asks again.
            self.asked.trim.store(matches!(trimmed, Ok(true)), Ordering::Release);
            trimmed
        });
        match trimmed {
            Some(Ok(has_room)) => has_room,
            Some(Err(error)) => {
                self.failed(&error);
                false
            }
            None => false,
        }
    }

    /// Syncs the log, without holding its lock while the disk works. A failure takes the partition
    /// offline.
    pub fn flush(&self, now_ms: i64) {
        self.asked.flush.store(false, Ordering::Release);
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
                self.durable_end_moved(u64::MAX);
                let high_watermark = self.with_log(|log| log.high_watermark());
                self.waiters.committed(high_watermark.unwrap_or(i64::MAX));
            }
            Err(error) => self.failed(&error),
        }
    }
}
